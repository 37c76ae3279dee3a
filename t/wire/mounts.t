# CloudEPServe and CloudEPTenant: an API begins at the Location that holds the directive, for that tenant only.
use strict;
use warnings;
use CloudEP::Test;

my ($acme, $other) = (tenant(), tenant());
my $member = register_member(tenant => $acme);
my $stranger = register_member(tenant => $other);

sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, '</Location>') }
my $server = own_server(values => { CloudEPIssuer => server()->url }, with => [
        location('/id/auth', 'CloudEPServe auth', "CloudEPTenant $acme->{slug}"),
        location('/id/auth/login', 'CloudEPTokenOptional Off'),
        location('/id/members/', 'CloudEPServe members', "CloudEPTenant $acme->{slug}"),
        location('/any/auth', 'CloudEPServe auth', 'SetHandler server-status'),
        location('/any/auth/login', 'SetHandler server-status'),
        location('/any', 'CloudEPServe members'),
        location('/keys', 'CloudEPServe jwks'),
])->start;
my $client = client(server => $server);

sub login_at { my ($path, $who, %more) = @_; return $client->post($path, { email => $who->{email}, password => $who->{password}, %more }) }

# ---- where it begins
my %with = (tenant_slug => $acme->{slug});
outcome(login_at('/any/auth/login', $member, %with), 200, 102000, 'a login below the mount, whatever SetHandler says');
outcome(login_at('/id/auth/login', $member, %with), 200, 102000, 'and where a Location below it has settings of its own');
outcome(login_at('/api/v1/auth/login', $member, %with), 200, 102000, 'the prefix of SetHandler goes on to serve');
is($client->get('/keys')->json->{keys}[0]{use}, 'sig', 'the public keys');
outcome($client->get('/id/auth'), 404, 10301000, 'the mount itself has no operation');
outcome($client->get('/id/auth/me'), 404, 10301000, 'nor operations of the other API');
is($client->get('/id/authlogin')->status, 404, 'a path that only begins alike is not the mount');
unlike($client->get('/id/authlogin')->header('Content-Type'), qr/json/, 'nor answered by us');
my $session = login($member)->data;
my $as = client(server => $server, token => $session->{access_token});
outcome($as->get('/id/members/me'), 200, 102000, 'a Location with a slash at its end');
outcome($as->get('/any/me'), 200, 102000, 'an API above another one');
outcome($as->get('/any/members/me'), 404, 10301000, 'has only its own paths');
is($client->request(OPTIONS => '/any/auth/login')->header('Allow'), 'OPTIONS, POST', 'OPTIONS tells the methods');
outcome($client->request(POST => '/any/auth/login', '{}', 'Expect' => 'nothing we know'), 417, 10101000, 'what httpd refuses there is an envelope');

# ---- the tenant
outcome(login_at('/id/auth/login', $member), 200, 102000, 'tenant_slug may be left out');
outcome(login_at('/id/auth/login', $member, tenant_slug => undef), 200, 102000, 'null is left out');
outcome(login_at('/id/auth/login', $member, tenant_slug => $other->{slug}), 404, 29301000, 'another tenant does not exist there');
outcome(login_at('/id/auth/login', $stranger), 401, 28501000, 'nor does its member');
outcome(login_at('/any/auth/login', $member), 400, 10104000, 'without CloudEPTenant it has to be there');
my $theirs = client(server => $server, token => $stranger->{access});
outcome($theirs->get('/any/me'), 200, 102000, 'the session of another tenant is good elsewhere');
outcome($theirs->get('/id/members/me'), 401, 29501000, 'and not where there is a tenant');
outcome($theirs->post('/id/auth/logout'), 401, 28501000, 'nor in the other API');
is($theirs->get('/any/me')->status, 200, 'where nothing was done with it');
$server->stop;

my $whole = own_server(values => { CloudEPIssuer => server()->url, CloudEPTenant => $acme->{slug} })->start;
my $here = client(server => $whole, watch => undef);    # its bodies lack the tenant
outcome($here->post('/api/v1/auth/login', { email => $member->{email}, password => $member->{password} }), 200, 102000, 'CloudEPTenant of a server');
$whole->stop;

# ---- refused at start
for my $case (
    ['LocationMatch', '<LocationMatch ^/x>', 'CloudEPServe auth', '</LocationMatch>'],
    ['a Location with an expression', '<Location ~ /x>', 'CloudEPServe auth', '</Location>'],
    ['a Location with a pattern', '<Location /x/*>', 'CloudEPServe auth', '</Location>'],
    ['a Directory', '<Directory /x>', 'CloudEPServe auth', '</Directory>'],
    ['an If in a Location', '<Location /x>', '<If "true">', 'CloudEPServe auth', '</If>', '</Location>'],
    ['the server', 'CloudEPServe auth'],
) {
    my ($name, @lines) = @$case;
    like(own_server(with => \@lines)->refusal, qr/CloudEPServe/, "in $name CloudEPServe stops the start");
}
like(own_server(with => [location('/x', 'CloudEPServe nothing')])->refusal, qr/one of auth, members, account, session, jwks/, 'as does an API that is not there');
like(own_server(with => [location('/x', 'CloudEPServe account')])->refusal, qr/CloudEPServe account .*line \d+\): nothing in its requests names a tenant/,
    'an API whose requests name none, without CloudEPTenant');
like(own_server(with => [location('/x', 'CloudEPTenant Not_A_Slug')])->refusal, qr/slug/, 'and a tenant that cannot be one');
finish();
