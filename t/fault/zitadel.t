# A ZITADEL that fails in every way: 502 for register and login, no password check made twice, and afterwards neither an
# orphan there nor a lost use of the invite here, whatever was cut, lost, late or killed.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Process qw(wait_until);
use CloudEP::Zitadel;
use Time::HiRes qw(sleep);

my $zitadel = zitadel();
my $RESERVED = 5;
my $server = zitadel_server($zitadel, values => {
        CloudEPZitadelTimeout => 700, CloudEPZitadelPasswordTimeout => 1500, CloudEPZitadelFailures => 1000,
        CloudEPReservedLifetime => $RESERVED,
});
my $tenant = zitadel_tenant($server, $zitadel);
my $client = client(server => $server);
my $member = register_member(tenant => $tenant);
my $true = JSON::PP::true;

sub sign_up { return (register(client => $client, tenant => $tenant, @_))[0] }
sub uses { return $server->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $tenant->{invite}) }
sub members { return $server->value('SELECT count(*) FROM cloudep.members') }

expect_log(qr/CE101: (?:creating the user at the identity provider|checking the password) failed \(identity provider\)/);
my $used = uses();

# Within so many seconds the use of the invite is back; then nobody may be left over either.
sub is_undone {
    my ($name, $seconds) = @_;
    ok(wait_until($seconds, sub { uses() == $used }), "$name: the use of the invite is given back");
    is_in_step($server, $zitadel, 'and nobody is left over');
}

# ---- failures with an answer, or none: whatever ZITADEL did is over when we know, and undone at once
my %failures = (
    'status 500' => { status => 500 },
    'status 500 after the work' => { status => 500, after => $true },
    'an internal error with an id' => { error => { code => 13, id => 'COMMAND-CahN2' } },
    'status 429 of the edge' => { status => 429 },
    'a quota that is used up' => { quota => $true },
    'JSON that breaks off' => { bad_json => $true },
    'an answer that is too large' => { huge_body => 300_000 },
    'an answer that is no JSON' => { status => 200, body => '<html>' },
    'an answer that says nothing' => { status => 404, json => { code => 5, message => 'Not Found' } },
    'no permission' => { error => { code => 7, id => 'AUTH-AWfge' } },
    'no membership' => { error => { code => 5, id => 'AUTHZ-cdgFk' } },
    'a validation without an id' => { status => 400, json => { code => 3, message => 'invalid' } },
    'a token that is refused' => { error => { code => 16, id => 'AUTH-7fs1e' } },
);
for my $name (sort keys %failures) {
    for my $case (['/v2/users/human', \&sign_up, 'register'], ['/v2/sessions', sub { login($member) }, 'login']) {
        my ($path, $operation, $what) = @$case;
        $zitadel->fault(path => $path, %{ $failures{$name} });
        $zitadel->door(DELETE => 'requests');
        outcome($operation->(), 502, 28802000, "$what: $name");
        is(asked($zitadel, "POST $path"), 1, 'asked once');
        $zitadel->clear_faults;
    }
}
is_undone('at once', 0);

# ---- a password check is never made twice, also on a connection that was kept
$zitadel->fault(path => '/v2/sessions', cut => 'after');
for my $kept (0, 1) {
    $zitadel->api(GET => "/v2/users/$member->{uid}");
    $zitadel->door(DELETE => 'requests');
    outcome(login($member, password => fresh_password()), 502, 28802000, 'login: the answer is lost');
    is(asked($zitadel, 'POST /v2/sessions'), 1, 'and the check not made again');
    register_member(tenant => $tenant);    # leaves a connection to be used again
}
$zitadel->clear_faults;

# ---- a creation is asked for again, and found done or not
$zitadel->fault(path => '/v2/users/human', cut => $_, times => 1) and outcome(sign_up(), 200, 102000, "register: cut $_ the work, once")
    for qw(before after mid);
$used = uses();

# ---- in doubt: nobody can tell what ZITADEL does yet, so the member stays reserved until the sweep
$zitadel->fault(path => '/v2/users/human', cut => 'before');
outcome(sign_up(), 502, 28802000, 'register: cut always');
$zitadel->clear_faults;
$zitadel->fault(path => '/v2/users/human', delay_after_ms => 3000, times => 1);
$zitadel->fault(path => '/v2/users/human', delay_ms => 3000, abandon => 'run', times => 1);
my $email = fresh_email();
outcome(sign_up(), 502, 28802000, 'register: the answer comes too late');
outcome(sign_up(email => $email), 502, 28802000, 'register: the work is done too late');
my $late = sub { scalar grep { $_->{username} eq $email } $zitadel->users };
is($late->(), 0, 'we did not wait for it: the user is not there yet');
ok(wait_until(30, $late), 'but comes to be');
outcome(sign_up(email => $email), 409, 28303000, 'the address is taken until it is undone');
is_undone('by the sweep', 20);
outcome(sign_up(email => $email), 200, 102000, 'then the address is free again');
$used++;

# ---- a removal that fails is finished by the sweep; without the permission the user is deactivated
$zitadel->fault(path => '/v2/users/human', status => 500, after => $true, times => 1);
$zitadel->fault(method => 'DELETE', path => '/v2/users/*', status => 503, times => 2);
outcome(sign_up(), 502, 28802000, 'register: neither made nor undone');
is_undone('later', 25);
$zitadel->clear_faults;
$zitadel->fault(method => 'DELETE', path => '/v2/users/*', error => { code => 7, id => 'AUTH-AWfge' });
$zitadel->fault(path => '/v2/users/human', status => 500, after => $true, times => 1);
outcome(sign_up(email => ($email = fresh_email())), 502, 28802000, 'register: undone without the permission to delete');
is((grep { $_->{username} eq $email } $zitadel->users)[0]{state}, 'INACTIVE', 'the user is deactivated');
like($server->log, qr/CE616: .*may not delete users/, 'and the log says why');
$zitadel->clear_faults;
$zitadel->api(DELETE => "/v2/users/$_->{userId}") for grep { $_->{username} eq $email } $zitadel->users;

# ---- ZITADEL learns later that an address is confirmed, and before httpd stops
my $verified = sub { my ($uid) = @_; return (grep { $_->{userId} eq $uid } $zitadel->users)[0]{isVerified} };
$zitadel->fault(method => 'PATCH', path => '/v2/users/*', status => 503, times => 1);
my $told = register_member(tenant => $tenant);
$used++;
ok(wait_until(10, sub { $verified->($told->{uid}) }), 'it is told again when it did not take it');
$zitadel->fault(method => 'PATCH', path => '/v2/users/*', status => 503, times => 1);
$told = register_member(tenant => $tenant);
$used++;
ok(wait_until(5, sub { grep { $_->{route} eq 'PATCH /v2/users/:id' && $_->{body}{human}{email}{email} eq $told->{email} }
                @{ $zitadel->requests->{last} } }), 'once more');
ok(!$verified->($told->{uid}), 'in vain');
$server->restart;
ok($verified->($told->{uid}), 'httpd does not stop before it was told');

# ---- httpd is killed while ZITADEL creates the user
for my $spec ({ delay_ms => 1500 }, { delay_after_ms => 1400 }) {
    $zitadel->fault(path => '/v2/users/human', times => 1, %$spec);
    my $before = members();
    my $pid = fork // die;
    if (!$pid) {
        eval { sign_up() };
        POSIX::_exit(0);
    }
    ok(wait_until(5, sub { members() > $before }), 'a registration is under way');
    sleep 0.5;
    $server->kill9;
    waitpid $pid, 0;
    $server->start;
    ok(wait_until(5, sub { $zitadel->users > $before }), 'ZITADEL has finished its part');
    is(uses(), $used + 1, 'the use is taken');
    is_undone('httpd was killed meanwhile', 25);
}

# ---- ZITADEL is not there at all
$zitadel->stop;
outcome(login($member), 502, 28802000, 'login: ZITADEL is stopped');
outcome(login($member, email => fresh_email()), 502, 28802000, 'for an unknown email as well');
outcome(sign_up(), 502, 28802000, 'register: ZITADEL is stopped');
is($member->{client}->get('/api/v1/members/me')->status, 200, 'other operations work');

finish($server);
