# What people do at the account pages, in both languages: from a guarded page by registration back to it, second factors,
# forgotten and first passwords, sessions, and what must not lose what they typed.
use strict;
use warnings;
use utf8;
use CloudEP::Browser;
use CloudEP::Ctl;
use CloudEP::Pages;
use CloudEP::Process qw(run slurp spew wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use JSON::PP ();
use MIME::Base64 qw(decode_base64);

my $tenant = tenant();
my $server = own_server(portal => $tenant->{slug});
$server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
$server->start;
$tenant->{server} = $server;
spew("$server->{dir}/htdocs/wanted.html", "<!DOCTYPE html><title>Wanted</title><h1>Wanted</h1>\n");
my $folder = CloudEP::Test::Servers::own_folder('browser');
my $pages = CloudEP::Test::Servers::keep(CloudEP::Pages->new(dir => $folder, home => $server->url('/account/')));
my $language;

sub t { return $pages->text_of(@_) }

sub begin {
    ($language) = @_;
    return $pages->begin($language);
}

sub quiet { my ($what) = @_; is_deeply([$pages->complaints], [], "$language: $what, without a complaint of the browser") }

sub sign_in {
    my ($member) = @_;
    $pages->visit('#/sign-in');
    $pages->fill(email => $member->{email}, password => $member->{password})->submit;
}

sub member { return register_member(tenant => $tenant, language => $language, display_name => 'Ada', @_) }

# Makes the sessions of a member too old for what changes a credential.
sub age {
    my ($member) = @_;
    $server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL, mfa_at = NULL WHERE uid = :'uid'", uid => $member->{uid});
}

sub enrolled_now { return $server->value("SELECT enrolled_at IS NOT NULL FROM cloudep.totp WHERE uid = :'uid'", uid => $_[0]{uid}) }

# ---- a page that wants a member -> register -> code -> the page
sub registers {
    my $email = fresh_email();
    $pages->visit('?return_to=/wanted.html');
    $pages->sees(t('sign_in.to_go_on'))->press(t('register.link'));
    $pages->at('register');
    $pages->submit->sees(t('summary'));
    is($pages->run('return document.activeElement.className'), 'summary', "$language: the summary of what is wrong has the focus");
    $pages->fill(invite_code => 'NO-SUCH', display_name => 'Ada', email => $email, password => 'correct horse 9')->click('[name=terms]');
    $pages->submit->sees(t('reason.invite_unknown'));
    is($pages->run('return document.querySelector("[name=invite_code]").getAttribute("aria-invalid")'), 'true', "$language: at its field");
    $pages->fill(invite_code => $tenant->{invite}, password => 'short')->submit->sees(t('rule.password.length'));
    $pages->fill(password => 'correct horse 9')->submit;
    $pages->at('confirm');
    $pages->in_session(POST => '/refresh');
    $pages->settled;
    $pages->fill(code => '000000')->submit->sees(t('reason.code_wrong'));
    $pages->run('history.back()');
    $pages->at('register');
    is($pages->run('return document.querySelector("[name=email]").value'), $email, "$language: back leads to what was typed");
    $pages->run('history.forward()');
    $pages->at('confirm');
    my $code = secret($server->mail_code($email));
    $pages->fill(code => substr($code, 0, 3) . ' ' . substr $code, 3)->submit;
    $pages->until('return location.pathname === "/wanted.html"', 'back at the page that was wanted');
    pass("$language: from the page to registration and back to it");
    $pages->visit('?return_to=https://evil.example/');
    $pages->at('profile') if $pages->address ne $pages->{home};
    is($pages->run('return location.host'), "127.0.0.1:$server->{port}", "$language: never to another host");
    quiet('registered');
}

# ---- TOTP by the picture, then in with it
sub second_factor {
    my $member = member();
    sign_in($member);
    $pages->at('profile');
    $pages->run('location.hash = "#/two-step"');
    $pages->at('two-step')->press(t('two_step.set_up'));
    my $qr = $pages->find('img.qr');
    $pages->until('return document.querySelector("img.qr").complete', 'the picture is there');
    spew("$folder/qr.png", decode_base64($pages->in_session(GET => "/element/$qr/screenshot")));
    my ($url) = run(undef, qw(zbarimg --raw -q), "$folder/qr.png") =~ m{^(otpauth://\S+)}m;
    my $secret = totp_secret_text($url);
    chomp(my $code = run(undef, qw(oathtool --totp -b), $secret));
    $pages->fill(code => $code)->submit->sees(t('two_step.on_now'));
    is($pages->run('return document.getElementById(document.activeElement.getAttribute("aria-describedby"))?.innerText'), t('two_step.on_now'),
        "$language: what was done is read with the heading that has the focus");
    is($pages->run('return document.querySelector("#status").innerText'), '', "$language: and nothing lies over the codes");
    my @codes = map { s/ //gr } @{ $pages->run('return [...document.querySelectorAll(".codes code")].map(one => one.innerText)') };
    is(scalar @codes, 10, "$language: ten backup codes are shown");
    $pages->press(t('backup.kept'))->sees(t('backup.left', count => 10));
    $pages->press(t('sign_out'))->at('sign-in');
    totp_rewind($server, { %$member, totp => totp_secret($url) });
    sign_in($member);
    $pages->at('second-factor');
    $pages->fill(code => totp_code(totp_secret($url), 100))->submit->sees(t('reason.totp_wrong'));
    chomp($code = run(undef, qw(oathtool --totp -b), $secret));
    $pages->fill(code => $code)->submit->at('profile');
    pass("$language: by the picture, and in with it");

    # A change that needs a proof asks for it, and goes on by itself.
    age($member);
    $pages->run('location.hash = "#/two-step"');
    $pages->at('two-step')->press(t('backup.new'))->sees(t('proof.title'));
    $pages->keys('Escape')->until('return !document.querySelector("dialog")', 'the dialog closes by Escape');
    $pages->press(t('backup.new'))->sees(t('proof.title'));
    $pages->fill(code => $codes[0])->submit->sees(t('backup.keep'));
    pass("$language: asked for a proof, the same action goes on");
    quiet('second factor');
}

# ---- forgotten
sub forgotten {
    my $member = member();
    $pages->visit('#/sign-in');
    $pages->fill(email => $member->{email}, password => 'not it at all')->submit->sees(t('reason.credentials_wrong'));
    $pages->press(t('forgot.link'))->at('forgot');
    $pages->fill(email => $member->{email})->submit->at('reset');
    $pages->fill(code => secret($server->mail_code($member->{email}, 2)), new_password => 'another horse 10')->submit->sees(t('reset.done'));
    is($pages->run('return document.querySelector("[name=email]").value'), $member->{email}, "$language: the address is there already");
    $pages->fill(password => 'another horse 10')->submit->at('profile');
    quiet('a forgotten password');
}

# ---- added by the operator: the link of the invitation leads to the first password
sub invited {
    my $email = fresh_email();
    CloudEP::Ctl->new(database => $server->pg->dsn('cloudep_owner'))->done("$language: a member is added",
        qw(member add --tenant), $tenant->{slug}, '--email', $email, '--language', $language, '--outbox', $server->{values}{CloudEPOutbox});
    my ($link) = ($server->mails($email))[0]{text} =~ /(#first_password=[\w-]+)/;
    $pages->visit($link);
    $pages->sees(t('first.title'))->fill(new_password => 'another horse 10')->submit->sees(t('first.done'));
    $pages->fill(email => $email, password => 'another horse 10')->submit->at('profile');
    $pages->visit($link);
    $pages->fill(new_password => 'another horse 11')->submit->sees(t('reason.link_gone'));
    quiet('invited');
}

# ---- undone by the link of the notice; opening it does nothing yet
sub undone {
    my $member = totp_enroll(member());
    my ($notice) = grep { $_->{text} =~ /#undo=/ } $server->mails($member->{email}, 2);
    my ($link) = $notice->{text} =~ /(#undo=[\w-]+)/;
    $pages->visit($link);
    $pages->sees(t('undo.what'));
    is($pages->address, '#/undo', "$language: the token is out of the address");
    is(enrolled_now($member), 't', "$language: and nothing is undone yet");
    $pages->submit->sees(t('undo.done'));
    is(enrolled_now($member), 'f', "$language: now it is");
    $pages->visit($link);
    $pages->submit->sees(t('reason.link_gone'));
    quiet('undone');
}

# ---- sessions: another one is ended here and is dead there; one's own that ended keeps what was typed
sub sessions {
    my $member = member();
    my $other = CloudEP::Browser->new(client => client(server => $server));
    $other->get('/account/api/auth/xsrf');
    outcome($other->post('/account/api/auth/login', { email => $member->{email}, password => $member->{password} }), 200, 102000, "$language: another browser");
    sign_in($member);
    $pages->at('profile');
    $pages->run('location.hash = "#/sessions"');
    $pages->at('sessions')->press(t('sessions.end_others'))->sees(t('sessions.end_others_lead'));
    $pages->click('dialog .danger');
    $pages->until('return document.querySelectorAll(".row").length === 1', 'one is left');
    is($other->get('/account/api/members/me')->status, 401, "$language: the other browser is out");
    $pages->run('location.hash = "#/profile"');
    $pages->at('profile')->fill(display_name => 'Augusta');
    $server->psql("UPDATE cloudep.sessions SET revoked_at = now() WHERE uid = :'uid'", uid => $member->{uid});
    $pages->submit->sees(t('proof.ended_lead'));
    $pages->fill(password => $member->{password})->submit->sees(t('profile.hello', name => 'Augusta'));
    is($server->value("SELECT display_name FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid}), 'Augusta', "$language: what was typed is kept and saved");

    # No network: said, and it goes on where it was.
    $pages->fill(display_name => 'Byron')->offline(1)->submit->sees(t('reason.network'));
    $pages->offline(0)->submit->sees(t('profile.hello', name => 'Byron'));

    # Twice at once is once.
    $pages->fill(display_name => 'Lovelace');
    my $before = $server->log_size;
    $pages->run('const button = document.querySelector("#main form button[type=submit]"); button.click(); button.click()');
    $pages->sees(t('profile.hello', name => 'Lovelace'));
    is(scalar(() = $server->log($before) =~ /members\.me\.patch/g), 1, "$language: a double click sends once");

    # The other language, with what was typed.
    $pages->fill(display_name => 'Kept');
    my ($switch) = $language eq 'en' ? 'zh-TW' : 'en';
    $pages->click(".language[lang=$switch]");
    $pages->until('return document.documentElement.lang === args[0]', 'the other language', $switch);
    $pages->until('return document.querySelector("[name=display_name]")?.value === "Kept"', 'what was typed is there');
    pass("$language: the language is switched, what was typed stays");
    $pages->run('localStorage.setItem("cloudep.language", args[0])', $language);
    quiet('sessions');
}

# ---- another address to sign in with, taken back from the old one; a phone; leaving
sub self_service {
    my $member = member();
    my $new = fresh_email();
    sign_in($member);
    $pages->at('profile');
    $pages->run('location.hash = "#/email"');
    $pages->at('email')->fill(email => $new)->submit->sees(t('code.sent', email => $new));
    $pages->fill(code => secret($server->mail_code($new)))->submit->sees(t('saved'));
    $pages->until('return document.querySelector("#main .value")?.innerText === args[0]', 'the new address is shown', $new);
    my ($notice) = grep { $_->{text} =~ /#undo=/ } $server->mails($member->{email}, 2);
    my ($link) = $notice->{text} =~ /(#undo=[\w-]+)/;
    $pages->visit($link);
    $pages->at('undo')->submit->sees(t('undo.done'));
    is($server->value("SELECT email FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid}), $member->{email}, "$language: the change of email is undone");
    $pages->press(t('undo.next'))->at('forgot');
    $pages->fill(email => $member->{email})->submit->at('reset');
    $pages->fill(code => secret($server->nth_code($member->{email}, 2)), new_password => 'another horse 10')->submit->sees(t('reset.done'));
    $pages->fill(password => 'another horse 10')->submit->at('profile');

    $pages->run('location.hash = "#/login-phone"');
    my $number = '+8869' . join '', map { int rand 10 } 1 .. 8;
    $pages->at('login-phone')->fill(phone => 'nothing')->submit->sees(t('rule.phone.format'));
    $pages->fill(phone => $number)->submit->sees(t('code.sent', email => $number));
    $pages->fill(code => texted_code($number))->submit->sees(t('phone.change'));
    $pages->press(t('phone.remove'))->sees(t('phone.remove_lead'))->click('dialog .danger');
    $pages->sees(t('phone.none'));

    $pages->run('location.hash = "#/data"');
    $pages->at('data')->press(t('export'))->sees(t('export.done'));
    $pages->fill(leave => 'somebody@example.com')->submit->sees(t('rule.leave.format'));
    $pages->fill(leave => $member->{email})->submit->sees(t('leave.sure'));
    $pages->click('dialog .danger');
    $pages->at('sign-in')->sees(t('leave.done'));
    $pages->fill(email => $member->{email}, password => 'another horse 10')->submit->sees(t('reason.credentials_wrong'));
    pass("$language: gone");
    quiet('self-service');
}

sub texted_code {
    my ($number) = @_;
    my @sms;
    wait_until(60, sub { @sms = grep { $_->{to} eq $number } map { JSON::PP::decode_json(slurp($_)) } glob "$server->{dir}/spool/sms/*.json" }) or die "no SMS to $number\n";
    return secret(CloudEP::Mail::code($sms[-1]));
}

for my $name (qw(en zh-TW)) {
    for my $flow (\&registers, \&second_factor, \&forgotten, \&invited, \&undone, \&sessions, \&self_service) {
        begin($name);
        $flow->();
    }
}

# ---- an operator's own files: used where they are good, said where they are broken
begin('en');
my $custom = $server->custom;
spew("$custom/portal.json", '{"name": "Acme", "texts": {"en": "custom/texts.en.json"}}');
spew("$custom/texts.en.json", '{"sign_in.title": "Come in"}');
spew("$custom/theme.css", ":root { --accent: #00695c; }\n");
$pages->visit('#/sign-in');
$pages->sees('Come in')->sees('Acme');
is($pages->run('return getComputedStyle(document.querySelector("#main .button")).backgroundColor'), 'rgb(0, 105, 92)', 'with its own colour');
is_deeply([$pages->complaints], [], 'and the browser complains of nothing');
my %good = ('portal.json' => '{"name": "Acme", "logo": "custom/logo.svg"}', 'theme.css' => ":root { --accent: #00695c; }\n", 'logo.svg' => slurp("$custom/logo.svg"), 'texts.en.json' => '{}');
my $with_texts = '{"name": "Acme", "texts": {"en": "custom/texts.en.json"}}';
my @broken = (
    ['portal.json', '{"name": "Acme",}', qr/JSON/],
    ['portal.json', '[]', qr/not an object/],
    ['portal.json', '{"name": 7}', qr/name cannot be 7/],
    ['portal.json', '{"terms": {"version": 1}}', qr/terms cannot be/],
    ['portal.json', '{"providers": [{"name": "Google"}]}', qr/providers cannot be/],
    ['portal.json', '{"languages": ["de"]}', qr/languages cannot be/],
    ['portal.json', undef, qr/answers 404/],
    ['texts.en.json', 'no JSON', qr/JSON/],
    ['texts.en.json', '{"sign_in.title": 7}', qr/sign_in\.title is not a text/],
    ['texts.en.json', undef, qr/answers 404/],
    ['theme.css', ':root { --accent: #00695; }', qr/--accent cannot be "#00695"/],
    ['theme.css', ':root { --radius: wide; --accent: #00695c; }', qr/--radius cannot be "wide"/],
    ['theme.css', '@media (min-width: 1px) { :root { --accent: no colour; } }', qr/--accent cannot be "no colour"/],
    ['theme.css', ':root { --accent #00695c; --page: #fff; }', qr/not clear what --accent is/],
    ['theme.css', ':root { --accent: #00695c;', qr/as many \{ as \}/],
    ['theme.css', '/* :root { --accent: #00695c; }', qr/comment has no end/],
    ['theme.css', 'nothing of the kind', qr/no rules/],
    ['theme.css', undef, qr/answers 404/],
    ['logo.svg', 'no picture', qr/no picture/],
    ['logo.svg', undef, qr/not there/],
);
for my $case (@broken) {
    my ($file, $text, $why) = @$case;
    spew("$custom/$_", $good{$_}) for keys %good;
    spew("$custom/portal.json", $with_texts) if $file =~ /texts/;
    defined $text ? spew("$custom/$file", $text) : unlink "$custom/$file";
    my $name = $file =~ /texts/ ? "custom/$file" : $file =~ /logo/ ? "custom/$file" : $file;
    $pages->visit('#/sign-in');
    $pages->sees(t('broken_file', file => $name))->sees(t('sign_in.title'));
    my @complaints = $pages->complaints;
    is(scalar(grep { /\Q$name\E cannot be used: / && $_ =~ $why } @complaints), 1, "$name, $why: said in the console as well") or diag(@complaints);
    my $accent = $pages->run('return getComputedStyle(document.documentElement).getPropertyValue("--accent")');
    is($accent, $file eq 'theme.css' ? '#2f5bd7' : '#00695c', "$name, $why: the default is shown, and only in its place");
}
$pages->until('return document.querySelector(".brand img").getAttribute("src") === "icon.svg" && document.querySelector(".brand img").naturalWidth > 0', 'the default picture is shown');
$pages->click('.language[lang=zh-TW]');
$pages->until('return document.documentElement.lang === "zh-TW" && document.querySelector(".notes").innerText.includes(args[0])', 'it is said in the other language as well', '無法使用');
spew("$custom/$_", $good{$_}) for keys %good;

# ---- the headers, to the letter
my $client = client(server => $server);
for my $path (qw(/account/ /account/portal.js /account/pages/sign-in.js /account/texts/zh-TW.json /account/no-such.js)) {
    my $answer = $client->get($path);
    is($answer->header('Content-Security-Policy'), "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
            . "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'", "$path: the policy");
    is($answer->header('X-Content-Type-Options'), 'nosniff', "$path: nosniff");
    is($answer->header('Referrer-Policy'), 'no-referrer', "$path: no referrer");
    is($answer->header('Cross-Origin-Opener-Policy'), 'same-origin', "$path: apart from who opened it");
    is($answer->header('Permissions-Policy'), 'publickey-credentials-get=(self), publickey-credentials-create=(self)', "$path: passkeys for itself alone");
    is($answer->header('Cache-Control'), 'no-cache', "$path: asked for anew");
}
like($client->get('/account/portal.js')->header('Content-Type'), qr{^text/javascript}, 'scripts are called so');
for my $path (qw(/account/custom/logo.svg /account/custom/theme.css /account/custom/no-such.svg)) {
    my $answer = $client->get($path);
    is($answer->header('Content-Security-Policy'), "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox", "$path: a file of one's own runs nothing");
    is($answer->header('X-Content-Type-Options'), 'nosniff', "$path: nosniff");
    is($answer->header('Referrer-Policy'), 'no-referrer', "$path: no referrer");
    is($answer->header('Cache-Control'), 'no-cache', "$path: asked for anew");
}
is($client->get('/account')->status, 308, 'the address without a slash leads on');

# ---- what a visit costs until the form can be used
begin('en');
$pages->visit('#/sign-in');
my $loaded = $pages->run(q{const shown = performance.getEntriesByName('shown')[0].startTime;
    return [...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')].filter(one => one.startTime < shown).map(one => [one.name, one.transferSize])});
my $bytes = 0;
$bytes += $_->[1] for @$loaded;
diag(sprintf '%d requests, %.1f kB', scalar @$loaded, $bytes / 1000);
cmp_ok(scalar @$loaded, '<=', 20, 'at most 20 requests until the form can be used');
cmp_ok($bytes, '<=', 60_000, 'and 60 kB');
expect_log(qr/CE400/);
finish();
