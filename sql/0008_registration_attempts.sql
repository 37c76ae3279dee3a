-- What a registrant typed, until the code that was mailed for it is confirmed: then it is the member's, and all other
-- attempts at the same address end.
--
-- A node of 1.0.0 knows nothing of it. A pending member that it made has no provider_uids: there is one user at the
-- identity provider, of the member's own uid, and confirming it is as it was.

CREATE TABLE cloudep.registration_attempts (
    tenant_id        uuid NOT NULL,
    uid              uuid NOT NULL, -- the member's, once this attempt is confirmed
    -- The pending member. No foreign key: with CloudEPConcealAccounts attempts at unknown addresses look the same.
    member_uid       uuid NOT NULL,
    email            text NOT NULL, -- as the code is sent to
    challenge        text NOT NULL, -- SHA-256 of the newest challenge's id
    password         text,          -- argon2id, or sealed where the identity provider needs it
    display_name     text,
    language         text,
    terms_version    text,
    marketing_opt_in boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, uid)
);
CREATE INDEX registration_attempts_member ON cloudep.registration_attempts (tenant_id, member_uid, created_at);
CREATE INDEX registration_attempts_challenge ON cloudep.registration_attempts (tenant_id, challenge);
CREATE INDEX registration_attempts_over ON cloudep.registration_attempts (created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON cloudep.registration_attempts TO cloudep_app;

ALTER TABLE cloudep.members
    ADD COLUMN provider_uids    uuid[],      -- of a pending member: whom the identity provider may have for it
    ADD COLUMN confirming       uuid,        -- the lease of the confirmation that is with the identity provider
    ADD COLUMN confirming_until timestamptz; -- when that may be taken over
CREATE INDEX members_confirming ON cloudep.members (confirming_until) WHERE confirming_until IS NOT NULL;
