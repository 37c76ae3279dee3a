# CloudEPTokenDelivery cookie: the session cookie says who asks, and nobody but a page of ours can make a browser use it.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Test;
use CloudEP::Totp;
use MIME::Base64 qw(decode_base64url encode_base64url);

my ($acme, $other) = (tenant(), tenant());
my $member = register_member(tenant => $acme);
my $stranger = register_member(tenant => $other);

sub location { my ($path, @lines) = @_; return ("<Location $path>", @lines, '</Location>') }
my @MOUNTS = (
    location('/account/api/auth', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie'),
    location('/account/api/members', 'CloudEPServe members', 'CloudEPTokenDelivery cookie'),
    location('/acme/members', 'CloudEPServe members', 'CloudEPTokenDelivery cookie', "CloudEPTenant $acme->{slug}"),
);
my $server = own_server(with => [@MOUNTS, 'CloudEPSocialProvider google https://127.0.0.1:1 client none'])->start;
my $client = client(server => $server);
$_->{id} = $server->value("SELECT id FROM cloudep.tenants WHERE slug = :'slug'", slug => $_->{slug}) for $acme, $other;
my ($AUTH, $ME) = ('/account/api/auth', '/account/api/members/me');

sub browser { return CloudEP::Browser->new(client => $client, @_) }
sub credentials { my ($who) = @_; return { tenant_slug => $who->{slug}, email => $who->{email}, password => $who->{password} } }

# A browser that is logged in.
sub entered {
    my ($who, $browser) = @_;
    $browser //= browser();
    $browser->get("$AUTH/xsrf");
    my $answer = $browser->post("$AUTH/login", credentials($who));
    $answer->status == 200 or die $answer->raw;
    return $browser;
}

# ---- login
my $first = browser();
my $answer = $first->get("$AUTH/xsrf");
is($answer->status, 204, 'GET xsrf');
my %set = map { $_->{name} => $_ } CloudEP::Browser::set_cookies($answer);
is(join(' ', sort keys %set), 'XSRF-TOKEN cloudep-visitor', 'sets the XSRF cookie and what it stands on');
is($set{'XSRF-TOKEN'}{rest}, 'Path=/; SameSite=Lax', 'the one for scripts');
is($set{'cloudep-visitor'}{rest}, 'Path=/; HttpOnly; SameSite=Lax', 'the other not');
$answer = $first->post("$AUTH/login", credentials($member));
outcome($answer, 200, 102000, 'a login');
is_deeply($answer->data, { uid => $member->{uid} }, 'answers no token');
%set = map { $_->{name} => $_ } CloudEP::Browser::set_cookies($answer);
is(join(' ', sort keys %set), 'XSRF-TOKEN cloudep', 'but the session cookie, and the XSRF cookie of that session');
is($set{cloudep}{rest}, 'Path=/; HttpOnly; SameSite=Lax', 'with its attributes');
is($set{cloudep}{max_age}, 90 * 86400, 'for as long as a session lives at most');
is($answer->header('Cache-Control'), 'no-store', 'and no cache keeps it');
outcome($first->get($ME), 200, 102000, 'the session cookie says who asks');
outcome($first->patch($ME, { display_name => 'Ada' }), 200, 102000, 'and changes something with the XSRF header');
outcome(browser()->get($ME), 401, 29501000, 'nobody');

# ---- XSRF
my $without = browser();
$answer = $without->post("$AUTH/login", credentials($member));
outcome($answer, 400, 10101001, 'a login without the XSRF header');
is($answer->json->{reason}, 'xsrf_required', 'says so');
outcome($without->post("$AUTH/login", credentials($member)), 200, 102000, 'and sets what the next try needs');
outcome($first->patch($ME, { display_name => 'B' }, 'X-XSRF-TOKEN' => undef), 400, 10101001, 'without the header');
is($first->{jar}{'XSRF-TOKEN'}, $set{'XSRF-TOKEN'}{value}, 'the refusal sets the same token again');
outcome($first->patch($ME, { display_name => 'B' }, 'X-XSRF-TOKEN' => $without->cookie('XSRF-TOKEN')), 400, 10101001, 'the token of another session of the same member');
outcome($first->patch($ME, { display_name => 'B' }, 'X-XSRF-TOKEN' => substr($first->cookie('XSRF-TOKEN'), 0, -1)), 400, 10101001, 'a part of it');
outcome($first->patch($ME, { display_name => 'B' }, 'X-XSRF-TOKEN' => ''), 400, 10101001, 'nothing');
my $visitor = browser();
$visitor->get("$AUTH/xsrf");
outcome($first->patch($ME, { display_name => 'B' }, 'X-XSRF-TOKEN' => $visitor->cookie('XSRF-TOKEN')), 400, 10101001, 'that of a visitor');
my $planted = $first->copy;
$planted->{jar}{'XSRF-TOKEN'} = $visitor->cookie('XSRF-TOKEN');
outcome($planted->patch($ME, { display_name => 'B' }), 400, 10101001, 'also when cookie and header are alike');
outcome($first->post("$AUTH/logout", undef, 'X-XSRF-TOKEN' => undef), 400, 10101001, 'a logout needs it too');
is($first->get($ME)->data->{display_name}, 'Ada', 'none of that did anything');

# ---- other sites
my %form = (Origin => 'https://evil.example', 'Sec-Fetch-Site' => 'cross-site');
for my $case (
    ['a form of another site', %form],
    ['a sibling of the site', Origin => 'https://sub.127.0.0.1', 'Sec-Fetch-Site' => 'same-site'],
    ['Origin: null', Origin => 'null', 'Sec-Fetch-Site' => undef],
    ['Origin: null of the same site', Origin => 'null'],
    ['an Origin with another port', Origin => 'http://127.0.0.1:1', 'Sec-Fetch-Site' => undef],
    ['an Origin with another scheme', Origin => "https://127.0.0.1:$server->{port}", 'Sec-Fetch-Site' => undef],
    ['an Origin that only begins alike', Origin => "http://127.0.0.1:$server->{port}0", 'Sec-Fetch-Site' => undef],
    ['a navigation of another site', Origin => undef, 'Sec-Fetch-Site' => 'cross-site'],
    ['a word that we do not know', Origin => undef, 'Sec-Fetch-Site' => 'same-origin, same-origin'],
) {
    my ($name, @headers) = @$case;
    outcome($first->patch($ME, { display_name => 'B' }, @headers), 403, 10505001, "$name changes nothing");
    outcome($first->post("$AUTH/login", credentials($stranger), @headers), 403, 10505001, 'nor logs anybody in');
}
outcome($first->get($ME, %form), 401, 29501000, 'a fetch of another site is told nothing');
outcome($first->get($ME, Origin => 'null'), 401, 29501000, 'nor one with Origin: null');
outcome($first->get($ME, Origin => $first->origin), 200, 102000, 'one with the own Origin is');
outcome($first->get($ME, 'Sec-Fetch-Site' => 'cross-site'), 200, 102000, 'reading by a link is allowed');
outcome($first->get("$AUTH/login/social/callback?state=x&code=y", 'Sec-Fetch-Site' => 'cross-site'), 403, 10505001, 'a GET that does something is not');
outcome($first->get($ME, Upgrade => 'websocket', Connection => 'Upgrade, close'), 401, 29501000, 'a WebSocket without Origin has no cookie');
outcome($first->get($ME, Upgrade => 'websocket', Connection => 'Upgrade, close', Origin => $first->origin), 200, 102000, 'one of the own pages has');
outcome($first->patch($ME, { display_name => 'Ada' }, 'Sec-Fetch-Site' => undef), 200, 102000, 'without Sec-Fetch-Site the own Origin is enough');
outcome($first->patch($ME, { display_name => 'Ada' }, 'Sec-Fetch-Site' => undef, Origin => undef), 200, 102000, 'with neither the XSRF header is');
outcome($first->patch($ME, { display_name => 'Ada' }, 'Sec-Fetch-Site' => 'none', Origin => undef), 200, 102000, 'typed by a person');
is($first->get($ME)->data->{display_name}, 'Ada', 'nothing else got through');

# ---- the cookie is no token, and a token no cookie
my $value = secret($first->cookie('cloudep'));
outcome(client(server => $server, token => $value)->get('/api/v1/members/me'), 401, 29501000, 'the cookie as a bearer token');
outcome(client(server => $server, token => $member->{access})->get($ME), 401, 29501000, 'a bearer token where the cookie counts');
outcome($client->get($ME, Cookie => "cloudep=$member->{access}"), 401, 29501000, 'a token in the cookie');
outcome($client->get('/api/v1/members/me', Cookie => "cloudep=$value"), 401, 29501000, 'the cookie where tokens count');

# ---- forged and foreign values
my ($text, $mac) = map { decode_base64url($_) } split /\./, $value;
my ($kind, $host, $tenant_id, $session_id, $uid, $seq, $kid) = split / /, $text;
is($text, "own 127.0.0.1 $acme->{id} $session_id $member->{uid} 1 $kid", 'what the value says');
sub forged { return encode_base64url(join ' ', @_) . '.' . encode_base64url($mac) }
for my $case (
    ['nothing', ''],
    ['no text', 'x'],
    ['no HMAC', encode_base64url($text)],
    ['another HMAC', encode_base64url($text) . '.' . encode_base64url('x' x 32)],
    ['a short HMAC', encode_base64url($text) . '.' . encode_base64url(substr $mac, 0, 31)],
    ['another tenant', forged($kind, $host, $other->{id}, $session_id, $uid, $seq, $kid)],
    ['another session', forged($kind, $host, $tenant_id, $uid, $uid, $seq, $kid)],
    ['another member', forged($kind, $host, $tenant_id, $session_id, $stranger->{uid}, $seq, $kid)],
    ['another seq', forged($kind, $host, $tenant_id, $session_id, $uid, $seq + 1, $kid)],
    ['another kind', forged('guard', $host, $tenant_id, $session_id, $uid, 0, $kid)],
    ['an unknown key', forged($kind, $host, $tenant_id, $session_id, $uid, $seq, 'x')],
    ['too long a one', $value . 'A' x 2000],
) {
    outcome($client->get($ME, Cookie => "cloudep=$case->[1]"), 401, 29501000, "a value with $case->[0]");
}
outcome($client->get($ME, Cookie => "cloudep=$value; cloudep=$value"), 401, 29501000, 'two cookies of that name');
outcome($client->get($ME, Cookie => "cloudep=$value; cloudep=x"), 401, 29501000, 'nor with a planted one behind it');
outcome($client->get($ME, Cookie => "a=1;cloudep=$value ;b=2"), 200, 102000, 'among others');
outcome($client->get($ME, Cookie => "cloudep=$value", Host => 'localhost'), 401, 29501000, 'on another host');
outcome($first->get('/acme/members/me'), 200, 102000, 'where its tenant is served');
outcome(entered($stranger)->get('/acme/members/me'), 401, 29501000, 'another tenant\'s is not');

# ---- refresh, grace, logout
my $old = $first->copy;
outcome($first->post("$AUTH/token/refresh"), 200, 102000, 'refresh takes no body');
isnt($first->cookie('cloudep'), $value, 'and gives a new value');
is($first->cookie('XSRF-TOKEN'), $old->cookie('XSRF-TOKEN'), 'the XSRF token is the session\'s');
my $repeated = $old->copy;
outcome($repeated->post("$AUTH/token/refresh"), 200, 102000, 'within the grace the same again');
is($repeated->cookie('cloudep'), $first->cookie('cloudep'), 'with the same successor');
outcome($old->get($ME), 200, 102000, 'the value before counts within the grace');
$server->psql("UPDATE cloudep.sessions SET rotated_at = now() - interval '11 seconds' WHERE id = :'id'", id => $session_id);
outcome($old->get($ME), 401, 29501000, 'and not beyond it');
outcome($old->post("$AUTH/token/refresh"), 401, 28501000, 'nor is it refreshed');
outcome($first->get($ME), 200, 102000, 'which ends nothing');
$first->post("$AUTH/token/refresh");
outcome($old->get($ME), 401, 29501000, 'two values back counts not even within the grace');
my $gone = $first->copy;
$answer = $first->post("$AUTH/logout");
outcome($answer, 200, 102000, 'logout');
is(join(' ', sort keys %{ $first->{jar} }), 'cloudep-visitor', 'removes the cookies');
outcome($gone->get($ME), 401, 29501000, 'and ends the session');
outcome($gone->post("$AUTH/logout"), 200, 102000, 'logout without a live session is done as well');
is($server->value("SELECT revoke_reason FROM cloudep.sessions WHERE id = :'id'", id => $session_id), 'logout', 'the session\'s row says so');

# ---- a new login, and changes of credentials
my $browser = entered($member);
my $before = $browser->copy;
outcome($browser->post("$AUTH/login", credentials($member)), 200, 102000, 'another login in the same browser');
isnt($browser->cookie('cloudep'), $before->cookie('cloudep'), 'gives a new value');
outcome($before->get($ME), 401, 29501000, 'the old one is over, as is its session');
$before = $browser->copy;
outcome($browser->post("$AUTH/reauthenticate", { password => $member->{password} }), 200, 102000, 'a fresh proof');
isnt($browser->cookie('cloudep'), $before->cookie('cloudep'), 'gives a new value');
my $password = fresh_password();
$before = $browser->copy;
outcome($browser->post("$ME/password", { current_password => $member->{password}, new_password => $password, keep_this_session => \1 }), 200, 102000, 'a new password');
$member->{password} = $password;
isnt($browser->cookie('cloudep'), $before->cookie('cloudep'), 'gives a new value');
outcome($browser->get($ME), 200, 102000, 'with which the session goes on');
my $start = $browser->post("$ME/totp/enroll-start");
my $totp = totp_secret(secret($start->data->{otpauth_url}));
$before = $browser->copy;
my $step = totp_step() - 1;
outcome($browser->post("$ME/totp/enroll-confirm", { code => totp_code_of($totp, $step) }), 200, 102000, 'a second factor');
isnt($browser->cookie('cloudep'), $before->cookie('cloudep'), 'gives a new value');
my $two = browser();
$two->get("$AUTH/xsrf");
$answer = $two->post("$AUTH/login", credentials($member));
is($answer->data->{mfa_required}, JSON::PP::true(), 'a login that lacks it');
is($two->cookie('cloudep'), undef, 'gives no session cookie');
outcome($two->post("$AUTH/login/mfa", { tenant_slug => $acme->{slug}, challenge_id => $answer->data->{mfa_challenge_id},
            code => totp_code_of($totp, $step + 1) }), 200, 102000, 'with it');
outcome($two->get($ME), 200, 102000, 'it does');

# ---- idle life
my $session_of = sub { my ($browser) = @_; return (split / /, decode_base64url((split /\./, $browser->cookie('cloudep'))[0]))[3] };
$session_id = $session_of->($two);
$server->psql("UPDATE cloudep.sessions SET idle_expires_at = now() - interval '1 second' WHERE id = :'id'", id => $session_id);
outcome($two->get($ME), 401, 29501000, 'a session that was not used for too long is over');
outcome($two->post("$AUTH/token/refresh"), 401, 28501000, 'for good');
$session_id = $session_of->($browser);
$server->psql("UPDATE cloudep.sessions SET idle_expires_at = now() + interval '1 hour' WHERE id = :'id'", id => $session_id);
outcome($browser->get($ME), 200, 102000, 'one that is used');
my $unused = $session_of->(my $idle = entered($stranger));
$server->psql("UPDATE cloudep.sessions SET idle_expires_at = now() + interval '1 hour' WHERE id = :'id'", id => $unused);
$server->stop;
my $LEFT = "SELECT round(extract(epoch FROM idle_expires_at - now()) / 86400) FROM cloudep.sessions WHERE id = :'id'";
is($server->value($LEFT, id => $session_id), 30, 'goes on to live');
is($server->value($LEFT, id => $unused), 0, 'and one that is not does not');
$server->start;

# ---- suspension
outcome($browser->get($ME), 200, 102000, 'a restart ends nothing');
$server->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $member->{uid});
outcome($browser->get($ME), 401, 29501000, 'a suspended member\'s cookie');
outcome($browser->post("$AUTH/token/refresh"), 401, 28501000, 'is not renewed');
$server->psql("UPDATE cloudep.members SET status = 'active' WHERE uid = :'uid'", uid => $member->{uid});

# ---- https, and keys of their own
my $keys = CloudEP::Test::Servers::own_folder('keys');
$server->ctl(qw(key generate --file), "$keys/session.jwks", '--alg', 'HS256');
my %VALUES = (CloudEPIssuer => 'https://id.example.com', CloudEPSessionKeys => "$keys/session.jwks", CloudEPXSRFCookie => 'ID-XSRF', CloudEPXSRFHeader => 'X-ID-XSRF');
my $https = own_server(values => \%VALUES, with => [@MOUNTS, 'ServerName https://id.example.com'])->start;
$client = client(server => $https);
my $page = browser(host => 'id.example.com', scheme => 'https');
my $post = sub { my ($path, $data, @headers) = @_; return $page->post($path, $data, 'X-ID-XSRF' => $page->cookie('ID-XSRF'), @headers) };
$page->get("$AUTH/xsrf");
$answer = $post->("$AUTH/login", credentials($stranger));
outcome($answer, 200, 102000, 'a login where the issuer is https');
%set = map { $_->{name} => $_ } CloudEP::Browser::set_cookies($answer);
is($set{'__Host-cloudep'}{rest}, 'Path=/; Secure; HttpOnly; SameSite=Lax', 'the session cookie has the prefix and is Secure');
is($set{'ID-XSRF'}{rest}, 'Path=/; Secure; SameSite=Lax', 'the XSRF cookie has the name of CloudEPXSRFCookie');
outcome($page->get($ME), 200, 102000, 'it counts');
outcome($client->get($ME, Host => 'id.example.com', Cookie => 'cloudep=' . $page->cookie('__Host-cloudep')), 401, 29501000, 'not without the prefix');
outcome($post->("$AUTH/token/refresh", undef, Origin => 'https://id.example.com:443'), 200, 102000, 'an Origin with the default port is the same');
outcome($post->("$AUTH/token/refresh", undef, Origin => 'http://id.example.com'), 403, 10505001, 'one with http is not');
$https->ctl(qw(key generate --file), "$keys/session.jwks", '--alg', 'HS256');
my ($second) = map { $_->{kid} } grep { !$_->{in_use} } @{ JSON::PP::decode_json($https->ctl(qw(key list --json --file), "$keys/session.jwks"))->{keys} };
$https->ctl(qw(key activate --file), "$keys/session.jwks", '--kid', $second);
$https->restart;
outcome($page->get($ME), 200, 102000, 'a cookie of the key before counts');
outcome($post->("$AUTH/token/refresh"), 200, 102000, 'and so does its XSRF token');
my ($kept) = grep { $_->{kid} ne $second } @{ JSON::PP::decode_json($https->ctl(qw(key list --json --file), "$keys/session.jwks"))->{keys} };
$https->ctl(qw(key retire --file), "$keys/session.jwks", '--kid', $kept->{kid});
$https->restart;
outcome($page->get($ME), 200, 102000, 'a renewed one is of the present key');
outcome($client->get($ME, Host => 'id.example.com', Cookie => "__Host-cloudep=$set{'__Host-cloudep'}{value}"), 401, 29501000, 'that of a retired key is not');
$https->stop;

# ---- refused, and off
my $signing = server()->{keys} . '/signing.jwks';
like(own_server(values => { CloudEPSessionKeys => "\"$signing\"" })->refusal, qr/HS256/, 'keys of another kind stop the start');
like(own_server(values => { CloudEPXSRFHeader => '"X Y"' })->refusal, qr/CloudEPXSRFHeader/, 'as does a header that is none');
like(own_server(with => ['CloudEPTokenDelivery cookie'])->refusal, qr/Location/, 'CloudEPTokenDelivery outside of a Location');
like(own_server(with => [location('/x', 'CloudEPTokenDelivery both')])->refusal, qr/cookie or body/, 'and another word');
my $off = own_server(without => ['CloudEPSealingKeys'], with => \@MOUNTS)->start;
outcome(client(server => $off)->post("$AUTH/login", {}), 501, 28605000, 'without keys the cookie is not configured');
finish();
