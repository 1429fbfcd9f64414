-- The boot that ran when firmware was told by its BMC what to boot next, until somebody has looked whether it kept that
-- for ever; NULL where nothing was told.

ALTER TABLE power ADD COLUMN led TEXT;
