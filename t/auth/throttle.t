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
my $budgets = "cloudep.budgets WHERE tenant_id = (SELECT id FROM cloudep.tenants WHERE slug = :'slug')";

sub try_password { my ($who, $password, %with) = @_; return ($with{client} // $client)->post('/api/v1/auth/login',
        { tenant_slug => $slug, email => $who, password => $password // fresh_password() }) }

# Changes rows of the tenant, and of no test beside this one.
sub change { my ($set, $which) = @_; return $server->psql("UPDATE cloudep.budgets SET $set WHERE $which AND tenant_id ="
            . " (SELECT id FROM cloudep.tenants WHERE slug = :'slug')", slug => $slug) }
sub forget_all { $server->psql("DELETE FROM $budgets", slug => $slug) }
sub end_waits { change('blocked_until = now()', "kind = 'password'") }

# Sets the failures of the one row of the kind that there is; the wait is over.
sub failed { $server->psql("UPDATE cloudep.budgets SET failures = :'n', blocked_until = now() WHERE kind = :'kind' AND tenant_id ="
            . " (SELECT id FROM cloudep.tenants WHERE slug = :'slug')", n => $_[0], kind => $_[1] // 'password', slug => $slug) }

# ---- an account: ten failures where it is known, a hundred of all other networks together, then waits that double
my $known = register_member(tenant => $tenant);
my $stranger = $client->with(address => '127.210.1.1');
for my $case (
    ['an account where it is known', $known, $client, 10, 3600], ['an account elsewhere', $known, $stranger, 100, 86_400],
    ['an email that nobody has', { email => fresh_email() }, $client, 100, 86_400])
{
    my ($what, $member, $from, $free, $longest) = @$case;
    my @from = (client => $from);
    forget_all();
    outcome(try_password($member->{email}, undef, @from), 401, 28501000, "$what, failure 1");
    failed($free - 2);
    outcome(try_password($member->{email}, undef, @from), 401, 28501000, "failure $_ of $free") for $free - 1, $free;
    my $blocked = outcome(try_password($member->{email}, undef, @from), 429, 28604000, 'the next one waits');
    ok($blocked->header('Retry-After') > 50 && $blocked->header('Retry-After') <= 60, 'the first wait is a minute') or diag($blocked->header('Retry-After'));
    for my $wait (120, 240, 480) {
        end_waits();
        outcome(try_password(uc $member->{email}, undef, @from), 401, 28501000, 'after the wait there is one guess');
        my $left = outcome(try_password($member->{email}, undef, @from), 429, 28604000, 'which begins a longer wait')->header('Retry-After');
        ok($left <= $wait && $left > $wait - 10, "of $wait seconds") or diag($left);
        outcome(try_password($member->{email}, $member->{password}, @from), 429, 28604000, 'the right password waits as well')
            if $member->{password};
    }
    failed($free + 80);
    outcome(try_password($member->{email}, undef, @from), 401, 28501000, 'a failure much later');
    my $left = outcome(try_password($member->{email}, undef, @from), 429, 28604000, 'waits')->header('Retry-After');
    ok($left > $longest - 10 && $left <= $longest, "$longest seconds and no longer") or diag($left);
    unlike($server->value("SELECT string_agg(subject, ' ') FROM $budgets AND kind = 'password'", slug => $slug), qr/\@/,
        'no email is in the table');
    next if !$member->{password};
    end_waits();
    outcome(try_password($member->{email}, $member->{password}, @from), 200, 102000, 'the right password is let in after the wait');
    is($server->value("SELECT count(*) FROM $budgets AND kind = 'password'", slug => $slug), 0, 'a right password forgets the failures');
    $server->psql("DELETE FROM cloudep.known_networks WHERE uid = :'uid' AND network = '127.210.1.1'", uid => $member->{uid});
    outcome(try_password($member->{email}, undef, @from), 401, 28501000, 'a first failure again');
    failed($free);
    outcome(try_password($member->{email}, undef, @from), 401, 28501000, 'after many more');
    outcome(try_password($member->{email}, undef, @from), 429, 28604000, 'waits');
    outcome(login($member, email => register_member(tenant => $tenant)->{email}), 401, 28501000, 'another account does not');
    $server->ctl(qw(lockout clear --tenant), $slug, '--email', $member->{email});
    outcome(try_password($member->{email}, $member->{password}, @from), 200, 102000, 'the operator lets it in at once');
}

# ---- what is forgotten when, and what is cleared by what
forget_all();
my ($home, $away) = ($client, $client->with(address => '127.210.1.2'));
my $failures = sub { $server->value("SELECT failures FROM $budgets AND kind = 'password' AND network = :'network'", slug => $slug, network => $_[0]) // 0 };
my $here = CloudEP::Client::own_address();
try_password($known->{email}, undef, client => $_) for $home, $away;
failed(4);
change("last_at = now() - interval '29 days 23 hours'", 'true');
outcome(try_password($known->{email}, undef, client => $_), 401, 28501000, 'a failure 29 days later') for $home, $away;
is($failures->($_), 5, 'is counted on') for $here, '';
change("last_at = now() - interval '30 days 1 minute'", 'true');
outcome(try_password($known->{email}, undef, client => $_), 401, 28501000, 'a failure after 30 days') for $home, $away;
is($failures->($_), 1, 'is the first again') for $here, '';
outcome(try_password($known->{email}, $known->{password}, client => $home), 200, 102000, 'a success where the account is known');
is($failures->($here), 0, 'forgets the failures there');
is($failures->(''), 1, 'and no others');
outcome(try_password($known->{email}, undef, client => $home), 401, 28501000, 'one more there');
outcome(try_password($known->{email}, $known->{password}, client => $away), 200, 102000, 'a success elsewhere');
is($failures->(''), 0, "forgets the strangers' failures");
is($failures->($here), 1, 'and no others');
is($server->value("SELECT count(*) FROM $budgets AND kind = 'network' AND network = :'here'", slug => $slug, here => $here), 0,
    'where the account is known the network counts nothing');

# ---- a right password waits for a failure that is being counted, and comes too late when that begins a wait
forget_all();
try_password($known->{email});
my $held = $server->pg->hold(1.2, "UPDATE cloudep.budgets SET blocked_until = now() + interval '1 minute' WHERE subject = '$known->{uid}'");
outcome(try_password($known->{email}, $known->{password}), 429, 28604000, 'the right password beside the last wrong one');
waitpid $held, 0;
forget_all();

# ---- other tenants do not share it
my $twin_tenant = tenant(server => $server);
my $twin = register_member(tenant => $twin_tenant);
register(client => $client, tenant => $tenant, email => $twin->{email});
outcome(try_password($twin->{email}), 401, 28501000, 'a failure');
failed(100);
outcome(try_password($twin->{email}), 401, 28501000, 'after many more');
outcome(try_password($twin->{email}), 429, 28604000, 'the account waits');
outcome(login($twin), 200, 102000, "the other tenant's account of the same email does not");

# ---- many at once get no more guesses than one after the other; the first wait is longer than they take
my $parallel = $client;
my $target = register_member(tenant => $tenant);
forget_all();
my @guesses = map { ['POST', '/api/v1/auth/login', { tenant_slug => $slug, email => $target->{email}, password => $_ }] }
    map { fresh_password() } 1 .. 40;
my @answers = $parallel->parallel(@guesses);
is(scalar(grep { $_->status == 401 } @answers), 10, 'of 40 parallel guesses ten are answered');
is(scalar(grep { $_->status == 429 && $_->header('Retry-After') } @answers), 30, 'the others are told to wait');
is($server->value("SELECT failures FROM $budgets AND kind = 'password'", slug => $slug), 10, 'guesses over the limit do not make the wait longer');

# The right one among many wrong ones is let in only before the limit, never after.
for my $round (1 .. 6) {
    forget_all();
    my @mixed = (@guesses[0 .. 19], ['POST', '/api/v1/auth/login', { tenant_slug => $slug, email => $target->{email},
                password => $target->{password} }], @guesses[20 .. 39]);
    my @each = $parallel->parallel(@mixed);
    my $in = $each[20]->status == 200;
    my $told = grep { $_->status == 401 } @each;
    ok($told <= 10 || $in && $told <= 20, "round $round: at most ten guesses are answered before and after a success") or diag($told);
    ok($in || $each[20]->status == 429, 'the right one is let in or told to wait') or diag($each[20]->raw);
}
forget_all();
@answers = $parallel->parallel((['POST', '/api/v1/auth/login', { tenant_slug => $slug, email => $target->{email},
                password => $target->{password} }]) x 20);
is(scalar(grep { $_->status == 200 } @answers), 20, 'twenty logins at once with the right password are no guesses');

# ---- an address, whatever the accounts
my $narrow = own_server(values => { %no_cooldown, CloudEPAddressAttempts => 8, CloudEPAddressLongestWait => 2,
        CloudEPCodesPerAddress => 6 })->start;
my $guesser = client(server => $narrow, address => '127.210.2.1');
my $at_home = register_member(tenant => $tenant);
try_password($at_home->{email}, $at_home->{password}, client => $guesser);
my $neighbour = $guesser->with(address => '127.200.1.1');
forget_all();
outcome(try_password(fresh_email(), undef, client => $guesser), 401, 28501000, "failure $_ of the address") for 1 .. 8;
outcome(try_password(fresh_email(), undef, client => $guesser), 429, 28604000, 'the address waits');
my $refused = outcome(try_password($target->{email}, $target->{password}, client => $guesser), 429, 28604000,
    'for every account, with the right password too');
is($refused->header('Retry-After'), 1, 'a second');
outcome(try_password($target->{email}, $target->{password}, client => $neighbour), 200, 102000, 'another address does not wait');
sleep 1.1;
outcome(try_password(fresh_email(), undef, client => $guesser), 401, 28501000, 'after the wait there is one guess');
outcome(try_password(fresh_email(), undef, client => $guesser), 429, 28604000, 'then a wait again');
outcome(try_password($at_home->{email}, $at_home->{password}, client => $guesser), 200, 102000, 'whoever is known there does not wait');
change('blocked_until = now()', "kind = 'network'");
outcome(try_password($target->{email}, $target->{password}, client => $guesser), 200, 102000, 'after the wait the address is let in');
outcome(try_password(fresh_email(), undef, client => $guesser), 401, 28501000, 'a success does not forget the failures of an address');
is_deeply($server->psql("SELECT network, failures FROM $budgets AND kind = 'network'", slug => $slug), [['127.210.2.1', 10]],
    'ten are counted for the address');

# ---- 0 switches the limit of networks off
my $open = own_server(values => { CloudEPAddressAttempts => 0 })->start;
forget_all();
outcome(try_password(fresh_email(), undef, client => client(server => $open)), 401, 28501000, "unlimited failure $_") for 1 .. 7;
is($server->value("SELECT count(*) FROM $budgets AND kind = 'network'", slug => $slug), 0, 'nothing is counted');

# ---- IPv6: a /64 is one client, and a /56 and a /48 are counted too, four and sixteen times as much
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
is_deeply([map { $_->[0] } @{ $server->psql("SELECT network FROM $budgets AND kind = 'network' ORDER BY 1", slug => $slug) }],
    ['192.0.2.7', '2001:db8:1:2::/64', '2001:db8:1:3::/64', '2001:db8:1::/48', '2001:db8:1::/56'], 'each address is counted as what it is');
forget_all();
my @of_56 = map { $from->(sprintf '2001:db8:2:%x::1', $_)->status } 0 .. 12;
is_deeply(\@of_56, [(401) x 12, 429], 'twelve guesses from as many /64 of a /56, then all of it waits');
outcome($from->('2001:db8:2:100::1'), 401, 28501000, 'the next /56 does not');
forget_all();
my @of_48 = map { $from->(sprintf '2001:db8:3:%x00::1', $_)->status } 0 .. 48;
is_deeply(\@of_48, [(401) x 48, 429], 'forty-eight guesses from as many /56 of a /48, then all of it waits');
outcome($from->('2001:db8:4::1'), 401, 28501000, 'the next /48 does not');

# ---- codes: three an hour to one target, though the cooldown is off; a network where the account is known has its own
my $forgot = sub { my ($who, $by) = @_; return ($by // $client)->post('/api/v1/auth/password/forgot',
        { tenant_slug => $slug, email => $who->{email} }) };
stay_within(3600, 30);
my $mailed = register_member(tenant => $tenant);    # one, for which nobody was known
my @strangers = map { $client->with(address => "127.202.1.$_") } 1 .. 3;
outcome($forgot->($mailed, $strangers[$_]), 200, 102000, "code " . ($_ + 2) . " to a target, by a stranger") for 0 .. 1;
my $capped = outcome($forgot->($mailed, $strangers[2]), 429, 29604000, 'the fourth code has to wait');
ok($capped->header('Retry-After') <= 3600, 'for the next hour') or diag($capped->header('Retry-After'));
outcome($forgot->($mailed), 200, 102000, "code $_ that the owner asks for") for 1 .. 3;
outcome($forgot->($mailed), 429, 29604000, 'has a cap of its own');
is(scalar($server->mails($mailed->{email}, 6)), 6, 'no mail beyond those was written');
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
$pg->psql('ALTER TABLE cloudep.budgets RENAME TO budgets_away');
expect_log(qr/statement \w+: |(?:asking for|clearing) a lockout failed|counting a guess failed/);
outcome(login($counted), 500, 28201000, 'the right password without the table of budgets');
outcome(login($counted, password => fresh_password()), 500, 28201000, 'a wrong one');

finish();
