# Signing keys are rotated, as doc/operations.md says, under clients that never pause, with refresh tokens that are signed by
# them too (CloudEPRefreshTokens signed): nobody is logged out, no request
# is lost, and what the old key has signed is good until it is retired and not a moment longer.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Load qw(judge);
use CloudEP::Process qw(slurp spew wait_until);
use CloudEP::Test;
use File::Path qw(make_path);

my @ALGORITHMS = qw(EdDSA ES384 RS256 ES256);    # of the new keys, in turn
my $server = own_server(keys => undef, values => { CloudEPRefreshTokens => 'signed' }, with => ['<Location /guarded>', 'AuthType CloudEP', 'AuthName x', 'Require valid-user', '</Location>'])->start;
my $dir = $server->{dir};
my @file = ('--file', "$server->{keys}/signing.jwks");
make_path("$dir/htdocs/guarded");
spew("$dir/htdocs/guarded/index.html", 'inside');

my $client = client(server => $server, watch => undef);
my $tenant = tenant(server => $server);

sub me { my ($session) = @_; return $client->with(token => $session->{access})->get('/api/v1/members/me') }
sub guarded { my ($session) = @_; return $client->with(token => $session->{access})->get('/guarded/index.html') }
sub refresh { my ($session) = @_; return $client->post('/api/v1/auth/token/refresh', { refresh_token => $session->{refresh} }) }
sub kid { return (CloudEP::Jwt::parts($_[0]))[0]{kid} }

# Takes the tokens of a successful answer over.
sub take {
    my ($session, $answer) = @_;
    @{$session}{qw(access refresh)} = @{ $answer->data }{qw(access_token refresh_token)};
}

# ---- clients: each goes on with its own session, and says so when its tokens are newer than the wish for them
my $load = CloudEP::Load->new($dir);
my @names;

# Starts a client that does $do->(\%count, $session); what it does is true when that gave it new tokens.
sub start {
    my ($name, $do) = @_;
    my $session = register_member(tenant => $tenant);
    $session->{client} = $client;
    my $renewed = '';
    push @names, $name;
    $load->start($name, sub {
            my ($count) = @_;
            my $wanted = eval { slurp("$dir/renew") } // '';
            my $new = $do->($count, $session, $wanted ne $renewed);
            spew("$dir/renewed.$name", $renewed = $wanted) if $new && $wanted ne $renewed;
    });
}

# A client that uses a token for as long as it may: it refreshes only when it has to.
sub uses {
    my ($name, $use) = @_;
    start($name, sub {
            my ($count, $session, $renew) = @_;
            judge($count, $use->($session));
            return 0 if !$renew;
            my $answer = refresh($session);
            return judge($count, $answer) && do { take($session, $answer); 1 };
    });
}
uses("me $_", \&me) for 1, 2;
uses('guarded', \&guarded);
start('refresh', sub {
        my ($count, $session) = @_;
        my $answer = refresh($session);
        return judge($count, $answer) && do { take($session, $answer); judge($count, me($session)) };
});
start('login', sub {
        my ($count, $session) = @_;
        my $answer = login($session);
        return judge($count, $answer) && do { take($session, $answer); judge($count, guarded($session)) };
});

# ---- rotations
sub children { return CloudEP::Process::children($server->pid) }

# What the documentation calls a reload of every node: over when nobody works with the old file any more.
sub reload {
    my %old = map { $_ => 1 } children();
    $server->graceful;
    wait_until(20, sub { !grep { $old{$_} } children() }) or die "children of before the restart are still there\n";
}

sub keys_command { return JSON::PP->new->decode($server->ctl('key', @_, @file, '--json')) }
sub published { return join ' ', sort map { $_->{kid} } @{ JSON::PP->new->decode($client->get('/.well-known/jwks.json')->body)->{keys} } }

# Everything that the session's tokens are good for.
sub serves {
    my ($session, $when) = @_;
    outcome(me($session), 200, 102000, "$when: an old token serves");
    is(guarded($session)->status, 200, 'also for what is guarded');
}

my $idle = register_member(tenant => $tenant);    # its client is away, and comes back just in time each time
for my $round (1 .. @ALGORITHMS) {
    my $old = kid($idle->{access});
    my $late = register_member(tenant => $tenant);    # its client comes back too late
    my $new = keys_command('generate', '--alg', $ALGORITHMS[$round - 1])->{key}{kid};
    reload();
    is(published(), join(' ', sort $old, $new), "rotation $round: both keys are published");
    my $before = register_member(tenant => $tenant);
    is(kid($before->{access}), $old, 'the new one is not in use');
    serves($idle, 'generated');

    keys_command('activate', '--kid', $new);
    reload();
    my $after = register_member(tenant => $tenant);
    is(kid($after->{access}), $new, 'then it is');
    serves($_, 'activated') for $idle, $after;

    # The wait for CloudEPSessionIdleTimeout ends when every refresh token in use is of the new key; so it does here.
    spew("$dir/renew", $round);
    ok(wait_until(20, sub { !grep { (eval { slurp("$dir/renewed.$_") } // '') ne $round } @names }), 'every client gets new tokens');
    serves($_, 'at the end of the wait') for $idle, $late;
    take($idle, outcome(refresh($idle), 200, 102000, 'and can be refreshed'));
    is(kid($idle->{refresh}), $new, 'into one of the new key');

    keys_command('retire', '--kid', $old);
    reload();
    is(published(), $new, 'retired: the old key is gone');
    serves($_, 'retired') for $idle, $after;
    outcome(me($late), 401, 29501000, 'what it has signed is not accepted any more');
    is(guarded($late)->status, 401, 'nowhere');
    outcome(refresh($late), 401, 28501000, 'nor can it be refreshed');
}

my $sum = $load->end;
diag("\n" . @ALGORITHMS . ' rotations: ', join ', ', map { "$_ $sum->{$_}" } sort keys %$sum);
is($sum->{lost}, 0, 'no request was lost');
is($sum->{wrong}, 0, 'nobody was logged out');
cmp_ok($sum->{answered}, '>', 500, 'there was a load');

finish();
