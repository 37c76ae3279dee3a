-- When a session was last reauthenticated: what changes a credential asks for a proof of a short while ago.

ALTER TABLE cloudep.sessions ADD COLUMN fresh_at timestamptz;

-- Links that are mailed, each good once: to set a new password or a first one, and to undo what somebody did to an
-- account. The token is known to the mail alone.
CREATE TABLE cloudep.links (
    tenant_id  uuid NOT NULL,
    digest     text NOT NULL,           -- SHA-256 of the token
    uid        uuid NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('reset', 'first_password', 'undo')),
    undoes     text CHECK (undoes IN ('totp', 'email')),
    undoes_at  timestamptz,             -- when that was done
    restores   text,                    -- with a change of the login email: the address before
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,             -- used, or dead: it serves no more
    PRIMARY KEY (tenant_id, digest),
    FOREIGN KEY (tenant_id, uid) REFERENCES cloudep.members (tenant_id, uid) ON DELETE CASCADE,
    CHECK ((kind = 'undo') = (undoes IS NOT NULL)),
    CHECK ((undoes IS NULL) = (undoes_at IS NULL))
);
CREATE INDEX links_member ON cloudep.links (tenant_id, uid);
CREATE INDEX links_over ON cloudep.links (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON cloudep.links TO cloudep_app;
