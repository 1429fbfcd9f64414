-- Machines and all that hangs on one: its interfaces, history, facts, plans, tasks, boots and logs.
-- One text for SQLite and PostgreSQL: keys are texts or numbers that we choose, times are BIGINT
-- microseconds since 1970, JSON is TEXT, and states are texts whose only check is the enum in `api`.

CREATE TABLE machine (
    id                 TEXT    NOT NULL PRIMARY KEY,
    hostname           TEXT    UNIQUE,
    serial             TEXT    NOT NULL,
    profile            TEXT,
    rack               TEXT,
    unit               BIGINT,
    state              TEXT    NOT NULL,
    since              BIGINT  NOT NULL,
    generation         BIGINT  NOT NULL,
    installed          BIGINT  NOT NULL,
    failed_in          TEXT,
    reason             TEXT,
    errand             TEXT    NOT NULL,
    hold               BOOLEAN NOT NULL,
    maintenance        BOOLEAN NOT NULL,
    power_off          BOOLEAN NOT NULL,
    clustered          BOOLEAN NOT NULL,
    enrolled           BOOLEAN NOT NULL,
    approved           BOOLEAN NOT NULL,
    erase_foreign      BOOLEAN NOT NULL,
    -- The agent that spoke last.
    home               TEXT,
    boot_id            TEXT    NOT NULL,
    session_generation BIGINT  NOT NULL,
    last_seen          BIGINT,
    -- What was last seen of it on any wire, in words.
    evidence           TEXT    NOT NULL,
    -- How often its own disk was tried since the state began: BIOS drives are tried in turn.
    disk_boots         BIGINT  NOT NULL,
    -- The BIOS drive number that led to a disk hello.
    boot_drive         BIGINT,
    version            BIGINT  NOT NULL
);

-- The reconciler walks the states that wait; the rack lists by id.
CREATE INDEX machine_state ON machine (state, id);

CREATE TABLE interface (
    mac     TEXT NOT NULL PRIMARY KEY,
    machine TEXT NOT NULL REFERENCES machine (id) ON DELETE CASCADE
);
CREATE INDEX interface_machine ON interface (machine);

-- Every event, the refused ones too. `number` counts a machine's events from 1.
CREATE TABLE history (
    machine    TEXT    NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    number     BIGINT  NOT NULL,
    at         BIGINT  NOT NULL,
    event      TEXT    NOT NULL,
    from_state TEXT    NOT NULL,
    to_state   TEXT    NOT NULL,
    who        TEXT    NOT NULL,
    refused    BOOLEAN NOT NULL,
    note       TEXT    NOT NULL,
    PRIMARY KEY (machine, number)
);

-- The newest facts of a machine, as JSON. Beside the machine, so that lists never read them.
CREATE TABLE facts (
    machine TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    boot_id TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    body    TEXT   NOT NULL
);

-- A frozen plan is never changed: one a generation.
CREATE TABLE plan (
    machine    TEXT   NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    hash       TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    body       TEXT   NOT NULL,
    PRIMARY KEY (machine, generation)
);

-- What agents were asked to do. `key` names the work (machine, generation, kind, boot), so that asking
-- twice makes one task.
CREATE TABLE task (
    id         TEXT   NOT NULL PRIMARY KEY,
    machine    TEXT   NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    key        TEXT   NOT NULL UNIQUE,
    generation BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    created    BIGINT NOT NULL,
    deadline   BIGINT NOT NULL,
    phase      TEXT   NOT NULL,
    done       BIGINT NOT NULL,
    total      BIGINT NOT NULL,
    since      BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    reason     TEXT
);
CREATE INDEX task_machine ON task (machine, created);

-- Boot attempts as hops with times. `number` counts within an attempt, attempts count from 1.
CREATE TABLE hop (
    machine TEXT   NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    attempt BIGINT NOT NULL,
    number  BIGINT NOT NULL,
    name    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    detail  TEXT   NOT NULL,
    PRIMARY KEY (machine, attempt, number)
);

-- Lines of agents, kernels and boot scripts, kept with the boot attempt in which they were said.
CREATE TABLE log (
    machine TEXT   NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    number  BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    source  TEXT   NOT NULL,
    line    TEXT   NOT NULL,
    PRIMARY KEY (machine, number)
);

-- The one boot key of a machine that is alive. Only its hash is kept.
CREATE TABLE boot_key (
    machine TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    hash    TEXT   NOT NULL,
    expires BIGINT NOT NULL
);

-- Who may call the operators' interface. Only hashes are kept. `kind` is `token` (metalctl, scripts) or
-- `session` (a browser that logged in with a token).
CREATE TABLE token (
    hash    TEXT   NOT NULL PRIMARY KEY,
    name    TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT
);
CREATE INDEX token_expires ON token (expires);
