# A person's way through all of it, by the keyboard alone: from a guarded page by registration back to that very page, a second
# factor by its picture, a forgotten password, another session, another address and back, a page that wants a second factor. On
# each page every control is reached, shows that it has the focus, and lets go of it. The pictures are to be looked at.
use strict;
use warnings;
use utf8;
use CloudEP::Browser;
use CloudEP::Pages;
use CloudEP::Process qw(run slurp spew wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use File::Path qw(make_path);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);

my $tenant = tenant();
my @GUARD = ('AuthType CloudEP', 'AuthName x', 'CloudEPSessionCookie On', 'CloudEPLoginPage /account/');
my $memcached = own_memcached();
my $server = own_server(portal => $tenant->{slug}, memcached => $memcached, with => ['<Location /app>', @GUARD, 'Require valid-user', '</Location>',
        '<Location /vault>', @GUARD, 'Require cloudep-mfa 3600', '</Location>', '<Location /recent>', @GUARD, 'Require cloudep-fresh 300', '</Location>']);
$server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
$server->start;
$tenant->{server} = $server;
$server->ctl(qw(tenant set --yes --slug), $tenant->{slug}, qw(--code-login on));
for my $place (qw(app vault recent)) {
    make_path("$server->{dir}/htdocs/$place");
    spew("$server->{dir}/htdocs/$place/page.html", "<!DOCTYPE html><title>$place</title><h1>Inside $place</h1>\n");
}
spew($server->custom . '/portal.json', '{"codeLogin": true, "passkeys": true}');
my $folder = CloudEP::Test::Servers::own_folder('browser');
my $site = "http://localhost:$server->{port}";
my $pages = CloudEP::Test::Servers::keep(CloudEP::Pages->new(dir => $folder, home => "$site/account/", shots => "$ENV{CLOUDEP_VAR}/screenshots"));
my $device;
my ($email, $password) = (fresh_email(), 'correct horse 9');
my $codes = 0;
my $shots = 0;
my (%seen, $secret);

sub t { return $pages->text_of(@_) }
sub press { my ($text) = @_; return $pages->tab_to_text($text)->keys('Enter') }
sub uid { return $server->value("SELECT uid FROM cloudep.members WHERE email = :'email'", email => $email) }

# A picture; and the first time that a page is there, once round it by Tab.
sub look {
    my ($name) = @_;
    $pages->settled;
    $pages->shot(sprintf 'way-%02d-%s', ++$shots, $name);
    is_deeply([$pages->round_faults], [], "$name: every control is reached by Tab, both ways, and shows the focus") unless $seen{$name}++;
    return $pages;
}

sub to {
    my ($page) = @_;
    $pages->tab_to("a[href=\"#/$page\"]")->keys('Enter')->at($page);
    return look($page);
}

# The code of the next mail to the address that has one.
sub mailed { return secret($server->nth_code($email, ++$codes)) }

# Makes the session too old for what changes a credential.
sub age { $server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL, mfa_at = NULL WHERE uid = :'uid'", uid => uid()) }

sub app_code {
    totp_rewind($server, { uid => uid() });
    chomp(my $code = run(undef, qw(oathtool --totp -b), $secret));
    return $code;
}

sub is_at { my ($url, $name) = @_; ok($pages->until('return location.href === args[0] && Boolean(document.querySelector("h1"))', $name, $url), $name) }

sub sign_in {
    my ($page) = @_;
    $pages->at('sign-in')->type_in(email => $email, password => $password)->keys('Enter');
    $pages->at($page) if $page;
    return;
}

# ---- a guarded page -> sign in -> register with an invite -> the code -> that very page, with what its address had behind "#"
sub registers {
    $pages->open("$site/app/page.html?a=b#/profile");
    $pages->at('sign-in')->sees(t('sign_in.to_go_on'));
    look('sign-in');
    press(t('register.link'));
    $pages->at('register');
    look('register');
    $pages->tab_to('#main [type=submit]')->keys('Enter')->sees(t('summary'));
    $pages->keys('Tab', 'Enter');
    is($pages->run('return document.activeElement.name'), 'invite_code', 'the summary leads to the field');
    look('register-faults');
    $pages->type_in(invite_code => $tenant->{invite}, display_name => 'Ada Lovelace', email => $email, password => $password);
    $pages->tab_to('.show')->keys('Space');
    is($pages->run('return document.querySelector("[name=password]").type'), 'text', 'the password can be seen');
    $pages->keys('Space')->tab_to('[name=terms]')->keys('Space')->tab_to('#main [type=submit]')->keys('Enter')->at('confirm');
    look('confirm');
    press(t('code.again'))->sees(t('reason.code_cooldown'));
    $pages->type_in(code => mailed())->keys('Enter');
    is_at("$site/app/page.html?a=b#/profile", 'from a guarded page by registration back to that very page');
    $pages->shot(sprintf 'way-%02d-wanted', ++$shots);
}

# ---- the second factor by its picture, out, and in with it
sub second_factor {
    $pages->open("$site/account/");
    $pages->at('profile');
    look('profile');
    $pages->type_in(display_name => 'Ada King')->keys('Enter')->sees(t('profile.hello', name => 'Ada King'));
    age();
    $pages->open("$site/recent/page.html");
    $pages->at('proof')->sees(t('proof.page'));
    look('proof-password');
    $pages->type_in(password => $password)->keys('Enter');
    is_at("$site/recent/page.html", 'a page that wants a recent proof opens after the password');
    $pages->open("$site/account/");
    $pages->at('profile');
    to('two-step');
    press(t('two_step.set_up'));
    my $qr = $pages->find('img.qr');
    $pages->until('return document.querySelector("img.qr").complete', 'the picture is there');
    $pages->tab_to('summary')->keys('Enter')->sees(t('two_step.secret'));
    look('two-step-set-up');
    spew("$folder/qr.png", decode_base64($pages->in_session(GET => "/element/$qr/screenshot")));
    my ($url) = run(undef, qw(zbarimg --raw -q), "$folder/qr.png") =~ m{^(otpauth://\S+)}m;
    $secret = totp_secret_text($url);
    $pages->type_in(code => app_code())->keys('Enter')->sees(t('backup.keep'));
    look('backup-codes');
    press(t('backup.kept'))->sees(t('backup.left', count => 10));
    press(t('sign_out'));
    sign_in('second-factor');
    look('second-factor');
    $pages->type_in(code => app_code())->keys('Enter')->at('profile');
    pass('by the picture, out, and in with it');
    $pages->open("$site/vault/page.html");
    is_at("$site/vault/page.html", 'the page that wants a second factor opens after such a login');
    age();
    $pages->open("$site/vault/page.html?again#part");
    $pages->at('proof')->sees(t('proof.page_factor'));
    look('proof-factor');
    $pages->type_in(code => app_code())->keys('Enter');
    is_at("$site/vault/page.html?again#part", 'an old login proves it once more');
    $pages->open("$site/account/#/two-step");
    $pages->at('two-step');
    age();
    press(t('backup.new'))->sees(t('proof.title'));
    look('proof-dialog');
    $pages->keys('Escape')->until('return !document.querySelector("dialog")', 'the dialog closes by Escape');
    is($pages->run('return document.activeElement.innerText'), t('backup.new'), 'and the focus is where it was');
    press(t('backup.new'))->sees(t('proof.title'));
    $pages->type_in(code => app_code())->keys('Enter')->sees(t('backup.keep'));
    press(t('backup.kept'))->sees(t('backup.left', count => 10));
}

# ---- forgotten -> set anew
sub forgotten {
    press(t('sign_out'));
    $pages->at('sign-in');
    press(t('forgot.link'));
    $pages->at('forgot');
    look('forgot');
    $pages->type_in(email => $email)->keys('Enter')->at('reset');
    look('reset');
    $password = 'another horse 10';
    $pages->type_in(code => mailed(), new_password => $password)->keys('Enter')->sees(t('reset.done'));
    sign_in('second-factor');
    $pages->type_in(code => app_code())->keys('Enter')->at('profile');
    pass('a forgotten password is set anew, and does not go past the second factor');
}

# ---- another session is ended, and is dead there
sub another_session {
    my $other = CloudEP::Browser->new(client => client(server => $server));
    $other->get('/account/api/auth/xsrf');
    my $answer = $other->post('/account/api/auth/login', { email => $email, password => $password });
    $other->post('/account/api/auth/login/mfa', { challenge_id => $answer->data->{mfa_challenge_id}, code => app_code() });
    is($other->get('/account/api/members/me')->status, 200, 'another browser is in');
    to('sessions');
    $pages->tab_to('.row .danger-quiet')->keys('Enter');
    $pages->until('return document.querySelectorAll(".row").length === 1', 'one is left');
    is($other->get('/account/api/members/me')->status, 401, 'ended here, it is dead there');
    to('history');
}

# ---- the second factor is turned off; then another address, and back by the link in the mail
sub other_address {
    to('two-step');
    press(t('two_step.turn_off'))->sees(t('two_step.off_lead'));
    look('sure');
    $pages->keys('Escape')->until('return !document.querySelector("dialog")', 'the dialog closes by Escape');
    press(t('two_step.turn_off'))->sees(t('two_step.off_lead'));
    $pages->tab_to('dialog .danger')->keys('Enter')->sees(t('two_step.off'));
    my $new = fresh_email();
    to('email');
    $pages->type_in(email => $new)->keys('Enter')->sees(t('code.sent', email => $new));
    look('email-code');
    $pages->type_in(code => secret($server->nth_code($new, 1)))->keys('Enter')->sees(t('saved'));
    $pages->until('return document.querySelector("#main .value")?.innerText === args[0]', 'the new address is shown', $new);
    my $notice;
    wait_until(60, sub { ($notice) = grep { $_->{text} =~ /#undo=/ && $_->{headers}{subject} !~ /two-step/i } reverse $server->mails_now($email) }) or die 'no notice';
    my ($link) = $notice->{text} =~ /(#undo=[\w-]+)/;
    $pages->visit($link);
    $pages->at('undo');
    look('undo');
    $pages->tab_to('#main [type=submit]')->keys('Enter')->sees(t('undo.done'));
    is($server->value("SELECT count(*) FROM cloudep.members WHERE email = :'email'", email => $email), 1, 'the change of address is undone');
    press(t('undo.next'));
    $memcached->command('flush_all');    # the wait between two codes
    $pages->at('forgot')->type_in(email => $email)->keys('Enter')->at('reset');
    $password = 'a third horse 11';
    $pages->type_in(code => mailed(), new_password => $password)->keys('Enter')->sees(t('reset.done'));
}

# ---- a page that wants a second factor, of somebody who has none: enrolled on the way, and there
sub enrolled_on_the_way {
    $pages->open("$site/vault/page.html?x=1#/a");
    sign_in('proof');
    $pages->sees(t('proof.no_factor'));
    is($pages->run('return document.querySelectorAll("#main [name=password]").length'), 0, 'no password is asked for, as it would not open the page');
    look('proof-no-factor');
    press(t('proof.not_now'))->at('profile');
    $pages->open("$site/vault/page.html?x=1#/a");
    $pages->at('proof');
    press(t('two_step.set_up'));
    $pages->at('two-step');
    press(t('two_step.set_up'));
    $pages->find('img.qr');
    $secret = $pages->run('return document.querySelector(".secret code").textContent') =~ s/ //gr;
    $pages->type_in(code => app_code())->keys('Enter')->sees(t('backup.keep'));
    press(t('backup.kept'));
    $pages->at('proof')->sees(t('proof.page_factor'));
    $pages->type_in(code => app_code())->keys('Enter');
    is_at("$site/vault/page.html?x=1#/a", 'set up on the way, and at that very page');
}

# ---- the rest that there is
sub self_service {
    $pages->open("$site/account/");
    $pages->at('profile');
    $pages->tab_to('.language')->keys('Enter')->until('return document.documentElement.lang === "zh-TW"', 'Chinese');
    look('profile-zh');
    $pages->tab_to('.language')->keys('Space')->until('return document.documentElement.lang === "en"', 'English again');
    to('contacts');
    $pages->tab_to('main section:nth-of-type(1) button')->keys('Enter')->find('[name=target]');
    my $business = fresh_email();
    $pages->keys($business, 'Enter')->find('[name=code]');
    $pages->keys(secret($server->nth_code($business, 1)), 'Enter')->sees(t('verified'));
    to('password');
    $pages->type_in(current_password => $password, new_password => 'a fourth horse 12')->keys('Enter')->sees(t('password.changed'));
    $password = 'a fourth horse 12';
    to('passkeys');
    $pages->type_in(name => 'Key')->keys('Enter')->sees(t('passkeys.added_now'));
    press(t('passkeys.rename'));
    $pages->chord('Control', 'a')->keys('Drawer', 'Enter')->sees('Drawer')->sees(t('saved'));
    press(t('remove'))->sees(t('passkeys.remove_lead'));
    $pages->tab_to('dialog .danger')->keys('Enter')->sees(t('passkeys.none'));
    to('login-phone');
    my $number = '+8869' . join '', map { int rand 10 } 1 .. 8;
    $pages->type_in(phone => $number)->keys('Enter')->sees(t('code.sent', email => $number));
    my @sms;
    wait_until(60, sub { @sms = grep { $_->{to} eq $number } map { JSON::PP::decode_json(slurp($_)) } glob "$server->{dir}/spool/sms/*.json" }) or die "no SMS to $number\n";
    $pages->type_in(code => secret(CloudEP::Mail::code($sms[-1])))->keys('Enter')->sees(t('phone.change'));
    to('profile');
    $pages->type_in(display_name => 'Augusta');
    $server->psql("UPDATE cloudep.sessions SET revoked_at = now() WHERE uid = :'uid'", uid => uid());
    $pages->keys('Enter')->sees(t('proof.ended_lead'));
    look('session-ended');
    $pages->type_in(password => $password)->keys('Enter')->until('return Boolean(document.querySelector("dialog [name=code]"))', 'the code is asked for');
    $pages->type_in(code => app_code())->keys('Enter')->sees(t('profile.hello', name => 'Augusta'));
    press(t('sign_out'));
    $pages->at('sign-in');
    press(t('code.link'));
    $pages->at('code');
    look('code');
    $pages->type_in(email => $email)->keys('Enter')->sees(t('code.sent', email => $email));
    $pages->type_in(code => mailed())->keys('Enter')->at('second-factor')->type_in(code => app_code())->keys('Enter')->at('profile');
    to('data');
    press(t('export'))->sees(t('export.done'));
    $pages->type_in(leave => $email)->keys('Enter')->sees(t('leave.sure'));
    $pages->tab_to('dialog .danger')->keys('Enter')->at('sign-in')->sees(t('leave.done'));
    pass('and gone');
}

$pages->begin('en');
$device = $pages->authenticator;
for my $part ([\&registers, 'registered'], [\&second_factor, 'a second factor'], [\&forgotten, 'a forgotten password'], [\&another_session, 'another session'],
    [\&other_address, 'another address'], [\&enrolled_on_the_way, 'enrolled on the way'], [\&self_service, 'self-service']) {
    my ($way, $name) = @$part;
    $way->();
    is_deeply([$pages->complaints], [], "$name, and the browser complains of nothing");
}
expect_log(qr/CE400|AH01631/);
finish();
