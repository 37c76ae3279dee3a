-- Backup codes that are shown when an enrolment begins (API style "account") and count from its confirmation on. They are
-- those of one pending secret: a node that knows nothing of them begins another enrolment without.
ALTER TABLE cloudep.totp
    ADD COLUMN pending_codes    text,  -- keyed hashes, a space between two
    ADD COLUMN pending_codes_of text;  -- the pending secret that they were shown with
