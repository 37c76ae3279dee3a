-- Whether a code of the authenticator, alone, logs in where the API style "session" serves the tenant. It is one factor, and
-- as good as a password.
ALTER TABLE cloudep.tenants ADD COLUMN totp_login boolean NOT NULL DEFAULT false;
