# What a thief of a session can keep by a passkey: nothing, once its owner has used the link in a notice.
use strict;
use warnings;
use CloudEP::Chromium;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use CloudEP::Totp;
use MIME::QuotedPrint qw(decode_qp);

my $me = '/api/v1/members/me';
my $auth = '/api/v1/auth';
my $account = 'https://id.example/account/';
my $server = own_server(values => { CloudEPAccountURL => $account, CloudEPCodeCooldown => 0 })->start;
my $anybody = client(server => $server);
spew("$server->{dir}/htdocs/$_", slurp("t/browser/$_")) for qw(page.html page.js);
my $browser = CloudEP::Test::Servers::keep(CloudEP::Chromium->new(dir => CloudEP::Test::Servers::own_folder('browser')));
$browser->open("http://localhost:$server->{port}/page.html");
my $device = $browser->authenticator;

sub reason { return $_[0]->json->{reason} }
sub undo { my ($token, %more) = @_; return $anybody->post("$auth/undo", { token => $token, %more }) }
sub of { my ($member, $what, $table) = @_; return $server->value("SELECT $what FROM cloudep.$table WHERE uid = :'uid'", uid => $member->{uid}) }

# A member, another device than those before.
sub victim {
    $browser->remove_authenticator($device);
    $device = $browser->authenticator;
    return register_member(server => $server);
}

# Enrols TOTP, in a session that is fresh for it.
sub enrol {
    my ($member) = @_;
    totp_enroll($member, $server);
    $server->psql("UPDATE cloudep.sessions SET mfa_at = now() WHERE uid = :'uid'", uid => $member->{uid});
    return;
}

# Adds a passkey in a session of a member's.
sub add {
    my ($member, $name) = @_;
    my $start = outcome($member->{client}->post("$me/passkeys/start"), 200, 102000, "$name is begun")->data;
    my $credential = $browser->run('return create({ ...args[0], excludeCredentials: [] })', $start->{public_key});
    return outcome($member->{client}->post("$me/passkeys/finish", { challenge_id => $start->{challenge_id}, credential => $credential, name => $name }),
        200, 102000, "$name is added")->data->{id};
}

sub log_in {
    my ($member) = @_;
    my $start = $anybody->post("$auth/login/passkey/start", { tenant_slug => $member->{slug} })->data;
    return $anybody->post("$auth/login/passkey", { tenant_slug => $member->{slug}, challenge_id => $start->{challenge_id},
            credential => $browser->run('return get(args[0])', $start->{public_key}) });
}

# The token of the last notice with a link whose subject is so.
sub token {
    my ($address, $subject, $mails) = @_;
    my @about = grep { $_->{headers}{subject} =~ $subject && $_->{text} =~ /#undo=/ } $server->mails($address, $mails);
    my ($token) = @about ? $about[-1]{text} =~ m{^\s+\Q$account\E#undo=([A-Za-z0-9_-]{64})$}m : ();
    return secret($token // die "no link in a notice $subject\n");
}
my ($ADDED, $TOTP) = (qr/passkey was added/, qr/Two-step verification is on/);

# ---- a passkey in a stolen session

my $owner = victim();
add($owner, 'Thief');
my $token = token($owner->{email}, $ADDED, 2);
my ($notice) = grep { $_->{text} =~ /#undo=/ } $server->mails_now($owner->{email});
like(decode_qp($notice->{raw}), qr{passkey (?:"|&quot;)Thief.*<a href="\Q$account\E#undo=\Q$token\E">}s, 'the notice names the passkey and has the link, in HTML as well');
my $thief = outcome(log_in($owner), 200, 102000, 'the thief logs in by it')->data->{access_token};
outcome(log_in($owner), 200, 102000, 'again and again');
my $again = $anybody->with(token => $thief);
my $proof = outcome($again->post("$auth/reauthenticate/start", { method => 'passkey' }), 200, 102000, 'a proof is begun')->data;
outcome($again->post("$auth/reauthenticate", { challenge_id => $proof->{challenge_id}, credential => $browser->run('return get(args[0])', $proof->{public_key}) }),
    200, 102000, 'proves by it that it is they');
is(of($owner, 'count(*) FILTER (WHERE used_at IS NULL)', 'links'), 1, 'a passkey alone never counts: the link is good');
outcome(undo($token), 200, 102000, 'the owner undoes it');
is(of($owner, 'count(*)', 'passkeys'), 0, 'the passkey is gone');
is(of($owner, 'ways_in', 'members'), 1, 'and no way in any more: a password is due');
outcome($again->get($me), 401, 29501000, "the thief's session is over");
is(reason(outcome(log_in($owner), 401, 28501000, 'it logs in no more')), 'passkey_unknown', 'as it is not there');
outcome(login($owner), 401, 28501000, 'nor does the password');
like((map { $_->{headers}{subject} } $server->mails($owner->{email}, 3))[-1], qr/passkey was undone/, 'the owner is told');
is(reason(outcome(undo($token), 404, 29301000, 'the link serves once')), 'link_gone', 'as it says');

# ---- TOTP first and a passkey then: the undo of the one takes the other

$owner = victim();
add($owner, 'Own');
$server->psql("UPDATE cloudep.passkeys SET created_at = now() - interval '1 day' WHERE uid = :'uid'", uid => $owner->{uid});
enrol($owner);
add($owner, 'Thief');
outcome(undo(token($owner->{email}, $TOTP, 4)), 200, 102000, 'TOTP is undone');
is(of($owner, "string_agg(name, ' ')", 'passkeys'), 'Own', 'the passkey that came after it is gone, the one before stays');
is(of($owner, 'ways_in', 'members'), 2, 'and counts');

# ---- a passkey first and TOTP then: the link of the passkey is good whichever is used before, and asks for no code

$owner = victim();
add($owner, 'Thief');
enrol($owner);
my $first = token($owner->{email}, $ADDED, 3);
outcome(undo(token($owner->{email}, $TOTP, 3)), 200, 102000, 'TOTP is undone');
is(of($owner, 'count(*)', 'passkeys'), 1, 'the older passkey is there');
outcome(undo($first), 200, 102000, 'but its own link is good');
is(of($owner, 'count(*)', 'passkeys'), 0, 'and takes it');
$owner = victim();
add($owner, 'Thief');
enrol($owner);
outcome(undo(token($owner->{email}, $ADDED, 3)), 200, 102000, 'the other way round no code is asked for');
is(of($owner, 'count(*) FILTER (WHERE enrolled_at IS NOT NULL)', 'totp') . of($owner, 'count(*)', 'passkeys'), '00', 'and both are gone at once');

# ---- with a factor of the owner's that is older, the mailbox is not enough

$owner = victim();
enrol($owner);
$server->psql("UPDATE cloudep.totp SET enrolled_at = now() - interval '1 day' WHERE uid = :'uid'", uid => $owner->{uid});
$server->psql("UPDATE cloudep.links SET used_at = now() WHERE uid = :'uid'", uid => $owner->{uid});
add($owner, 'Thief');
$token = token($owner->{email}, $ADDED, 3);
is(reason(outcome(undo($token), 403, 28505000, 'an older factor is asked for')), 'second_factor_needed', 'as it says');
is(of($owner, 'count(*)', 'passkeys'), 1, 'nothing is undone yet');

# ---- a change of email by a session that a doubtful passkey proved can be undone all the same

$thief = $anybody->with(token => outcome(log_in($owner), 200, 102000, 'the thief logs in by the passkey')->data->{access_token});
my $elsewhere = fresh_email();
my $change = outcome($thief->post("$me/email/start", { email => $elsewhere }), 200, 102000, 'a change of email is begun')->data->{challenge_id};
outcome($thief->post("$me/email/confirm", { challenge_id => $change, code => secret($server->mail_code($elsewhere)) }), 200, 102000, 'and made');
my $back = token($owner->{email}, qr/login email/, 4);
totp_rewind($server, $owner);
outcome(undo($token, code => totp_code($owner->{totp})), 200, 102000, 'the passkey is undone with a code of the older factor');
totp_rewind($server, $owner);
outcome(undo($back, code => totp_code($owner->{totp})), 200, 102000, 'and the change of email as well');
is(of($owner, 'email', 'members'), $owner->{email}, 'the owner has the address again');
is(of($owner, 'count(*)', 'passkeys'), 0, 'and no passkey of the thief is left');

# ---- the owner's own passkey is beyond doubt once it was used beside an older password

$owner = victim();
enrol($owner);
$server->psql("UPDATE cloudep.credentials SET updated_at = now() - interval '1 day' WHERE uid = :'uid'", uid => $owner->{uid});
add($owner, 'Own');
$token = token($owner->{email}, $ADDED, 3);
my $asked = login($owner)->data;
outcome($anybody->post("$auth/login/mfa", { tenant_slug => $owner->{slug}, challenge_id => $asked->{mfa_challenge_id},
            credential => $browser->run('return get(args[0])', $asked->{public_key}) }), 200, 102000, 'it is used beside the password');
is(reason(outcome(undo($token), 404, 29301000, 'its link is dead')), 'link_gone', 'as it says');
outcome(undo(token($owner->{email}, $TOTP, 3)), 200, 102000, 'that of TOTP, which was not used, is not');
finish();
