# A member's sessions: what is told of them, ending one and all others, pages, and how many there may be.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Totp;

my $path = '/api/v1/members/me/sessions';
my $server = server;
my $member = register_member();
my $client = $member->{client};

# A further login of a member: a client with its token.
sub another {
    my ($who, %values) = @_;
    my $answer = login({ %$who, client => $who->{client}->with(%values) });
    return $who->{client}->with(token => $answer->data->{access_token} // die('login: ', $answer->body), %values);
}

sub sessions { return $_[0]->get($path)->data->{sessions} }

sub id_of {
    my ($who) = @_;
    my ($current) = grep { $_->{current} } @{ sessions($who) };
    return $current->{id} // die "no current session\n";
}

sub alive { return $_[0]->get('/api/v1/members/me')->status == 200 }

# ---- what is told

my $listed = outcome($client->get($path), 200, 102000, 'the sessions are listed')->data;
is_deeply([scalar @{ $listed->{sessions} }, $listed->{next_cursor}], [1, undef], 'there is one, and no other page');
my $first = $listed->{sessions}[0];
ok(abs($first->{$_} - 1000 * time) < 60_000, "$_ is now, in milliseconds") for qw(created_at last_seen_at);
ok($first->{expires_at} > 1000 * time, 'it ends some time');
is_deeply([@{$first}{qw(current methods address)}], [JSON::PP::true, ['otp'], CloudEP::Client::own_address()],
    'it is the one that asks, opened by a code that was mailed, from here');
ok(!exists $first->{second_factor}, 'it gave no second factor');
ok(!exists $first->{user_agent}, 'nor a name of what it uses');
my $agent = 'Mozilla/5.0 (tests)';
my $answer = $client->with(token => undef)->post('/api/v1/auth/login',
    { tenant_slug => $member->{slug}, map { $_ => $member->{$_} } qw(email password) }, 'User-Agent' => $agent);
my $second = $client->with(token => $answer->data->{access_token});
my @both = @{ sessions($client) };
is_deeply([map { $_->{current} ? 1 : 0 } @both], [0, 1], 'a second one is before it, as the newest');
is_deeply([@{ $both[0] }{qw(methods user_agent)}], [['pwd'], $agent], 'with the way it was opened, and the agent');
is(id_of($second), $both[0]{id}, 'and knows itself');
totp_enroll({ %$member, client => $second }, $server);
ok(!exists sessions($client)->[0]{second_factor}, 'an enrolment alone is no second factor of the session');

# When it was seen: the last of what is known of it.
my $ago = sub { $server->psql("UPDATE cloudep.sessions SET created_at = now() - interval '9 days', $_[0] WHERE id = :'id'::uuid",
        id => $first->{id}) };
for my $column (qw(rotated_at mfa_at fresh_at seen_at)) {
    $ago->(join ', ', map { "$_ = " . ($_ eq $column ? "now() - interval '1 hour'" : 'NULL') } qw(rotated_at mfa_at fresh_at seen_at));
    my ($old) = grep { $_->{id} eq $first->{id} } @{ sessions($second) };
    ok(abs($old->{last_seen_at} / 1000 - time + 3600) < 60, "$column says when it was seen");
}

# ---- only what lives

my $gone = register_member();
my $old = another($gone);
for my $state ("revoked_at = now()", "expires_at = now()", "idle_expires_at = now()", "generation = -1") {
    my $dead = id_of(another($gone));
    $server->psql("UPDATE cloudep.sessions SET $state WHERE id = :'id'::uuid", id => $dead);
    ok(!(grep { $_->{id} eq $dead } @{ sessions($gone->{client}) }), "one with $state is not listed");
    $state =~ /revoked|expires_at = now\(\)\z/ && $state !~ /idle/
        and outcome($gone->{client}->delete("$path/$dead"), 404, 29301000, 'nor ended');
}
$server->psql("UPDATE cloudep.sessions SET idle_expires_at = now() WHERE id = :'id'::uuid", id => id_of($old));
is(scalar(grep { $_->{current} } @{ sessions($old) }), 1, 'the one that asks is, while its access token lasts');

# ---- ending

my $laptop = another($gone);
my $phone = another($gone);
outcome($laptop->delete("$path/" . id_of($phone)), 200, 102000, 'another one is ended');
ok(!alive($phone), 'it is refused at once');
ok(alive($laptop), 'the one that asked goes on');
is($server->value("SELECT revoke_reason FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NOT NULL"
            . ' ORDER BY revoked_at DESC LIMIT 1', uid => $gone->{uid}), 'ended_by_member', 'its row says why');
for my $id ('00000000-0000-4000-8000-000000000000', 'x', id_of(register_member()->{client})) {
    is(outcome($laptop->delete("$path/$id"), 404, 29301000, 'one that is not theirs')->json->{reason}, 'session_unknown',
        'is unknown');
}
outcome($laptop->delete("$path/" . uc id_of($laptop)), 200, 102000, 'one ends itself, however its id is written');
ok(!alive($laptop), 'and is over');
outcome($client->delete("$path/"), 404, 10301000, 'no id is no path');
outcome($client->get("$path/$first->{id}"), 405, 10105000, 'an id has one method');

my $target = id_of(my $victim = another($gone));
my @ends = $gone->{client}->parallel((['DELETE', "$path/$target"]) x 64);
is(scalar(grep { $_->status == 200 } @ends), 1, '64 ends of one session at once: one success');
is(scalar(grep { $_->status == 404 } @ends), 63, 'the others find it over');

# ---- all others

my $left_on = register_member();
my @more = map { another($left_on) } 1 .. 3;
my $mfa = totp_enroll(register_member(), $server);
my $challenge = login($mfa)->data->{mfa_challenge_id};
my $ended = outcome($mfa->{client}->delete($path), 200, 102000, 'ending the others where there are none')->data;
is($ended->{ended}, 0, 'ends none');
outcome($mfa->{client}->post('/api/v1/auth/login', { challenge_id => $challenge, mfa_code => totp_code($mfa->{totp}) }), 404,
    28301000, 'but a login that was under way begins again');
is(outcome($more[0]->delete($path), 200, 102000, 'all others are ended')->data->{ended}, 3, 'as many as there were');
is_deeply([map { alive($_) ? 1 : 0 } @more, $left_on->{client}], [1, 0, 0, 0], 'they are refused at once');
is($server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NULL", uid => $left_on->{uid}), 1,
    'their rows are, too');
ok(alive(another($left_on)), 'the next login is as ever');

my $crowd = register_member();
my @crowd = ($crowd->{client}, map { another($crowd) } 2 .. 32);
my @all = map { $_->bytes(DELETE => $path) } @crowd, @crowd;
my @raw = $crowd[0]->exchange(@all);
is(scalar(grep { alive($_) } @crowd), 1, 'of 32 sessions that end all others at once, twice each, one goes on');
is(scalar(grep { m{^HTTP/1\.1 5} } @raw), 0, 'and nothing fails');

# ---- pages: stable while rows come and go

my $many = register_member();
my @owned = ($many->{client}, map { another($many) } 2 .. 9);
my @ids = map { id_of($_) } @owned;
$server->psql("UPDATE cloudep.sessions SET created_at = '2026-01-02 03:04:05.123456+00' WHERE uid = :'uid'", uid => $many->{uid});
my $page = outcome($many->{client}->get("$path?limit=3"), 200, 102000, 'a page of three')->data;
my @seen = map { $_->{id} } @{ $page->{sessions} };
is(scalar @seen, 3, 'has three');
ok($page->{next_cursor}, 'and tells of another');
my $new = id_of(another($many));
my ($left) = grep { my $id = $_; !grep { $_ eq $id } @seen } @ids[1 .. $#ids];
$many->{client}->delete("$path/$_") for $seen[1] eq $ids[0] ? $seen[2] : $seen[1], $left;
while (my $cursor = $page->{next_cursor}) {
    $page = outcome($many->{client}->get("$path?limit=3&cursor=$cursor"), 200, 102000, 'the next page')->data;
    push @seen, map { $_->{id} } @{ $page->{sessions} };
}
is_deeply([sort @seen], [sort grep { $_ ne $left } @ids],
    'all pages have each that stayed once, though one came, one that was told went and one that was not');
is_deeply($many->{client}->get("$path?limit=8")->data->{next_cursor}, undef, 'a page that has all is the last');
outcome($many->{client}->get("$path?limit=$_"), 400, 10101000, "no page of $_") for 0, 101, 'x', '-1', 1000;
outcome($many->{client}->get("$path?limit=100"), 200, 102000, 'one of 100');
outcome($many->{client}->get("$path?cursor=$_"), 400, 10101000, "no cursor: $_") for 'x', 'MS4y', '%00', "'";
my $foreign = $client->get("$path?limit=1")->data->{next_cursor};
is(scalar(grep { my $id = $_->{id}; !grep { $_ eq $id } @ids, $new }
            @{ $many->{client}->get("$path?cursor=$foreign")->data->{sessions} }), 0,
    'another member\'s cursor shows none of theirs');

# ---- when it was seen is written by a thread, an orderly stop included

my $own = own_server(values => { CloudEPSessionsPerMember => 3 })->start;
my $here = register_member(server => $own);
$own->psql("UPDATE cloudep.sessions SET created_at = now() - interval '1 day', auth_time = now() - interval '1 day'"
        . " WHERE uid = :'uid'", uid => $here->{uid});
is($own->value("SELECT seen_at IS NULL FROM cloudep.sessions WHERE uid = :'uid'", uid => $here->{uid}), 't', 'not seen yet');
ok(alive($here->{client}), 'a request');
$own->stop;
$own->start;
is($own->value("SELECT seen_at > now() - interval '1 minute' FROM cloudep.sessions WHERE uid = :'uid'", uid => $here->{uid}),
    't', 'is noted');
$own->psql("UPDATE cloudep.sessions SET seen_at = now() + interval '1 hour' WHERE uid = :'uid'", uid => $here->{uid});
alive($here->{client});
$own->stop;
$own->start;
is($own->value("SELECT seen_at > now() FROM cloudep.sessions WHERE uid = :'uid'", uid => $here->{uid}), 't',
    'what another node has noted later stays');

# ---- how many there may be

my @kept = map { another($here) } 1 .. 3;
is_deeply([map { alive($_) ? 1 : 0 } $here->{client}, @kept], [0, 1, 1, 1], 'the fourth ends the oldest of three');
is($own->value("SELECT revoke_reason FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NOT NULL", uid => $here->{uid}),
    'too_many_sessions', 'its row says why');
$own->psql("UPDATE cloudep.sessions SET idle_expires_at = now() WHERE id = :'id'::uuid", id => id_of($kept[1]));
ok(alive(another($here)), 'another login');
ok(alive($kept[0]), 'ends none where one is over already');
my $other = register_member(server => $own, tenant => $here->{tenant});
my @logins = $own->client->parallel(map { ['POST', '/api/v1/auth/login',
            { tenant_slug => $here->{slug}, map { $_ => $here->{$_} } qw(email password) }] } 1 .. 64);
my @tokens = map { $_->data->{access_token} } grep { $_->status == 200 } @logins;
cmp_ok(scalar @tokens, '>', 3, 'of 64 logins at once more than three succeed');
is(scalar(grep { alive($here->{client}->with(token => $_)) } @tokens), 3, 'three of them live');
is($own->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NULL AND idle_expires_at > now()",
        uid => $here->{uid}), 3, 'and no other');
ok(alive($other->{client}), 'nobody else loses any');
my $factor = totp_enroll(register_member(server => $own), $own);
for (1 .. 4) {
    totp_rewind($own, $factor);
    my $id = login($factor)->data->{mfa_challenge_id};
    outcome($own->client->post('/api/v1/auth/login', { challenge_id => $id, mfa_code => totp_code($factor->{totp}) }), 200, 102000,
        'a login by a second factor');
}
is($own->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NULL", uid => $factor->{uid}), 3,
    'counts like any other');

finish();
