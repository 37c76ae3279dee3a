-- id_tokens that were turned in at token/exchange: each serves once. In the database, because to lose one would let
-- whoever has a copy of it in. What has expired is removed by the next one that is turned in.

CREATE TABLE cloudep.used_id_tokens (
    tenant_id  uuid NOT NULL,
    digest     text NOT NULL,           -- SHA-256 of header and claims
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, digest)
);
CREATE INDEX used_id_tokens_over ON cloudep.used_id_tokens (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON cloudep.used_id_tokens TO cloudep_app;
