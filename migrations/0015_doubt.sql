-- A machine is quarantined not only for its hardware: also when two systems speak in its name at the same time. What a
-- person says about the one is no answer to the other.
ALTER TABLE quarantine ADD COLUMN about TEXT NOT NULL DEFAULT 'hardware';

-- Somebody had put it on hold before: the end of the quarantine does not take that back, for hands may be in the chassis.
ALTER TABLE quarantine ADD COLUMN held BOOLEAN NOT NULL DEFAULT FALSE;
