-- A yes that gives a grant with it is signed for a grant that is made, whole, before the person signs: as JSON.
ALTER TABLE challenge ADD COLUMN granting TEXT;
