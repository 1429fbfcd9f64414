-- Who a machine is, beyond the addresses of its ports, and to which disks a person said yes.

-- The disks that were shown before the last `approve` or `reprovision`, as JSON: a yes is to them, as they were.
CREATE TABLE approval (
    machine TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    who     TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    disks   TEXT   NOT NULL
);

-- What its newest facts say of a machine that should be on no other: UUID, serials, disks. Two machines may have the
-- same, because factories and chassis do that; then it tells nothing.
CREATE TABLE identifier (
    kind    TEXT NOT NULL,
    value   TEXT NOT NULL,
    machine TEXT NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    PRIMARY KEY (kind, value, machine)
);
CREATE INDEX identifier_machine ON identifier (machine);

-- Machines that may be another one: on hold until a person says which.
CREATE TABLE quarantine (
    machine TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    at      BIGINT NOT NULL,
    why     TEXT   NOT NULL,
    -- The ports that the hardware in question came with, separated by spaces.
    macs    TEXT   NOT NULL
);

-- Rows that turned out to be another machine's. An agent that was let in under such an id is told to boot again.
CREATE TABLE merged (
    id      TEXT   NOT NULL PRIMARY KEY,
    machine TEXT   NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    at      BIGINT NOT NULL
);
CREATE INDEX merged_machine ON merged (machine);
