# Passkeys at the account pages, in both languages: added, named and removed, signing in by the button and from the field, in
# place of the code, and as a proof in the middle of something. Chromium's virtual authenticator signs; nothing else is simulated.
use strict;
use warnings;
use utf8;
use CloudEP::Pages;
use CloudEP::Process qw(slurp spew wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use JSON::PP ();

my $top = CloudEP::Httpd::top();
my $tenant = tenant();
my $server = own_server(portal => $tenant->{slug})->start;
$tenant->{server} = $server;
spew("$server->{dir}/htdocs/wanted.html", "<!DOCTYPE html><title>Wanted</title><h1>Wanted</h1>\n");
my $pages = CloudEP::Test::Servers::keep(CloudEP::Pages->new(dir => CloudEP::Test::Servers::own_folder('browser'),
        home => "http://localhost:$server->{port}/account/", shots => "$ENV{CLOUDEP_VAR}/screenshots"));
my ($language, $texts, $device);

# A text of the pages, with {name} replaced.
sub t {
    my ($key, %values) = @_;
    return ($texts->{$key} // die "no text $key\n") =~ s/\{(\w+)\}/$values{$1} \/\/ "{$1}"/ger;
}

# A reader who has just come, with a device that answers or one that waits.
sub begin {
    my (%options) = @_;
    $pages->remove_authenticator($device) if $device;
    $pages->look(1280, 'light')->forget_all($language);
    $device = $pages->authenticator(%options);
    answers(1);
    return;
}

# Whether somebody is there to touch the device. What was asked before stays unanswered.
sub answers {
    my ($yes) = @_;
    $pages->cdp('WebAuthn.setAutomaticPresenceSimulation', authenticatorId => $device, enabled => $yes ? \1 : \0);
    return;
}

sub member { return register_member(tenant => $tenant, language => $language, display_name => 'Ada', @_) }
sub quiet { my ($what) = @_; is_deeply([$pages->complaints], [], "$language: $what, without a complaint of the browser") }
sub to { my ($page) = @_; $pages->run('location.hash = `#/${args[0]}`', $page); return $pages->at($page) }

# Signs in by the password; nobody touches the device meanwhile.
sub sign_in {
    my ($member, $page) = @_;
    answers(0);
    $pages->visit('#/sign-in');
    $pages->fill(email => $member->{email}, password => $member->{password})->submit;
    $pages->at($page // 'profile');
    answers(1);
    return;
}

sub add_one {
    my ($name) = @_;
    to('passkeys')->fill(name => $name)->submit->sees(t('passkeys.added_now'));
    return;
}

# How many passkeys the authenticator has that it would offer.
sub on_device { return scalar $pages->credentials($device) }

sub age {
    my ($member) = @_;
    $server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL, mfa_at = NULL WHERE uid = :'uid'", uid => $member->{uid});
    return;
}

sub amr { return $server->value("SELECT amr FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1", uid => $_[0]{uid}) }

# ---- added, named, removed
sub manages {
    my $member = member();
    sign_in($member);
    to('passkeys')->sees(t('passkeys.none'));
    is($pages->run('return document.querySelector("[name=name]").value.length > 0'), JSON::PP::true, "$language: a name is there already");
    $pages->fill(name => '')->submit->sees(t('rule.required'));
    add_one('My laptop');
    $pages->sees('My laptop')->sees(t('passkeys.never'))->shot("passkeys-one-$language");
    is(on_device(), 1, "$language: the device has it");
    $pages->submit->sees(t('reason.passkey_here_already'));
    is($pages->run('return document.activeElement.className'), 'summary', "$language: a second one on the same device is refused, in the summary");
    $pages->press(t('passkeys.rename'));
    is($pages->run('return document.activeElement.name'), 'name', "$language: the name can be typed at once");
    $pages->shot("passkeys-rename-$language");
    $pages->press(t('cancel'))->sees('My laptop')->press(t('passkeys.rename'));
    $pages->click('.row [name=name]');
    $pages->run('document.querySelector(".row [name=name]").value = ""');
    $pages->keys('Work', 'Enter')->sees(t('saved'))->sees('Work');
    $pages->press(t('remove'))->sees(t('passkeys.remove', name => 'Work'))->shot("passkeys-remove-$language");
    $pages->press(t('cancel'))->press(t('remove'))->click('dialog .danger');
    $pages->sees(t('passkeys.removed'))->sees(t('passkeys.none'));
    is($server->value("SELECT count(*) FROM cloudep.passkeys WHERE uid = :'uid'", uid => $member->{uid}), 0, "$language: it is removed");
    $pages->until('return JSON.parse(sessionStorage.getItem("test.signals") || "[]").some(one => one[0] === "signalAllAcceptedCredentials" && !one[1].allAcceptedCredentialIds.length)',
        'the browser is told that there is none any more');
    quiet('managed');
    return;
}

# ---- signing in
sub signs_in {
    my $member = member();
    sign_in($member);
    add_one('Key');
    answers(0);
    $pages->press(t('sign_out'))->at('sign-in');
    $pages->shot("sign-in-passkey-$language");
    answers(1);
    $pages->press(t('passkey.sign_in'))->at('profile');
    is(amr($member), 'pop user mfa', "$language: by the button, without a password");
    $pages->press(t('sign_out'));
    ok(wait_until(30, sub { $server->value("SELECT count(*) FROM cloudep.sessions WHERE opened_with LIKE 'passkey:%' AND uid = :'uid'", uid => $member->{uid}) == 2 }),
        "$language: and from the field, as the browser offers it there");
    $pages->at('profile');

    # What goes wrong is said in place, and asked no more by itself.
    $server->psql("DELETE FROM cloudep.passkeys WHERE uid = :'uid'", uid => $member->{uid});
    my $before = $server->log_size;
    $pages->press(t('sign_out'))->at('sign-in');
    $pages->sees(t('reason.passkey_unknown'));
    $pages->until('return JSON.parse(sessionStorage.getItem("test.signals") || "[]").some(one => one[0] === "signalUnknownCredential" && one[1].rpId === "localhost" && one[1].credentialId)',
        'the browser is told that it is gone');
    is(scalar(() = $server->log($before) =~ /"auth\.login\.passkey"/g), 1, "$language: it was tried once");
    $pages->user_verified($device, 0);
    $pages->visit('#/sign-in');
    $pages->press(t('passkey.sign_in'))->sees(t('reason.passkey_cancelled'))->shot("sign-in-passkey-cancelled-$language");
    $pages->fill(email => $member->{email}, password => $member->{password})->submit->at('profile');
    pass("$language: and the password goes on as ever");
    quiet('signed in');
    return;
}

# ---- in place of the code, and as a proof
sub proves {
    my $member = totp_enroll(member());
    totp_rewind($server, $member);
    sign_in($member, 'second-factor');
    $pages->fill(code => totp_code($member->{totp}))->submit->at('profile');
    add_one('Key');
    answers(0);
    $pages->press(t('sign_out'))->at('sign-in');
    sign_in($member, 'second-factor');
    $pages->shot("second-factor-passkey-$language");
    $pages->press(t('passkey.use'))->at('profile');
    is(amr($member), 'pwd pop user mfa', "$language: in place of the code");
    age($member);
    to('two-step')->press(t('backup.new'))->sees(t('proof.title'))->sees(t('passkey.use'))->shot("proof-passkey-$language");
    $pages->press(t('passkey.use'))->sees(t('backup.keep'));
    pass("$language: the same action goes on after a proof by it");
    to('profile')->fill(display_name => 'Augusta');
    $server->psql("UPDATE cloudep.sessions SET revoked_at = now() WHERE uid = :'uid'", uid => $member->{uid});
    $pages->submit->sees(t('proof.ended_lead'))->press(t('passkey.sign_in'))->sees(t('profile.hello', name => 'Augusta'));
    pass("$language: as after a session that has ended");
    quiet('proved');
    return;
}

# ---- a page that wants a second factor, of somebody who has passkeys and no app
sub guarded {
    my $member = member();
    sign_in($member);
    add_one('Key');
    age($member);
    $pages->visit('?return_to=/wanted.html&need=mfa');
    $pages->at('proof')->sees(t('proof.passkey'))->press(t('passkey.use'));
    $pages->until('return location.pathname === "/wanted.html"', 'the page that was wanted');
    is($server->value("SELECT mfa_method FROM cloudep.sessions WHERE uid = :'uid' AND mfa_at IS NOT NULL", uid => $member->{uid}), 'passkey', "$language: a passkey is a second factor there");

    # Whoever has neither is told so, adds a passkey on the way, and is there.
    begin();
    sign_in(member());
    $pages->visit('?return_to=/wanted.html&need=mfa');
    $pages->at('proof')->sees(t('proof.no_factor'))->press(t('passkeys.add'));
    $pages->at('passkeys')->fill(name => 'Key')->submit->at('proof');
    $pages->press(t('passkey.use'))->until('return location.pathname === "/wanted.html"', 'the page that was wanted');
    pass("$language: added on the way");
    return;
}

# What the browser is told of passkeys is kept as well; it is told all the same.
$pages->cdp('Page.addScriptToEvaluateOnNewDocument', source => <<'SCRIPT');
for (const name of ['signalUnknownCredential', 'signalAllAcceptedCredentials']) {
    const real = PublicKeyCredential[name].bind(PublicKeyCredential);
    PublicKeyCredential[name] = what => {
        sessionStorage.setItem('test.signals', JSON.stringify([...JSON.parse(sessionStorage.getItem('test.signals') || '[]'), [name, what]]));
        return real(what);
    };
}
SCRIPT
for my $name (qw(en zh-TW)) {
    $language = $name;
    $texts = JSON::PP->new->utf8->decode(slurp("$top/portal/texts/$language.json"));
    for my $flow (\&manages, \&signs_in, \&proves, \&guarded) {
        begin();
        $flow->();
    }
}

# ---- where they are not offered, nothing asks for them
spew($server->custom . '/portal.json', '{"passkeys": false}');
begin();
my $before = $server->log_size;
$pages->visit('#/sign-in');
is($pages->run('return document.querySelectorAll(".passkey").length'), 0, 'where they are not offered there is no button');
unlike($server->log($before), qr/auth\.login\.passkey/, 'and nothing is asked for');

# ---- at an address that is not of their domain
spew($server->custom . '/portal.json', '{"passkeys": true}');
$pages->{home} = $server->url('/account/');
$language = 'en';
$texts = JSON::PP->new->utf8->decode(slurp("$top/portal/texts/en.json"));
begin();
$pages->visit('#/sign-in');
$pages->press(t('passkey.sign_in'))->sees(t('reason.passkey_not_here'));
is_deeply([$pages->complaints], [], 'and the browser complains of nothing');
finish();
