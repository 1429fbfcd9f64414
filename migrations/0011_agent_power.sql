-- What the agent of a machine without a BMC was asked to do with its power, and when it said goodbye: nothing else is
-- known of the power of a machine that nothing can read.

CREATE TABLE agent_power (
    machine  TEXT   NOT NULL PRIMARY KEY REFERENCES machine (id) ON DELETE CASCADE,
    -- reboot or power-off
    action   TEXT   NOT NULL,
    -- The system that was asked: the next one knows nothing of it.
    boot_id  TEXT   NOT NULL,
    asked_at BIGINT NOT NULL,
    -- When it said that it goes; NULL while it has not.
    gone_at  BIGINT
);
