# The ledger test of "./dev soak" in short: every kind of fault at least once, nothing acknowledged is lost.
use strict;
use warnings;
use CloudEP::Soak::Run;
use CloudEP::Test;

# What it is for is noticed: a member that is lost, sessions that live again, a use of an invite that is forgotten, a step
# that could be used again, a registration left half done, a token that somebody kept.
my ($status, $output) = ledger('--seconds', 6, '--clients', 4, '--faults', 'graceful restart', '--tamper', <<'SQL');
UPDATE cloudep.sessions SET revoked_at = NULL;
UPDATE cloudep.totp SET last_step = 0;
UPDATE cloudep.members SET avatar = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlc2ln';
UPDATE cloudep.invites SET uses = uses + 1 WHERE uses > 0;
UPDATE cloudep.members SET status = 'reserved' WHERE uid = (SELECT uid FROM cloudep.members WHERE status = 'active' LIMIT 1);
DELETE FROM cloudep.members WHERE uid = (SELECT uid FROM cloudep.members WHERE status = 'active' LIMIT 1);
SQL
is($status, 1, 'a database that lies is found out') or diag("\n$output");
like($output, qr/^violation: $_/m, $_) for 'lost: member', 'lost: a session of .* was ended and is live', 'a session of .* that is ended answers 200',
    'lost: a used step', 'an invite counts other uses', 'a registration is half done', 'a session has no member', 'a secret in the database: eyJ';

keeps_promises(0, '--seconds', 35, '--clients', 6, '--pause', 0.6, '--hold', 0.8);

finish();
