-- When the machine's agent spoke last. `last_seen` is of any packet, those of firmware too: one that starts over and over
-- sends many, and has no agent. What spoke before this was an agent where one was ever there.

ALTER TABLE machine ADD COLUMN agent_seen BIGINT;
UPDATE machine SET agent_seen = last_seen WHERE home IS NOT NULL;
