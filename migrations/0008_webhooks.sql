-- How far the receivers that the site file names were told of the history. What they still miss is the history itself,
-- so nothing is queued elsewhere, and a receiver that is away costs nothing.

CREATE TABLE webhook (
    name    TEXT   NOT NULL PRIMARY KEY,
    -- The last entry that it has taken: its time, and which one of that time.
    at      BIGINT NOT NULL,
    machine TEXT   NOT NULL,
    number  BIGINT NOT NULL
);
