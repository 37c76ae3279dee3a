# Two httpd with one PostgreSQL and two memcached: what one node knows the other knows, and a memcached that is lost costs
# a new code, nothing else.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use JSON::PP ();
use Time::HiRes qw(sleep time);

my $pg = own_postgres();
my @memcached = (own_memcached(), own_memcached());
my @nodes = map { node($_) } 1, 2;
my @clients = map { client(server => $_) } @nodes;
my $tenant = tenant(server => $nodes[0]);
my $slug = $tenant->{slug};

sub node {
    my ($number) = @_;
    my $server = own_server(pg => $pg, memcached => $memcached[0], keys => "$ENV{CLOUDEP_VAR}/test/own/$$.keys",
        values => { CloudEPCodeCooldown => 0, CloudEPIssuer => 'http://localhost' },
        without => ['CloudEPMemcacheServer'], with => [map { 'CloudEPMemcacheServer ' . $_->address } @memcached]);
    return $server->start;
}

# The same member seen by the other node.
sub on { my ($number, $token) = @_; return $clients[$number]->with(token => $token) }
sub me { my ($number, $token) = @_; return on($number, $token)->get('/api/v1/members/me') }
sub kid { return (CloudEP::Jwt::parts($_[0]))[0]{kid} }
sub claims { return (CloudEP::Jwt::parts($_[0]))[1] }
sub codes_of { my ($sent, $count) = @_; return secret($nodes[0]->mail_code($sent->{email}, $count)) }

# ---- what is begun on one node is finished on the other
for my $first (0, 1) {
    my $other = 1 - $first;
    my ($registered, $sent) = register(client => $clients[$first], tenant => $tenant);
    outcome($registered, 200, 102000, 'a registration begins on ' . ($first + 1));
    my $tokens = outcome($clients[$other]->post('/api/v1/auth/register/confirm', { tenant_slug => $slug,
                challenge_id => $registered->data->{challenge_id}, code => codes_of($sent) }), 200, 102000, 'and is confirmed on the other')->data;
    outcome(me($first, $tokens->{access_token}), 200, 102000, 'the first one takes its token');
    my $rotated = outcome($clients[$first]->post('/api/v1/auth/token/refresh', { refresh_token => $tokens->{refresh_token} }),
        200, 102000, 'and refreshes it')->data;
    my $again = outcome($clients[$other]->post('/api/v1/auth/token/refresh', { refresh_token => $tokens->{refresh_token} }),
        200, 102000, 'a parallel tab asks the other node')->data;
    is_deeply(claims($again->{refresh_token}), claims($rotated->{refresh_token}), 'and gets the same successor');    # signed anew
    outcome(on($first, $rotated->{access_token})->post('/api/v1/auth/logout'), 200, 102000, 'a logout on ' . ($first + 1));
    outcome(me($other, $rotated->{access_token}), 401, 29501000, 'is seen by the other at once');
    outcome($clients[$other]->post('/api/v1/auth/token/refresh', { refresh_token => $rotated->{refresh_token} }), 401, 28501000,
        'for its refresh token, too');
}

my $member = register_member(tenant => $tenant, server => $nodes[0]);
totp_enroll($member, $nodes[0]);
my $challenge = outcome(login($member), 200, 102000, 'a login begins on 1')->data->{mfa_challenge_id};
my $code = totp_code($member->{totp});
my @mfa = ('/api/v1/auth/login/mfa', { tenant_slug => $slug, challenge_id => $challenge, code => $code });
my $session = outcome($clients[1]->post(@mfa), 200, 102000, 'its second factor is given on 2')->data;
outcome($clients[0]->post(@mfa), 404, 28301000, 'and its challenge is used up on 1');
$challenge = login($member)->data->{mfa_challenge_id};
outcome($clients[1]->post('/api/v1/auth/login/mfa', { tenant_slug => $slug, challenge_id => $challenge, code => $code }), 403, 28505000,
    'the used code is refused by both');

# Wrong guesses on both nodes add up.
my ($registered, $sent) = register(client => $clients[0], tenant => $tenant);
my $right = codes_of($sent);
my %guess = (tenant_slug => $slug, challenge_id => $registered->data->{challenge_id});
my @answers = map { my $client = $_; $client->parallel(map { ['POST', '/api/v1/auth/register/confirm',
                { %guess, code => sprintf '%06d', ($right + $_ + $client->{port}) % 1_000_000 }] } 1 .. 20) } @clients;
is(scalar(grep { $_->status == 403 } @answers), 5, 'of 40 wrong guesses on two nodes 5 are compared');

# ---- one memcached is lost
my @registered = map { [register(client => $clients[$_ % 2], tenant => $tenant)] } 1 .. 16;
codes_of($_->[1]) for @registered;
$memcached[1]->kill9;
my %seen;
for my $number (0 .. $#registered) {
    my ($answer, $who) = @{ $registered[$number] };
    my $confirm = sub { $clients[$number % 2]->post('/api/v1/auth/register/confirm', { tenant_slug => $slug, challenge_id => $_[0], code => $_[1] }) };
    my $began = time;
    my $status = $confirm->($answer->data->{challenge_id}, codes_of($who))->status;
    $seen{$status}++;
    next if $status == 200;
    my $resumed = $clients[1 - $number % 2]->post('/api/v1/auth/register/resume', { tenant_slug => $slug, email => $who->{email} });
    is($resumed->status, 200, 'a lost challenge: resume gives another') or diag($resumed->body);
    is($confirm->($resumed->data->{challenge_id}, codes_of($who, 2))->status, 200, 'which works');
    cmp_ok(time - $began, '<', 60, 'in bounded time');
}

# A challenge is several keys, which need not be on the same server.
like(join(' ', sort keys %seen), qr/^(?:200 )?404$/, 'challenges went with it, and nothing else happened') or diag(explain \%seen);
outcome(me(1, $session->{access_token}), 200, 102000, 'sessions do not notice');
$memcached[1]->start;
sleep 1.2;
ok(eval { register_member(tenant => $tenant, server => $nodes[1]); 1 }, 'a registration after its return') or diag($@);

# ---- key rotation over both
my $file = "$nodes[0]{keys}/signing.jwks";
my $old = kid($session->{access_token});
my $listed = sub { my ($node) = @_; return join ' ', sort map { $_->{kid} }
        @{ JSON::PP->new->decode($clients[$node]->get('/.well-known/jwks.json')->body)->{keys} } };
my $new = JSON::PP->new->decode($nodes[0]->ctl(qw(key generate --alg ES256 --json --file), $file))->{key}{kid};
$_->graceful for @nodes;    # both know it before either signs with it

# A child of before may still take a connection.
my @keys;
wait_until(30, sub { @keys = map { $listed->($_) } 0, 1; $keys[0] eq $keys[1] && $keys[0] =~ /\Q$new\E/ });
is($keys[1], $keys[0], 'both publish the same keys');
like($keys[0], qr/\Q$_\E/, "among them $_") for $old, $new;
$nodes[0]->ctl(qw(key activate --kid), $new, '--file', $file);
$nodes[0]->graceful;

my $fresh = $session;
my $turn = sub { $fresh = $clients[0]->post('/api/v1/auth/token/refresh', { refresh_token => $fresh->{refresh_token} })->data };
ok(wait_until(30, sub { kid($turn->()->{access_token}) eq $new }), 'a refresh at the node that has changed over is signed by the new key');
outcome(me(1, $fresh->{access_token}), 200, 102000, 'which the other node takes before its own change');
$nodes[1]->graceful;
for my $node (0, 1) {
    outcome(me($node, $_), 200, 102000, 'tokens of either key serve at ' . ($node + 1)) for $fresh->{access_token}, $session->{access_token};
}

expect_log(qr/CE\d+: .* failed \(memcached\)|memcached/);
finish();
