# The modules of doc/front-end.md, to the letter, in Chromium: login, refresh by three tabs at once, profile, logout, and what
# happens when the session is over; from a page of the API's origin and from one of another, by CORS and blocked without it.
use strict;
use warnings;
use CloudEP::Pages;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use File::Path qw(make_path);
use JSON::PP ();

my $folder = CloudEP::Test::Servers::own_folder('keys');
my ($acme, $unlisted) = (tenant(), tenant());
sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, "CloudEPTenant $acme->{slug}", 'Require all granted', '</Location>') }
my $server = own_server(values => { CloudEPSigningKeys => "\"$folder/signing.jwks\"", CloudEPAccountURL => 'https://id.example/account/' }, with => [
        location('/account/api/auth', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie'), location('/account/api/members', 'CloudEPServe members', 'CloudEPTokenDelivery cookie'),
        location('/api/auth', 'CloudEPServe account'), location('/api/session', 'CloudEPServe session'), 'AddType text/javascript .js', 'AddType text/html .html',
]);
$_->{server} = $server for $acme, $unlisted;
my ($here, $elsewhere, $stranger) = map { "http://$_:$server->{port}" } qw(127.0.0.1 localhost other.localhost);
my $log = "$server->{dir}/logs/access_log";

# A key that nobody has seen: every access token is refused from then on.
sub new_key {
    unlink "$folder/signing.jwks";
    $server->ctl(qw(key generate --file), "$folder/signing.jwks", qw(--alg ES256));
}

# The modules that the document has, by the name in their first line, and a page that loads one.
my %module = map { m{\A// ([\w-]+\.js): } ? ($1 => $_) : () } slurp(CloudEP::Httpd::top() . '/doc/front-end.md') =~ /^```js\n(.*?)^```$/msg;
is(join(' ', sort keys %module), 'session-cookie.js session-tokens.js', 'the document has a module for cookies and one for tokens');
make_path("$server->{dir}/htdocs/front");
spew("$server->{dir}/htdocs/front/$_", $module{$_}) for keys %module;

# What a tab tells the others is late by a request, so that the lock is there before it: whoever did not ask would refresh again.
my $late = 'const post = BroadcastChannel.prototype.postMessage; BroadcastChannel.prototype.postMessage = async function (data) {'
    . ' if (typeof data === "object") await fetch("?late"); post.call(this, data); };';
spew("$server->{dir}/htdocs/front/$_.html", "<!DOCTYPE html><title>$_</title><script>$late</script><script type=module>import * as it from './session-$_.js'; window.it = it;</script>\n")
    for qw(cookie tokens);

server()->ctl(qw(tenant set --slug), $acme->{slug}, '--origin', $elsewhere);
new_key();
$server->start;
my ($member, $other) = map { register_member(tenant => $_) } $acme, $unlisted;
my %login = (email => $member->{email}, password => $member->{password});
my $pages = CloudEP::Test::Servers::keep(CloudEP::Pages->new(dir => CloudEP::Test::Servers::own_folder('browser'), home => "$here/"));

# Three tabs with that page; what runs in each is the body of a function of the module, it.
sub three {
    my ($address) = @_;
    return map {
        my $tab = $pages->new_tab;
        $pages->switch_to($tab)->open($address);
        $pages->until('return Boolean(window.it)', 'the module is loaded');
        $tab;
    } 1 .. 3;
}
sub in { my ($tab, $script, @arguments) = @_; $pages->switch_to($tab); return $pages->run($script, @arguments) }

# What an expression comes to in all tabs, begun at the same time.
sub at_once {
    my ($tabs, $expression) = @_;
    in($_, "window.said = undefined; window.go?.close(); window.go = new BroadcastChannel('go'); go.onmessage = () => { window.said = $expression }") for @$tabs;
    in($tabs->[0], 'go.onmessage(); go.postMessage(1)');
    return join ' ', map { $pages->switch_to($_); $pages->until('return window.said !== undefined && await window.said', 'it comes to something') } @$tabs;
}
sub status { my ($call) = @_; return "$call.then(answer => answer.status)" }

# ---- tokens: v1 from another origin, account from the API's own
my %token_style = (
    v1 => { page => $elsewhere, base => $here, login => { %login, tenant_slug => $acme->{slug} }, me => '/api/v1/members/me', id => 'data.uid' },
    account => { page => $here, base => '', login => \%login, me => '/api/auth/me', id => 'data.id' },
);
for my $name (sort keys %token_style) {
    my $style = $token_style{$name};
    my $me = "it.call('$style->{me}')";
    my @tabs = @{ $style->{tabs} = [three("$style->{page}/front/tokens.html")] };
    my @start = ('return it.start(...args)', $name, $style->{base});
    my $log_in = sub { return in($tabs[0], 'const answer = await it.login(args[0]); return [answer.status, (await answer.json()).reason]', @_) };
    ok(!in($tabs[0], @start), "$name: nobody is logged in");
    is_deeply($log_in->({ %{ $style->{login} }, password => 'Wrong-password-7' }), [401, 'credentials_wrong'], "$name: a refused login, which the page can read");
    is_deeply($log_in->($style->{login}), [200, undef], "$name: a login");
    ok(in($tabs[$_], @start), "$name: another tab takes over the tokens") for 1, 2;
    is(at_once(\@tabs, status($me)), '200 200 200', "$name: the profile, from each");
    is(in($tabs[2], "return (await ($me).then(answer => answer.json())).$style->{id}"), $member->{uid}, "$name: that of the member");
    unlike(in($tabs[0], 'return JSON.stringify([localStorage, sessionStorage, document.cookie, (await indexedDB.databases()).length])'), qr/eyJ|[1-9]\]$/, "$name: no token is kept anywhere");
}

new_key();
$server->restart;
sub login_is { $server->ctl(qw(tenant set --yes --slug), $acme->{slug}, '--login', $_[0]) }
for my $name (sort keys %token_style) {
    my $style = $token_style{$name};
    my @tabs = @{ $style->{tabs} };
    my $me = status("it.call('$style->{me}')");
    login_is('off');
    is(in($tabs[1], "return $me"), 403, "$name: a refresh that is refused for now is told as it is");
    login_is('on');
    is(at_once(\@tabs, $me), '200 200 200', "$name: three tabs with an access token that is over go on at once");
    is(in($tabs[1], 'return (await it.logout()).status'), 200, "$name: a logout");
    is(at_once(\@tabs, $me), '401 401 401', "$name: all tabs are out");
    is(in($tabs[2], 'return (await it.login(args[0])).status', $style->{login}), 200, "$name: in again, in another tab");
    is(at_once(\@tabs, $me), '200 200 200', "$name: so are the others");
    $server->psql("UPDATE cloudep.sessions SET revoked_at = now() WHERE id = (SELECT id FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1)", uid => $member->{uid});
    is(at_once(\@tabs, $me), '401 401 401', "$name: a session that was ended elsewhere is over in all");
    ok(!in($tabs[0], 'return it.start(...args)', $name, $style->{base}), "$name: nothing is left of it");
    $pages->close_tabs(@tabs) if $name ne 'v1';
}

# ---- without CORS
my @blocked = ('return it.start("v1", args[0]).then(() => it.login(args[1])).then(answer => answer.status, error => error.name)', $here);
my ($first, @more) = @{ $token_style{v1}{tabs} };
is(in($first, @blocked, { email => $other->{email}, password => $other->{password}, tenant_slug => $unlisted->{slug} }), 'TypeError', 'a tenant without --origin: the page cannot read the answer');
$pages->open("$stranger/front/tokens.html");
$pages->until('return Boolean(window.it)', 'the module is loaded');
is($pages->run(@blocked, $token_style{v1}{login}), 'TypeError', 'an origin that nobody lists: not even asked');
$pages->close_tabs($first, @more);

# ---- cookies: v1 and session
my %cookie_style = (
    v1 => { at => '/account/api', auth => '/account/api/auth', me => '/account/api/members/me', done => 200 },
    session => { at => '/api/session', auth => '/api/session', me => '/api/session/user', done => 204 },
);
for my $name (sort keys %cookie_style) {
    my $style = $cookie_style{$name};
    my $me = status("it.call('$style->{me}')");
    my @tabs = three("$here/front/cookie.html");
    my $post = sub { my ($tab, $path, $body) = @_; return in($tab, 'return (await it.post(args[0], args[1] ?? undefined)).status', "$style->{auth}/$path", $body) };
    is(in($tabs[0], "return $me"), 401, "$name by cookie: nobody is logged in");
    is($post->($tabs[0], login => \%login), $style->{done}, "$name by cookie: a login");
    is(at_once(\@tabs, $me), '200 200 200', "$name by cookie: all tabs are in");
    my $turn = "SELECT refresh_seq FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1";
    is($server->value($turn, uid => $member->{uid}), 1, "$name by cookie: with the first value");
    is(at_once(\@tabs, "it.refresh('$name', '$style->{at}')"), '1 1 1', "$name by cookie: three tabs ask for a new value at once");
    is($server->value($turn, uid => $member->{uid}), 2, "$name by cookie: and get one");
    is(at_once(\@tabs, $me), '200 200 200', "$name by cookie: which counts for all");
    is($post->($tabs[1], 'logout'), $style->{done}, "$name by cookie: a logout");
    is(at_once(\@tabs, $me), '401 401 401', "$name by cookie: all tabs are out");
    $pages->close_tabs(@tabs);
}

# ---- what was asked of the server: the log is whole once it has stopped. The browser ends first: httpd waits for its connections.
$pages->stop;
$server->stop;
my ($said, %asked) = slurp($log);
push @{ $asked{$1} }, $2 while $said =~ /"(\w+ \S+)" (\d+) /g;
for my $case (
    ['POST /api/v1/auth/token/refresh', '403 200 401'], ['POST /api/auth/refresh', '403 200 401'], ['POST /account/api/auth/token/refresh', '200'],
    ['POST /api/session/refresh_code', '200'], ['POST /api/session/refresh_token', '204'], ['POST /api/v1/auth/login', '401 200 200 200'],
) {
    my ($request, $statuses) = @$case;
    is(join(' ', @{ $asked{$request} // [] }), $statuses, "$request: as often as it must be");
}
finish();
