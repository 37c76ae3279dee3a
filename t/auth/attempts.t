# Attempts at a registration, with the identity provider "local": whose password, name and terms a member has.
use strict;
use warnings;
use CloudEP::Attempts;
use CloudEP::Challenge;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;

my %open = (CloudEPCodeCooldown => 0, CloudEPCodesPerTarget => 0, CloudEPCodesPerAddress => 0, CloudEPKnownGuesses => 1_000_000, CloudEPUnknownGuesses => 1_000_000,
    CloudEPAddressAttempts => 0, CloudEPSweepInterval => 1);
my $server = own_server(values => \%open)->start;
my $tenant = tenant(server => $server, uses => 100);
my %at = (server => $server, tenant => $tenant);
my $confirm = '/api/v1/auth/register/confirm';

subtest 'two people at one address' => sub { two_people(%at) };

my $concealing = own_server(values => { %open, CloudEPConcealAccounts => 'On' }, pg => own_postgres())->start;
subtest 'two people at one address, concealed' =>
    sub { two_people(server => $concealing, tenant => tenant(server => $concealing, uses => 100), concealed => 1) };

subtest 'mail that comes late' => sub { late_mail(%at) };

subtest 'what is typed at resume' => sub {
    my $theirs = attempt_register(\%at);
    my $client = client(server => $server);
    my %resume = (tenant_slug => $tenant->{slug}, email => $theirs->{email});
    my $weak = outcome($client->post('/api/v1/auth/register/resume', { %resume, password => 'password1234' }), 400, 10101000, 'a weak password');
    is($weak->errors->[0]{field}, 'password', 'is named');
    outcome($client->post('/api/v1/auth/register/resume', { %resume, password => 'short' }), 400, 10101000, 'a short one');
    outcome($client->post('/api/v1/auth/register/resume', { %resume, accept_terms_version => 'x' x 65 }), 400, 10101000, 'terms that are too long');
    is($server->value("SELECT count(*) FROM cloudep.registration_attempts WHERE email = :'email'", email => $theirs->{email}), 1,
        'makes no attempt');
    my $mine = attempt_resume(\%at, $theirs->{email}, password => fresh_password());
    like($server->value("SELECT password FROM cloudep.registration_attempts WHERE uid = :'uid'", uid => $mine->{uid}), qr/^\$argon2id\$/,
        'a password waits as its hash');
};

subtest 'an attempt lives as long as a registration may be pending' => sub {
    my $age = sub { $server->psql("UPDATE cloudep.registration_attempts SET created_at = now() - interval '8 days' WHERE uid = :'uid'", uid => $_[0]) };
    my $row = sub { $server->psql("UPDATE cloudep.members SET updated_at = now() - interval '8 days' WHERE email = :'email'", email => $_[0]) };
    my $there = sub { $server->value("SELECT count(*) FROM cloudep.members WHERE email = :'email'", email => $_[0]) };
    my $attempts = sub { $server->value("SELECT count(*) FROM cloudep.registration_attempts WHERE email = :'email'", email => $_[0]) };
    my $used = sub { $server->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $tenant->{invite}) };

    my $first = attempt_register(\%at);
    my $second = attempt_resume(\%at, $first->{email}, password => fresh_password(), accept_terms_version => '1');
    $row->($first->{email});
    $age->($first->{uid});
    ok(wait_until(20, sub { $attempts->($first->{email}) == 1 }), 'one that is too old goes');
    outcome(attempt_confirm($first), 409, 28309000, 'and its code is worth nothing');
    is($there->($first->{email}), 1, 'the member stays for the one that is not');
    outcome(attempt_confirm($second), 200, 102000, 'which can be confirmed');
    outcome(login($second), 200, 102000, 'with its password');

    my $uses = $used->();
    my $last = attempt_register(\%at);
    is($used->(), $uses + 1, 'a registration takes a use of the invite');
    $row->($last->{email});
    $age->($last->{uid});
    ok(wait_until(20, sub { !$there->($last->{email}) && !$attempts->($last->{email}) }), 'with the last attempt the member goes');
    is($used->(), $uses, 'and the use is given back');
};

# What a node of 1.0.0 leaves: a pending member without attempts, with a challenge that names none.
sub old_node {
    my ($attempt) = @_;
    $server->psql("UPDATE cloudep.members SET provider_uids = NULL WHERE uid = :'uid'", uid => $attempt->{uid});
    $server->psql("DELETE FROM cloudep.registration_attempts WHERE uid = :'uid'", uid => $attempt->{uid});
    challenge_edit($server, $attempt->{challenge_id}, sub { delete $_[0]{extra} });
    return $attempt;
}

subtest 'beside nodes of 1.0.0' => sub {
    my $old = old_node(attempt_register(\%at, display_name => 'Olivia'));
    my $again = attempt_resend(\%at, $old);
    is($again->{challenge_id}, $old->{challenge_id}, 'a registration of theirs gets a new code');
    my $data = outcome(attempt_confirm($again), 200, 102000, 'which confirms it as before')->data;
    is($data->{uid}, $old->{uid}, 'under its uid');
    is_deeply([grep { /required/ } keys %$data], [], 'nothing is missing');
    outcome(login($old), 200, 102000, 'with its password');

    $old = old_node(attempt_register(\%at, display_name => 'Mallory'));
    my $mine = attempt_resume(\%at, $old->{email}, password => fresh_password(), accept_terms_version => 'mine');
    outcome(attempt_confirm($mine), 200, 102000, 'an attempt beside a registration of theirs');
    outcome(login($mine), 200, 102000, 'has its own password');
    outcome(login($old), 401, 28501000, 'and not that of the other');
    outcome(attempt_confirm($old), 409, 28309000, 'whose code is worth nothing then');

    # A code that they mailed for a registration of ours proves the address, and nothing that was typed.
    my $ours = attempt_register(\%at, display_name => 'Mallory');
    challenge_edit($server, $ours->{challenge_id}, sub { delete $_[0]{extra} });
    $data = outcome(attempt_confirm($ours), 200, 102000, 'a challenge that names no attempt')->data;
    ok($data->{password_required} && $data->{terms_required}, 'confirms none');
    outcome(login($ours), 401, 28501000, 'and lets no password in');
};

subtest 'two confirmations wait for each other' => sub {
    my $first = attempt_register(\%at);
    my $second = attempt_resume(\%at, $first->{email}, password => fresh_password());
    my $held = $server->pg->hold(1, "SELECT 1 FROM cloudep.members WHERE email = :'email' FOR UPDATE", email => $first->{email});
    my @answers = $first->{client}->parallel(map { ['POST', $confirm,
                { tenant_slug => $_->{slug}, challenge_id => $_->{challenge_id}, code => $_->{code} }] } $first, $second);
    waitpid $held, 0;
    is(join(' ', sort map { $_->status } @answers), '200 409', 'one wins');
    my ($winner, $loser) = $answers[0]->status == 200 ? ($first, $second) : ($second, $first);
    is($server->value("SELECT uid FROM cloudep.members WHERE email = :'email'", email => $first->{email}), $winner->{uid}, 'and the member is theirs');
    outcome(login($winner), 200, 102000, 'with their password');
    outcome(login($loser), 401, 28501000, 'and no other');
    is($server->value("SELECT count(*) FROM cloudep.credentials c JOIN cloudep.members m USING (tenant_id, uid) WHERE email = :'email'",
            email => $first->{email}), 1, 'one password is stored');
};

finish($server);
