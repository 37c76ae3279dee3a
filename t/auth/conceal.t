# CloudEPConcealAccounts: register, resume, resend, forgot and login say the same whether or not an account exists,
# and what they hand out for nobody behaves like the real thing and leads nowhere.
use strict;
use warnings;
use CloudEP::Challenge;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use JSON::PP qw(decode_json encode_json);

my $server = own_server(values => { CloudEPConcealAccounts => 'On', CloudEPCodeCooldown => 0, CloudEPSweepInterval => 1,
        CloudEPCodesPerTarget => 0, CloudEPCodesPerAddress => 0 })->start;
my $tenant = tenant(server => $server);
my $slug = $tenant->{slug};
my $client = client(server => $server);
my $path = '/api/v1/auth';
my $UUID = qr/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

sub again { return register_member(tenant => $tenant, @_) }
sub register_as { my ($email, %fields) = @_; return (register(client => $client, tenant => $tenant, email => $email, %fields))[0] }
sub resume { return $client->post("$path/register/resume", { tenant_slug => $slug, email => $_[0] }) }
sub resend { return $client->post("$path/register/resend", { tenant_slug => $slug, challenge_id => $_[0] }) }
sub forgot { return $client->post("$path/password/forgot", { tenant_slug => $slug, email => $_[0] }) }
sub confirm_with { return $client->post("$path/register/confirm", { tenant_slug => $slug, challenge_id => $_[0], code => $_[1] }) }
sub reset_with { return $client->post("$path/password/reset",
        { tenant_slug => $slug, challenge_id => $_[0], code => $_[1], new_password => fresh_password() }) }
sub set_status { $server->psql("UPDATE cloudep.members SET status = '$_[1]' WHERE uid = :'uid'", uid => $_[0]{uid}) }

# How many passwords were hashed for attempts at an address: each has a salt of its own.
sub hashes { return $server->value("SELECT count(DISTINCT password) FROM cloudep.registration_attempts WHERE email = :'email'", email => $_[0]) }
sub uses { return $server->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $tenant->{invite}) }

# All that two answers may not differ in: everything but ids, dates and the seconds left.
sub shape {
    my ($answer) = @_;
    my $body = $answer->body;
    $body =~ s/"(challenge_id|uid|request_id)":"([^"]*)"/'"' . $1 . '":' . length $2/ge;
    $body =~ s/("expires_in":)(?:600|599)\b/${1}600/;
    my %headers = %{ $answer->headers };
    delete @headers{qw(date x-request-id)};
    return join "\n", $answer->status, $body, map { "$_: $headers{$_}" } sort keys %headers;
}

sub alike {
    my ($name, %answers) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($first, @others) = sort keys %answers;
    is(shape($answers{$_}), shape($answers{$first}), "$name: $_ is as $first") for @others;
}

my $active = again();
my $suspended = again();
set_status($suspended, 'suspended');
my $google = again();
$server->psql("UPDATE cloudep.members SET origin = 'google', has_password = false WHERE uid = :'uid'", uid => $google->{uid});
my ($pending_answer, $pending) = register(client => $client, tenant => $tenant);
my $nobody = fresh_email();

# ---- forgot
my %forgot = (active => forgot($active->{email}), suspended => forgot($suspended->{email}), google => forgot($google->{email}),
    pending => forgot($pending->{email}), nobody => forgot($nobody));
outcome($forgot{$_}, 200, 102000, "forgot: $_") for sort keys %forgot;
alike('forgot', %forgot);
my %twice = map { $_->[0] => forgot($_->[1]) } ['active', $active->{email}], ['nobody', $nobody], ['pending', $pending->{email}];
isnt($twice{$_}->data->{challenge_id}, $forgot{$_}->data->{challenge_id}, "asked again, $_ has another challenge") for sort keys %twice;
outcome(forgot('nobody'), 400, 10101000, 'what is no email is told');
outcome($client->post("$path/password/forgot", { tenant_slug => 'nobody-knows', email => $nobody }), 404, 29301000, 'a tenant that does not exist is told also with concealed accounts');

# ---- reset
my $right = secret(CloudEP::Mail::code((grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($active->{email}, 3))[-1]));
my $wrong = sprintf '%06d', ($right + 1) % 1_000_000;
for my $guess (1 .. 5) {
    my %reset = map { $_ => reset_with($forgot{$_}->data->{challenge_id}, $wrong) } qw(active nobody suspended);
    outcome($reset{nobody}, 403, 29505000, "wrong guess $guess");
    alike("guess $guess", %reset);
}
my %locked = map { $_ => reset_with($forgot{$_}->data->{challenge_id}, $wrong) } qw(active nobody suspended);
outcome($locked{nobody}, 409, 29309000, 'five wrong guesses lock it');
alike('locked', %locked);
my %again = map { $_->[0] => forgot($_->[1]) } ['active', $active->{email}], ['nobody', $nobody];
outcome($again{nobody}, 200, 102000, 'that concerns no other challenge');
alike('locked, asked again', %again);
my %others = map { $_ => reset_with($again{$_}->data->{challenge_id}, $wrong) } keys %again;
outcome($others{nobody}, 403, 29505000, 'which has guesses of its own');
alike('the other challenge', %others);
%locked = map { $_ => reset_with($forgot{$_}->data->{challenge_id}, $wrong) } qw(active nobody suspended);
outcome($locked{nobody}, 409, 29309000, 'while the first one stays locked');
alike('locked still', %locked);

my $decoy = forgot(my $guessed = fresh_email())->data->{challenge_id};
is($server->value("SELECT count(*) FROM cloudep.outbox WHERE target = :'email'", email => $guessed), 0,
    'what a stranger typed is no target of a message');
outcome(confirm_with($decoy, '123456'), 403, 28505000, 'a decoy is of its purpose only');
outcome(reset_with($decoy, '123456'), 403, 29505000, 'a guess');

# Even the code that a decoy was made with would not help: a real challenge is refused its own code once it is marked.
my $marked = again();
my $own = forgot($marked->{email})->data->{challenge_id};
$right = secret(CloudEP::Mail::code(($server->mails($marked->{email}, 2))[-1]));
my ($written, $record) = challenge_read($server, $own);
$record = encode_json({ %{ decode_json($record) }, extra => 'decoy' });
challenge_write($server, $own, $written, $record);
outcome(reset_with($own, $right), 500, 28601000, 'what somebody changed in memcached is believed by nobody');
challenge_write($server, $own, challenge_sign($server, $own, $record), $record);
outcome(reset_with($own, $right), 403, 29505000, 'the very code of a decoy is wrong');

# ---- resume
my %resume = (pending => resume($pending->{email}), active => resume($active->{email}), nobody => resume($nobody),
    suspended => resume($suspended->{email}));
outcome($resume{$_}, 200, 102000, "resume: $_") for sort keys %resume;
alike('resume', %resume);
like($_->data->{uid}, $UUID, 'with a uid like any other') for values %resume;
for my $who (['nobody', $nobody], ['pending', $pending->{email}], ['active', $active->{email}]) {
    isnt(resume($who->[1])->data->{$_}, $resume{ $who->[0] }->data->{$_}, "asked again, $who->[0] has another $_") for qw(uid challenge_id);
}
my $given = fresh_password();
my %given = map { $_->[0] => $client->post("$path/register/resume", { tenant_slug => $slug, email => $_->[1], password => $given,
            accept_terms_version => '1' }) } ['pending', $pending->{email}], ['active', $active->{email}], ['nobody', $nobody];
outcome($given{$_}, 200, 102000, "resume with a password: $_") for sort keys %given;
alike('resume with a password', %given);
alike('resume with a weak password', map { $_->[0] => $client->post("$path/register/resume", { tenant_slug => $slug, email => $_->[1],
                password => 'password1234' }) } ['pending', $pending->{email}], ['active', $active->{email}], ['nobody', $nobody]);
isnt($resume{active}->data->{uid}, $active->{uid}, 'no account tells its uid');

# ---- register
my $before = uses();
my $fresh = fresh_email();
my %register = (free => register_as($fresh), taken => register_as($active->{email}), suspended => register_as($suspended->{email}));
outcome($register{$_}, 200, 102000, "register: $_") for sort keys %register;
alike('register', %register);
is(uses() - $before, 3, 'each takes a use of the invite');
my %once_more = (free => register_as($fresh), taken => register_as($active->{email}), suspended => register_as($suspended->{email}));
alike('register again', %once_more);
for my $who (sort keys %register) {
    isnt($once_more{$who}->data->{$_}, $register{$who}->data->{$_}, "registered again, $who has another $_") for qw(uid challenge_id);
}
is(uses() - $before, 3, 'a decoy that is there takes no further use of the invite');
my %resumed = (free => resume($fresh), taken => resume($active->{email}));
isnt($resumed{$_}->data->{uid}, $register{$_}->data->{uid}, "resumed, $_ has another uid") for sort keys %resumed;
is(hashes($active->{email}) - 1, hashes($fresh), 'who registers a taken email has as many passwords hashed');
is(hashes($pending->{email}) - 1, hashes($nobody), 'as has who resumes what is nobody\'s');
alike('resend', free => resend($register{free}->data->{challenge_id}), taken => resend($register{taken}->data->{challenge_id}),
    nobody => resend($resume{nobody}->data->{challenge_id}));
outcome(resend($register{taken}->data->{challenge_id}), 200, 102000, 'a decoy is resent as often as anybody');
outcome(register_as(fresh_email(), invite_code => 'wrong'), 404, 28301000, 'a free email without an invite is told of the invite');
outcome(register_as($active->{email}, invite_code => 'wrong'), 404, 28301000, 'a taken email without an invite is told of the invite');
outcome(register_as($active->{email}, password => 'password1234'), 400, 10101000, 'a weak password is told for a taken email too');

# Who owns the address is told; who owns none gets no mail, and nobody gets a code for somebody else's registration.
my ($told) = grep { $_->{headers}{subject} =~ /account already/ } $server->mails($active->{email}, 4);
ok($told, 'the owner is told by mail that somebody tried') and unlike($told->{text}, qr/(?<!\w)\d{6}(?!\w)/, 'the notice to the owner has no code');
is(scalar(grep { $_->{headers}{subject} =~ /registration code/ } $server->mails_now($active->{email})), 1,
    'and gets no code but that of the own registration');
is(scalar($server->mails_now($nobody)), 0, 'nobody gets no mail');
my $expired = wait_until(10, sub { !$server->value("SELECT count(*) FROM cloudep.outbox WHERE target = 'nobody\@decoy.invalid' AND failed_at IS NULL") });
ok($expired, 'what was written for decoys expires unsent');
unlike($server->log, qr/expired after/, 'no warning tells of a decoy that expired');

# ---- confirm
my @confirm = map { my $c = $_; map { confirm_with($register{$c}->data->{challenge_id}, $_) } '000000', '000001' } qw(free taken);
my $real = secret($server->mail_code($fresh, 4));
is(shape($confirm[$_]), shape($confirm[0]), 'a wrong code is a wrong code') for grep { $real !~ /^00000[01]$/ } 1 .. 3;
outcome(confirm_with($register{free}->data->{challenge_id}, $real), 200, 102000, 'the free one can be confirmed');

# ---- login does not tell who has just registered the email with which password
my $password = fresh_password();
my $bait = fresh_email();
register_as($bait, password => $password);
register_as($active->{email}, password => $password);
my %login = map { $_->[0] => $client->post("$path/login", { tenant_slug => $slug, email => $_->[1], password => $password }) }
    ['pending', $bait], ['active', $active->{email}], ['nobody', fresh_email()];
outcome($login{$_}, 401, 28501000, "login: $_") for sort keys %login;
alike('login', %login);
outcome(login($active), 200, 102000, 'the owner logs in with the own password');
is($server->value("SELECT count(*) FROM cloudep.sessions s JOIN cloudep.members m USING (tenant_id, uid) WHERE m.email LIKE '%\@decoy.invalid'"), 0,
    'no decoy ever has a session');

# ---- parallel registrations of a taken email
my @parallel = $client->parallel((['POST', "$path/register", { tenant_slug => $slug, invite_code => $tenant->{invite},
                email => $suspended->{email}, password => fresh_password(), accept_terms_version => '1' }]) x 6,
    (['POST', "$path/register", { tenant_slug => $slug, invite_code => $tenant->{invite}, email => $google->{email},
                password => fresh_password(), accept_terms_version => '1' }]) x 6);
is(scalar(grep { $_->status == 200 } @parallel), 12, 'twelve at once are answered') or diag(map { $_->raw } grep { $_->status != 200 } @parallel);

# ---- decoys go, and give the invite's use back
$before = uses();
my $decoys = "SELECT count(*) FROM cloudep.members WHERE email LIKE '%\@decoy.invalid'";
my $there = $server->value($decoys);
cmp_ok($there, '>=', 2, 'there are decoys');
$server->psql("UPDATE cloudep.members SET updated_at = now() - interval '8 days' WHERE email LIKE '%\@decoy.invalid'");
$server->psql("UPDATE cloudep.registration_attempts a SET created_at = now() - interval '8 days' FROM cloudep.members m"
        . " WHERE m.tenant_id = a.tenant_id AND m.uid = a.member_uid AND m.email LIKE '%\@decoy.invalid'");
ok(wait_until(15, sub { !$server->value($decoys) }), 'the sweep removes them');
is($before - uses(), $there, 'the invite has the uses of removed decoys again');

expect_log(qr{CE101: loading the challenge failed \(impossible data\)});
finish();
