-- When a session was last reauthenticated: what changes a credential asks for a proof of a short while ago.

ALTER TABLE cloudep.sessions ADD COLUMN fresh_at timestamptz;
