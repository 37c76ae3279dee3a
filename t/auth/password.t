# POST /password/forgot and /password/reset: every outcome, what a reset ends, and what survives a failure.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Totp;

my $memcached = own_memcached();
my $pg = own_postgres();
my $server = own_server(pg => $pg, memcached => $memcached, values => { CloudEPCodeCooldown => 0 })->start;
my $client = client(server => $server);
my $tenant = tenant(server => $server);
my $slug = $tenant->{slug};
my ($forgot, $reset) = map { "/api/v1/auth/password/$_" } qw(forgot reset);

sub member { return register_member(tenant => $tenant, @_) }
sub set_member { my ($member, $change) = @_; $server->psql("UPDATE cloudep.members SET $change WHERE uid = :'uid'", uid => $member->{uid}) }
sub ask { my ($member, %fields) = @_; return $client->post($forgot, { tenant_slug => $slug, email => $member->{email}, %fields }) }

# A challenge of a member and its code: in the newest of the mails about that, once there are $mails in all.
sub challenge {
    my ($member, $mails) = @_;
    my $id = check(ask($member))->data->{challenge_id};
    my @about = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, $mails // 2);
    return ($id, secret(CloudEP::Mail::code($about[-1])));
}
sub check { my ($answer) = @_; $answer->status == 200 or die $answer->raw; return $answer }
sub answer_with {
    my ($challenge, $code, %fields) = @_;
    return $client->post($reset, { tenant_slug => $slug, challenge_id => $challenge, code => $code,
            new_password => fresh_password(), %fields });
}
sub other { return sprintf '%06d', ($_[0] + 1) % 1_000_000 }

# ---- a reset
my $member = member(display_name => 'Ann');
my $second = login($member)->data;
my $began = outcome(ask($member, email => uc $member->{email}), 200, 102000, 'a code is sent')->data;
like($began->{challenge_id}, qr/^[\w-]{22}$/, 'challenge_id');
is($began->{expires_in}, 600, 'expires_in');
is(join(',', sort keys %$began), 'challenge_id,expires_in', 'forgot answers with challenge and lifetime only');
my $mail = ($server->mails($member->{email}, 2))[-1];
like($mail->{headers}{subject}, qr/password/i, 'the mail is about the password');
my $code = secret(CloudEP::Mail::code($mail));
outcome(login($member), 200, 102000, 'asking changes nothing');
my $new = fresh_password();
$server->psql("INSERT INTO cloudep.budgets (tenant_id, kind, subject, network, failures, blocked_until)"
        . " SELECT tenant_id, 'password', uid::text, network, 9, now() + interval '1 hour' FROM cloudep.known_networks WHERE uid = :'uid'",
    uid => $member->{uid});
outcome(login($member), 429, 28604000, 'the account has to wait');
my $done = outcome(answer_with($began->{challenge_id}, $code, new_password => $new), 200, 102000, 'the code sets a new password');
is_deeply($done->data, { ok => JSON::PP::true }, 'no tokens are issued');
outcome($client->with(token => $_)->get('/api/v1/members/me'), 401, 29501000, 'every session is over')
    for $member->{access}, $second->{access_token};
outcome($client->post('/api/v1/auth/token/refresh', { refresh_token => $second->{refresh_token} }), 401, 28501000,
    'a session from before the reset cannot be renewed');
outcome(login($member, password => $new), 200, 102000, 'the new password is right, and the account need not wait');
outcome(login($member), 401, 28501000, 'the old one is not');
my $notice = ($server->mails($member->{email}, 3))[-1];
like($notice->{headers}{subject}, qr/was changed/, 'the member is told by mail');
like($notice->{text}, qr/Ann/, 'by name');
unlike($notice->{raw}, qr/\Q$new\E/, 'the notice does not have the password');
outcome(answer_with($began->{challenge_id}, $code), 404, 29301000, 'the code works once');
is($server->value("SELECT string_agg(DISTINCT revoke_reason, ',') FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NOT NULL",
        uid => $member->{uid}), 'password_reset', 'the sessions say why they ended');

# ---- forgot: 400, 404, 403
outcome($client->post($forgot, '{'), 400, 10101000, 'cut JSON');
outcome(ask($member, email => 'nobody'), 400, 10101000, 'forgot with an email that is none');
outcome($client->post($forgot, { tenant_slug => $slug }), 400, 10104000, 'forgot without email');
outcome($client->post($forgot, { email => $member->{email} }), 400, 10104000, 'forgot without tenant');
outcome(ask($member, tenant_slug => 'nobody-knows'), 404, 29301000, 'no such tenant');
outcome(ask($member, email => fresh_email()), 404, 29301000, 'no such account');
my $elsewhere = tenant(server => $server);
outcome(ask($member, tenant_slug => $elsewhere->{slug}), 404, 29301000, "another tenant's member");
my $stranger = member();
for my $status (qw(reserved pending deleting)) {
    set_member($stranger, "status = '$status'");
    outcome(ask($stranger), 404, 29301000, "a member that is $status");
}
set_member($stranger, "status = 'suspended'");
outcome(ask($stranger), 403, 28505000, 'a suspended member');
set_member($stranger, "status = 'active', origin = 'google', has_password = false");
outcome(ask($stranger), 403, 28505000, 'a member of another identity provider');

# ---- reset: 400
my ($challenge, $right) = challenge($member, 4);
outcome($client->post($reset, '{'), 400, 10101000, 'cut JSON');
outcome(answer_with($challenge, $right, code => undef), 400, 10104000, 'reset without code');
outcome(answer_with($challenge, $right, new_password => undef), 400, 10104000, 'reset without new_password');
outcome(answer_with($challenge, '12345'), 400, 10101000, 'five digits');
outcome(answer_with($challenge, $right, new_password => 'Short-1'), 400, 10101000, 'a short password');
for my $weak ('password1234', $member->{email}, $slug) {
    my $answer = outcome(answer_with($challenge, $right, new_password => $weak), 400, 10101000, "a guessable password: $weak");
    is($answer->errors->[0]{field}, 'new_password', 'names the field');
}

# Ten refused passwords have not cost one guess.
outcome(answer_with($challenge, $right, new_password => 'password1234'), 400, 10101000, "guessable, time $_") for 1 .. 4;

# ---- reset: 403, 409, 404
outcome(answer_with($challenge, $right, tenant_slug => $elsewhere->{slug}), 403, 28505000, "another tenant's challenge");
my ($registered, $sent) = register(client => $client, tenant => $tenant);
outcome(answer_with($registered->data->{challenge_id}, '123456'), 403, 28505000, "a registration's challenge");
outcome($client->post('/api/v1/auth/register/confirm', { tenant_slug => $slug, challenge_id => $challenge, code => $right }),
    403, 28505000, 'a challenge of a reset does not confirm a registration');
outcome(answer_with($challenge, $right, tenant_slug => 'nobody-knows'), 404, 29301000, 'no such tenant');
outcome(answer_with('A' x 22, $right), 404, 29301000, 'no such challenge');
outcome(answer_with($challenge, other($right)), 403, 29505000, "wrong guess $_") for 1 .. 5;
outcome(answer_with($challenge, $right), 409, 29309000, 'five wrong guesses lock the challenge, for the right code too');
my ($unlocked, $good) = challenge($member, 5);
isnt($unlocked, $challenge, 'whoever asks again gets another challenge');
outcome(answer_with($challenge, $right), 409, 29309000, 'the first one stays locked');
outcome(answer_with($unlocked, other($good)), 403, 29505000, 'the other one has guesses of its own');
outcome(answer_with($unlocked, $good, new_password => $member->{password}), 200, 102000, 'and its code sets a new password');

# ---- what became of the account meanwhile is told to who has the code, and the code remains good
my $odd = member();
($challenge, $right) = challenge($odd);
set_member($odd, "status = 'suspended'");
outcome(answer_with($challenge, $right), 403, 28505000, 'suspended meanwhile');
set_member($odd, "status = 'deleting'");
outcome(answer_with($challenge, $right), 404, 29301000, 'gone meanwhile');
set_member($odd, "status = 'active'");
outcome(answer_with($challenge, $right), 200, 102000, 'active again');

# ---- a member's own name is no password; who has the code learns that, nobody else, and it costs no guess
my $named = member(display_name => 'Xiwqol Brezhtan');
($challenge, $right) = challenge($named);
outcome(answer_with($challenge, other($right), new_password => 'Xiwqol Brezhtan'), 403, 29505000, 'the name, with a wrong code');
for my $try (1 .. 5) {
    my $answer = outcome(answer_with($challenge, $right, new_password => 'Xiwqol Brezhtan'), 400, 10101000, "the name, time $try");
    is_deeply($answer->errors, [{ field => 'new_password', rule => 'password', reason => 'must not be your name, email address or organisation' }],
        'says what is wrong');
}
outcome(login($named), 200, 102000, 'the old password is still right');
outcome(answer_with($challenge, $right), 200, 102000, 'the code still sets another one');

# ---- a reset ends the half-done logins of whoever knew the old password, and other challenges
my $half = member();
my ($old_challenge, $old_code) = challenge($half);
my ($newer, $newer_code) = challenge($half, 3);
isnt($newer, $old_challenge, 'asking again makes another challenge');
outcome(answer_with($newer, $old_code), 403, 29505000, 'which has a code of its own') if $old_code ne $newer_code;
my $verify = $half->{client}->post('/api/v1/members/me/verifications/email/start', { target => my $business = fresh_email() });
outcome($verify, 200, 102000, 'a verification is under way');
my $verification = secret($server->mail_code($business));
my $changed = fresh_password();
outcome(answer_with($newer, $newer_code, new_password => $changed), 200, 102000, 'a reset meanwhile');
my $back = login($half, password => $changed)->data;
outcome($client->with(token => $back->{access_token})->post('/api/v1/members/me/verifications/email/confirm',
        { challenge_id => $verify->data->{challenge_id}, code => $verification }), 404, 29301000, 'ends the verification');

# ---- nor does it get past a second factor, which is asked for anew
my $guarded = member();
my $totp = '/api/v1/members/me/totp';
my $url = $guarded->{client}->post("$totp/enroll-start")->data->{otpauth_url};
secret(totp_secret_text($url));
my $backup = $guarded->{client}->post("$totp/enroll-confirm", { code => totp_code(totp_secret($url)) })->data->{backup_codes};
my $half_login = login($guarded)->data->{mfa_challenge_id};
($challenge, $right) = challenge($guarded, 3);
outcome(answer_with($challenge, $right, new_password => $changed = fresh_password()), 200, 102000, 'a reset with TOTP on');
my $mfa = sub { $client->post('/api/v1/auth/login/mfa', { tenant_slug => $slug, challenge_id => $_[0], code => $backup->[0] }) };
outcome($mfa->($half_login), 404, 28301000, 'ends a login that waits for its second factor');
my $asked = outcome(login($guarded, password => $changed), 200, 102000, 'the new password')->data;
ok($asked->{mfa_required} && !$asked->{access_token}, 'after a reset a member with TOTP is asked for it');
outcome($mfa->($asked->{mfa_challenge_id}), 200, 102000, 'the second factor is as it was before the reset');

# ---- parallel: one reset for one code
my $racer = member();
($challenge, $right) = challenge($racer);
my @passwords = map { fresh_password() } 1 .. 12;
my @answers = $client->parallel(map { ['POST', $reset, { tenant_slug => $slug, challenge_id => $challenge, code => $right,
                new_password => $_ }] } @passwords[0 .. 3]);
my @won = grep { $answers[$_]->status == 200 } 0 .. $#answers;
is(scalar @won, 1, 'of four at the same instant one sets its password');
outcome(login($racer, password => $passwords[$won[0]]), 200, 102000, 'the password of the reset that won counts');
is(scalar(() = $server->mails($racer->{email}, 3)), 3, 'one notice is sent');

# ---- failures lose nothing
my $unlucky = member();
($challenge, $right) = challenge($unlucky);
$server->psql('ALTER TABLE cloudep.credentials RENAME TO credentials_away');
expect_log(qr/statement \w+: |setting the password failed|ending the sessions failed|storing the mail failed|looking up the (?:member|tenant) failed/);
outcome(answer_with($challenge, $right), 500, 28601000, 'the password cannot be stored');
$server->psql('ALTER TABLE cloudep.credentials_away RENAME TO credentials');
outcome(login($unlucky), 200, 102000, 'the old one is still good');
$server->psql('ALTER TABLE cloudep.sessions RENAME TO sessions_away');
outcome(answer_with($challenge, $right), 500, 28601000, 'the sessions cannot be ended');
$server->psql('ALTER TABLE cloudep.sessions_away RENAME TO sessions');
my $last = fresh_password();
outcome(answer_with($challenge, $right, new_password => $last), 200, 102000, 'after a failure the same code finishes the reset');
outcome($unlucky->{client}->get('/api/v1/members/me'), 401, 29501000, 'the session is over');
outcome(login($unlucky, password => $last), 200, 102000, 'the new password is right');
$server->psql('ALTER TABLE cloudep.outbox RENAME TO outbox_away');
outcome(ask($unlucky), 500, 28601000, 'the mail cannot be stored');
$server->psql('ALTER TABLE cloudep.outbox_away RENAME TO outbox');

expect_log(qr/memcached|connect|failed \((?:memcached|database)\)|AH006\d\d: |CE124[0-4]: |outbox/);
$memcached->stop;
outcome(ask($unlucky), 500, 28601000, 'forgot without memcached');
outcome(answer_with($challenge, $right), 500, 28601000, 'reset without memcached');
$memcached->start;
$pg->stop;
outcome(ask($unlucky), 500, 28601000, 'forgot without PostgreSQL');
outcome(answer_with($challenge, $right), 500, 28601000, 'reset without PostgreSQL');
$pg->start;

# ---- 429: the cooldown
my $slow = own_server->start;
my $patient = register_member(server => $slow);
my @forgot = ($forgot, { tenant_slug => $patient->{slug}, email => $patient->{email} });
outcome(client(server => $slow)->post(@forgot), 200, 102000, 'the code of the registration does not hold up a reset');
my $early = outcome(client(server => $slow)->post(@forgot), 429, 29604000, 'but a code of a reset the next one');
cmp_ok($early->header('Retry-After'), '<=', 60, 'Retry-After says how long');

# ---- 501
my $bare = own_server(without => ['CloudEPMailTransport'])->start;
outcome(client(server => $bare)->post($forgot, { tenant_slug => $slug, email => $member->{email} }), 501, 28605000,
    'forgot without mail');
outcome(client(server => $bare)->post($reset, { tenant_slug => $slug }), 501, 28605000, 'reset without mail');

finish();
