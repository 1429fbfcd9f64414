-- What operators' verbs leave behind: wipes with their record, the keys that may log in to a rescue, and the
-- tombstones of deleted machines.

-- `number` counts a machine's wipes from 1; each is done once.
CREATE TABLE wipe (
    machine TEXT   NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    number  BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    who     TEXT   NOT NULL,
    -- JSON, all three: what a person wanted, the plan once it is frozen, and what became of each disk.
    wish    TEXT   NOT NULL,
    plan    TEXT,
    record  TEXT   NOT NULL,
    PRIMARY KEY (machine, number)
);

-- Public keys, one a line.
CREATE TABLE rescue (
    machine TEXT NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    keys    TEXT NOT NULL
);

-- What is still known of a machine that was deleted.
CREATE TABLE tombstone (
    machine    TEXT   NOT NULL PRIMARY KEY,
    hostname   TEXT,
    serial     TEXT   NOT NULL,
    profile    TEXT,
    state      TEXT   NOT NULL,
    generation BIGINT NOT NULL,
    installed  BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    who        TEXT   NOT NULL
);

-- Its ports: who has one of them is recorded, and let in by a person only.
CREATE TABLE tombstone_interface (
    mac       TEXT NOT NULL PRIMARY KEY,
    tombstone TEXT NOT NULL REFERENCES tombstone (machine) ON DELETE CASCADE
);
CREATE INDEX tombstone_interface_tombstone ON tombstone_interface (tombstone);

-- A machine that is deleted is struck from the cluster that admits it.
CREATE INDEX cluster_admitting ON cluster (admitting);
