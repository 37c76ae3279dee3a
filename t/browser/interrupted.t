# What comes in between at the account pages: another tab, the back button, a second click, a code that has expired, a network that
# is away, a page left open for an hour, an address with something unknown in it. Each leads on or says so; what was typed stays.
use strict;
use warnings;
use CloudEP::Pages;
use CloudEP::Process qw(spew);
use CloudEP::Test;
use CloudEP::Totp;
use File::Path qw(make_path);

my $tenant = tenant();
my $memcached = own_memcached();
my $server = own_server(portal => $tenant->{slug}, memcached => $memcached, with => ['<Location /app>', 'AuthType CloudEP', 'AuthName x',
        'CloudEPSessionCookie On', 'CloudEPLoginPage /account/', 'Require valid-user', '</Location>'])->start;
$tenant->{server} = $server;
make_path("$server->{dir}/htdocs/app");
spew("$server->{dir}/htdocs/app/$_.html", "<!DOCTYPE html><title>$_</title><h1>$_</h1>\n") for qw(page other);
my $pages = CloudEP::Test::Servers::keep(CloudEP::Pages->new(dir => CloudEP::Test::Servers::own_folder('browser'), home => $server->url('/account/')));

sub t { return $pages->text_of(@_) }
sub member { return register_member(tenant => $tenant, display_name => 'Ada') }
sub name_of { return $server->value("SELECT display_name FROM cloudep.members WHERE uid = :'uid'", uid => $_[0]{uid}) }
sub value_of { return $pages->run('return document.querySelector(`#main [name=${args[0]}]`).value', @_) }
sub how_often { my ($before, $what) = @_; return scalar(() = $server->log($before) =~ /"\Q$what\E"/g) }

# Every code and every cooldown is over.
sub codes_end { $memcached->command("flush_all"); return }

sub sign_in {
    my ($member) = @_;
    $pages->visit('#/sign-in');
    $pages->fill(email => $member->{email}, password => $member->{password})->submit->at('profile');
    return;
}

sub to { my ($page) = @_; $pages->run('location.hash = `#/${args[0]}`', $page); return $pages->at($page) }

# ---- two tabs
sub two_tabs {
    my ($ada, $bob) = (member(), register_member(tenant => $tenant, display_name => 'Bob'));
    my $first = $pages->this_tab;
    sign_in($ada);
    my $second = $pages->new_tab;
    $pages->switch_to($second)->visit('#/profile')->at('profile')->fill(display_name => 'Augusta');

    $pages->switch_to($first)->press(t('sign_out'))->at('sign-in');
    $pages->switch_to($second)->submit->sees(t('proof.ended_lead'));
    is(value_of('display_name'), 'Augusta', 'signed out in one tab, the other says so and keeps what was typed');
    $pages->fill(password => $ada->{password})->submit->sees(t('profile.hello', name => 'Augusta'));
    is(name_of($ada), 'Augusta', 'and goes on');
    $pages->switch_to($first);
    $pages->run('location.reload()');
    $pages->at('profile');
    pass('the first one is in again as well');

    $pages->press(t('sign_out'))->at('sign-in');
    $pages->fill(email => $bob->{email}, password => $bob->{password})->submit->at('profile')->sees(t('profile.hello', name => 'Bob'));
    $pages->switch_to($second)->fill(display_name => 'Byron')->submit->sees(t('reason.somebody_else'));
    is(name_of($bob), 'Bob', 'what was typed on the page of one member never goes to another');
    is(name_of($ada), 'Augusta', 'nor to the first');
    is(value_of('display_name'), 'Byron', 'and stays');
    $pages->switch_to($first)->fill(display_name => 'Robert')->submit->sees(t('profile.hello', name => 'Robert'));

    # A sign-in form that is left, and come back to once another tab has signed in.
    $pages->press(t('sign_out'))->at('sign-in');
    $pages->open("$pages->{home}icon.svg");
    $pages->switch_to($second);
    sign_in($ada);
    $pages->in_session('DELETE', '/window');
    $pages->switch_to($first)->run('setTimeout(() => history.back())');
    $pages->at('profile')->sees(t('profile.hello', name => 'Augusta'));
    pass('a form that is not needed any more leads on');
}

# ---- back
sub back {
    my $ada = member();
    $pages->open($server->url('/app/page.html'));
    $pages->at('sign-in')->press(t('forgot.link'))->at('forgot');
    $pages->run('setTimeout(() => history.back())');
    $pages->at('sign-in')->fill(email => $ada->{email}, password => $ada->{password})->submit;
    $pages->until('return location.pathname === "/app/page.html"', 'the page that was wanted');
    $pages->run('setTimeout(() => history.back())');
    $pages->until('return location.pathname.endsWith("/icon.svg")', 'back leads to what was before the sign-in');
    pass('back leads past the form that was filled already');
    to_account();
    to('contacts')->press(t('sign_out'))->at('sign-in');
    $pages->run('await new Promise(gone => { addEventListener("popstate", gone, { once: true }); history.back() })');
    $pages->at('sign-in');
    is($pages->run('return document.body.innerText.includes(args[0])', $ada->{email}) ? 1 : 0, 0, 'back shows nothing of who has signed out');
}

sub to_account { $pages->visit('#/profile'); return $pages->at('profile') }

# ---- a second click
sub twice {
    my $email = fresh_email();
    $pages->visit('#/register?invite=' . $tenant->{invite});
    $pages->at('register');
    is(value_of('invite_code'), $tenant->{invite}, 'a link brings its invite along');
    $pages->fill(email => $email, password => 'correct horse 9')->click('[name=terms]');
    my $before = $server->log_size;
    $pages->run('const button = document.querySelector("#main [type=submit]"); button.click(); button.click()');
    $pages->at('confirm');
    is(how_often($before, 'auth.register'), 1, 'a second click registers once');
    return $email;
}

# ---- a code that has expired
sub expired {
    my ($email) = @_;
    my $code = secret($server->nth_code($email, 1));
    codes_end();
    $pages->fill(code => $code)->submit->sees(t('reason.challenge_gone'))->press(t('confirm.sign_in'))->at('sign-in');
    $pages->fill(email => $email, password => 'correct horse 9')->submit->sees(t('reason.email_unconfirmed'))->press(t('register.resume'))->at('confirm');
    $pages->fill(code => secret($server->nth_code($email, 2)))->submit->at('profile');
    pass('an expired code of a registration leads to another');

    my $business = fresh_email();
    to('contacts')->click('#main section:nth-of-type(1) button')->fill(target => $business)->submit->sees(t('code.sent', email => $business));
    $code = secret($server->nth_code($business, 1));
    codes_end();
    $pages->fill(code => $code)->submit->sees(t('reason.challenge_gone'))->press(t('code.again'));
    $pages->until('return document.getElementById("status").innerText === args[0]', 'a new code is sent', t('code.sent', email => $business));
    $pages->fill(code => secret($server->nth_code($business, 2)))->submit->sees(t('verified'));
    pass('so does one of a contact, without typing the address again');

    my $ada = totp_enroll(member());
    $pages->press(t('sign_out'))->at('sign-in')->fill(email => $ada->{email}, password => $ada->{password})->submit->at('second-factor');
    codes_end();
    $pages->fill(code => '000000')->submit->sees(t('reason.challenge_gone'))->press(t('sign_in.again'))->at('sign-in');
    is(value_of('email'), $ada->{email}, 'a login that took too long leads back, with the address');

    $pages->fill(email => $email)->press(t('forgot.link'))->at('forgot');
    is(value_of('email'), $email, 'the address that was typed is there already');
    $pages->submit->at('reset');
    $code = secret($server->nth_code($email, 3));
    codes_end();
    $pages->fill(code => $code, new_password => 'another horse 10')->submit->sees(t('reason.challenge_gone'));
    $pages->press(t('code.again'))->until('return document.getElementById("status").innerText === args[0]', 'a new code is sent', t('code.sent_if', email => $email));
    is(value_of('new_password'), 'another horse 10', 'the new password that was typed stays');
    $pages->fill(code => secret($server->nth_code($email, 4)))->submit->sees(t('reset.done'));
    pass('and one of a forgotten password');
}

# ---- the network is away
sub offline {
    my $ada = member();
    sign_in($ada);
    $pages->fill(display_name => 'Typed')->offline(1);
    $pages->click('.language');
    $pages->until('return document.getElementById("status").innerText === args[0]', 'that there is no network is said', t('reason.network'));
    is(value_of('display_name'), 'Typed', 'without a network the language stays, and what was typed');
    $pages->run('location.hash = "#/history"');
    $pages->sees(t('reason.network'))->press(t('again'))->sees(t('reason.network'));
    $pages->offline(0)->press(t('again'))->at('history')->sees(t('event.auth.login'));
    pass('a page that could not be loaded is there when the network is');
    $pages->cdp('Network.setBlockedURLs', urls => ['*/texts/*']);
    $pages->visit('')->sees('No connection');
    $pages->cdp('Network.setBlockedURLs', urls => []);
    $pages->click('#main button')->at('profile');
    pass('nor is anything left blank where not even the texts could be loaded');
}

# ---- left open for an hour
sub an_hour_later {
    my $ada = member();
    $pages->visit('?return_to=/app/page.html')->at('sign-in');
    $pages->fill(email => $ada->{email}, password => $ada->{password});
    $pages->cdp('Network.clearBrowserCookies');
    $pages->submit->until('return location.pathname === "/app/page.html"', 'the page that was wanted');
    pass('a sign-in whose cookies are over goes on');

    to_account()->fill(display_name => 'Later');
    $server->psql("UPDATE cloudep.sessions SET idle_expires_at = now() - interval '1 second', expires_at = now() - interval '1 second' WHERE uid = :'uid'", uid => $ada->{uid});
    $pages->submit->sees(t('proof.ended_lead'))->fill(password => $ada->{password})->submit->sees(t('profile.hello', name => 'Later'));
    is(name_of($ada), 'Later', 'an expired session is renewed in place');

    $pages->fill(display_name => 'Latest');
    $pages->run('document.cookie = "XSRF-TOKEN=old; path=/"');
    $pages->submit->sees(t('profile.hello', name => 'Latest'));
    is(name_of($ada), 'Latest', 'an old XSRF token is renewed without a word');

    $pages->press(t('sign_out'))->at('sign-in')->press(t('register.link'))->at('register');
    $pages->fill(invite_code => $tenant->{invite}, email => fresh_email(), password => 'correct horse 9')->click('[name=terms]');
    $pages->run('document.cookie = "XSRF-TOKEN=old; path=/"');
    $pages->submit->at('confirm');
    pass('before a login as well');
}

# ---- addresses
sub addresses {
    my $ada = member();
    for my $hash ('#nonsense', '#/nonsense', '#/constructor', '#/__proto__', '#reset=%', '#/', '#') {
        $pages->visit($hash);
        $pages->at('sign-in');
        pass("$hash shows the sign-in");
    }
    $pages->run('location.hash = "#undo=made-up"');
    $pages->at('undo')->press(t('sign_in.back'))->at('sign-in');
    pass('the link of a mail is read where a page was open already');
    $pages->open($server->url('/app/page.html?a=1#/profile'));
    $pages->at('sign-in')->sees(t('sign_in.to_go_on'))->fill(email => $ada->{email}, password => $ada->{password})->submit;
    $pages->until('return location.href.endsWith("/app/page.html?a=1#/profile")', 'the fragment of the page that was wanted is there again');
    pass('a fragment that is a page of ours, too, goes back to whose it is');
    $pages->open("$pages->{home}?return_to=/app/other.html#undo=made-up");
    $pages->until('return location.href.endsWith("/app/other.html#undo=made-up")', 'so does one that looks like the link of a mail');
    $pages->visit('#/nonsense');
    $pages->at('profile');
    $pages->run('document.querySelector("#main").dataset.before = "1"; location.hash = "#/constructor"');
    $pages->until('return document.querySelector("#main")?.dataset.before === undefined', 'the page is drawn anew');
    $pages->at('profile');
    pass('an unknown page is the first one to whoever is signed in');

    # What was wanted once and given up is not gone to later.
    $pages->press(t('sign_out'))->at('sign-in');
    $pages->visit('?return_to=/app/page.html')->at('sign-in')->visit('')->at('sign-in');
    sign_in($ada);
    pass('a page that was given up is not gone to');
    $pages->press(t('sign_out'))->at('sign-in');
    $pages->visit('?return_to=/app/page.html#/register');
    $pages->at('register');
    pass('a link may lead to registering and have the page to come back to');
}

for my $part ([\&two_tabs, 'two tabs'], [\&back, 'back'], [sub { expired(twice()) }, 'an expired code'], [\&offline, 'no network'],
    [\&an_hour_later, 'an hour later'], [\&addresses, 'addresses']) {
    my ($way, $name) = @$part;
    $pages->begin('en');
    $way->();
    is_deeply([grep { !/ERR_INTERNET_DISCONNECTED/ } $pages->complaints], [], "$name: the browser complains of nothing");
}
expect_log(qr/CE400/);
finish();
