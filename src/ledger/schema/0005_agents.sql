-- Agents that ask over a gateway. Of a token only its hash is kept.
CREATE TABLE agent (
    name         TEXT PRIMARY KEY,   -- the caller's name
    hash         TEXT NOT NULL UNIQUE,
    integrations TEXT,               -- JSON list; NULL: every one that the policy gives
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    used_at      INTEGER
) STRICT, WITHOUT ROWID;
