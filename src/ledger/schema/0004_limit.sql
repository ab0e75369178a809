-- What calls have used of the limits of rules, by the call that used it. A call that failed gives back what it had reserved.
CREATE TABLE spend (
    call    TEXT NOT NULL,
    rule    TEXT NOT NULL,
    measure TEXT NOT NULL,           -- count, sum:<parameter>
    amount  INTEGER NOT NULL,        -- in millionths
    at      INTEGER NOT NULL,
    boot    INTEGER NOT NULL,
    boot_id INTEGER NOT NULL,
    PRIMARY KEY (rule, measure, at, call)
) STRICT, WITHOUT ROWID;
CREATE INDEX spend_call ON spend (call);

CREATE INDEX approval_asked ON approval (caller, created_at);

-- Standing permissions that people gave beside a yes, each a rule of the policy's own syntax.
CREATE TABLE granted (
    id          TEXT PRIMARY KEY,    -- grt_…
    text        TEXT NOT NULL,       -- TOML
    tool        TEXT NOT NULL,
    definition  TEXT NOT NULL,       -- the digest of the tool that it was given for
    account_id  TEXT NOT NULL,
    origin      TEXT NOT NULL,
    given_at    INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT, WITHOUT ROWID;
