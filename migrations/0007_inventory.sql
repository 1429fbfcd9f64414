-- What operators say about machines beside their life: labels, the switch port that each is plugged into, and
-- addresses that DHCP keeps for one network card. The site file may keep addresses, too; it wins.

CREATE TABLE label (
    machine TEXT NOT NULL REFERENCES machine (id) ON DELETE CASCADE,
    key     TEXT NOT NULL,
    value   TEXT NOT NULL,
    PRIMARY KEY (machine, key)
);

CREATE TABLE uplink (
    machine TEXT NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    switch  TEXT NOT NULL,
    port    TEXT NOT NULL
);

-- No reference to a machine: an address may be kept for a card that nobody has seen yet, and for a BMC.
CREATE TABLE reservation (
    mac     TEXT   NOT NULL PRIMARY KEY,
    -- As a number, as in `lease`.
    address BIGINT NOT NULL UNIQUE,
    network TEXT   NOT NULL,
    who     TEXT   NOT NULL,
    at      BIGINT NOT NULL
);

-- What happened lately, of all machines.
CREATE INDEX history_at ON history (at);
