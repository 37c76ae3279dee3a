-- The whole model. Every key begins with the tenant, so the tables can be distributed by tenant_id and no
-- query can reach into a neighbour by an id alone. Times are timestamptz in UTC. Rows carry no secret in the
-- clear: passwords are argon2id, TOTP secrets and mail bodies are sealed with a key that is not in the database.

CREATE TABLE cloudep.tenants (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug          text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name          text NOT NULL,
    registration  boolean NOT NULL DEFAULT true,
    login         boolean NOT NULL DEFAULT true,
    redirect_uris text[] NOT NULL DEFAULT '{}',
    totp_issuer   text,
    organization  text,                 -- the tenant's organisation at the identity provider
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE cloudep.invites (
    tenant_id  uuid NOT NULL REFERENCES cloudep.tenants (id),
    id         uuid NOT NULL DEFAULT gen_random_uuid(),
    code       text NOT NULL,
    max_uses   integer NOT NULL CHECK (max_uses > 0),
    uses       integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND max_uses),
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, code)
);

-- reserved: the email is taken and an invite use is held while the identity provider creates the user.
-- deleting: the user is being removed from the identity provider; the row goes last.
CREATE TABLE cloudep.members (
    tenant_id                  uuid NOT NULL REFERENCES cloudep.tenants (id),
    uid                        uuid NOT NULL,
    email                      text NOT NULL,
    status                     text NOT NULL DEFAULT 'reserved'
                               CHECK (status IN ('reserved', 'pending', 'active', 'suspended', 'deleting')),
    origin                     text NOT NULL DEFAULT 'platform_native',
    provider                   text NOT NULL DEFAULT 'local',
    invite_id                  uuid,
    display_name               text,
    avatar                     text,
    phone                      text,
    language                   text,
    currency                   text,
    business_email             text,
    business_email_verified_at timestamptz,
    business_phone             text,
    business_phone_verified_at timestamptz,
    terms_version              text,
    terms_accepted_at          timestamptz,
    marketing_opt_in           boolean NOT NULL DEFAULT false,
    activated_at               timestamptz,
    created_at                 timestamptz NOT NULL DEFAULT now(),
    updated_at                 timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, uid),
    UNIQUE (tenant_id, email)
);
-- What the sweep looks for: members that never arrived or never left.
CREATE INDEX members_unfinished ON cloudep.members (updated_at) WHERE status IN ('reserved', 'pending', 'deleting');

-- Accounts at other issuers (social login, enterprise SSO): issuer and subject name a person, an email does not.
CREATE TABLE cloudep.identities (
    tenant_id  uuid NOT NULL,
    issuer     text NOT NULL,
    subject    text NOT NULL,
    uid        uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, issuer, subject),
    FOREIGN KEY (tenant_id, uid) REFERENCES cloudep.members (tenant_id, uid) ON DELETE CASCADE
);
CREATE INDEX identities_member ON cloudep.identities (tenant_id, uid);

-- The "local" identity provider's own store.
CREATE TABLE cloudep.credentials (
    tenant_id  uuid NOT NULL,
    uid        uuid NOT NULL,
    phc        text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, uid),
    FOREIGN KEY (tenant_id, uid) REFERENCES cloudep.members (tenant_id, uid) ON DELETE CASCADE
);

-- The truth on whether a token lives. refresh_seq is the generation of the one refresh token that counts.
-- No foreign key: a session outlives its member's row only until the next request finds the member gone.
CREATE TABLE cloudep.sessions (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL,
    uid             uuid NOT NULL,
    refresh_seq     integer NOT NULL DEFAULT 1,
    rotated_at      timestamptz,
    auth_time       timestamptz NOT NULL DEFAULT now(),
    amr             text NOT NULL,
    mfa_at          timestamptz,
    mfa_method      text,
    address         text,
    user_agent      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    idle_expires_at timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    revoked_at      timestamptz,
    revoke_reason   text,
    PRIMARY KEY (tenant_id, id)
) WITH (fillfactor = 80);
CREATE INDEX sessions_member ON cloudep.sessions (tenant_id, uid);
CREATE INDEX sessions_over ON cloudep.sessions (expires_at);

CREATE TABLE cloudep.totp (
    tenant_id          uuid NOT NULL,
    uid                uuid NOT NULL,
    secret             text,            -- sealed; null until the enrolment is confirmed
    enrolled_at        timestamptz,
    last_step          bigint NOT NULL DEFAULT 0,
    pending_secret     text,            -- sealed
    pending_expires_at timestamptz,
    PRIMARY KEY (tenant_id, uid),
    FOREIGN KEY (tenant_id, uid) REFERENCES cloudep.members (tenant_id, uid) ON DELETE CASCADE
);

CREATE TABLE cloudep.backup_codes (
    tenant_id  uuid NOT NULL,
    uid        uuid NOT NULL,
    mac        text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at    timestamptz,
    PRIMARY KEY (tenant_id, uid, mac),
    FOREIGN KEY (tenant_id, uid) REFERENCES cloudep.members (tenant_id, uid) ON DELETE CASCADE
);

-- Failures that make the next try wait. subject is an account's uid or a keyed hash of what was typed.
CREATE TABLE cloudep.lockouts (
    tenant_id     uuid NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,
    failures      integer NOT NULL DEFAULT 0,
    last_at       timestamptz NOT NULL DEFAULT now(),
    blocked_until timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, kind, subject)
);
CREATE INDEX lockouts_last ON cloudep.lockouts (last_at);

CREATE TABLE cloudep.events (
    tenant_id  uuid NOT NULL,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    at         timestamptz NOT NULL DEFAULT now(),
    name       text NOT NULL,
    outcome    text NOT NULL,
    uid        uuid,
    method     text,
    address    text,
    user_agent text,
    request_id text,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX events_time ON cloudep.events (tenant_id, at);
CREATE INDEX events_member ON cloudep.events (tenant_id, uid, at);

-- Mail and SMS to be sent, written in the statement that makes them true. params is sealed JSON and is
-- erased once the message is delivered or given up.
CREATE TABLE cloudep.outbox (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL DEFAULT gen_random_uuid(),
    uid             uuid,
    channel         text NOT NULL CHECK (channel IN ('mail', 'sms')),
    target          text NOT NULL,
    language        text,
    template        text NOT NULL,
    params          text,
    attempts        integer NOT NULL DEFAULT 0,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz,
    failed_at       timestamptz,
    last_error      text,
    PRIMARY KEY (tenant_id, id)
);
CREATE INDEX outbox_due ON cloudep.outbox (next_attempt_at) WHERE delivered_at IS NULL AND failed_at IS NULL;

GRANT USAGE ON SCHEMA cloudep TO cloudep_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON cloudep.members, cloudep.identities, cloudep.credentials, cloudep.sessions,
    cloudep.totp, cloudep.backup_codes, cloudep.lockouts, cloudep.outbox TO cloudep_app;
GRANT SELECT, INSERT, DELETE ON cloudep.events TO cloudep_app;
GRANT SELECT ON cloudep.tenants TO cloudep_app;
-- httpd counts an invite's uses; making and revoking invites is the operator's.
GRANT SELECT, UPDATE (uses) ON cloudep.invites TO cloudep_app;
