-- What switches a machine's power, what was read of it last, and what was asked of it: a restarted server goes on with
-- what it had begun. A machine without a row in `bmc` has nothing that anybody could ask.

CREATE TABLE bmc (
    machine     TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    driver      TEXT   NOT NULL,
    -- Empty for a driver that has none.
    address     TEXT   NOT NULL,
    port        BIGINT,
    -- Name of a set in the site file; NULL where user and password are its own.
    credentials TEXT,
    username    TEXT   NOT NULL,
    -- Sealed; NULL where the set of the site file has it.
    password    TEXT,
    -- SHA-256 of what it presented at first contact, or of what a person has accepted since.
    certificate TEXT,
    origin      TEXT   NOT NULL
);

-- One that an agent in RAM saw: an offer, never a place to send credentials to by itself.
CREATE TABLE bmc_found (
    machine TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    address TEXT   NOT NULL,
    mac     TEXT,
    at      BIGINT NOT NULL
);

CREATE TABLE power (
    machine      TEXT    NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    power        TEXT    NOT NULL,
    read_at      BIGINT,
    health       TEXT    NOT NULL,
    health_since BIGINT  NOT NULL,
    sentence     TEXT    NOT NULL,
    todo         TEXT    NOT NULL,
    -- What was asked of the machine, when, and how often; NULL once it was read back.
    action       TEXT,
    acted_at     BIGINT  NOT NULL,
    tries        BIGINT  NOT NULL,
    -- Since when it is on by our doing and awaited on the wire; NULL once it was seen there.
    on_at        BIGINT,
    -- It was power-cycled once in this boot already.
    cycled       BOOLEAN NOT NULL,
    trouble      TEXT    NOT NULL,
    -- When the BMC itself was restarted by us.
    reset_at     BIGINT  NOT NULL,
    -- Something was asked that has not shown yet: looked at every few seconds.
    pending      BOOLEAN NOT NULL
);
CREATE INDEX power_pending ON power (machine) WHERE pending;

-- How long machines of a model take from power to their first packet: smoothed mean and deviation, in microseconds.
CREATE TABLE power_time (
    model     TEXT   NOT NULL PRIMARY KEY,
    samples   BIGINT NOT NULL,
    mean      BIGINT NOT NULL,
    deviation BIGINT NOT NULL
);
