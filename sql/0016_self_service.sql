-- What members do alone: another login email, a login phone, leaving; and attributes that operators set. A node of 1.0.0
-- needs none of it: it sees an address that was changed as that of a registration under way, which nobody can take.

-- A column of migration 0015, so that either may come first.
ALTER TABLE cloudep.tenants ADD COLUMN IF NOT EXISTS code_login boolean NOT NULL DEFAULT false;

-- Whether members may log in by a code that is texted to their login phone.
ALTER TABLE cloudep.tenants ADD COLUMN sms_login boolean NOT NULL DEFAULT false;

ALTER TABLE cloudep.members
    ADD COLUMN login_phone    text,        -- E.164, proved by a code; business_phone opens nothing
    ADD COLUMN login_phone_at timestamptz, -- when it was set
    ADD COLUMN reserved_by    uuid,        -- this row only keeps an address, which was that member's, from others
    ADD COLUMN attributes     jsonb        -- an object that operators write and members read
        CHECK (jsonb_typeof(attributes) = 'object' AND octet_length(attributes::text) <= 8192);
CREATE UNIQUE INDEX members_login_phone ON cloudep.members (tenant_id, login_phone) WHERE login_phone IS NOT NULL;
CREATE INDEX members_reserved_by ON cloudep.members (tenant_id, reserved_by) WHERE reserved_by IS NOT NULL;
