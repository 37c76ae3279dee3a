-- Backup codes are good only as long as they are of their member's present generation. Two renewals at the same time
-- cannot see each other's new codes, but the second one counts the generation on, and with that the first one's die.

ALTER TABLE cloudep.totp ADD COLUMN backup_generation integer NOT NULL DEFAULT 0;
ALTER TABLE cloudep.backup_codes ADD COLUMN generation integer NOT NULL DEFAULT 0;
