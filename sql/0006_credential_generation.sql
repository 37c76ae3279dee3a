-- Credential generation: a login that began before a change of a credential opens no session after it, and what was
-- opened before such a change can be told from what was opened after it.
--
-- Nothing here is needed by a node of 1.0.0. What it writes lacks these columns: a member's password is then as the
-- origin says, its one way in is counted by the default, and a session without a generation is compared by its time.

ALTER TABLE cloudep.members
    ADD COLUMN generation    bigint NOT NULL DEFAULT 0, -- raised by every change of a credential
    ADD COLUMN sessions_from bigint NOT NULL DEFAULT 0, -- the least generation whose sessions live
    ADD COLUMN generation_at timestamptz,               -- when sessions_from was raised last; NULL: never
    ADD COLUMN has_password  boolean,                   -- NULL: as the origin says, platform_native has one
    ADD COLUMN password_due  boolean NOT NULL DEFAULT false, -- it was taken away; a reset sets the next
    ADD COLUMN ways_in       integer NOT NULL DEFAULT 1;     -- password (or one that is due), linked accounts, passkeys

ALTER TABLE cloudep.sessions
    ADD COLUMN generation  bigint, -- of the member when it was opened; NULL: opened by 1.0.0
    ADD COLUMN opened_with text;   -- password, otp, exchange, identity:ID, ...; NULL: opened by 1.0.0

-- What a session names as the account that it was opened with.
ALTER TABLE cloudep.identities ADD COLUMN id uuid NOT NULL DEFAULT gen_random_uuid();
CREATE UNIQUE INDEX identities_id ON cloudep.identities (tenant_id, id);

-- Whether members whose company logs them in (token/exchange) may have a password here, too.
ALTER TABLE cloudep.tenants ADD COLUMN exchange_password boolean NOT NULL DEFAULT false;

-- A member with linked accounts beside a password has more than the one way that the default counts.
UPDATE cloudep.members m SET ways_in = n.ways
FROM (SELECT i.tenant_id, i.uid, count(*) AS accounts FROM cloudep.identities i GROUP BY i.tenant_id, i.uid) c,
     LATERAL (SELECT c.accounts + CASE WHEN o.origin = 'platform_native' THEN 1 ELSE 0 END AS ways
              FROM cloudep.members o WHERE o.tenant_id = c.tenant_id AND o.uid = c.uid) n
WHERE m.tenant_id = c.tenant_id AND m.uid = c.uid AND m.ways_in <> n.ways;
