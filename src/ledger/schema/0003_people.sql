-- Who may say yes. Factors, recovery codes, sessions and wrong codes are somebody's; the first one's where they were there
-- before.
CREATE TABLE person (
    id         TEXT PRIMARY KEY,    -- per_…
    name       TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO person (id, name, created_at) VALUES ('per_owner', 'owner', 0);

ALTER TABLE factor ADD COLUMN person TEXT NOT NULL DEFAULT 'per_owner';
ALTER TABLE recovery ADD COLUMN person TEXT NOT NULL DEFAULT 'per_owner';
ALTER TABLE session ADD COLUMN person TEXT NOT NULL DEFAULT 'per_owner';

CREATE TABLE wrong (
    person       TEXT NOT NULL,
    purpose      TEXT NOT NULL,
    failures     INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    PRIMARY KEY (person, purpose)
) STRICT, WITHOUT ROWID;
INSERT INTO wrong SELECT 'per_owner', purpose, failures, locked_until FROM attempt;
DROP TABLE attempt;
ALTER TABLE wrong RENAME TO attempt;

-- What a factor of the kind `passkey` is.
CREATE TABLE passkey (
    factor          TEXT PRIMARY KEY,
    credential      TEXT NOT NULL UNIQUE,   -- base64url, as its browser calls it
    public_key      TEXT NOT NULL,
    counter         INTEGER NOT NULL,
    backup_eligible INTEGER NOT NULL,
    backed_up       INTEGER NOT NULL,
    aaguid          TEXT NOT NULL,
    origin          TEXT NOT NULL           -- with its port
) STRICT, WITHOUT ROWID;

-- What passkeys are asked to sign now. A row goes when it is used, or after two minutes.
CREATE TABLE challenge (
    challenge TEXT PRIMARY KEY,
    nonce     TEXT NOT NULL,
    at        INTEGER NOT NULL,
    boot      INTEGER NOT NULL,
    boot_id   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
