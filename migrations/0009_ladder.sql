-- How a machine whose OS runs gets back to the agent in RAM: which ways were tried, how each ended, and which one
-- worked the last time. A server that is killed on the way goes on from here.

CREATE TABLE ladder (
    machine TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    -- When the state began that the steps are for.
    since   BIGINT NOT NULL,
    -- A JSON array: each way with how it stands.
    steps   TEXT   NOT NULL,
    -- When the agent in RAM first came in that state: the state's patience begins then.
    arrived BIGINT,
    -- The way that led to RAM the last time; it is tried first.
    learned TEXT
);

-- Machines that did not get on with the loader that all others are given.
CREATE TABLE loader (
    machine TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    -- NULL: after all it gets what all others get.
    file    TEXT,
    -- The boot attempt in which it was chosen: only later ones say anything about it.
    attempt BIGINT NOT NULL
);
