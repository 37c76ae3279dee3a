# Wrong passwords make account and client address wait, the same for who is not there; codes are capped an hour.
use strict;
use warnings;
use CloudEP::Test;
use Time::HiRes qw(sleep);

my %no_cooldown = (CloudEPCodeCooldown => 0);
my $server = own_server(values => { %no_cooldown, CloudEPCodesPerTarget => 3 })->start;
my $tenant = tenant(server => $server);
my $slug = $tenant->{slug};
my $client = client(server => $server);
my $lockouts = "cloudep.lockouts WHERE tenant_id = (SELECT id FROM cloudep.tenants WHERE slug = :'slug')";

sub try_password { my ($who, $password, %with) = @_; return ($with{client} // $client)->post('/api/v1/auth/login',
        { tenant_slug => $slug, email => $who, password => $password // fresh_password() }) }
sub forget_all { $server->psql("DELETE FROM $lockouts", slug => $slug) }
sub end_waits { $server->psql("UPDATE cloudep.lockouts SET blocked_until = now() WHERE kind = 'password'") }

# ---- an account: five failures, then waits that double, up to 15 minutes
for my $case (['an account', register_member(tenant => $tenant)], ['an email that nobody has', { email => fresh_email() }]) {
    my ($what, $member) = @$case;
    forget_all();
    outcome(try_password($member->{email}), 401, 28501000, "$what, failure $_") for 1 .. 5;
    my $blocked = outcome(try_password($member->{email}), 429, 28604000, 'the next one waits');
    is($blocked->header('Retry-After'), 1, 'the first wait is a second');
    sleep 1.1;
    for my $wait (2, 4, 8) {
        outcome(try_password(uc $member->{email}), 401, 28501000, 'the wait ends by itself');
        my $left = outcome(try_password($member->{email}), 429, 28604000, 'a further failure begins a longer one')->header('Retry-After');
        ok($left == $wait || $left == $wait - 1, "of $wait seconds") or diag($left);
        outcome(try_password($member->{email}, $member->{password}), 429, 28604000, 'the right password waits as well')
            if $member->{password};
        end_waits();
    }
    $server->psql("UPDATE cloudep.lockouts SET failures = 90 WHERE kind = 'password'");
    outcome(try_password($member->{email}), 401, 28501000, 'the ninety-first failure');
    my $longest = outcome(try_password($member->{email}), 429, 28604000, 'waits')->header('Retry-After');
    ok($longest > 890 && $longest <= 900, 'a quarter of an hour and no longer') or diag($longest);
    unlike($server->value("SELECT string_agg(subject, ' ') FROM $lockouts AND kind = 'password'", slug => $slug), qr/\@/,
        'no email is in the table');
    next if !$member->{password};
    end_waits();
    outcome(login($member), 200, 102000, 'the right password is let in after the wait');
    is($server->value("SELECT count(*) FROM $lockouts AND kind = 'password'", slug => $slug), 0, 'a right password forgets the failures');
    outcome(try_password($member->{email}), 401, 28501000, "failure $_ of five new ones") for 1 .. 5;
    outcome(try_password($member->{email}), 429, 28604000, 'waits');
    outcome(login($member, email => register_member(tenant => $tenant)->{email}), 401, 28501000, 'another account does not');
    $server->ctl(qw(lockout clear --tenant), $slug, '--email', $member->{email});
    outcome(login($member), 200, 102000, 'the operator lets it in at once');
}

# ---- other tenants do not share it
my $twin_tenant = tenant(server => $server);
my $twin = register_member(tenant => $twin_tenant);
register(client => $client, tenant => $tenant, email => $twin->{email});
outcome(try_password($twin->{email}), 401, 28501000, "failure $_") for 1 .. 5;
outcome(try_password($twin->{email}), 429, 28604000, 'the account waits');
outcome(login($twin), 200, 102000, "the other tenant's account of the same email does not");

# ---- many at once get no more guesses than one after the other; the first wait is longer than they take
my $parallel = client(server => own_server(values => { CloudEPLoginWait => 60 })->start);
my $target = register_member(tenant => $tenant);
forget_all();
my @guesses = map { ['POST', '/api/v1/auth/login', { tenant_slug => $slug, email => $target->{email}, password => $_ }] }
    map { fresh_password() } 1 .. 40;
my @answers = $parallel->parallel(@guesses);
is(scalar(grep { $_->status == 401 } @answers), 5, 'of 40 parallel guesses five are answered');
is(scalar(grep { $_->status == 429 && $_->header('Retry-After') } @answers), 35, 'the others are told to wait');
is($server->value("SELECT failures FROM $lockouts AND kind = 'password'", slug => $slug), 5, 'guesses over the limit do not make the wait longer');

# The right one among many wrong ones is let in only before the limit, never after.
for my $round (1 .. 6) {
    forget_all();
    my @mixed = (@guesses[0 .. 19], ['POST', '/api/v1/auth/login', { tenant_slug => $slug, email => $target->{email},
                password => $target->{password} }], @guesses[20 .. 39]);
    my @each = $parallel->parallel(@mixed);
    my $in = $each[20]->status == 200;
    my $told = grep { $_->status == 401 } @each;
    ok($told <= 5 || $in && $told <= 10, "round $round: at most five guesses are answered before and after a success") or diag($told);
    ok($in || $each[20]->status == 429, 'the right one is let in or told to wait') or diag($each[20]->raw);
}
forget_all();
@answers = $parallel->parallel((['POST', '/api/v1/auth/login', { tenant_slug => $slug, email => $target->{email},
                password => $target->{password} }]) x 20);
is(scalar(grep { $_->status == 200 } @answers), 20, 'twenty logins at once with the right password are no guesses');

# ---- an address, whatever the accounts
my $narrow = own_server(values => { %no_cooldown, CloudEPAddressAttempts => 8, CloudEPAddressLongestWait => 2,
        CloudEPCodesPerAddress => 6 })->start;
my $guesser = client(server => $narrow);
my $neighbour = $guesser->with(address => '127.200.1.1');
forget_all();
outcome(try_password(fresh_email(), undef, client => $guesser), 401, 28501000, "failure $_ of the address") for 1 .. 8;
outcome(try_password(fresh_email(), undef, client => $guesser), 429, 28604000, 'the address waits');
my $refused = outcome(try_password($target->{email}, $target->{password}, client => $guesser), 429, 28604000,
    'for every account, with the right password too');
is($refused->header('Retry-After'), 1, 'a second');
outcome(try_password($target->{email}, $target->{password}, client => $neighbour), 200, 102000, 'another address does not wait');
sleep 1.1;
outcome(try_password($target->{email}, $target->{password}, client => $guesser), 200, 102000, 'after the wait the address is let in');
outcome(try_password(fresh_email(), undef, client => $guesser), 401, 28501000, 'a success does not forget the failures of an address');
my ($subject, $failures) = @{ $server->psql("SELECT subject, failures FROM $lockouts AND kind = 'address'", slug => $slug)->[0] };
is($failures, 9, 'nine are counted');
is($subject, CloudEP::Client::own_address(), 'the failures are counted for the address');

# ---- 0 switches a limit off
my $open = own_server(values => { CloudEPLoginAttempts => 0, CloudEPAddressAttempts => 0 })->start;
forget_all();
outcome(try_password($target->{email}, undef, client => client(server => $open)), 401, 28501000, "unlimited failure $_") for 1 .. 7;
is($server->value("SELECT count(*) FROM $lockouts", slug => $slug), 0, 'nothing is counted');

# ---- IPv6: a /64 is one client
my $behind = own_server(values => { CloudEPAddressAttempts => 3 }, with => [
        'LoadModule remoteip_module "' . CloudEP::Httpd::apxs('LIBEXECDIR') . '/mod_remoteip.so"',
        'RemoteIPHeader X-Client', 'RemoteIPInternalProxy 127.0.0.0/8'])->start;
my $proxy = client(server => $behind);
forget_all();
my $from = sub { $proxy->post('/api/v1/auth/login', { tenant_slug => $slug, email => fresh_email(),
            password => fresh_password() }, 'X-Client' => $_[0]) };
outcome($from->("2001:db8:1:2::$_"), 401, 28501000, "host $_ of a /64") for 1 .. 3;
outcome($from->('2001:db8:1:2:ffff::9'), 429, 28604000, 'its fourth host waits');
outcome($from->('2001:db8:1:3::1'), 401, 28501000, 'the next /64 does not');
outcome($from->('::ffff:192.0.2.7'), 401, 28501000, 'an IPv4 address in IPv6 clothes');
is_deeply([map { $_->[0] } @{ $server->psql("SELECT subject FROM $lockouts AND kind = 'address' ORDER BY 1", slug => $slug) }],
    ['192.0.2.7', '2001:db8:1:2::/64', '2001:db8:1:3::/64'], 'each address is counted as what it is');

# ---- codes: three an hour to one target, though the cooldown is off
my $forgot = sub { my ($who, $by) = @_; return ($by // $client)->post('/api/v1/auth/password/forgot',
        { tenant_slug => $slug, email => $who->{email} }) };
stay_within(3600, 30);
my $mailed = register_member(tenant => $tenant);    # one
outcome($forgot->($mailed), 200, 102000, "code $_ to a target") for 2 .. 3;
my $capped = outcome($forgot->($mailed), 429, 29604000, 'the fourth code has to wait');
ok($capped->header('Retry-After') <= 3600, 'for the next hour') or diag($capped->header('Retry-After'));
is(scalar($server->mails($mailed->{email}, 3)), 3, 'no fourth mail was written');
outcome($client->post('/api/v1/auth/register/resume', { tenant_slug => $slug, email => (my $late = fresh_email()) }), 404, 29301000,
    'another target is not held up');

# Six an hour by one address, whatever the targets.
my @others = map { register_member(tenant => $tenant) } 1 .. 7;
my $far = $guesser->with(address => '127.201.' . (1 + int rand 250) . '.' . (1 + int rand 250));
stay_within(3600, 30);
outcome($forgot->($others[$_], $far), 200, 102000, 'code ' . ($_ + 1) . ' of an address') for 0 .. 5;
outcome($forgot->($others[6], $far), 429, 29604000, 'the seventh has to wait');
outcome($forgot->($others[6], $neighbour), 200, 102000, 'another address is not held up');

# And of one tenant.
my $small = own_server(values => { %no_cooldown, CloudEPCodesPerTenant => 2 })->start;
my $crowd = tenant(server => $small);
stay_within(3600, 30);
my @registered = map { (register(client => client(server => $small), tenant => $crowd))[0] } 1 .. 3;
outcome($registered[$_], 200, 102000, 'code ' . ($_ + 1) . ' of a tenant') for 0 .. 1;
outcome($registered[2], 429, 28604000, 'the third has to wait');
is($small->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $crowd->{invite}), 2, 'a code over the cap takes no use of the invite');

# ---- who cannot be counted is not let in
my $pg = own_postgres();
my $alone = own_server(pg => $pg)->start;
my $counted = register_member(server => $alone);
$pg->psql('ALTER TABLE cloudep.lockouts RENAME TO lockouts_away');
expect_log(qr/statement \w+: |(?:asking for|clearing) a lockout failed|counting a wrong password failed/);
outcome(login($counted), 500, 28201000, 'the right password without the table of lockouts');
outcome(login($counted, password => fresh_password()), 500, 28201000, 'a wrong one');

finish();
