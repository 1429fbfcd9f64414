-- Addresses that DHCP gives: a row each from the day the site file names them, so that no packet ever
-- searches for a gap. `address` is the IPv4 address as a number, because pools are ranges.
-- `mac` is who has it or had it last; it stays when the lease ends, so that a machine that comes back
-- gets the same address as long as nobody else needed it.

CREATE TABLE lease (
    address BIGINT  NOT NULL PRIMARY KEY,
    network TEXT    NOT NULL,
    -- In a pool and kept for nobody: may be given to anyone.
    pooled  BOOLEAN NOT NULL,
    mac     TEXT,
    -- free, offered, leased, declined
    state   TEXT    NOT NULL,
    -- Nobody else gets it before this time; past, it says since when it is free.
    until   BIGINT  NOT NULL
);

CREATE INDEX lease_mac ON lease (mac, network);
-- Finds the address that is free the longest.
CREATE INDEX lease_free ON lease (network, pooled, until);
