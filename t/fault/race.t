# Many at once: an invite with N uses makes N members, a challenge one session, a refresh token one successor.
use strict;
use warnings;
use CloudEP::Test;
use MIME::Base64 qw(decode_base64url);

my $server = server();
my $many = 64;

sub tally { my %count; $count{ $_->status . ' ' . ($_->code // '') }++ for @_; return \%count }
sub jti { return JSON::PP->new->utf8->decode(decode_base64url((split /\./, $_[0])[1]))->{jti} }

# ---- an invite with 5 uses
my $tenant = tenant(uses => 5);
my @answers = client()->parallel(map { ['POST', '/api/v1/auth/register', {
    tenant_slug => $tenant->{slug}, invite_code => $tenant->{invite}, email => fresh_email(), password => fresh_password(),
    accept_terms_version => '1' }] } 1 .. $many);
my $count = tally(@answers);
is($count->{'200 102000'}, 5, "$many registers on an invite with 5 uses: 5 succeed");
is(($count->{'429 28310000'} // 0) + ($count->{'423 28313000'} // 0) + ($count->{'503 28603000'} // 0), $many - 5,
    'the others are told why not') or diag(explain $count);
is($server->value("SELECT count(*) FROM cloudep.members m JOIN cloudep.tenants t ON t.id = m.tenant_id"
    . " WHERE t.slug = :'slug'", slug => $tenant->{slug}), 5, 'there are 5 members');
is($server->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $tenant->{invite}), 5, 'and 5 uses');

# ---- one email
$tenant = tenant();
my $email = fresh_email();
@answers = client()->parallel(map { ['POST', '/api/v1/auth/register', {
    tenant_slug => $tenant->{slug}, invite_code => $tenant->{invite}, email => $email, password => fresh_password(),
    accept_terms_version => '1' }] } 1 .. $many);
is(tally(@answers)->{'200 102000'}, 1, "$many registers of one email: 1 succeeds");
is($server->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $tenant->{invite}), 1,
    'and takes one use of the invite');

# ---- one challenge, the right code
my ($registered, $sent) = register(tenant => $tenant);
my $body = { tenant_slug => $tenant->{slug}, challenge_id => $registered->data->{challenge_id},
    code => secret($server->mail_code($sent->{email})) };
@answers = client()->parallel((['POST', '/api/v1/auth/register/confirm', $body]) x $many);
$count = tally(@answers);
is($count->{'200 102000'}, 1, "$many confirms of one challenge: 1 succeeds") or diag(explain $count);
is($server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid'", uid => $registered->data->{uid}), 1,
    'and opens one session');

# ---- one challenge, 100 wrong codes
($registered, $sent) = register(tenant => $tenant);
my $right = secret($server->mail_code($sent->{email}));
$body = { tenant_slug => $tenant->{slug}, challenge_id => $registered->data->{challenge_id} };
@answers = client()->parallel(map { ['POST', '/api/v1/auth/register/confirm',
    { %$body, code => sprintf '%06d', ($right + $_) % 1_000_000 }] } 1 .. 100);
$count = tally(@answers);
is($count->{'403 29505000'}, 5, '100 wrong codes at once: 5 are compared');
is($count->{'409 29309000'}, 95, '95 find it locked') or diag(explain $count);
outcome(client()->post('/api/v1/auth/register/confirm', { %$body, code => $right }), 409, 29309000, 'as does the right one');

# ---- one refresh token
my $member = register_member(tenant => $tenant);
@answers = client()->parallel((['POST', '/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} }]) x $many);
$count = tally(@answers);
is($count->{'200 102000'}, $many, "$many refreshes of one token are all answered") or diag(explain $count);
my %successors = map { jti($_->data->{refresh_token}) => 1 } grep { $_->status == 200 } @answers;
is(scalar(keys %successors), 1, 'with one successor');
is($server->value("SELECT refresh_seq FROM cloudep.sessions WHERE uid = :'uid'", uid => $member->{uid}), 2,
    'one generation further');

finish();
