-- Guesses at passwords, second factors and codes, and the networks that an account has been used from.
--
-- cloudep.lockouts stays: nodes of 1.0 count there, and the nodes that know this table do not look at it.

-- Failures that make the next try wait. Of an account (kind password, factor, codes; subject: its uid, or a keyed hash of
-- an email that nobody has) there is a row for each network known to it, and one with the network '' for all others
-- together. Of networks (kind network; subject: what failed) there is a row for each IPv4 address, and each IPv6 /64, /56, /48.
CREATE TABLE cloudep.budgets (
    tenant_id     uuid NOT NULL,
    kind          text NOT NULL,
    subject       text NOT NULL,
    network       text NOT NULL,
    failures      integer NOT NULL DEFAULT 0,
    last_at       timestamptz NOT NULL DEFAULT now(),
    blocked_until timestamptz NOT NULL DEFAULT now(),
    notice        text CHECK (notice IN ('due', 'told')), -- whether the owner is to be told, or has been, that strangers have to wait
    outbox        text,                                   -- whose mail that is
    PRIMARY KEY (tenant_id, kind, subject, network)
) WITH (fillfactor = 80);
CREATE INDEX budgets_accounts_last ON cloudep.budgets (last_at) WHERE kind <> 'network';
CREATE INDEX budgets_networks_last ON cloudep.budgets (last_at) WHERE kind = 'network';
CREATE INDEX budgets_notice ON cloudep.budgets (tenant_id) WHERE notice = 'due';

-- Where an account has had a session: until 90 days after that session's end. generation is the session's: what makes
-- sessions of a generation end makes their networks unknown.
CREATE TABLE cloudep.known_networks (
    tenant_id   uuid NOT NULL,
    uid         uuid NOT NULL,
    network     text NOT NULL,
    generation  bigint NOT NULL,
    known_until timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, uid, network),
    FOREIGN KEY (tenant_id, uid) REFERENCES cloudep.members (tenant_id, uid) ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX known_networks_over ON cloudep.known_networks (known_until);

-- The network of an address as limits count it: IPv4 whole, IPv6 by its /64; NULL: no address.
CREATE FUNCTION cloudep.network_of(address text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE WHEN address ~ '^[0-9]+[.][0-9]+[.][0-9]+[.][0-9]+$' THEN address
                WHEN address ~ '^[0-9a-f:]+$' THEN network(set_masklen(address::inet, 64))::text END
$$;

-- Whoever opens a session, by whichever statement and version, makes its network known. Most of the time it is already, and
-- nothing is written: once a day is enough.
CREATE FUNCTION cloudep.session_opened() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    place text := cloudep.network_of(NEW.address);
BEGIN
    IF place IS NOT NULL AND NOT EXISTS (
        SELECT FROM cloudep.known_networks AS known
        WHERE known.tenant_id = NEW.tenant_id
          AND known.uid = NEW.uid
          AND known.network = place
          AND known.generation >= NEW.generation
          AND known.known_until > NEW.expires_at + interval '89 days')
    THEN
        INSERT INTO cloudep.known_networks AS known (tenant_id, uid, network, generation, known_until)
        SELECT member.tenant_id, member.uid, place, coalesce(NEW.generation, member.generation),
               NEW.expires_at + interval '90 days'
        FROM cloudep.members AS member
        WHERE member.tenant_id = NEW.tenant_id
          AND member.uid = NEW.uid
        ON CONFLICT (tenant_id, uid, network) DO UPDATE
        SET generation = greatest(known.generation, excluded.generation),
            known_until = greatest(known.known_until, excluded.known_until);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER session_opened AFTER INSERT ON cloudep.sessions
    FOR EACH ROW EXECUTE FUNCTION cloudep.session_opened();

-- A session that is ended makes its network unknown, unless another one lives there. Whoever logs out stays known: the owner
-- did that, and is to get in again tomorrow. What ends all sessions has made their networks unknown by the generation: then
-- there is nothing to do, however many they are.
CREATE FUNCTION cloudep.session_ended() RETURNS trigger
    LANGUAGE plpgsql
AS $$
DECLARE
    place text := cloudep.network_of(NEW.address);
    this text := concat_ws(' ', NEW.tenant_id, NEW.uid, place, NEW.revoke_reason, statement_timestamp());
    lives boolean;
BEGIN
    -- A statement may end thousands of sessions of one network: one look is enough for all of them.
    IF current_setting('cloudep.session_ended', true) = this THEN
        RETURN NULL;
    END IF;
    PERFORM set_config('cloudep.session_ended', this, true);
    PERFORM FROM cloudep.known_networks AS known
    JOIN cloudep.members AS member
      ON member.tenant_id = known.tenant_id
      AND member.uid = known.uid
    WHERE known.tenant_id = NEW.tenant_id
      AND known.uid = NEW.uid
      AND known.network = place
      AND known.generation >= member.sessions_from;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT EXISTS (
        SELECT FROM cloudep.sessions AS session
        WHERE session.tenant_id = NEW.tenant_id
          AND session.uid = NEW.uid
          AND session.revoked_at IS NULL
          AND session.expires_at > now()
          AND cloudep.network_of(session.address) = place
    ) INTO lives;
    IF lives THEN
        RETURN NULL;
    END IF;
    IF NEW.revoke_reason = 'logout' THEN
        UPDATE cloudep.known_networks AS known
        SET known_until = least(known.known_until, now() + interval '90 days')
        WHERE known.tenant_id = NEW.tenant_id
          AND known.uid = NEW.uid
          AND known.network = place;
    ELSE
        DELETE FROM cloudep.known_networks AS known
        WHERE known.tenant_id = NEW.tenant_id
          AND known.uid = NEW.uid
          AND known.network = place;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER session_ended AFTER UPDATE OF revoked_at ON cloudep.sessions
    FOR EACH ROW WHEN (OLD.revoked_at IS NULL AND NEW.revoked_at IS NOT NULL)
    EXECUTE FUNCTION cloudep.session_ended();

-- The session that goes on after a change of a credential is of the new generation, and so is its network.
CREATE FUNCTION cloudep.session_kept() RETURNS trigger
    LANGUAGE plpgsql
AS $$
BEGIN
    UPDATE cloudep.known_networks AS known
    SET generation = NEW.generation
    WHERE known.tenant_id = NEW.tenant_id
      AND known.uid = NEW.uid
      AND known.network = cloudep.network_of(NEW.address);
    RETURN NULL;
END
$$;
CREATE TRIGGER session_kept AFTER UPDATE OF generation ON cloudep.sessions
    FOR EACH ROW WHEN (NEW.generation IS NOT NULL AND OLD.generation IS DISTINCT FROM NEW.generation)
    EXECUTE FUNCTION cloudep.session_kept();

INSERT INTO cloudep.known_networks (tenant_id, uid, network, generation, known_until)
SELECT member.tenant_id, member.uid, cloudep.network_of(session.address), member.generation,
       max(session.expires_at) + interval '90 days'
FROM cloudep.sessions AS session
JOIN cloudep.members AS member
  ON member.tenant_id = session.tenant_id
  AND member.uid = session.uid
WHERE (session.revoked_at IS NULL OR session.revoke_reason = 'logout')
  AND coalesce(session.generation >= member.sessions_from, session.created_at > member.generation_at, true)
  AND cloudep.network_of(session.address) IS NOT NULL
GROUP BY member.tenant_id, member.uid, cloudep.network_of(session.address), member.generation
ON CONFLICT DO NOTHING;

-- What a row of the events stands for: failures of one kind from one network are written once a second.
ALTER TABLE cloudep.events ADD COLUMN count integer NOT NULL DEFAULT 1;

GRANT SELECT, INSERT, UPDATE, DELETE ON cloudep.budgets, cloudep.known_networks TO cloudep_app;
