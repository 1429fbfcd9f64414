-- Roles of tokens, the audit log, and sessions of agents. Whoever had a token before there were roles could do
-- everything, and still can. An entry of the audit log is written before its action begins, so that a server that is
-- killed in between leaves an entry without a status; nothing ever deletes one.

ALTER TABLE token ADD COLUMN role TEXT NOT NULL DEFAULT 'admin';
CREATE INDEX token_name ON token (name);

CREATE TABLE audit (
    id      TEXT   NOT NULL PRIMARY KEY,
    at      BIGINT NOT NULL,
    who     TEXT   NOT NULL,
    role    TEXT   NOT NULL,
    address TEXT   NOT NULL,
    -- Method and path.
    call    TEXT   NOT NULL,
    -- A machine's id, or the name of a cluster or user. No reference: the log outlives them.
    subject TEXT   NOT NULL,
    status  BIGINT,
    -- The subject as JSON.
    before  TEXT,
    after   TEXT
);
CREATE INDEX audit_who ON audit (who, id);
CREATE INDEX audit_subject ON audit (subject, id);

-- Boots that have said hello. One that is not the machine's newest and speaks again is a second live system.
CREATE TABLE session (
    machine TEXT   NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    boot_id TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (machine, boot_id)
);
CREATE INDEX session_at ON session (machine, at);
