# Attempts at a registration, with the identity provider "zitadel": one user there for the member, whoever was first.
use strict;
use warnings;
use CloudEP::Attempts;
use CloudEP::Challenge;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use CloudEP::Zitadel;
use POSIX ();

my $zitadel = zitadel();
my $server = zitadel_server($zitadel, values => { CloudEPCodesPerTarget => 0, CloudEPCodesPerAddress => 0,
        CloudEPZitadelPasswordTimeout => 1000 });
my $tenant = zitadel_tenant($server, $zitadel, uses => 100);
my %at = (server => $server, tenant => $tenant);
my $users = '/v2/users/human';
my $true = JSON::PP::true;

sub users_of { my ($email) = @_; return grep { $_->{email} eq $email } $zitadel->users }
sub user_ids { my ($email) = @_; return join ' ', sort map { $_->{userId} } users_of($email) }
sub pair {
    my $theirs = attempt_register(\%at, display_name => 'Mallory');
    return ($theirs, attempt_resume(\%at, $theirs->{email}, password => fresh_password(), accept_terms_version => '1'));
}

subtest 'two people at one address' => sub { two_people(%at) };
is_in_step($server, $zitadel, 'each member is the one user there');
subtest 'mail that comes late' => sub { late_mail(%at) };

subtest 'what is where' => sub {
    my ($theirs, $mine) = pair();
    is(user_ids($mine->{email}), $theirs->{uid}, 'an attempt beside another makes no user');
    my $kept = $server->value("SELECT password FROM cloudep.registration_attempts WHERE uid = :'uid'", uid => $mine->{uid});
    like($kept, qr/^v1\./, 'its password waits sealed');
    outcome(attempt_confirm($mine), 200, 102000, 'confirmed');
    is(user_ids($mine->{email}), $mine->{uid}, 'its user is the only one');
    is((users_of($mine->{email}))[0]{username}, $mine->{email}, 'known by the address');
    ok(wait_until(10, sub { (users_of($mine->{email}))[0]{isVerified} }), 'which is confirmed there, too');
};

subtest 'the one who was first needs nothing of ZITADEL' => sub {
    my ($theirs) = pair();
    $zitadel->door(DELETE => 'requests');
    outcome(attempt_confirm($theirs), 200, 102000, 'confirmed');
    is(asked($zitadel, "POST $users"), 0, 'without another user');
    is(asked($zitadel, 'DELETE /v2/users/:id'), 0, 'and without removing one');
};

subtest 'a password that ZITADEL refuses' => sub {
    my $theirs = attempt_register(\%at);
    my $mine = attempt_resume(\%at, $theirs->{email}, password => secret('no-capitals-here-1'), accept_terms_version => '1');
    my $data = outcome(attempt_confirm($mine), 200, 102000, 'does not undo the proof of the address')->data;
    ok($data->{password_required}, 'and another one is asked for');
    outcome(login($mine), 401, 28501000, 'that one never gets in');
    is(user_ids($mine->{email}), $mine->{uid}, 'the user is there');
    my $long = $mine->{client}->post('/api/v1/auth/register/resume', { tenant_slug => $tenant->{slug}, email => attempt_register(\%at)->{email},
            password => secret('Pw-7' . 'x' x 69) });
    is(outcome($long, 400, 10101000, 'one that is known to be too long')->errors->[0]{field}, 'password', 'is told at once');
};

subtest 'a password that cannot be opened any more' => sub {
    my ($theirs, $mine) = pair();
    $server->psql("UPDATE cloudep.registration_attempts SET password = (SELECT password FROM cloudep.registration_attempts WHERE uid = :'other')"
            . " WHERE uid = :'uid'", uid => $mine->{uid}, other => $theirs->{uid});
    my $data = outcome(attempt_confirm($mine), 200, 102000, 'as another attempt sealed it')->data;
    ok($data->{password_required}, 'is asked for again');
    outcome(login($_), 401, 28501000, 'and lets nobody in') for $mine, $theirs;
};

subtest 'ZITADEL fails' => sub {
    my ($theirs, $mine) = pair();
    expect_log(qr/CE101: creating the user at the identity provider failed \(identity provider\)/);
    $zitadel->fault(path => $users, status => 503, times => 1);
    outcome(attempt_confirm($mine), 502, 28802000, 'no user is made');
    outcome(attempt_confirm($mine), 200, 102000, 'the code is good still');
    outcome(login($mine), 200, 102000, 'and the password');
    is(user_ids($mine->{email}), $mine->{uid}, 'with one user');

    ($theirs, $mine) = pair();
    $zitadel->fault(path => $users, error => { code => 7, id => 'AUTH-AWfge' }, times => 1);
    outcome(attempt_confirm($mine), 502, 28802000, 'no user is made, the first one is gone');
    is(user_ids($mine->{email}), '', 'nobody is there');
    outcome(attempt_confirm($theirs), 200, 102000, 'the first one confirms all the same');
    is(user_ids($mine->{email}), $theirs->{uid}, 'and is there again');
    outcome(login($theirs), 200, 102000, 'with the password of then');

    ($theirs, $mine) = pair();
    $zitadel->fault(path => $users, delay_ms => 3000, abandon => 'run', times => 1);
    outcome(attempt_confirm($mine), 502, 28802000, 'a user who may be made yet');
    is(outcome(attempt_confirm($theirs), 409, 28309000, 'is in the way of the others')->json->{reason}, 'registration_busy', 'for a while');
    ok(wait_until(10, sub { user_ids($mine->{email}) eq $mine->{uid} }), 'it comes to be');
    $server->psql("UPDATE cloudep.members SET confirming_until = now() - interval '1 second' WHERE email = :'email'", email => $mine->{email});
    ok(wait_until(20, sub { attempt_confirm($theirs)->status == 200 }), 'then the others are let through');
    is(user_ids($mine->{email}), $theirs->{uid}, 'and it goes');

    ($theirs, $mine) = pair();
    $zitadel->fault(method => 'DELETE', path => '/v2/users/*', status => 503, times => 1);
    outcome(attempt_confirm($mine), 502, 28802000, 'the first one is not removed');
    outcome(attempt_confirm($mine), 200, 102000, 'until it is');
    is(user_ids($mine->{email}), $mine->{uid}, 'then there is one user');
    is_in_step($server, $zitadel, 'nobody is left over');
};

subtest 'somebody else there has the name' => sub {
    my ($theirs, $mine) = pair();
    $zitadel->fault(method => 'DELETE', path => '/v2/users/*', error => { code => 7, id => 'AUTH-AWfge' });
    expect_log(qr/CE616: /);
    outcome(attempt_confirm($mine), 200, 102000, 'users are deactivated only, and keep their names');
    $zitadel->clear_faults;
    my ($user) = grep { $_->{userId} eq $mine->{uid} } users_of($mine->{email});
    is($user->{username}, $mine->{uid}, 'then it is called by its uid');
    outcome(login($mine), 200, 102000, 'and logs in');
    $zitadel->api(DELETE => "/v2/users/$theirs->{uid}");
};

subtest 'another confirmation is under way' => sub {
    my ($theirs, $mine) = pair();
    my $took = sub { $server->psql("UPDATE cloudep.members SET confirming = gen_random_uuid(), confirming_until = now() + interval '$_[0]',"
                . " provider_uids = '{$theirs->{uid},$mine->{uid}}' WHERE email = :'email'", email => $mine->{email}) };
    $took->('1 hour');
    my $busy = outcome(attempt_confirm($mine), 409, 28309000, 'it has to wait');
    is($busy->json->{reason}, 'registration_busy', 'and is told why');
    $took->('-1 second');
    outcome(attempt_confirm($mine), 200, 102000, 'until that one has run out, by the same code');
    is(user_ids($mine->{email}), $mine->{uid}, 'with one user');
};

subtest 'the sweep takes over' => sub {
    my ($theirs, $mine) = pair();
    $server->psql("UPDATE cloudep.members SET confirming = gen_random_uuid(), confirming_until = now() - interval '1 second'"
            . " WHERE email = :'email'", email => $mine->{email});
    ok(wait_until(20, sub { user_ids($mine->{email}) eq '' }), 'what an interrupted confirmation left there is removed');
    ok(wait_until(5, sub { $server->value("SELECT confirming IS NULL AND provider_uids = '{}' FROM cloudep.members WHERE email = :'email'",
                    email => $mine->{email}) eq 't' }), 'and the lease is given back');
    outcome(attempt_confirm($theirs), 200, 102000, 'the first one makes its user again');
    outcome(login($theirs), 200, 102000, 'with its password');
    is(user_ids($mine->{email}), $theirs->{uid}, 'and is alone');
};

subtest '64 confirm two attempts' => sub {
    my ($theirs, $mine) = pair();
    my @answers = $mine->{client}->parallel(map { ['POST', '/api/v1/auth/register/confirm', { tenant_slug => $_->{slug},
                    challenge_id => $_->{challenge_id}, code => $_->{code} }] } (($theirs, $mine) x 32));
    my @won = grep { $_->status == 200 } @answers;
    is(scalar @won, 1, 'one wins') or diag(join ' ', map { $_->status } @answers);
    is(scalar(grep { $_->status !~ /^(?:200|404|409|503)$/ } @answers), 0, 'the others are told why not');
    my ($winner, $loser) = $won[0]->data->{uid} eq $mine->{uid} ? ($mine, $theirs) : ($theirs, $mine);
    is(user_ids($mine->{email}), $winner->{uid}, "the winner's user is the only one there");
    outcome(login($winner), 200, 102000, 'with their password');
    outcome(login($loser), 401, 28501000, 'and no other');
    is_in_step($server, $zitadel, 'nobody is left over', 20);
};

# httpd dies when ZITADEL has done its part, and the member's row knows nothing of it.
sub interrupted {
    my ($theirs, $mine) = pair();
    $zitadel->fault(path => $users, delay_after_ms => 900, times => 1);
    my $pid = fork // die;
    if (!$pid) {
        eval { attempt_confirm($mine) };
        POSIX::_exit(0);
    }
    wait_until(10, sub { user_ids($mine->{email}) eq $mine->{uid} }) or die 'the user is not made';
    $server->kill9;
    waitpid $pid, 0;
    is($server->value("SELECT status FROM cloudep.members WHERE email = :'email'", email => $mine->{email}), 'pending', 'nothing is confirmed');
    is($server->value("SELECT confirming_until > now() FROM cloudep.members WHERE email = :'email'", email => $mine->{email}), 't', 'the lease lasts');
    return ($theirs, $mine);
}

sub run_out {
    $server->psql("UPDATE cloudep.members SET confirming_until = now() - interval '1 second' WHERE email = :'email'", email => $_[0]{email});
}

subtest 'httpd is killed between ZITADEL and the commit: the next confirmation' => sub {
    my ($theirs, $mine) = interrupted();
    $server->{values}{CloudEPSweepInterval} = 3600;
    $server->start;
    outcome(attempt_confirm($theirs), 409, 28309000, 'has to wait');
    run_out($mine);
    outcome(attempt_confirm($theirs), 200, 102000, 'and takes over when the lease has run out');
    is(user_ids($mine->{email}), $theirs->{uid}, 'with its own user');
    outcome(login($theirs), 200, 102000, 'and password');
    outcome(login($mine), 401, 28501000, 'nobody else gets in');
    $server->stop;
    $server->{values}{CloudEPSweepInterval} = 1;
    $server->start;
};

subtest 'httpd is killed between ZITADEL and the commit: the sweep' => sub {
    my ($theirs, $mine) = interrupted();
    run_out($mine);
    $server->start;
    ok(wait_until(30, sub { user_ids($mine->{email}) eq '' }), 'removes who is there');
    my $again = attempt_resend(\%at, $mine);
    outcome(attempt_confirm($again), 200, 102000, 'who asks for another code loses nothing');
    outcome(login($mine), 200, 102000, 'not the password either');
    is(user_ids($mine->{email}), $mine->{uid}, 'with one user');
    is_in_step($server, $zitadel, 'nobody is left over', 20);
};

subtest 'what is never confirmed leaves nobody there' => sub {
    my ($theirs, $mine) = pair();
    $zitadel->fault(path => $users, status => 503, times => 1, after => $true);
    outcome(attempt_confirm($mine), 502, 28802000, 'a user was made, and it was not told');
    is(user_ids($mine->{email}), $mine->{uid}, 'it is there');
    $server->psql("UPDATE cloudep.members SET updated_at = now() - interval '8 days', confirming_until = now() - interval '8 days'"
            . " WHERE email = :'email'", email => $mine->{email});
    $server->psql("UPDATE cloudep.registration_attempts SET created_at = now() - interval '8 days' WHERE email = :'email'", email => $mine->{email});
    ok(wait_until(20, sub { !$server->value("SELECT count(*) FROM cloudep.members WHERE email = :'email'", email => $mine->{email}) }),
        'the sweep removes the member');
    is(user_ids($mine->{email}), '', 'and everybody there');
};

my $concealing = zitadel_server($zitadel, values => { CloudEPConcealAccounts => 'On', CloudEPCodesPerTarget => 0, CloudEPCodesPerAddress => 0 });
subtest 'concealed' => sub {
    my $hidden = zitadel_tenant($concealing, $zitadel, uses => 100);
    two_people(server => $concealing, tenant => $hidden, concealed => 1);

    my $active = register_member(tenant => $hidden);
    my ($pending) = map { $_->[1] } [register(client => client(server => $concealing), tenant => $hidden)];
    my $count = sub {
        my ($email) = @_;
        $zitadel->door(DELETE => 'requests');
        outcome((register(client => client(server => $concealing), tenant => $hidden, email => $email))[0], 200, 102000, 'register');
        return asked($zitadel, "POST $users") + asked($zitadel, 'POST /v2/sessions');
    };
    is($count->($_->[1]), 1, "$_->[0]: ZITADEL hashes one password") for ['free', fresh_email()], ['taken', $active->{email}],
        ['taken, again', $active->{email}], ['pending', $pending->{email}];
};

finish($server);
