-- Each virtual host's messages go out with its own sender, transport, language and templates: a row says whose it is.
-- NULL is the main server's, which is also what a node of an earlier version writes.

ALTER TABLE cloudep.outbox ADD COLUMN outbox text;

-- When a worker of that name was last there. What is named after nobody that lives goes to the main server's.
CREATE TABLE cloudep.outbox_workers (
    name    text PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT now()
);

GRANT SELECT, INSERT, UPDATE ON cloudep.outbox_workers TO cloudep_app;
