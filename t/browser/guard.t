# A person in front of guarded pages of three hosts, in Chromium and by TLS: to the login page of another host and back to the very
# page; out everywhere once the session has ended; and never round in circles, which httpd's access log shows.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Httpd;
use CloudEP::Pages;
use CloudEP::Process qw(free_port run slurp spew wait_until);
use CloudEP::Test;
use File::Path qw(make_path);
use JSON::PP ();

my ($acme, $other) = (tenant(), tenant());
my ($ID, $WIKI, $APP, $LATE) = qw(id.beta.example wiki.alpha.example app.gamma.example late.delta.example);
my $SHOP = 'shop.beta.example';    # of the site of B
my @PLACES = qw(guarded portal other fresh factor);

# ---- certificates of a CA for all of them; the browser is told its key
my $folder = CloudEP::Test::Servers::own_folder('tls');
run(undef, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=hosts -addext), 'subjectAltName=' . join(',', map { "DNS:$_" } $ID, $WIKI, $APP, $LATE, $SHOP),
    '-keyout', "$folder/key.pem", '-out', "$folder/cert.pem");
chomp(my $spki = run(undef, 'sh', '-c', "openssl x509 -in $folder/cert.pem -pubkey -noout | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64"));

# ---- two nodes of one CloudEP; the clock of the second one is an hour ahead
my $backend = CloudEP::Backend->start(sub { ('200 OK', ['Content-Type: text/html'], '<title>App</title><h1>App</h1><a href="/next">next</a>') });
my ($tls, $late_tls) = (free_port(), free_port());
my %value = (CloudEPIssuer => "https://$ID", CloudEPAllowOrigin => "https://$SHOP", CloudEPApplicationOrigin => join ' ', map { "https://$_" } $WIKI, $APP, $LATE);
sub host { my ($port, $name, @lines) = @_; return ("<VirtualHost 127.0.0.1:$port>", "ServerName $name", 'SSLEngine On', "SSLCertificateFile $folder/cert.pem", "SSLCertificateKeyFile $folder/key.pem", @lines, '</VirtualHost>') }
sub guard { my ($path, $page, @lines) = @_; return ("<Location $path>", 'AuthType CloudEP', 'AuthName x', 'AuthzSendForbiddenOnFailure On', 'CloudEPSessionCookie On', "CloudEPLoginPage https://$ID$page", @lines, '</Location>') }
my @pages = (guard('/guarded', '/login/', 'Require valid-user'), guard('/portal', '/account/', 'Require valid-user'),
    guard('/other', '/login/', "Require cloudep-tenant $other->{slug}"), guard('/fresh', '/login/', 'Require cloudep-fresh 300'), guard('/factor', '/login/', 'Require cloudep-mfa 300'));
sub node {
    my ($port, @hosts) = @_;
    my $node = own_server(values => \%value, with => [CloudEP::Httpd::module('ssl'), CloudEP::Httpd::module('socache_shmcb'), "Listen 127.0.0.1:$port", 'AddType text/javascript .js', 'AddType text/html .html', @hosts]);
    for my $place (@PLACES) {
        make_path("$node->{dir}/htdocs/$place");
        spew("$node->{dir}/htdocs/$place/$_->[0].html", "<title>$place</title><h1>$place $_->[0]</h1><a href='$_->[1].html'>next</a>") for ['x', 'y'], ['y', 'x'];
    }
    return $node;
}
my $server = node($tls, host($tls, $WIKI, @pages), host($tls, $APP, guard('/', '/login/', 'Require valid-user', 'ProxyPass ' . $backend->url)));
{
    local $server->{portal} = $acme->{slug};
    push @{ $server->{with} }, host($tls, $SHOP), host($tls, $ID, '<Location /login>', 'Header set Cache-Control no-store', '</Location>', $server->portal);
}
my $document = slurp(CloudEP::Httpd::top() . '/doc/front-end.md');
my %file = ('session-cookie.js' => $document =~ /^```js\n(\/\/ session-cookie.*?)^```$/ms, 'index.html' => $document =~ /^```html\n(.*?)^```$/ms,
    'out.html' => '<script type=module>import { post } from "./session-cookie.js"; document.title = (await post("/account/api/auth/logout")).status</script>');
make_path("$server->{dir}/htdocs/login");
spew("$server->{dir}/htdocs/login/$_", $file{$_}) for keys %file;
$server->start;

my ($faketime) = $ENV{CLOUDEP_SANITIZE} ? () : glob '/usr/lib/*/faketime/libfaketimeMT.so.1';
my $late = node($late_tls, host($late_tls, $LATE, @pages));
if ($faketime) {
    local @ENV{qw(LD_PRELOAD FAKETIME DONT_FAKE_MONOTONIC)} = ($faketime, '+3600s', 1);
    $late->start;
}

my $pages = CloudEP::Test::Servers::keep(CloudEP::Pages->new(dir => CloudEP::Test::Servers::own_folder('browser'), home => "https://$ID/account/",
        with => ["--ignore-certificate-errors-spki-list=$spki", "--host-resolver-rules=MAP $LATE 127.0.0.1:$late_tls, MAP *.example 127.0.0.1:$tls"]));
$pages->begin('en');

# ---- what was asked of both servers
my %read;

sub asked {
    my ($node) = @_;
    my @lines = (eval { slurp("$node->{dir}/logs/access_log") } // '') =~ /"(\w+ \S+)" (\d+) /g;
    my @asked;
    while (my ($request, $status) = splice @lines, 0, 2) {
        push @asked, "$request $status" if $request =~ m{ /(?:\.cloudep/enter|login/index\.html|next|(?:guarded|portal|other|fresh|factor)/[xy]\.html|account/api/(?:members/me|auth/(?:login|handoff|reauthenticate)))$|^GET /$};
    }
    return @asked;
}
sub since { return sort map { my ($node) = @_; my @all = asked($_); @all[($read{ $_->{dir} } // 0) .. $#all] } $server, $late }
sub forget { $read{ $_->{dir} } = scalar(my @all = asked($_)) for $server, $late; return }

# Exactly these requests, and what does not count, since the last time. One that comes later shows the next time.
my $uncounted = qr/(?!)/;

sub went {
    my ($name, @expected) = @_;
    my $expected = join "\n", sort @expected;
    my $so;
    wait_until(20, sub { $so = join "\n", grep { !/$uncounted/ } since(); $so eq $expected });
    is($so, $expected, "$name: nothing else was asked");
    return forget();
}

# ---- the person
sub member { return register_member(tenant => $acme, @_) }
sub visitor { $pages->cdp('Network.clearBrowserCookies'); return forget() }
sub is_at { my ($url, $name) = @_; $pages->until('return location.href === args[0] && document.readyState === "complete"', "$name: at $url", $url); pass("$name: at the very page"); return }
sub click { $pages->click('a'); return }
sub at_login { my ($name) = @_; $pages->until('return location.pathname === "/login/" && document.querySelector("button")?.disabled === false', "$name: at the login page"); return }
sub says { my ($reason, $name) = @_; $pages->until('return document.querySelector("[role=alert]").textContent === args[0]', "$name: it says $reason", $reason); pass("$name: it says $reason"); return }
sub log_in { my ($who, %fields) = @_; at_login('a login'); $pages->fill(email => $who->{email}, password => $who->{password}, %fields)->submit; return }
sub refused { my ($status, $name) = @_; is($pages->run('return performance.getEntriesByType("navigation")[0].responseStatus'), $status, $name); return }
my ($PAGE, $SENT, $ENTERED) = ('GET /guarded/x.html', 'GET /login/index.html 200', 'GET /.cloudep/enter 303');
my @LED = ('POST /account/api/auth/handoff 200', $ENTERED);    # back to another host
my ($KNOWN, $NOBODY) = ('GET /account/api/members/me 200', 'GET /account/api/members/me 401');
my $LOGIN = 'POST /account/api/auth/login';

# ---- host A -> host B -> host A
my $member = member();
my $wiki = "https://$WIKI/guarded/x.html?a=b&c=%2F&d=%E4%B8%AD+e#part/2?x=y";
visitor();
$pages->open($wiki);
log_in($member);
is_at($wiki, 'from A to the login page on B and back');
went('from A to B and back', "$PAGE 303", $SENT, $NOBODY, "$LOGIN 400", "$LOGIN 200", @LED, "$PAGE 200");
is($pages->run('return document.cookie'), '', 'no script reads a cookie of ours');
my $tab_a = $pages->this_tab;
my $tab_c = $pages->new_tab;
$pages->switch_to($tab_c)->open("https://$APP/?y=1#there");
is_at("https://$APP/?y=1#there", 'an application on a third host');
went('a third host', 'GET / 303', $SENT, $KNOWN, @LED, 'GET / 200');
$pages->switch_to($tab_a);
click();
is_at("https://$WIKI/guarded/y.html", 'a click');
went('a click', 'GET /guarded/y.html 200');

# ---- the session ends: out everywhere
my $tab_b = $pages->new_tab;
$pages->switch_to($tab_b)->open("https://$ID/login/out.html");
$pages->until('return document.title === "200"', 'logged out');
$pages->switch_to($tab_a);
is($pages->run('return (await fetch("x.html")).status'), 401, 'after a logout on B a fetch of a page on A is refused');
click();
at_login('A, after a logout');
$pages->switch_to($tab_c);
click();
at_login('C, after a logout');
went('out everywhere', "$PAGE 401", "$PAGE 303", 'GET /next 303', ($SENT, $NOBODY) x 2);

# ---- two tabs wait at the login page; each comes back to its own
log_in($member);
is_at("https://$APP/next", 'two tabs: the one');
$pages->switch_to($tab_a);
log_in($member);
is_at("https://$WIKI/guarded/x.html", 'two tabs: the other');
$pages->switch_to($tab_c);
click();
is_at("https://$APP/next", 'two tabs: the first goes on with the newer session');
$pages->close_tabs($tab_b, $tab_c);
went('two tabs', "$LOGIN 400", ("$LOGIN 200", @LED) x 2, 'GET /next 200', "$PAGE 200", 'GET /next 303', $SENT, $KNOWN, @LED, 'GET /next 200');

# Two tabs of one host, of which neither was let in when the other was sent.
visitor();
$pages->open("https://$WIKI/guarded/x.html");
at_login('the first tab');
$tab_b = $pages->new_tab;
$pages->switch_to($tab_b)->open("https://$WIKI/guarded/y.html?second");
log_in($member);
is_at("https://$WIKI/guarded/y.html?second", 'two tabs of one host: the second');
$pages->switch_to($tab_a);
log_in($member);
is_at("https://$WIKI/guarded/x.html", 'two tabs of one host: the first');
$pages->close_tabs($tab_b);
forget();

# ---- a wrong tenant
$pages->open("https://$WIKI/other/x.html");
refused(403, 'a member of another tenant is refused');
went('a wrong tenant', 'GET /other/x.html 403');
visitor();
$pages->open("https://$WIKI/other/x.html");
log_in($member);
is_at("https://$WIKI/other/x.html", 'a member of another tenant, after the login');
refused(403, 'is refused then');
went('a wrong tenant after the login', 'GET /other/x.html 303', $SENT, $NOBODY, "$LOGIN 400", "$LOGIN 200", @LED, 'GET /other/x.html 403');

# ---- suspended: by an operator, and where the session is still there
for my $how (
    ['suspended', sub { $server->ctl(qw(member suspend --tenant), $acme->{slug}, '--uid', $_[0]{uid}) }],
    ['suspended with the session left', sub { $server->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $_[0]{uid}) }],
) {
    my ($name, $suspend) = @$how;
    my $them = member();
    visitor();
    $pages->open("https://$WIKI/guarded/y.html");
    log_in($them);
    is_at("https://$WIKI/guarded/y.html", "$name: before");
    forget();
    $suspend->($them);
    click();
    log_in($them);
    says('suspended', $name);
    went($name, "$PAGE 303", $SENT, $NOBODY, "$LOGIN 403");
}

# ---- a browser that keeps no cookies of one host
visitor();
$pages->cookies_of("https://$ID", 'block');
$pages->open("https://$WIKI/guarded/x.html");
log_in($member);
says('xsrf_required', 'no cookies of B');
went('no cookies of B', "$PAGE 303", $SENT, $NOBODY, ("$LOGIN 400") x 2);
$pages->cookies_of("https://$ID", 'allow')->cookies_of("https://$WIKI", 'block');
$pages->open("https://$WIKI/guarded/x.html");
log_in($member);
$pages->until('return location.pathname === "/.cloudep/enter" && document.body.innerText.includes("begin again")', 'no cookies of A: told so');
refused(400, 'no cookies of A: nobody is let in');
went('no cookies of A', "$PAGE 303", $SENT, $NOBODY, "$LOGIN 400", "$LOGIN 200", 'POST /account/api/auth/handoff 200', 'GET /.cloudep/enter 400');
click();
went('begin again, at a place that needs no login', 'GET / 404');
$pages->open("https://$WIKI/guarded/x.html");
$pages->until('return location.pathname === "/.cloudep/enter"', 'no cookies of A: again');
went('no cookies of A, with a session', "$PAGE 303", $SENT, $KNOWN, 'POST /account/api/auth/handoff 200', 'GET /.cloudep/enter 400');
$pages->cookies_of("https://$WIKI", 'allow');

# ---- a proof that is too old
visitor();
$pages->open("https://$WIKI/fresh/x.html");
log_in($member);
is_at("https://$WIKI/fresh/x.html", 'a login is fresh');
$server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL WHERE uid = :'uid'", uid => $member->{uid});
forget();
$pages->open("https://$WIKI/fresh/x.html?again#here");
log_in($member);
is_at("https://$WIKI/fresh/x.html?again#here", 'proved');
went('a proof', 'GET /fresh/x.html 303', $SENT, $KNOWN, 'POST /account/api/auth/reauthenticate 200', @LED, 'GET /fresh/x.html 200');

# ---- a node whose clock is an hour ahead takes no codes of the others: that is told, and nobody goes round
if ($faketime) {
    $pages->open("https://$LATE/guarded/x.html");
    $pages->until('return location.pathname === "/.cloudep/enter" && document.body.innerText.includes("begin again")', 'a clock that is ahead: told so');
    went('a clock that is ahead', "$PAGE 303", $SENT, $KNOWN, 'POST /account/api/auth/handoff 200', 'GET /.cloudep/enter 400');
}

# ---- what another origin reads by the cookie of B

sub read_from {
    my ($host) = @_;
    $pages->open("https://$host/guarded/none");
    $pages->until('return location.host === args[0] && document.readyState === "complete"', "a page of $host", $host);
    return $pages->run('return fetch(args[0], { credentials: "include" }).then(answer => answer.status, error => error.name)', "https://$ID/account/api/members/me");
}
is(read_from($SHOP), 200, 'a listed origin of the same site reads by the cookie');
is(read_from($APP), 'TypeError', 'another site reads nothing');
forget();

# ---- the account pages as the login page; they look who is there as often as they like
$uncounted = qr{members/me};
sub sign_in { my ($who) = @_; $pages->sees($pages->text_of('sign_in.to_go_on'))->fill(email => $who->{email}, password => $who->{password})->submit; return }
for my $address ("https://$WIKI/portal/x.html?a=b#/profile", "https://$WIKI/portal/y.html#reset=part") {
    my ($path) = $address =~ m{example(/[^?#]+)};
    visitor();
    $pages->open($address);
    sign_in($member);
    is_at($address, 'by the account pages');
    went('by the account pages', "GET $path 303", "$LOGIN 200", @LED, "GET $path 200");
}
$pages->open("https://$APP/next");
is_at("https://$APP/next", 'and in at the third host');
forget();
$pages->open("https://$WIKI/factor/x.html");
$pages->until('return location.pathname === "/account/"', 'a page that wants a second factor: at the account pages');
$pages->settled;
went('a page that wants a second factor', 'GET /factor/x.html 303', $SENT);
$server->ctl(qw(member suspend --tenant), $acme->{slug}, '--uid', $member->{uid});
$pages->open("https://$WIKI/portal/x.html");
sign_in($member);
$pages->sees($pages->text_of('reason.suspended'));
went('suspended, at the account pages', 'GET /portal/x.html 303', "$LOGIN 403");
visitor();
$pages->cookies_of("https://$ID", 'block')->open("https://$WIKI/portal/x.html");
sign_in($member);
$pages->sees($pages->text_of('reason.xsrf_required'));
went('no cookies of B, at the account pages', 'GET /portal/x.html 303', ("$LOGIN 400") x 2);

expect_log(qr/CE400|AH01631/);
finish();
