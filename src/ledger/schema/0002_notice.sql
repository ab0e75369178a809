-- What people are told, channel by channel. One row is one thing to tell; one message may carry several of them.
CREATE TABLE notice (
    approval TEXT NOT NULL,
    channel  TEXT NOT NULL,
    kind     TEXT NOT NULL,          -- asked, reminder
    due_at   INTEGER NOT NULL,
    state    TEXT NOT NULL,          -- due, sending, sent, failed
    tries    INTEGER NOT NULL,
    runner   TEXT NOT NULL,          -- the process that sends it
    message  TEXT NOT NULL,          -- the message that carries it
    at       INTEGER NOT NULL,       -- when its state was entered
    PRIMARY KEY (approval, channel, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_state ON notice (channel, state, due_at);

-- How each channel last did.
CREATE TABLE channel (
    name      TEXT PRIMARY KEY,
    told_at   INTEGER NOT NULL,
    failed_at INTEGER NOT NULL,
    problem   TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Links that a client was asked to open for its user (MCP's URL elicitation), by the hash of what it gives back.
CREATE TABLE offer (
    hash       TEXT PRIMARY KEY,
    approval   TEXT NOT NULL,
    call       TEXT NOT NULL,        -- of caller, tool and arguments
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
