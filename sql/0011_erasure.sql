-- Erasure, and what the role of httpd may do to events. A node of 1.0 goes on serving: its statement that removes old
-- events is refused from here on, which it logs; the nodes that know the function below remove them.

-- Removes events that are older than age, and never those of the last day; 2000 of a tenant at a time. By tenant, because
-- that is how the index goes. Returns how many.
CREATE FUNCTION cloudep.expire_events(age interval) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH removed AS (
        DELETE FROM cloudep.events AS event
        USING (
            SELECT tenant.id AS tenant_id, oldest.id
            FROM cloudep.tenants AS tenant
            CROSS JOIN LATERAL (
                SELECT candidate.id
                FROM cloudep.events AS candidate
                WHERE candidate.tenant_id = tenant.id
                  AND candidate.at < now() - greatest(age, interval '1 day')
                ORDER BY candidate.at
                LIMIT 2000
            ) AS oldest
        ) AS old
        WHERE event.tenant_id = old.tenant_id
          AND event.id = old.id
        RETURNING 1
    )
    SELECT count(*) FROM removed
$$;

-- Takes whatever names a member, or where they were, from the events of a member that is being deleted, and writes an event
-- of it. Of any other member it does nothing. Returns how many events were changed.
CREATE FUNCTION cloudep.erase_events(of_tenant uuid, of_uid uuid) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    WITH leaving AS (
        SELECT tenant_id, uid
        FROM cloudep.members
        WHERE tenant_id = of_tenant
          AND uid = of_uid
          AND status = 'deleting'
        FOR UPDATE
    ), erased AS (
        UPDATE cloudep.events AS event
        SET uid = NULL, address = NULL, user_agent = NULL, request_id = NULL
        FROM leaving
        WHERE event.tenant_id = leaving.tenant_id
          AND event.uid = leaving.uid
        RETURNING 1
    ), noted AS (
        INSERT INTO cloudep.events (tenant_id, name, outcome)
        SELECT leaving.tenant_id, 'member.erased', '102000'
        FROM leaving
    )
    SELECT count(*) FROM erased
$$;

REVOKE ALL ON FUNCTION cloudep.expire_events(interval), cloudep.erase_events(uuid, uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cloudep.expire_events(interval), cloudep.erase_events(uuid, uuid) TO cloudep_app;
REVOKE DELETE ON cloudep.events FROM cloudep_app;

-- Messages go with their member.
CREATE INDEX outbox_member ON cloudep.outbox (tenant_id, uid);

-- The same id_token again, shortly after, is answered with the session that the first one opened. A row of 1.0 has none.
ALTER TABLE cloudep.used_id_tokens ADD COLUMN session_id uuid;
ALTER TABLE cloudep.used_id_tokens ADD COLUMN used_at timestamptz NOT NULL DEFAULT now();
