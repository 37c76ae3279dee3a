# POST /auth/undo: the notice of an enrolment has a link that takes it back, once, as long as nobody but a thief can have
# enrolled it.
use strict;
use warnings;
use CloudEP::Process ();
use CloudEP::Test;
use CloudEP::Totp;
use MIME::QuotedPrint qw(decode_qp);

my $undo = '/api/v1/auth/undo';
my $totp = '/api/v1/members/me/totp';
my $account = 'https://id.example/account/';
my $server = own_server(values => { CloudEPAccountURL => $account, CloudEPCodeCooldown => 0 })->start;
my $anybody = client(server => $server);

# An enrolled member, and the token of the notice.
sub enrolled {
    my ($member) = @_;
    $member //= register_member(server => $server);
    totp_enroll($member, $server);
    return ($member, token($member, 2));
}

sub token {
    my ($member, $mails) = @_;
    my @about = grep { $_->{text} =~ /#undo=/ } $server->mails($member->{email}, $mails);
    my ($token) = $about[-1]{text} =~ m{^\s+\Q$account\E#undo=([A-Za-z0-9_-]{64})$}m or die "no link in the notice\n";
    return secret($token);
}

sub try { my ($token, %more) = @_; return $anybody->post($undo, { token => $token, %more }) }
sub enrolled_now { return $server->value("SELECT enrolled_at IS NOT NULL FROM cloudep.totp WHERE uid = :'uid'", uid => $_[0]{uid}) eq 't' }
sub live_sessions { return $server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NULL", uid => $_[0]{uid}) }
sub move { my ($member, $set) = @_; $server->psql("UPDATE cloudep.links SET $set WHERE uid = :'uid'", uid => $member->{uid}) }

# The second half of a login, by the code of now.
sub second_half {
    my ($member, $challenge) = @_;
    return ['POST', '/api/v1/auth/login/mfa', { tenant_slug => $member->{slug}, challenge_id => $challenge, code => totp_code($member->{totp}) }];
}

# ---- the whole story: a thief has a token of the owner's, and nothing else

my ($owner, $token) = enrolled();
ok(login($owner)->data->{mfa_challenge_id}, "the owner's password asks for a code that only the thief has");
my ($told) = grep { $_->{text} =~ /#undo=/ } $server->mails_now($owner->{email});
like(decode_qp($told->{raw}), qr{<a href="\Q$account\E#undo=\Q$token\E">}, 'the notice has the link, and in HTML as well');
is($server->value("SELECT count(*) FROM cloudep.links WHERE digest = :'token'", token => $token), 0, 'the database does not have its token');
is($anybody->get("$undo?token=$token")->status, 405, 'opening an address does nothing');
ok(enrolled_now($owner), 'as is seen');
is_deeply(outcome(try($token), 200, 102000, 'the owner undoes it')->data, { ok => JSON::PP::true }, 'by the token alone');
ok(!enrolled_now($owner), 'TOTP is off');
is($server->value("SELECT count(*) FROM cloudep.backup_codes WHERE uid = :'uid'", uid => $owner->{uid}), 0, 'the backup codes are gone');
outcome($owner->{client}->get('/api/v1/members/me'), 401, 29501000, "the thief's session is over");
outcome(login($owner), 401, 28501000, 'the password is void, in case it is known');
like((map { $_->{headers}{subject} } $server->mails($owner->{email}, 3))[2], qr/was undone/, 'the owner is told');
my $challenge = outcome($anybody->post('/api/v1/auth/password/forgot', { tenant_slug => $owner->{slug}, email => $owner->{email} }),
    200, 102000, 'the owner forgets the password')->data->{challenge_id};
my ($reset) = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($owner->{email}, 4);
my $new = fresh_password();
outcome($anybody->post('/api/v1/auth/password/reset', { tenant_slug => $owner->{slug}, challenge_id => $challenge,
            code => secret(CloudEP::Mail::code($reset)), new_password => $new }), 200, 102000, 'sets another one');
ok(outcome(login($owner, password => $new), 200, 102000, 'and logs in')->data->{access_token}, 'without a code');
outcome(try($token), 404, 29301000, 'the link serves once');
ok(CloudEP::Process::wait_until(20, sub {
            $server->value("SELECT count(*) FROM cloudep.events WHERE name = 'auth.undo' AND method = 'link' AND uid = :'uid'", uid => $owner->{uid});
}), 'it is among the events');

# ---- tokens that are none

outcome($anybody->post($undo, {}), 400, 10104000, 'no token');
outcome(try('x' x 64), 404, 29301000, 'a token that was never made');
outcome(try('not one'), 400, 10101000, 'a text that can be none');
outcome(try('short'), 404, 29301000, 'or is too short');
my ($late, $expired) = enrolled();
my $tenant = tenant(server => $server);
my ($neighbour, $foreign) = enrolled(register_member(tenant => $tenant));
outcome(try(substr($foreign, 0, 21) . substr $expired, 21), 404, 29301000, "another tenant's name before a token");
move($late, "expires_at = now() - interval '1 second'");
outcome(try($expired), 404, 29301000, 'a link whose time is over');
ok(enrolled_now($late), 'undoes nothing');
move($late, "expires_at = now() + interval '1 second'");
outcome(try($expired), 200, 102000, 'until then it does');
ok(enrolled_now($neighbour), 'nobody else is touched');
is($server->value("SELECT extract(epoch FROM expires_at - created_at)::integer FROM cloudep.links WHERE uid = :'uid'", uid => $neighbour->{uid}), 72 * 3600,
    'it is good for three days');

# ---- an enrolment of the owner's own is beyond doubt once its factor was used beside an older credential

my ($used, $dead) = enrolled();
outcome($used->{client}->post("$totp/verify", { code => totp_code($used->{totp}) }), 200, 102000, 'the factor is proved in the session that enrolled it');
is($server->value("SELECT used_at IS NULL FROM cloudep.links WHERE uid = :'uid'", uid => $used->{uid}), 't', 'the link lives: a thief could do that');
totp_rewind($server, $used);
$server->psql("UPDATE cloudep.credentials SET updated_at = now() WHERE uid = :'uid'", uid => $used->{uid});
outcome(($anybody->parallel(second_half($used, login($used)->data->{mfa_challenge_id})))[0], 200, 102000, 'it is used beside a password that is newer than it');
is($server->value("SELECT used_at IS NULL FROM cloudep.links WHERE uid = :'uid'", uid => $used->{uid}), 't', 'the link lives: that may be the same person');
$server->psql("UPDATE cloudep.credentials SET updated_at = now() - interval '1 day' WHERE uid = :'uid'", uid => $used->{uid});
totp_rewind($server, $used);
outcome(($anybody->parallel(second_half($used, login($used)->data->{mfa_challenge_id})))[0], 200, 102000, 'it is used beside an older one');
outcome(try($dead), 404, 29301000, 'the link is dead');
ok(enrolled_now($used) && live_sessions($used), 'and nothing is undone');
my ($coded, $spent) = enrolled();
outcome($anybody->post('/api/v1/auth/login/mfa', { tenant_slug => $coded->{slug}, challenge_id => login($coded)->data->{mfa_challenge_id},
            code => $coded->{backup}[0] }), 200, 102000, 'a backup code is of the factor');
outcome(try($spent), 404, 29301000, 'and ends the doubt as well');

# ---- a factor that is older than the undone change

my ($guarded, $needs) = enrolled();
move($guarded, "undoes_at = undoes_at + interval '1 minute'");
outcome(try($needs), 403, 28505000, 'with an older factor the mailbox is not enough');
is(try($needs)->json->{reason}, 'second_factor_needed', 'which the reason says');
outcome(try($needs, code => totp_wrong_code($guarded->{totp})), 403, 28505000, 'a wrong code');
outcome(try($needs, code => '1234567'), 400, 10101000, 'a code of seven digits');
ok(enrolled_now($guarded) && live_sessions($guarded), 'undo nothing');
outcome(try($needs, code => totp_code($guarded->{totp})), 200, 102000, 'the right one does');
ok(enrolled_now($guarded), 'the older factor stays');
is(live_sessions($guarded), 0, 'the sessions do not');
my ($wary, $guess) = enrolled();
move($wary, "undoes_at = undoes_at + interval '1 minute'");
my @answers = $anybody->parallel(map { ['POST', $undo, { token => $guess, code => totp_wrong_code($wary->{totp}) }] } 1 .. 32);
is(scalar(grep { $_->status == 403 } @answers), 10, 'of 32 guesses at once ten are compared');

# ---- an enrolment that was replaced since

my ($twice, $first) = enrolled();
$server->psql("UPDATE cloudep.sessions SET mfa_at = now() WHERE uid = :'uid'", uid => $twice->{uid});
outcome($twice->{client}->delete($totp), 200, 102000, 'the thief removes the factor');
totp_enroll($twice, $server);
isnt(token($twice, 4), $first, 'and enrols another, which has a link of its own');
outcome(try($first), 200, 102000, 'the first link');
ok(!enrolled_now($twice), 'undoes that one, too');

# ---- who may not act

my ($away, $still) = enrolled();
$server->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $away->{uid});
outcome(try($still), 200, 102000, 'a suspended member can undo');
is($server->value("SELECT status FROM cloudep.members WHERE uid = :'uid'", uid => $away->{uid}), 'suspended', 'and stays suspended');
my ($leaving, $over) = enrolled();
$server->psql("UPDATE cloudep.members SET status = 'deleting', updated_at = now() + interval '1 hour' WHERE uid = :'uid'", uid => $leaving->{uid});
outcome(try($over), 404, 29301000, 'one who is being deleted cannot');

# ---- many at once

my ($crowd, $one) = enrolled();
@answers = $anybody->parallel((['POST', $undo, { token => $one }]) x 16);
is(scalar(grep { $_->status == 200 } @answers), 1, 'sixteen times at once: one undoes it');
is(scalar(grep { $_->status == 404 } @answers), 15, 'the others learn that it is over');

# Undo against use. A held row makes both wait, and one of them comes first: either the login voids the link, or the undo
# ends the login.
for my $round (1 .. 6) {
    my ($racer, $link) = enrolled();
    my $begun = login($racer)->data->{mfa_challenge_id};
    my $held = $server->pg->hold(1, "SELECT FROM cloudep.members WHERE uid = :'uid' FOR UPDATE", uid => $racer->{uid});
    my ($undone, $in) = $anybody->parallel(['POST', $undo, { token => $link }], second_half($racer, $begun));
    waitpid $held, 0;
    my $what = join ' ', $undone->status, $in->status, 'sessions', live_sessions($racer) ? 'some' : 'none', 'totp', enrolled_now($racer) ? 'on' : 'off';
    like($what, qr/^(?:200 \d+ sessions none totp off|404 200 sessions some totp on)$/, "undo against use, round $round: one of them came first");
}

# ---- the address of the pages

for my $wrong ('http://id.example/account/', 'https://id.example/account/?x=1', 'https://id.example/#', 'id.example', 'ftp://id.example/') {
    like(own_server(values => { CloudEPAccountURL => $wrong })->refuses_to_start // '', qr/CloudEPAccountURL \Q$wrong\E: it must /,
        "$wrong is refused at the start");
}

finish();
