-- What some BMCs and network cards want beside a password: IPMI's key of the BMC (Kg), and the SecureOn password behind a
-- magic packet. Sealed; NULL where the set of the site file has it, or nobody needs it.

ALTER TABLE bmc ADD COLUMN bmc_key TEXT;
ALTER TABLE bmc ADD COLUMN secure_on TEXT;
