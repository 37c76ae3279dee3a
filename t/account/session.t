# The API style "session": every operation with each of its outcomes, by cookies, in the words and forms of its document.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Process qw(slurp spew wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use JSON::PP ();

my $tenant = tenant();
my $own = CloudEP::Test::Servers::own_folder('options');
spew("$own/upload.json", '{"type": "cos", "limit": 5}');
sub location { my ($slug, @lines) = @_; return ('<Location /api/session>', 'CloudEPServe session', "CloudEPTenant $slug", "CloudEPOption upload $own/upload.json", @lines, '</Location>') }
sub session_server {
    my ($values, @lines) = @_;
    my $made = own_server(values => { CloudEPCodeCooldown => 0, %$values }, with => [location($tenant->{slug}, @lines)]);
    $made->{values}{CloudEPSMSTransport} = "\"spool:$made->{dir}/spool/sms\"";
    return $made->start;
}
my $server = session_server({ CloudEPSMSCountries => 'TW' });
$tenant->{server} = $server;
my $client = client(server => $server);
my $root = '/api/session';

sub browser { my $browser = CloudEP::Browser->new(client => $client); $browser->get("$root/"); return $browser }
sub psql { return $server->psql(@_) }
sub stale { psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL, mfa_at = NULL WHERE uid = :'uid'", uid => $_[0]) }
sub live { return $server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NULL", uid => $_[0]) }
sub forgive { psql("DELETE FROM cloudep.budgets WHERE tenant_id = (SELECT id FROM cloudep.tenants WHERE slug = :'slug')", slug => $tenant->{slug}) }
sub wrong { return $_[0] =~ tr/0-9/1-90/r }
my %mails;
sub code_of { my ($email) = @_; return secret($server->mail_code($email, ++($mails{$email} //= 1))) }
sub text_to {
    my ($number) = @_;
    my @sms;
    wait_until(30, sub { @sms = grep { $_->{to} eq $number } map { JSON::PP::decode_json(slurp($_)) } sort glob "$server->{dir}/spool/sms/*.json" }) or die "no SMS to $number\n";
    unlink glob "$server->{dir}/spool/sms/*.json";
    return secret(CloudEP::Mail::code($sms[-1]));
}

my $member = register_member(tenant => $tenant);
my %login = (email => $member->{email}, password => $member->{password});
my $uid = $member->{uid};
sub entered { my $browser = browser(); replied($browser->post("$root/login", \%login), 204, undef, 'a login'); return $browser }

# ---- ping

my $first = CloudEP::Browser->new(client => $client);
my $ping = replied($first->get("$root/"), 200, undef, 'ping');
is(join(' ', sort keys %{ $ping->json }), 'ip name now', 'says name, address and time');
like($ping->json->{now}, qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'in ISO 8601');
ok($first->cookie('XSRF-TOKEN'), 'and sets the XSRF cookie');
replied($first->get("$root/?x=1"), 400, 'request_malformed', 'an unknown query');
replied($client->get($root), 200, undef, 'the mount itself');

# ---- login

replied(CloudEP::Browser->new(client => $client)->post("$root/login", \%login), 400, 'xsrf_required', 'a login without the XSRF header');
replied($first->post("$root/login", \%login, 'Sec-Fetch-Site' => 'cross-site', Origin => 'https://evil.example'), 400, 'cross_site', 'one of another site');
replied($first->post("$root/login", { email => 'x' }), 400, 'field_missing', 'no password');
replied($first->post("$root/login", { %login, password => 'not the right one' }), 400, 'credentials_wrong', 'a wrong password');
replied($first->post("$root/login", { %login, email => fresh_email() }), 400, 'credentials_wrong', 'nobody');
my $answer = replied($first->post("$root/login", \%login), 204, undef, 'the right one');
my %set = map { $_->{name} => $_ } CloudEP::Browser::set_cookies($answer);
is(join(' ', sort keys %set), 'XSRF-TOKEN cloudep', 'sets the session cookie and the XSRF cookie');
my $before = $first->cookie('cloudep');
replied($first->post("$root/login", \%login), 204, undef, 'another login');
isnt($first->cookie('cloudep'), $before, 'sets another value');
my $old = $first->copy;
$old->{jar}{cloudep} = $before;
replied($old->get("$root/verify"), 401, 'token_invalid', 'and the session before has ended');

# ---- verify, refresh

replied($first->get("$root/verify"), 204, undef, 'verify');
replied($first->get("$root/verify?x=1"), 400, 'request_malformed', 'with an unknown query');
replied(browser()->get("$root/verify"), 401, 'token_missing', 'without a session');
replied($client->get("$root/verify", Authorization => "Bearer $member->{access}"), 401, 'token_missing', 'a bearer token is none');
replied($first->get("$root/refresh_code", 'Sec-Fetch-Site' => 'cross-site'), 400, 'cross_site', 'refresh_code of another site');
replied(browser()->get("$root/refresh_code"), 401, 'token_missing', 'refresh_code without a session');
my $code = replied($first->get("$root/refresh_code"), 200, undef, 'refresh_code')->json->{code};
is($first->request(HEAD => "$root/refresh_code")->status, 405, 'HEAD makes none');
my $other = entered();
replied($other->get("$root/refresh_token?code=$code"), 400, 'challenge_mismatch', "another session's code");
$before = $first->cookie('cloudep');
replied($first->get("$root/refresh_token?code=$code"), 204, undef, 'refresh_token');
isnt($first->cookie('cloudep'), $before, 'sets a new value');
replied($first->get("$root/refresh_token?code=$code"), 400, 'challenge_gone', 'once');
replied($first->get("$root/refresh_token"), 400, 'field_missing', 'without a code');
replied(browser()->get("$root/refresh_token?code=$code"), 401, 'token_missing', 'without a session');
$code = $first->post("$root/refresh_code")->json->{code};
replied($first->post("$root/refresh_token", { code => $code }), 204, undef, 'by POST');
$code = $first->post("$root/refresh_code")->json->{code};
replied($first->request(GET => "$root/refresh_token", { code => $code }), 204, undef, 'by GET with a body, as the document has it');

# ---- user

my $user = replied($first->get("$root/user"), 200, undef, 'user')->json;
is(join(' ', sort keys %$user), '_id avatar create_time email history lark name phone sessions status totp update_time', 'has the fields of the document');
is_deeply([@$user{qw(_id email name avatar phone totp lark)}], [$uid, $member->{email}, '', '', '', '', undef], 'with "" for what is not set');
is($user->{sessions}, live($uid), 'the number of live sessions');
is_deeply($user->{status}, JSON::PP::true, 'the status');
ok(wait_until(20, sub { scalar grep { $_->{method} eq 'pwd' && $_->{result} eq 'credentials_wrong' } @{ $first->get("$root/user")->json->{history} } }), 'and the last logins, wrong ones too')
    or diag(JSON::PP::encode_json($first->get("$root/user")->json->{history}));
is(join(' ', sort keys %{ $first->get("$root/user")->json->{history}[0] }), 'address agent method result time', 'with what is told of each');
psql("INSERT INTO cloudep.events (tenant_id, at, name, outcome, uid, method) SELECT tenant_id, now() + n * interval '1 second', name, '102000', uid, 'm' || n"
        . " FROM cloudep.members, (VALUES (1, 'auth.token.exchange'), (2, 'session.login.sms'), (3, 'session.login.sms.start'), (4, 'auth.logout'), (5, 'auth.login')) event (n, name)"
        . " WHERE uid = :'uid' UNION ALL SELECT tenant_id, now() + interval '1 minute' + n * interval '1 second', 'auth.login', '102000', uid, 'n' || n"
        . " FROM cloudep.members, generate_series(1, 7) n WHERE uid = :'uid'", uid => $uid);
is_deeply([map { $_->{method} } @{ $first->get("$root/user")->json->{history} }], [(map { "n$_" } reverse 1 .. 7), qw(m5 m2 m1)],
    'the last ten, the newest first, and nothing but logins');
psql("DELETE FROM cloudep.events WHERE uid = :'uid' AND at > now()", uid => $uid);
replied($first->get("$root/user?x=1"), 400, 'request_malformed', 'user with an unknown query');
replied(browser()->get("$root/user"), 401, 'token_missing', 'user without a session');
replied($first->patch("$root/user", { key => 'Name', name => 'Ada' }), 204, undef, 'another name');
replied($first->patch("$root/user", { key => 'Avatar', avatar => 'https://a.example/x.png' }), 204, undef, 'a picture');
is_deeply([@{ $first->get("$root/user")->json }{qw(name avatar)}], ['Ada', 'https://a.example/x.png'], 'are shown');
replied($first->patch("$root/user", { key => 'Name' }), 400, 'field_missing', 'a key without its value');
replied($first->patch("$root/user", { key => 'Phone', phone => '1' }), 400, 'field_invalid', 'another key');
replied(browser()->patch("$root/user", { key => 'Name', name => 'Eve' }), 401, 'token_missing', 'a change without a session');

# ---- email

my $email = fresh_email();
my $next = replied($first->patch("$root/user", { key => 'Email', email => $email }), 204, undef, 'another email');
is($next->header('X-Next'), 'user/email', 'is told the second step');
$mails{$email} = 0;
$code = code_of($email);
replied($first->post("$root/user/email", { email => $email, code => wrong($code) }), 400, 'code_wrong', 'a wrong code');
replied($first->post("$root/user/email", { email => fresh_email(), code => $code }), 400, 'challenge_mismatch', 'a code for another email');
replied(browser()->post("$root/user/email", { email => $email, code => $code }), 401, 'token_missing', 'without a session');
replied($first->post("$root/user/email", { email => $email, code => $code }), 204, undef, 'the right one');
is($first->get("$root/user")->json->{email}, $email, 'it is the email then');
replied($first->post("$root/user/email", { email => $email, code => $code }), 400, 'challenge_gone', 'once');
$login{email} = $email;

# ---- reauthenticate

stale($uid);
replied($first->get("$root/user/totp"), 400, 'fresh_proof_needed', 'totp without a fresh proof');
replied($first->patch("$root/user", { key => 'Email', email => fresh_email() }), 400, 'fresh_proof_needed', 'another email');
replied($first->post("$root/reauthenticate", {}), 400, 'field_missing', 'no proof');
replied($first->post("$root/reauthenticate", { password => 'not the right one' }), 400, 'password_wrong', 'a wrong one');
replied($first->post("$root/reauthenticate", { mailed_code => '123456' }), 400, 'challenge_gone', 'a code that nobody asked for');
replied(browser()->post("$root/reauthenticate", { password => $login{password} }), 401, 'token_missing', 'without a session');
$before = $first->cookie('cloudep');
replied($first->post("$root/reauthenticate", { password => $login{password} }), 204, undef, 'the right one');
isnt($first->cookie('cloudep'), $before, 'and a new value of the cookie');
replied($first->post("$root/reauthenticate/start", { method => 'code' }), 400, 'mailed_code_refused', 'who has a password gets no code');
replied(browser()->post("$root/reauthenticate/start", { method => 'code' }), 401, 'token_missing', 'nor who has no session');

# ---- TOTP

my $url = replied($first->get("$root/user/totp"), 200, undef, 'totp')->json->{totp};
my $secret = totp_secret($url);
sub pair { return [totp_code($secret, $_[0] // -1), totp_code($secret, ($_[0] // -1) + 1)] }
replied(browser()->get("$root/user/totp"), 401, 'token_missing', 'totp without a session');
replied(browser()->post("$root/user/totp", { totp => $url, tss => pair() }), 401, 'token_missing', 'binding without one');
replied($first->post("$root/user/totp", { totp => $url, tss => [totp_code($secret)] }), 400, 'field_invalid', 'one code');
replied($first->post("$root/user/totp", { totp => $url, tss => totp_code($secret) }), 400, 'field_invalid', 'no array');
replied($first->post("$root/user/totp", { totp => $url, tss => [(totp_code($secret)) x 2] }), 400, 'totp_wrong', 'one code twice');
replied($first->post("$root/user/totp", { totp => $url, tss => [reverse @{ pair() }] }), 400, 'totp_wrong', 'in the wrong order');
replied($first->post("$root/user/totp", { totp => $url =~ s/secret=[A-Z2-7]+/secret=JBSWY3DPEHPK3PXP/r, tss => pair() }), 400, 'field_invalid', 'a secret that is not ours');
is($first->get("$root/user")->json->{totp}, '', 'it is off until then');
replied($first->post("$root/user/totp", { totp => $url, tss => pair() }), 204, undef, 'two consecutive codes');
is($first->get("$root/user")->json->{totp}, 'on', 'it is on');
replied($first->get("$root/user/totp"), 400, 'totp_enrolled', 'totp of who has it');

my %member = (uid => $uid);
my $asked = browser();
$answer = replied($asked->post("$root/login", \%login), 400, 'mfa_required', 'a login asks for it');
ok($asked->cookie('cloudep-pending') && !$asked->cookie('cloudep'), 'and sets the pending cookie, no session');
replied(browser()->post("$root/login/totp", { code => totp_code($secret) }), 400, 'challenge_gone', 'the code alone, in another browser');
replied($asked->post("$root/login/totp", { code => totp_wrong_code($secret) }), 400, 'totp_wrong', 'a wrong one');
totp_rewind($server, \%member);
replied($asked->post("$root/login/totp", { email => $email, code => totp_code($secret) }), 204, undef, 'the right one completes the login');
ok($asked->cookie('cloudep') && !$asked->cookie('cloudep-pending'), 'in a session');
my $half = browser();
replied($half->post("$root/login", \%login), 400, 'mfa_required', 'a login by another browser');
replied($half->post("$root/login/totp", { email => fresh_email(), code => totp_code($secret) }), 400, 'challenge_mismatch', 'is of one email');

# The authenticator alone.
my $alone = browser();
replied($alone->post("$root/login/totp", { email => $email, code => totp_code($secret) }), 400, 'challenge_gone', 'the authenticator alone is no login');
$server->ctl(qw(tenant set --totp-login on --slug), $tenant->{slug});
replied($alone->post("$root/login/totp", { code => totp_code($secret) }), 400, 'field_missing', 'where it is one, it takes the email');
replied($alone->post("$root/login/totp", { email => fresh_email(), code => totp_code($secret) }), 400, 'totp_wrong', 'nobody has a right code');
replied($alone->post("$root/login/totp", { email => $email, code => totp_wrong_code($secret) }), 400, 'totp_wrong', 'nor is a wrong one');
totp_rewind($server, \%member);
replied($alone->post("$root/login/totp", { email => $email, code => totp_code($secret) }), 204, undef, 'the right one');
replied($alone->post("$root/login/totp", { email => $email, code => totp_code($secret) }), 400, 'totp_wrong', 'once');
is(join(' ', $server->value("SELECT amr || coalesce(mfa_at::text, '') FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1", uid => $uid)), 'otp', 'it is one factor');
totp_rewind($server, \%member);
replied($alone->post("$root/reauthenticate", { code => totp_code($secret) }), 400, 'fresh_proof_needed', 'of which there is no second');
replied($alone->post("$root/reauthenticate", { password => $login{password} }), 204, undef, 'but for the password');
replied($alone->post("$root/logout"), 204, undef, 'out');
$alone = browser();
my $loser = totp_enroll(register_member(tenant => $tenant), $server);
replied($alone->post("$root/login/totp", { email => $loser->{email}, code => totp_code($loser->{totp}) }), 204, undef, 'whoever is in by it');
$server->ctl(qw(member totp-reset --tenant), $tenant->{slug}, '--email', $loser->{email});
replied($alone->get("$root/verify"), 401, 'token_invalid', 'is out when the operator resets it');
ok(live($loser->{uid}), 'and other sessions go on');
$server->ctl(qw(tenant set --totp-login off --slug), $tenant->{slug});
replied($asked->get("$root/verify"), 204, undef, 'that lives');
stale($uid);
replied($asked->delete("$root/user/totp"), 400, 'fresh_proof_needed', 'unset without a fresh proof');
totp_rewind($server, \%member);
replied($asked->post("$root/reauthenticate", { code => totp_code($secret) }), 204, undef, 'a proof by the code');
replied(browser()->delete("$root/user/totp"), 401, 'token_missing', 'unset without a session');
replied($asked->delete("$root/user/totp"), 204, undef, 'totp is unset');
replied($asked->delete("$root/user/totp"), 204, undef, 'also when it was not set');
replied($asked->delete("$root/user/other"), 400, 'request_malformed', 'another key');
replied($asked->delete("$root/user/lark"), 204, undef, 'lark of who has none');

# ---- phone, and logins by it

my $phone = '+8869' . join '', map { int rand 10 } 1 .. 8;
my $plus = $phone =~ s/\+/%2B/r;
replied($asked->get("$root/user/phone_code?phone=12"), 400, 'field_invalid', 'a number that is none');
replied(browser()->get("$root/user/phone_code?phone=$plus"), 401, 'token_missing', 'without a session');
replied($asked->get("$root/user/phone_code?phone=$plus", 'Sec-Fetch-Site' => 'cross-site'), 400, 'cross_site', 'of another site');
replied($asked->get("$root/user/phone_code?phone=$plus"), 204, undef, 'a code is texted');
$code = text_to($phone);
replied($asked->post("$root/user/phone", { phone => $phone, code => wrong($code) }), 400, 'code_wrong', 'a wrong one');
replied($asked->post("$root/user/phone", { phone => '+886912000000', code => $code }), 400, 'challenge_mismatch', 'for another number');
replied(browser()->post("$root/user/phone", { phone => $phone, code => $code }), 401, 'token_missing', 'without a session');
replied($asked->post("$root/user/phone", { phone => $phone, code => $code }), 204, undef, 'the right one');
is($asked->get("$root/user")->json->{phone}, substr($phone, 0, 4) . '*' x (length($phone) - 7) . substr($phone, -3), 'the number is shown masked');
my $texted = browser();
replied($texted->get("$root/login/sms?phone=$plus"), 400, 'code_login_closed', 'logins by it are off');
$server->ctl(qw(tenant set --sms-login on --slug), $tenant->{slug});
replied($texted->get("$root/login/sms?phone=x"), 400, 'field_invalid', 'a number that is none');
replied($texted->get("$root/login/sms?phone=%2B886912345678"), 204, undef, "nobody's number");
my $nobody = $texted->cookie('cloudep-pending');
replied($texted->post("$root/login/sms", { phone => '+886912345678', code => '123456' }), 400, 'code_wrong', 'has no right code');
replied($texted->get("$root/login/sms?phone=$plus"), 204, undef, 'the login phone');
like($texted->cookie('cloudep-pending'), qr/^sms:[\w-]{22}$/, 'answers alike') && like($nobody, qr/^sms:[\w-]{22}$/, 'to both');
$code = text_to($phone);
is(scalar(glob "$server->{dir}/spool/sms/*.json") // 0, 0, 'nobody else is texted');
replied($texted->post("$root/login/sms", { phone => '+886912345678', code => $code }), 400, 'challenge_mismatch', 'the code of another number');
replied(browser()->post("$root/login/sms", { phone => $phone, code => $code }), 400, 'challenge_gone', 'in another browser');
replied($texted->post("$root/login/sms", { phone => $phone, code => $code }), 204, undef, 'logs in');
is($server->value("SELECT opened_with FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1", uid => $uid), 'login_phone', 'by the phone');
replied($texted->post("$root/login/sms", { phone => $phone, code => $code }), 400, 'challenge_gone', 'once');
replied($texted->post("$root/login/sms", { phone => $phone }), 204, undef, 'asked for by POST');
$code = text_to($phone);
replied($asked->delete("$root/user/phone"), 204, undef, 'the phone is unset');
replied($texted->post("$root/login/sms", { phone => $phone, code => $code }), 400, 'challenge_gone', 'its code opens nothing then');
replied($texted->get("$root/verify"), 401, undef, 'and the session that it opened has ended');

# ---- password

replied($asked->post("$root/user/password", { old => 'not the right one', password => fresh_password() }), 400, 'password_wrong', 'a wrong old password');
replied(browser()->post("$root/user/password", { old => 'not the right one', password => fresh_password() }), 401, 'token_missing', 'without a session');
my $new = fresh_password();
stale($uid);
replied($asked->post("$root/user/password", { old => $login{password}, password => $new }), 204, undef, 'the right one is proof enough');
replied($first->get("$root/verify"), 401, 'token_invalid', 'the other sessions have ended');
replied($asked->get("$root/verify"), 204, undef, 'this one goes on');
$login{password} = $new;

my $forgetful = browser();
replied($forgetful->get("$root/forget_code?email=x"), 400, 'field_invalid', 'a malformed email');
my ($known, $unknown) = map { replied($forgetful->get("$root/forget_code?email=$_"), 204, undef, 'a forgotten password') } $email, fresh_email();
is_deeply([map { join ' ', map { $_->{name} } CloudEP::Browser::set_cookies($_) } $known, $unknown], [('cloudep-pending') x 2], 'is answered alike to anybody');
my ($reset) = sort { $b->{at} <=> $a->{at} } map { { at => 1, text => $_->{text} } } grep { $_->{headers}{subject} =~ /reset code/ } do {
    wait_until(60, sub { scalar grep { $_->{headers}{subject} =~ /reset code/ } $server->mails_now($email) });
    $server->mails_now($email);
};
$code = secret(CloudEP::Mail::code($reset));
$new = fresh_password();
replied($forgetful->post("$root/forget_reset", { email => $email, code => $code, password => $new }), 400, 'challenge_mismatch', 'the cookie is of the newest one');
delete $forgetful->{jar}{'cloudep-pending'};
replied($forgetful->post("$root/forget_reset", { email => $email, code => wrong($code), password => $new }), 400, 'code_wrong', 'a wrong code');
replied($forgetful->post("$root/forget_reset", { email => $email, code => $code }), 400, 'field_missing', 'no password');
replied($forgetful->post("$root/forget_reset", { email => fresh_email(), code => $code, password => $new }), 400, 'challenge_gone', 'another email');
replied($forgetful->post("$root/forget_reset", { email => $email, code => $code, password => $new }), 204, undef, 'without the cookie, the newest of the same network');
is(live($uid), 0, 'every session has ended');
$login{password} = $new;

# ---- options

is_deeply(replied($first->get("$root/options?type=upload"), 200, undef, 'an option')->json, { type => 'cos', limit => 5 }, 'the JSON of its file');
my @made = map { replied($first->get("$root/options?type=generate-secret"), 200, undef, 'a generated secret')->json } 1 .. 2;
is(join(' ', sort keys %{ $made[0] }), 'id key', 'has id and key');
isnt($made[0]{key}, $made[1]{key}, 'never the same');
replied($first->get("$root/options?type=collaboration"), 400, 'field_invalid', 'one that is not configured');
replied($first->get("$root/options"), 400, 'field_missing', 'none');

# ---- the cookie is safe here, too (t/wire/cookies.t has every case for cookie delivery)

my $safe = entered();
my $cookie = secret($safe->cookie('cloudep'));
my $elsewhere = tenant(server => $server);
my $foreign = register_member(tenant => $elsewhere);
my $theirs = own_server(values => { CloudEPIssuer => $server->url }, with => [location($elsewhere->{slug})])->start;
my $guest_there = CloudEP::Browser->new(client => client(server => $theirs));
$guest_there->get("$root/");
replied($guest_there->post("$root/login", { email => $foreign->{email}, password => $foreign->{password} }), 204, undef, 'a member of another tenant, at its own mount');
my $foreign_cookie = $guest_there->cookie('cloudep');
$theirs->stop;
my @name = (key => 'Name', name => 'Eve');
replied($client->get("$root/verify", Authorization => "Bearer $cookie"), 401, 'token_missing', 'the cookie as a bearer token');
replied($client->get("$root/verify", Cookie => "cloudep=$member->{access}"), 401, 'token_invalid', 'a bearer token in the cookie');
replied($client->get("$root/verify", Cookie => "cloudep=$cookie; cloudep=$cookie"), 401, undef, 'two cookies of that name');
replied($client->get("$root/verify", Cookie => "cloudep=x; cloudep=$cookie"), 401, undef, 'or with one that a sibling has planted');
replied($client->get("$root/verify", Cookie => "cloudep=$foreign_cookie"), 401, 'token_invalid', "another tenant's");
replied($client->get("$root/verify", Cookie => "cloudep=$cookie", Host => 'localhost'), 401, 'token_invalid', 'on another host');
replied($safe->patch("$root/user", {@name}, 'X-XSRF-TOKEN' => entered()->cookie('XSRF-TOKEN')), 400, 'xsrf_required', 'the XSRF token of another session');
for my $case (['a form of another site', Origin => 'https://evil.example', 'Sec-Fetch-Site' => 'cross-site'], ['Origin: null', Origin => 'null', 'Sec-Fetch-Site' => undef],
    ['a sibling of the site', Origin => 'https://sub.127.0.0.1', 'Sec-Fetch-Site' => 'same-site']) {
    my ($name, @headers) = @$case;
    replied($safe->patch("$root/user", {@name}, @headers), 400, 'cross_site', "$name changes nothing");
    replied($safe->post("$root/logout", undef, @headers), 400, 'cross_site', 'nor ends the session');
}
replied($safe->get("$root/user", Origin => 'https://evil.example', 'Sec-Fetch-Site' => 'cross-site'), 401, undef, 'a fetch of another site is told nothing');
replied($safe->get("$root/user", Upgrade => 'websocket', Connection => 'Upgrade, close'), 401, undef, 'nor a WebSocket without Origin');
replied($safe->get("$root/$_", 'Sec-Fetch-Site' => 'cross-site'), 400, 'cross_site', "GET $_ does something, so not from another site")
    for 'refresh_code', "login/sms?phone=$plus", "user/phone_code?phone=$plus", "forget_code?email=$email";
replied($safe->patch("$root/user", { key => 'Name', name => 'Ada' }, 'Sec-Fetch-Site' => undef, Origin => undef), 204, undef, 'a client that sends neither header has the XSRF token');
isnt($safe->get("$root/user")->json->{name}, 'Eve', 'none of that did anything');
psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $uid);
replied($safe->get("$root/verify"), 401, 'token_invalid', 'a suspended member\'s');
psql("UPDATE cloudep.members SET status = 'active' WHERE uid = :'uid'", uid => $uid);
$safe = entered();
my $stale = $safe->copy;
replied($safe->post("$root/refresh_token", { code => $safe->get("$root/refresh_code")->json->{code} }), 204, undef, 'a new value');
replied($stale->get("$root/verify"), 204, undef, 'within the grace the one before counts');
psql("UPDATE cloudep.sessions SET rotated_at = now() - interval '11 seconds' WHERE uid = :'uid' AND refresh_seq > 1", uid => $uid);
replied($stale->get("$root/verify"), 401, 'token_invalid', 'and not beyond it');
replied($safe->get("$root/verify"), 204, undef, 'which ends nothing');
replied($safe->post("$root/logout"), 204, undef, 'a logout');
replied($client->get("$root/verify", $stale->headers('GET')), 401, 'token_invalid', 'is the end of all of them');
psql("UPDATE cloudep.sessions SET revoked_at = now() WHERE uid = :'uid' AND revoked_at IS NULL", uid => $uid);    # of the other browsers

# ---- handoff; where it leads to on another host is in t/guard/handoff.t

$asked = entered();
is_deeply(replied($asked->post("$root/handoff", { return_to => '/page?x=y' }), 200, undef, 'a handoff')->json, { url => $asked->origin . '/page?x=y' }, 'on this host is its own page');
replied($asked->post("$root/handoff", { return_to => 'https://evil.example/' }), 400, 'field_invalid', 'on a host that is not listed');
replied($asked->post("$root/handoff", {}), 400, 'field_missing', 'to nowhere');
replied($asked->post("$root/handoff", { return_to => '/' }, 'X-XSRF-TOKEN' => undef), 400, 'xsrf_required', 'without the XSRF header');
replied(browser()->post("$root/handoff", { return_to => '/' }), 401, 'token_missing', 'without a session');

# ---- lark

replied($asked->get("$root/user/lark"), 400, 'field_invalid', 'lark is not configured');
replied(browser()->get("$root/user/lark"), 401, 'token_missing', 'lark without a session');
replied(browser()->get("$root/user/lark/callback?code=x&state=y"), 401, 'token_missing', 'its callback, too');

# ---- logout

replied($asked->post("$root/logout", undef, 'X-XSRF-TOKEN' => undef), 400, 'xsrf_required', 'a logout without the XSRF header');
replied($asked->post("$root/logout"), 204, undef, 'a logout');
ok(!$asked->cookie('cloudep'), 'takes the cookie');
is(live($uid), 0, 'and ends the session');
replied(browser()->post("$root/logout"), 204, undef, 'also without a session');

# ---- what httpd itself refuses

my $raw = CloudEP::Client::Response->new('POST', "$root/login", $client->raw("POST $root/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: abc\r\n\r\n"));
replied($raw, 400, 'request_refused', 'a Content-Length that is none');
replied($client->get("$root/nowhere"), 404, 'path_unknown', 'a path that is none');
is(replied($client->get("$root/login"), 405, 'method_not_allowed', 'another method')->header('Allow'), 'OPTIONS, POST', 'is told which');

# ---- too often

sub until_429 { my ($name, $try) = @_; my $answer; for (1 .. 40) { $answer = $try->(); last if $answer->status == 429 } replied($answer, 429, $answer->json->{reason}, $name); forgive() }
my $limited = session_server({ CloudEPCodeCooldown => 60, CloudEPAddressAttempts => 20 }, 'CloudEPPingValues On');
$client = client(server => $limited);
is(join(' ', sort keys %{ browser()->get("$root/")->json->{values} }), 'issuer session_idle_timeout session_lifetime tenant version', 'values with CloudEPPingValues');
my $guest = browser();
until_429('too many logins', sub { $guest->post("$root/login", { %login, password => 'not the right one' }) });
until_429('too many texts', sub { $guest->get("$root/login/sms?phone=$plus") });
until_429('too many texted codes', sub { delete $guest->{jar}{'cloudep-pending'}; $guest->post("$root/login/sms", { phone => $phone, code => '123456' }) });
until_429('too many forgotten passwords', sub { $guest->get("$root/forget_code?email=$email") });
until_429('too many reset codes', sub { delete $guest->{jar}{'cloudep-pending'}; $guest->post("$root/forget_reset", { email => fresh_email(), code => '123456', password => $new }) });
$asked = entered();
until_429('too many proofs', sub { $asked->post("$root/reauthenticate", { password => 'not the right one' }) });
until_429('too many old passwords', sub { $asked->post("$root/user/password", { old => 'not the right one', password => $new }) });
until_429('too many texts to a new phone', sub { $asked->get("$root/user/phone_code?phone=$plus") });
psql("UPDATE cloudep.members SET has_password = false WHERE uid = :'uid'", uid => $uid);
psql("DELETE FROM cloudep.credentials WHERE uid = :'uid'", uid => $uid);
replied($asked->post("$root/reauthenticate/start", { method => 'code' }), 204, undef, 'who has nothing else is mailed a code');
until_429('too many mailed codes', sub { $asked->post("$root/reauthenticate/start", { method => 'code' }) });
my $proofs = register_member(tenant => $tenant);
%login = (email => $proofs->{email}, password => $proofs->{password});
my $guarded = entered();
$secret = totp_secret($guarded->get("$root/user/totp")->json->{totp});
$guarded->post("$root/user/totp", { totp => "otpauth://totp/x?secret=" . 'x', tss => pair() });
totp_enroll($proofs, $server);
$half = browser();
until_429('too many second factors', sub { $half->post("$root/login", \%login); $half->post("$root/login/totp", { code => totp_wrong_code($proofs->{totp}) }) });
finish();
