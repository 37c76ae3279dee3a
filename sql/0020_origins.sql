-- Origins whose pages may call the API of a tenant (CORS). A node of 1.0.0 needs no such column.
ALTER TABLE cloudep.tenants ADD COLUMN origins text[] NOT NULL DEFAULT '{}';
