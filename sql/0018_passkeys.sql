-- Passkeys. Nothing here is needed by a node of 1.0.0, which neither reads nor writes any of it: what it does not know of
-- it does not count either, and it never takes a way in away.

-- What authenticators know a member by: random, so that it tells nobody anything. NULL until the first passkey is begun.
ALTER TABLE cloudep.members ADD COLUMN user_handle text;

CREATE TABLE cloudep.passkeys (
    tenant_id       uuid NOT NULL,
    id              uuid NOT NULL DEFAULT gen_random_uuid(), -- what the API calls it
    uid             uuid NOT NULL,
    credential_id   text NOT NULL,              -- what browsers and authenticators call it: base64url
    spki            text NOT NULL,              -- public key: SubjectPublicKeyInfo in DER, base64url
    algorithm       integer NOT NULL,           -- COSE
    sign_count      bigint NOT NULL,
    backup_eligible boolean NOT NULL,           -- it may be copied to other devices
    backed_up       boolean NOT NULL,           -- it has been
    transports      text[] NOT NULL DEFAULT '{}',
    aaguid          uuid NOT NULL,              -- which kind of authenticator; nobody has proved it
    name            text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    last_used_at    timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, credential_id),
    FOREIGN KEY (tenant_id, uid) REFERENCES cloudep.members (tenant_id, uid) ON DELETE CASCADE
);
CREATE INDEX passkeys_member ON cloudep.passkeys (tenant_id, uid);

-- Adding one can be undone by the link in its notice.
ALTER TABLE cloudep.links DROP CONSTRAINT links_undoes_check;
ALTER TABLE cloudep.links ADD CONSTRAINT links_undoes_check CHECK (undoes IN ('totp', 'email', 'passkey'));

GRANT SELECT, INSERT, UPDATE, DELETE ON cloudep.passkeys TO cloudep_app;
