# cloudepctl member, session, lockout and event on members of the running server: suspended or revoked is refused from
# the next request on, deleted members go.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;

my $ctl = CloudEP::Ctl->new(database => server->pg->dsn('cloudep_owner'));
my $tenant = tenant();
my @tenant = ('--tenant', $tenant->{slug});
my ($ann, $bob, $cem) = map { register_member(tenant => $tenant) } 1 .. 3;
my $me = sub { $_[0]->get('/api/v1/members/me') };
my $live = sub { scalar @{ $ctl->json('session list', qw(session list), @tenant, '--email', $_[0]{email})->{sessions} } };

# ---- list and show
my @emails = sort map { $_->{email} } $ann, $bob, $cem;
my $page = $ctl->json('member list', qw(member list --limit 2), @tenant);
is_deeply([[map { $_->{email} } @{ $page->{members} }], $page->{next}], [[@emails[0, 1]], $emails[1]], 'a page by email, and where to go on');
$page = $ctl->json('the next page', qw(member list --limit 2 --after), $page->{next}, @tenant);
is_deeply([[map { $_->{email} } @{ $page->{members} }], $page->{next}], [[$emails[2]], undef], 'the rest');
is($ctl->json('all on one page', qw(member list --limit 3), @tenant)->{next}, undef, 'a page that holds the last leads nowhere');
is_deeply($ctl->json('by status', qw(member list --status suspended), @tenant), { members => [], next => undef }, 'nobody is suspended');
is($ctl->done('by status for people', qw(member list --status suspended), @tenant), "no members\n", 'in words');
my $shown = $ctl->json('member show', qw(member show), @tenant, '--email', uc $ann->{email})->{member};
is_deeply([@{$shown}{qw(uid status sessions totp invite)}], [$ann->{uid}, 'active', 1, JSON::PP::false, $tenant->{invite}],
    'by email, in any case: status, sessions, TOTP, invite');
is($ctl->json('member show', qw(member show), @tenant, '--uid', $ann->{uid})->{member}{email}, $ann->{email}, 'by uid');
my $neighbour = tenant();
$ctl->fails(6, qr/has no member \Q$ann->{uid}\E/, 'never in another tenant', qw(member show --tenant), $neighbour->{slug}, '--uid', $ann->{uid});
$ctl->fails(2, qr/by --uid or by --email/, 'a member without a name', qw(member show), @tenant);
$ctl->fails(2, qr/by --uid or by --email/, 'or with two', qw(member show), @tenant, '--uid', $ann->{uid}, '--email', $ann->{email});
$ctl->fails(2, qr/--uid must be a UUID/, 'a uid that is none', qw(member show --uid 1), @tenant);
$ctl->fails(2, qr/--email must be/, 'an email that is none', qw(member show --email x), @tenant);
$ctl->fails(2, qr/--status must be/, 'a status that is none', qw(member list --status gone), @tenant);

# ---- suspend and resume
check(login($ann), 'a second session of Ann');
is($live->($ann), 2, 'Ann has two sessions');
my $done = $ctl->json('member suspend', qw(member suspend), @tenant, '--email', $ann->{email})->{member};
is_deeply([@{$done}{qw(before status changed sessions_ended)}], ['active', 'suspended', JSON::PP::true, 2], 'suspends and ends both');
is($me->($ann->{client})->status, 401, 'her token is refused at once');
is($ann->{client}->post('/api/v1/auth/token/refresh', { refresh_token => $ann->{refresh} })->status, 401, 'and her refresh token');
is(login($ann)->status, 403, 'and a new login');
is($live->($ann), 0, 'no session lives');
is($me->($bob->{client})->status, 200, 'Bob is not touched');
$done = $ctl->json('again', qw(member suspend), @tenant, '--email', $ann->{email})->{member};
is_deeply([@{$done}{qw(status changed sessions_ended)}], ['suspended', JSON::PP::false, 0], 'suspending twice does no harm');

# A login that ran beside the suspension may have left a session: resuming must not wake it.
server->psql(q(INSERT INTO cloudep.sessions (tenant_id, id, uid, amr, idle_expires_at, expires_at)
    SELECT tenant_id, gen_random_uuid(), uid, 'pwd', now() + interval '1 hour', now() + interval '1 hour'
    FROM cloudep.members WHERE uid = :'uid'), uid => $ann->{uid});
$done = $ctl->json('member resume', qw(member resume), @tenant, '--uid', $ann->{uid})->{member};
is_deeply([@{$done}{qw(before status changed sessions_ended)}], ['suspended', 'active', JSON::PP::true, 1], 'resumes, without what was left');
is($me->($ann->{client})->status, 401, 'the old token stays dead');
my $again = login($ann);
is($again->status, 200, 'a new login works');
is($ctl->done('resuming twice', qw(member resume), @tenant, '--uid', $ann->{uid}), "member $ann->{email} was active already; nothing was changed\n", 'says that nothing was to do');
$ctl->done('a suspension', qw(member suspend), @tenant, '--uid', $ann->{uid});
is($ctl->done('resuming for people', qw(member resume), @tenant, '--uid', $ann->{uid}),
    "member $ann->{email} is active again and may log in; every session of before is over\n", 'says what it did');
is(login($ann)->status, 200, 'and she may log in');

my ($pending) = register(tenant => $tenant, email => my $email = fresh_email());
check($pending, 'somebody who has not confirmed');
$ctl->fails(1, qr/the member is pending, not active/, 'cannot be suspended', qw(member suspend), @tenant, '--email', $email);
$ctl->fails(1, qr/the member is pending, not suspended/, 'nor be resumed into an account', qw(member resume), @tenant, '--email', $email);
$ctl->fails(6, qr/has no member/, 'nobody can be suspended that is not there', qw(member suspend --email nobody@example.com), @tenant);

# ---- sessions
my ($session) = @{ $ctl->json('session list', qw(session list), @tenant, '--email', $bob->{email})->{sessions} };
is_deeply([@{$session}{qw(uid email state revoked_at)}], [$bob->{uid}, $bob->{email}, 'live', undef], "Bob's session");
is($ctl->json('session revoke', qw(session revoke), @tenant, '--id', $session->{id})->{ended}{sessions_ended}, 1, 'one ended');
is($me->($bob->{client})->status, 401, "Bob's token is refused");
$ctl->fails(6, qr/has no such session/, 'ending it again', qw(session revoke), @tenant, '--id', $session->{id});
is($ctl->json('--all', qw(session list --all), @tenant, '--uid', $bob->{uid})->{sessions}[0]{state}, 'revoked', 'is still on record');
$ctl->fails(2, qr/say which/, 'revoking without saying which', qw(session revoke), @tenant);
$ctl->fails(2, qr/say which/, 'or two ways', qw(session revoke --all), @tenant, '--uid', $bob->{uid});
is($ctl->json('by member', qw(session revoke), @tenant, '--email', $ann->{email})->{ended}{sessions_ended}, 1, "Ann's new one ended");
is($me->($cem->{client})->status, 200, 'Cem is not touched');
check(login($_), 'a session') for $ann, $bob;
is($ctl->json('--all', qw(session revoke --all), @tenant)->{ended}{sessions_ended}, 3, 'all of the tenant ended');
is($me->($cem->{client})->status, 401, "Cem's, too");

# ---- what a row holds cannot act on the terminal
server->psql(q(UPDATE cloudep.members SET display_name = E'\x1b[31mred\u202e' WHERE uid = :'uid'), uid => $cem->{uid});
like($ctl->done('member show', qw(member show), @tenant, '--uid', $cem->{uid}), qr/^display name +\\u\{1B\}\[31mred\\u\{202E\}$/m,
    'control characters are escaped');

# ---- lockouts and events
server->psql(q(INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures, blocked_until)
    SELECT t.id, 'test', s, n, 9, now() + i FROM cloudep.tenants t,
    (VALUES (:'uid', '', interval '1 hour'), (:'uid', '192.0.2.7', interval '1 hour'), ('guesses', '2001:db8::/64', interval '1 hour'),
     ('over', '', interval '-1 hour')) v (s, n, i) WHERE slug = :'slug'),
    uid => $cem->{uid}, slug => $tenant->{slug});
my $keys = sub { [sort grep { /^test/ } map { $_->{key} } @{ $ctl->json('lockout list', qw(lockout list), @tenant, @_)->{lockouts} }] };
is_deeply($keys->(), [sort 'test/guesses/2001:db8::/64', "test/$cem->{uid}/", "test/$cem->{uid}/192.0.2.7"], 'those that block');
is_deeply($keys->('--all'), [sort 'test/guesses/2001:db8::/64', "test/$cem->{uid}/", "test/$cem->{uid}/192.0.2.7", 'test/over/'], 'all');
is_deeply($keys->('--after', "test/$cem->{uid}/"), [sort grep { $_ gt "test/$cem->{uid}/" } @{ $keys->() }], 'those behind one');
my $first = $ctl->json('a page', qw(lockout list --limit 1), @tenant);
is($first->{next}, $first->{lockouts}[0]{key}, 'leads on by its last key');
is($ctl->json('clear', qw(lockout clear --key), "test/$cem->{uid}/192.0.2.7", @tenant)->{cleared}{lockouts_cleared}, 1, 'of a network alone');
is($ctl->json('clear', qw(lockout clear), @tenant, '--uid', uc $cem->{uid})->{cleared}{lockouts_cleared}, 1, 'of a member');
is($ctl->json('clear', qw(lockout clear --key test/guesses/2001:db8::/64), @tenant)->{cleared}{lockouts_cleared}, 1, 'of a key');
$ctl->fails(6, qr{has no such lockout as test/guesses/2001:db8::/64}, 'what is cleared is gone', qw(lockout clear --key test/guesses/2001:db8::/64), @tenant);
$ctl->fails(2, qr/say which/, 'clearing without saying which', qw(lockout clear), @tenant);
$ctl->done('clear all', qw(lockout clear --all), @tenant);
is_deeply($keys->('--all'), [], 'nothing is left');

server->psql(q(INSERT INTO cloudep.events (tenant_id, name, outcome, reason, uid)
    SELECT t.id, 'test.' || n, '29505000', 'code_wrong', :'uid' FROM cloudep.tenants t, generate_series(1, 3) n WHERE slug = :'slug'),
    uid => $cem->{uid}, slug => $tenant->{slug});
my $events = $ctl->json('event list', qw(event list --limit 2), @tenant, '--uid', $cem->{uid});
is_deeply([map { $_->{name} } @{ $events->{events} }], ['test.3', 'test.2'], 'the newest first');
is($events->{events}[0]{reason}, 'code_wrong', 'an event has its reason');
is($events->{events}[0]{count}, 1, 'and how many it stands for');
is($ctl->json('older ones', qw(event list --limit 1), @tenant, '--uid', $cem->{uid}, '--after', $events->{next})->{events}[0]{name}, 'test.1',
    'and on from there');
is(scalar @{ $ctl->json('an id of as many digits as there are', qw(event list --limit 2), @tenant, '--uid', $cem->{uid}, '--after', '9' x 18)->{events} }, 2,
    'is one');
$ctl->fails(2, qr/--after must be an event's id/, "events behind '$_'", qw(event list), @tenant, '--after', $_) for '', 'x', '1x', '-1', '1' x 19;
is_deeply($ctl->json('those of Ann', qw(event list --name test.1), @tenant, '--uid', $ann->{uid})->{events}, [], "a member's are their own");
is(scalar @{ $ctl->json('by name', qw(event list --name test.2), @tenant)->{events} }, 1, 'by name');

# ---- delete
check(login($cem), 'a session of Cem');
$done = $ctl->json('member delete', qw(member delete), @tenant, '--email', $cem->{email})->{member};
is_deeply([@{$done}{qw(before status sessions_ended gone)}], ['active', 'deleting', 1, JSON::PP::false], 'marks and ends the session');
$ctl->fails(1, qr/the member is deleting, not suspended/, 'no way back', qw(member resume), @tenant, '--uid', $cem->{uid});
$done = $ctl->json('member delete --wait', qw(member delete --wait 100), @tenant, '--email', $bob->{email})->{member};
is_deeply([@{$done}{qw(changed gone)}], [JSON::PP::true, JSON::PP::true], 'waits until it is gone');
ok(wait_until(60, sub { !server->value(q(SELECT count(*) FROM cloudep.members WHERE uid = :'uid'), uid => $cem->{uid}) }),
    'the running server removes those that nobody waits for, too');
$ctl->fails(6, qr/has no member/, 'and it is', qw(member show), @tenant, '--uid', $bob->{uid});

# ---- nothing that is kept names who was deleted
for my $table (map { $_->[0] } @{ server->psql(q(SELECT tablename FROM pg_tables WHERE schemaname = 'cloudep' ORDER BY 1)) }) {
    is(server->value("SELECT count(*) FROM cloudep.$table AS kept WHERE kept::text LIKE '%' || :'uid' || '%' OR kept::text LIKE '%' || :'email' || '%'",
            uid => $bob->{uid}, email => $bob->{email}), 0, "cloudep.$table knows neither uid nor address");
}
is(server->value(q(SELECT count(*) FROM cloudep.events JOIN cloudep.tenants t ON t.id = tenant_id WHERE slug = :'slug' AND events.name = 'member.erased'),
        slug => $tenant->{slug}), 2, 'an event says of each that they were erased');

# Nobody sweeps here, so the wait ends unfulfilled.
my $pg = own_postgres();
my $alone = CloudEP::Ctl->new(database => $pg->dsn('cloudep_owner'));
$alone->done('a tenant without a server', qw(tenant add --slug alone --name Alone));
$pg->psql(q(INSERT INTO cloudep.members (tenant_id, uid, email, status) SELECT id, gen_random_uuid(), 'a@example.com', 'active' FROM cloudep.tenants));
$alone->fails(1, qr/still there after 1 seconds/, 'a deletion that nobody finishes', qw(member delete --tenant alone --email a@example.com --wait 1));

sub check {
    my ($response, $what) = @_;
    is($response->status, 200, $what) or diag($response->body);
}

finish();
