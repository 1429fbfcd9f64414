-- Firmware that a BMC writes: how far it is, and the task that tells of it. A server that was restarted follows it on, and
-- takes no power from under it.

CREATE TABLE firmware (
    machine TEXT NOT NULL PRIMARY KEY REFERENCES bmc (machine) ON UPDATE CASCADE ON DELETE CASCADE,
    -- Where the BMC was then: of another one nothing is known.
    address TEXT NOT NULL,
    -- NULL before the BMC has named one, and where it has none.
    task    TEXT,
    -- A JSON object: who wanted which image, and how it stands.
    stand   TEXT NOT NULL
);
