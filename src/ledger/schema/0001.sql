-- The log: append-only, each line chained to the one before. What may be pruned stands in `payload`, by hash.
CREATE TABLE record (
    seq     INTEGER PRIMARY KEY,
    id      TEXT NOT NULL UNIQUE,   -- rec_…
    call    TEXT NOT NULL,          -- the record of the call that this line belongs to; its own id where it begins one
    kind    TEXT NOT NULL,          -- call, decision, outcome, home
    status  TEXT NOT NULL,
    at      INTEGER NOT NULL,       -- milliseconds since the Unix epoch
    caller  TEXT NOT NULL,
    tool    TEXT NOT NULL,
    account TEXT NOT NULL,
    body    TEXT NOT NULL,          -- canonical JSON, with the hashes of the payloads
    prev    BLOB NOT NULL,
    hash    BLOB NOT NULL
) STRICT;
CREATE INDEX record_call ON record (call);
CREATE INDEX record_at ON record (at);
CREATE INDEX record_begins ON record (seq) WHERE kind IN ('call', 'home');

CREATE TABLE payload (
    record TEXT NOT NULL,
    role   TEXT NOT NULL,           -- plan, answer
    text   TEXT NOT NULL,
    PRIMARY KEY (record, role)
) STRICT, WITHOUT ROWID;

-- The state of each approval. Every change of it is a record too, and `verify` compares the two.
CREATE TABLE approval (
    id           TEXT PRIMARY KEY,  -- apr_…
    call         TEXT NOT NULL UNIQUE,
    call_key     TEXT NOT NULL,
    caller       TEXT NOT NULL,
    digest       TEXT NOT NULL,
    status       TEXT NOT NULL,     -- pending, approved, executed, denied, expired, cancelled
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    expires_boot INTEGER NOT NULL,
    boot_id      INTEGER NOT NULL,
    delivered    INTEGER NOT NULL DEFAULT 0,
    awaited      INTEGER NOT NULL DEFAULT 0,
    reopened     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX approval_open ON approval (call_key) WHERE status IN ('pending', 'approved');
CREATE INDEX approval_key ON approval (call_key, created_at);
CREATE INDEX approval_waiting ON approval (caller, created_at) WHERE status = 'pending';

-- What is on the wire now, and which process sends it.
CREATE TABLE sending (
    call   TEXT PRIMARY KEY,
    runner TEXT NOT NULL,
    since  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
    integration TEXT NOT NULL,
    name        TEXT NOT NULL,
    body        TEXT NOT NULL,      -- JSON, no secret
    PRIMARY KEY (integration, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE pin (
    seq   INTEGER PRIMARY KEY,
    text  TEXT NOT NULL,
    tools TEXT NOT NULL,            -- JSON list of the tools that were known then
    at    INTEGER NOT NULL
) STRICT;

-- Seeds are in the secret store, under the factor's id.
CREATE TABLE factor (
    id           TEXT PRIMARY KEY,  -- fac_…
    kind         TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    step_sign_in INTEGER,
    step_decide  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery (
    hash   TEXT PRIMARY KEY,
    factor TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attempt (
    purpose      TEXT PRIMARY KEY,
    failures     INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    hash       TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    used_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
