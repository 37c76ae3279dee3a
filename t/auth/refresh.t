# POST /token/refresh and /logout: rotation, grace, reuse, and that a session that is over is over.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Test;

my $path = '/api/v1/auth/token/refresh';
my $server = own_server(values => { CloudEPRefreshGrace => 2, CloudEPIssuer => server()->url })->start;

sub refresh { return client(server => $server)->post($path, { refresh_token => $_[0] }) }
sub me { return client(server => $server, token => $_[0])->get('/api/v1/members/me') }
sub claims { return (CloudEP::Jwt::parts($_[0]))[1] }

# ---- rotation
my $member = register_member(server => $server);
my $next = outcome(refresh($member->{refresh}), 200, 102000, 'a refresh')->data;
is($next->{uid}, $member->{uid}, 'uid');
isnt(claims($next->{refresh_token})->{jti}, claims($member->{refresh})->{jti}, 'another generation');
is(claims($next->{refresh_token})->{sid}, claims($member->{refresh})->{sid}, 'the successor is of the same session');
outcome(me($next->{access_token}), 200, 102000, 'the new access token works');
my $same = outcome(refresh($member->{refresh}), 200, 102000, 'the same token again within the grace')->data;
is_deeply(claims($same->{refresh_token}), claims($next->{refresh_token}), 'the same token within the grace gets the same successor');
my $third = outcome(refresh($same->{refresh_token}), 200, 102000, 'the successor can be exchanged')->data;

# ---- reuse ends the session
sleep 3;
outcome(refresh($member->{refresh}), 401, 28501000, 'the first token after its grace');
outcome(refresh($third->{refresh_token}), 401, 28501000, 'the reuse has ended the session');
outcome(me($third->{access_token}), 401, 29501000, 'the reuse has ended the access tokens');
is($server->value("SELECT revoke_reason FROM cloudep.sessions WHERE uid = :'uid'", uid => $member->{uid}),
    'refresh token reused', 'the session says that a token was reused');

# ---- 400 and 401
outcome(client(server => $server)->post($path, '{'), 400, 10101000, 'cut JSON');
outcome(client(server => $server)->post($path, { refresh_token => 7 }), 400, 10101000, 'a number');
outcome(client(server => $server)->post($path, {}), 400, 10104000, 'a refresh without a token');
outcome(refresh(''), 400, 10104000, 'an empty token');
outcome(refresh('a.b.c'), 401, 28501000, 'a refresh with what is no token of ours');
$member = register_member(server => $server);
outcome(refresh($member->{access}), 401, 28501000, 'an access token');
outcome(me($member->{refresh}), 401, 29501000, 'a refresh token is no access token');
$server->ctl(qw(member suspend --tenant), $member->{slug}, '--uid', $member->{uid});
outcome(refresh($member->{refresh}), 401, 28501000, 'the refresh token of a suspended member is refused');
outcome(me($member->{access}), 401, 29501000, 'the access token of a suspended member is refused');

# ---- a tenant that allows no login gives no tokens, and ends no session
$member = register_member(server => $server, tenant => tenant(server => $server));
my $client = client(server => $server);
my ($pending, $sent) = register(client => $client, tenant => $member->{tenant});
my %confirm = (tenant_slug => $member->{slug}, challenge_id => $pending->data->{challenge_id}, code => secret($server->mail_code($sent->{email})));
my $login = sub { $server->ctl(qw(tenant set --slug), $member->{slug}, '--login', $_[0]) };
$login->('off');
is(outcome(refresh($member->{refresh}), 403, 28505000, 'login is off: a refresh')->json->{reason}, 'tenant_closed', 'says why');
outcome(me($member->{access}), 200, 102000, 'the access token serves until it expires');
is(outcome($client->post('/api/v1/auth/register/confirm', \%confirm), 403, 28505000, 'a confirmation')->json->{reason}, 'tenant_closed', 'says why');
is($server->value("SELECT status FROM cloudep.members WHERE email = :'email'", email => $sent->{email}), 'pending', 'and confirms nothing');
$login->('on');
outcome($client->post('/api/v1/auth/register/confirm', \%confirm), 200, 102000, 'login is on again: the code is good');
outcome(refresh($member->{refresh}), 200, 102000, 'and the session goes on with the same refresh token');

# ---- idle and absolute lifetime
$member = register_member(server => $server);
$server->psql("UPDATE cloudep.sessions SET idle_expires_at = now() WHERE uid = :'uid'", uid => $member->{uid});
outcome(refresh($member->{refresh}), 401, 28501000, 'idle for too long');
$member = register_member(server => $server);
$server->psql("UPDATE cloudep.sessions SET expires_at = now() WHERE uid = :'uid'", uid => $member->{uid});
outcome(refresh($member->{refresh}), 401, 28501000, 'a refresh at the end of the session');
outcome(me($member->{access}), 401, 29501000, 'an access token at the end of the session');

# ---- an access token is not good for longer than its session without a refresh
for my $limit (qw(CloudEPSessionIdleTimeout CloudEPSessionLifetime)) {
    my $short = own_server(values => { CloudEPIssuer => server()->url, CloudEPAccessTokenLifetime => 86400, $limit => 3600 })->start;
    my $short_lived = login(register_member(server => $short))->data;
    my ($access, $refresh) = map { claims($short_lived->{$_}) } qw(access_token refresh_token);
    is($access->{exp}, $refresh->{exp}, "both tokens end with $limit");
    is($short_lived->{expires_in}, $access->{exp} - $access->{iat}, 'expires_in is the life of the access token');
    cmp_ok(abs($short_lived->{expires_in} - 3600), '<', 30, 'an access token ends with its session');
}

# ---- logout, seen by another node at once
$member = register_member(server => $server);
my $out = $member->{client}->post('/api/v1/auth/logout', undef);
outcome($out, 200, 102000, 'logout');
is_deeply($out->data, { ok => JSON::PP::true() }, 'says ok');
outcome(me($member->{access}), 401, 29501000, 'the access token is refused');
outcome(client(token => $member->{access})->get('/api/v1/members/me'), 401, 29501000, 'the access token is refused on every node');
outcome(refresh($member->{refresh}), 401, 28501000, 'the refresh token is refused after the logout');
outcome($member->{client}->post('/api/v1/auth/logout', undef), 401, 28501000, 'logging out twice');
my $bare = outcome(client(server => $server)->post('/api/v1/auth/logout', undef), 401, 28501000, 'a logout without a token');
is($bare->header('WWW-Authenticate'), 'Bearer realm="CloudEP"', 'names no error');
like(outcome(me('x'), 401, 29501000, 'with a wrong one')->header('WWW-Authenticate'), qr/error="invalid_token"/, 'names it');

finish();
