-- Sessions as their member sees them, and logins by a code that is sent. A node of 1.0.0 needs neither column.

-- When a session was last seen, at most a minute late. NULL: since it was opened, refreshed or proved.
ALTER TABLE cloudep.sessions ADD COLUMN seen_at timestamptz;

-- Whether members may log in by a code that is sent to them, in place of a password.
ALTER TABLE cloudep.tenants ADD COLUMN code_login boolean NOT NULL DEFAULT false;
