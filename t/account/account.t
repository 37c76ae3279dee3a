# The API style "account": every operation with each of its outcomes, in the words and forms of its document.
use strict;
use warnings;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use JSON::PP ();

my $page = 'https://id.example/account/';
my ($acme, $other) = map { tenant() } 1 .. 2;
my $server = own_server(values => { CloudEPAccountURL => $page, CloudEPCodeCooldown => 0, CloudEPIssuer => server()->url },
    with => ['<Location /api/auth>', 'CloudEPServe account', "CloudEPTenant $acme->{slug}", '</Location>'])->start;
my $client = client(server => $server);
$acme->{server} = $other->{server} = $server;

sub post { my ($path, $data, %with) = @_; return $client->with(%with)->post("/api/auth/$path", $data) }
sub psql { return $server->psql(@_) }
sub forgive { psql("DELETE FROM cloudep.budgets WHERE tenant_id = (SELECT id FROM cloudep.tenants WHERE slug = :'slug')", slug => $acme->{slug}) }
sub stale { psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', fresh_at = NULL, mfa_at = NULL WHERE uid = :'uid'", uid => $_[0]) }
sub live { return $server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid' AND revoked_at IS NULL", uid => $_[0]) }
sub wrong { return $_[0] =~ tr/0-9/1-90/r }

# ---- register, verify-email

my %form = (email => fresh_email(), password => fresh_password(), name => 'Alice Chen', inviteCode => $acme->{invite}, acceptTermsVersion => '2026-01');
my $registered = told(post(register => \%form), 200, undef, 'a registration');
is(join(' ', sort keys %{ $registered->json->{data} }), 'challengeId expiresIn message', 'answers a challenge');
is(told(post(register => { %form, email => 'x' }), 400, 'field_invalid', 'a malformed email')->json->{field}, 'email', 'is told by the field');
my $missing = told(post(register => { %form, password => undef }), 400, 'field_missing', 'no password')->json;
is("$missing->{field}: $missing->{error}", 'password: password is required', 'is told in a sentence');
told(post(register => \%form), 409, 'registration_pending', 'the same again');
told(post(register => { %form, email => fresh_email(), inviteCode => 'NO-SUCH' }), 404, 'invite_unknown', 'an unknown invite');
my $challenge = $registered->json->{data}{challengeId};
my $code = secret($server->mail_code($form{email}));
told(post('verify-email' => { challengeId => $challenge }), 400, 'field_missing', 'verify-email without a code');
told(post('verify-email' => { challengeId => $challenge, code => wrong($code) }), 400, 'code_wrong', 'a wrong code');
my $verified = told(post('verify-email' => { challengeId => $challenge, code => $code }), 200, undef, 'the code')->json->{data};
is(join(' ', sort keys %$verified), 'expiresIn refreshToken token', 'answers tokens');
told(post('verify-email' => { challengeId => $challenge, code => $code }), 400, 'challenge_gone', 'the code again');
told(post(register => \%form), 409, 'email_taken', 'the email is taken then');
my %tight = (%form, email => fresh_email());
my $locked = post(register => \%tight)->json->{data}{challengeId};
my $right = secret($server->mail_code($tight{email}));
post('verify-email' => { challengeId => $locked, code => wrong($right) }) for 1 .. 5;
told(post('verify-email' => { challengeId => $locked, code => $right }), 409, 'challenge_locked', 'after five wrong codes');
forgive();

# ---- me, login

my %as = (token => secret($verified->{token}));
my $uid = $server->value("SELECT uid FROM cloudep.members WHERE email = :'email'", email => $form{email});
my $me = told($client->with(%as)->get('/api/auth/me'), 200, undef, 'me')->json->{data};
my $iso = qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
like($me->{$_}, $iso, "$_ is ISO 8601 with milliseconds in UTC") for qw(createdAt updatedAt);
my $exact = $server->value("SELECT to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM cloudep.members WHERE uid = :'uid'", uid => $uid);
is($me->{createdAt}, $exact, 'the very one');
is_deeply({ %$me, createdAt => 0, updatedAt => 0 }, { id => $uid, email => $form{email}, name => 'Alice Chen', tier => undef,
        totpEnabled => JSON::PP::false, machineLimit => undef, trialEndsAt => undef, createdAt => 0, updatedAt => 0 }, 'with null for what is not set');
psql(q{UPDATE cloudep.members SET attributes = '{"tier": "pro", "machineLimit": 10, "trialEndsAt": "2026-01-15T08:30:00.000Z", "note": 1}', display_name = NULL WHERE uid = :'uid'},
    uid => $uid);
my $pro = $client->with(%as)->get('/api/auth/me')->json->{data};
is_deeply([@$pro{qw(tier machineLimit trialEndsAt name note)}], ['pro', 10, '2026-01-15T08:30:00.000Z', undef, undef], 'attributes that operators set');
psql(q{UPDATE cloudep.members SET attributes = '{"tier": 7, "machineLimit": "many"}' WHERE uid = :'uid'}, uid => $uid);
is_deeply([@{ $client->with(%as)->get('/api/auth/me')->json->{data} }{qw(tier machineLimit)}], [undef, undef], 'of another type are none');
told($client->get('/api/auth/me'), 401, 'token_missing', 'me without a token');

my %login = (email => $form{email}, password => $form{password});
my $entered = told(post(login => \%login), 200, undef, 'a login')->json->{data};
is(join(' ', sort keys %$entered), 'expiresIn refreshToken token user', 'answers tokens and the member');
is_deeply($entered->{user}, $client->with(%as)->get('/api/auth/me')->json->{data}, 'as me has it');
is(told(post(login => { %login, password => 'not the right one' }), 401, 'credentials_wrong', 'a wrong password')->json->{error},
    'Email or password is wrong', 'in a sentence');
told(post(login => { %login, email => fresh_email() }), 401, 'credentials_wrong', 'nobody');
told(post(login => { email => $form{email} }), 400, 'field_missing', 'no password');
my $stranger = register_member(tenant => $other);
told(post(login => { email => $stranger->{email}, password => $stranger->{password} }), 401, 'credentials_wrong', 'a member of another tenant');
told($client->with(token => $stranger->{access})->get('/api/auth/me'), 401, 'token_invalid', 'nor does their token count');
like($client->post('/api/auth/login', { %login, password => 'not the right one' }, 'Accept-Language' => 'zh-TW')->json->{error}, qr/\x{932f}\x{8aa4}/, 'in Chinese to who reads that');

# ---- refresh

my $refreshed = told(post(refresh => { refreshToken => $entered->{refreshToken} }), 200, undef, 'a refresh')->json->{data};
is(join(' ', sort keys %$refreshed), 'expiresIn refreshToken token', 'answers the next tokens');
told(post(refresh => { refreshToken => $entered->{token} }), 401, 'refresh_token_invalid', 'an access token is none');
told(post(refresh => { refreshToken => $stranger->{refresh} }), 401, 'refresh_token_invalid', "another tenant's is none here");
is($client->post('/api/v1/auth/token/refresh', { refresh_token => $stranger->{refresh} })->status, 200, 'and was not spent by that');

# ---- TOTP

told(post('totp/setup'), 401, 'token_missing', 'setup without a token');
stale($uid);
told(post('totp/setup', undef, %as), 403, 'fresh_proof_needed', 'setup without a fresh proof');
is(told(post(reauthenticate => { password => $form{password} }, %as), 200, undef, 'a proof')->json->{data}{message}, 'Reauthenticated successfully', 'is accepted');
told(post('totp/verify', { totpCode => '123456' }, %as), 400, 'enrolment_unknown', 'verify before setup');
my $setup = told(post('totp/setup', undef, %as), 200, undef, 'setup')->json->{data};
is(join(' ', sort keys %$setup), 'backupCodes otpauthUrl secret', 'answers the secret and backup codes');
is(totp_secret_text($setup->{otpauthUrl}), $setup->{secret}, 'the same in the URL');
is(scalar(grep { /^\d{8}$/ } @{ $setup->{backupCodes} }), 10, 'ten codes of eight digits');
my $secret = totp_secret($setup->{otpauthUrl});
told(post(login => { %login, totpCode => $setup->{backupCodes}[0] }), 200, undef, 'nothing is asked for before verify');
is(told(post('totp/verify', { totpCode => totp_wrong_code($secret) }, %as), 400, 'totp_wrong', 'a wrong code')->json->{error},
    'Invalid TOTP code. Please try again.', 'as the document has it');
told(post('totp/verify', { totpCode => totp_code($secret) }), 401, 'token_missing', 'verify without a token');
is_deeply(told(post('totp/verify', { totpCode => totp_code($secret) }, %as), 200, undef, 'the right one')->json->{data},
    { message => 'Two-factor authentication enabled successfully' }, 'counts, and the codes are those that were shown');
told(post('totp/setup', undef, %as), 409, 'totp_enrolled', 'setup of who has it');
ok($client->with(%as)->get('/api/auth/me')->json->{data}{totpEnabled}, 'me knows it');

my %member = (uid => $uid);
told(post(login => \%login), 401, 'totp_required', 'a login asks for it');
told(post(login => { %login, totpCode => totp_wrong_code($secret) }), 401, 'totp_wrong', 'a wrong one');
told(post(login => { %login, totpCode => '12345678' }), 401, 'backup_code_wrong', 'a wrong backup code');
is(told(post(login => { %login, totpCode => '1234567' }), 400, 'field_invalid', 'seven digits')->json->{field}, 'totpCode', 'are told by the field');
told(post(login => { %login, password => 'not the right one', totpCode => totp_code($secret) }), 401, 'credentials_wrong', 'the code without the password');
totp_rewind($server, \%member);
told(post(login => { %login, totpCode => totp_code($secret) }), 200, undef, 'both');
told(post(login => { %login, totpCode => $setup->{backupCodes}[0] }), 200, undef, 'a backup code that was shown at setup stands in');
told(post(login => { %login, totpCode => $setup->{backupCodes}[0] }), 401, 'backup_code_wrong', 'once');

# The password alone turns it off, of any session.
stale($uid);
told(post('totp/disable', { password => $form{password} }), 401, 'token_missing', 'disable without a token');
told(post('totp/disable', {}, %as), 400, 'field_missing', 'without a password');
told(post('totp/disable', { password => 'not the right one' }, %as), 400, 'password_wrong', 'with a wrong one');
is(told(post('totp/disable', { password => $form{password} }, %as), 200, undef, 'with the right one')->json->{data}{message},
    'Two-factor authentication disabled', 'it is off');
told(post(login => \%login), 200, undef, 'and not asked for');

# What v1 began has no codes that were shown, and what v1 ends makes its own.
sub began { post(reauthenticate => { password => $form{password} }, %as); return $client->with(%as)->post('/api/v1/members/me/totp/enroll-start')->data }
totp_rewind($server, \%member);
my $v1 = totp_secret(began()->{otpauth_url});
my $shown = told(post('totp/verify', { totpCode => totp_code($v1) }, %as), 200, undef, 'verify of what v1 began')->json->{data}{backupCodes};
is(scalar(@{ $shown // [] }), 10, 'answers the codes');
post('totp/disable', { password => $form{password} }, %as);
post(reauthenticate => { password => $form{password} }, %as);
my $dead = post('totp/setup', undef, %as)->json->{data};
totp_rewind($server, \%member);
my $made = $client->with(%as)->post('/api/v1/members/me/totp/enroll-confirm', { code => totp_code(totp_secret($dead->{otpauthUrl})) })->data->{backup_codes};
told(post(login => { %login, totpCode => $dead->{backupCodes}[0] }), 401, 'backup_code_wrong', 'the shown codes die where v1 confirms');
told(post(login => { %login, totpCode => $made->[0] }), 200, undef, 'its own count');
post('totp/disable', { password => $form{password} }, %as);
totp_rewind($server, \%member);
post(reauthenticate => { password => $form{password} }, %as);
my $first = post('totp/setup', undef, %as)->json->{data};
my $again = totp_secret(began()->{otpauth_url});
$shown = post('totp/verify', { totpCode => totp_code($again) }, %as)->json->{data}{backupCodes};
is(scalar(@{ $shown // [] }), 10, 'codes shown with another secret do not count');
told(post(login => { %login, totpCode => $first->{backupCodes}[0] }), 401, 'backup_code_wrong', 'as is seen');
post('totp/disable', { password => $form{password} }, %as);

# ---- reauthenticate

told(post(reauthenticate => { password => $form{password} }), 401, 'token_missing', 'a proof without a token');
told(post(reauthenticate => {}, %as), 400, 'field_missing', 'no proof');
told(post(reauthenticate => { password => 'not the right one' }, %as), 400, 'password_wrong', 'a wrong one');
told(post(reauthenticate => { totpCode => '123456' }, %as), 400, 'totp_not_enrolled', 'a code of who has none');
told(post('reauthenticate/start' => { method => 'code' }), 401, 'token_missing', 'a start without a token');
told(post('reauthenticate/start' => { method => 'code' }, %as), 403, 'mailed_code_refused', 'who has a password gets no code');
told(post(reauthenticate => { challengeId => 'A' x 22, mailedCode => '123456' }, %as), 400, 'mailed_code_refused', 'nor is one looked at');
my $mailed = register_member(tenant => $acme);
psql("UPDATE cloudep.members SET has_password = false, origin = 'google' WHERE uid = :'uid'", uid => $mailed->{uid});
psql("DELETE FROM cloudep.credentials WHERE uid = :'uid'", uid => $mailed->{uid});
my %them = (token => $mailed->{access});
my $started = told(post('reauthenticate/start' => { method => 'code' }, %them), 200, undef, 'who has nothing else does')->json->{data};
is(join(' ', sort keys %$started), 'challengeId expiresIn', 'and is answered the challenge');
my $proof = secret($server->mail_code($mailed->{email}, 2));
told(post(reauthenticate => { challengeId => $started->{challengeId}, mailedCode => wrong($proof) }, %them), 400, 'code_wrong', 'a wrong code');
told(post(reauthenticate => { challengeId => $started->{challengeId}, mailedCode => $proof }, %them), 200, undef, 'the right one');

# ---- states

psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $uid);
told(post(login => \%login), 403, 'suspended', 'who is suspended');
psql("UPDATE cloudep.members SET status = 'active' WHERE uid = :'uid'", uid => $uid);
told(post(login => { email => $tight{email}, password => $tight{password} }), 403, 'email_unconfirmed', 'who has not confirmed the email');
$server->ctl(qw(tenant set --login off --registration off --slug), $acme->{slug});
told(post(login => \%login), 403, 'tenant_closed', 'a tenant without logins');
told(post(register => { %form, email => fresh_email() }), 403, 'registration_closed', 'or registrations');
$server->ctl(qw(tenant set --login on --registration on --slug), $acme->{slug});

# ---- forgot-password, reset-password

my $words = 'If an account with that email exists, a reset link has been sent.';
told(post('forgot-password' => {}), 400, 'field_missing', 'no email');
told(post('forgot-password' => { email => 'x' }), 400, 'field_invalid', 'one that is none');
my ($known, $unknown) = map { told(post('forgot-password' => { email => $_ }), 200, undef, 'a forgotten password') } $form{email}, fresh_email();
is_deeply([map { $_->json } $known, $unknown], [({ ok => JSON::PP::true, data => { message => $words } }) x 2], 'is answered alike to anybody');
sub headers { my %h = %{ $_[0]->headers }; delete @h{qw(date x-request-id)}; return \%h }
is_deeply(headers($known), headers($unknown), 'with the same headers');
is($server->value("SELECT count(*) FROM cloudep.outbox WHERE template = 'password_forgot_link' AND params IS NOT NULL"), 0, 'no link is in the outbox');
sub link_of { my ($email, $n) = @_; my @mails = grep { $_->{text} =~ /#reset=/ } $server->mails($email, $n); $mails[-1]{text} =~ /#reset=([A-Za-z0-9_-]{64})/ or die; return secret($1) }
ok(wait_until(60, sub { scalar grep { $_->{text} =~ /#reset=/ } $server->mails_now($form{email}) }), 'a link is mailed');
my $mails = () = $server->mails_now($form{email});
my $token = link_of($form{email}, $mails);
my $new = fresh_password();
my %over = (token => 'x' x 64, newPassword => $new);
is(told(post('reset-password' => \%over), 400, 'link_gone', 'a token that is none')->json->{error}, 'Reset token is invalid or has expired', 'as the document has it');
is(told(post('reset-password' => { token => $token, newPassword => 'password' }), 400, 'field_invalid', 'a common password')->json->{field}, 'newPassword', 'is told by the field');
is($client->get("/api/auth/reset-password?token=$token")->status, 405, 'opening an address does nothing');
cmp_ok(live($uid), '>', 1, 'sessions live until then');
is(told(post('reset-password' => { token => $token, newPassword => $new }), 200, undef, 'the token')->json->{data}{message}, 'Password reset successfully', 'sets the password');
is(live($uid), 0, 'and ends all sessions');
told(post(login => \%login), 401, 'credentials_wrong', 'the old password is dead');
$entered = told(post(login => { %login, password => $new }), 200, undef, 'the new one logs in')->json->{data};
told(post('reset-password' => { token => $token, newPassword => fresh_password() }), 400, 'link_gone', 'a token serves once');
psql("UPDATE cloudep.links SET used_at = NULL, expires_at = now() WHERE uid = :'uid'", uid => $uid);
told(post('reset-password' => { token => $token, newPassword => fresh_password() }), 400, 'link_gone', 'and for an hour');
is($server->value("SELECT extract(epoch FROM expires_at - created_at)::integer <= 3600 FROM cloudep.links WHERE uid = :'uid'", uid => $uid), 't', 'at most');
psql("UPDATE cloudep.links SET expires_at = now() + interval '1 hour', tenant_id = tenant_id WHERE uid = :'uid'", uid => $uid);
my $elsewhere = own_server(values => { CloudEPIssuer => server()->url }, with => ['<Location /api/auth>', 'CloudEPServe account', "CloudEPTenant $other->{slug}", '</Location>'])->start;
my $there = client(server => $elsewhere);
told($there->post('/api/auth/reset-password', { token => $token, newPassword => fresh_password() }), 400, 'link_gone', "nor at another tenant's Location");
told($there->post('/api/auth/forgot-password', { email => $form{email} }), 501, 'not_configured', 'without pages there is no link');
told(post(login => { %login, password => $new }), 200, undef, 'the password stayed');
$elsewhere->stop;
my $unserved = own_server(values => { CloudEPIssuer => server()->url }, with => ['<Location /api/auth>', 'CloudEPServe account', 'CloudEPTenant no-such-tenant', '</Location>'])->start;
told(client(server => $unserved)->post('/api/auth/login', \%login), 501, 'not_configured', 'a tenant that does not exist');
$unserved->stop;

# ---- logout

%as = (token => secret($entered->{token}));
is(told(post(logout => undef, %as), 200, undef, 'a logout')->json->{data}{message}, 'Logged out successfully', 'as the document has it');
told($client->with(%as)->get('/api/auth/me'), 401, 'token_invalid', 'ends the session');
told(post(logout => undef, %as), 401, 'token_invalid', 'once');

# ---- too often

sub until_429 { my ($name, $try) = @_; my $answer; for (1 .. 40) { $answer = $try->(); last if $answer->status == 429 } told($answer, 429, $answer->json->{reason}, $name); forgive() }
my $limited = own_server(values => { CloudEPAccountURL => $page, CloudEPCodeCooldown => 60, CloudEPIssuer => server()->url, CloudEPAddressAttempts => 20 },
    with => ['<Location /api/auth>', 'CloudEPServe account', "CloudEPTenant $acme->{slug}", '</Location>'])->start;
$client = client(server => $limited);
$entered = post(login => { %login, password => $new })->json->{data};
%as = (token => secret($entered->{token}));
until_429('too many forgotten passwords', sub { post('forgot-password' => { email => $form{email} }) });
until_429('too many logins', sub { post(login => { %login, password => 'not the right one' }) });
until_429('too many proofs', sub { post(reauthenticate => { password => 'not the right one' }, %as) });
until_429('too many passwords at disable', sub { post('totp/disable', { password => 'not the right one' }, %as) });
until_429('too many tokens', sub { post('reset-password' => { %over, token => 'y' x 64 }) });
until_429('too many challenges', sub { post('verify-email' => { challengeId => 'A' x 22, code => '123456' }) });
post(reauthenticate => { password => $new }, %as);
my $pending = totp_secret(post('totp/setup', undef, %as)->json->{data}{otpauthUrl});
until_429('too many TOTP codes', sub { post('totp/verify', { totpCode => totp_wrong_code($pending) }, %as) });
until_429('too many registrations', sub { post(register => { %form, email => fresh_email(), inviteCode => 'NONE-' . int rand 1e6 }) });
%them = (token => $mailed->{access});
until_429('too many mailed codes', sub { post('reauthenticate/start' => { method => 'code' }, %them) });

# ---- what httpd itself refuses

my $raw = sub { my ($bytes) = @_; CloudEP::Client::Response->new('POST', '/api/auth/login', $client->raw($bytes)) };
told($raw->("POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: abc\r\n\r\n"), 400, 'request_refused', 'a Content-Length that is none');
told($raw->("POST /api/auth/login HTTP/1.1\r\nHost: x\r\nConnection: close\r\nExpect: something\r\n\r\n"), 417, 'request_refused', 'an expectation nobody can meet');
told($client->get('/api/auth/nowhere'), 404, 'path_unknown', 'a path that is none');
is(told($client->get('/api/auth/login'), 405, 'method_not_allowed', 'another method')->header('Allow'), 'OPTIONS, POST', 'is told which');
told($client->post('/api/auth/login', '{}', 'Content-Type' => 'text/plain'), 415, 'media_type_unsupported', 'another media type');
told($client->post('/api/auth/login', '{"email":1,"email":2}'), 400, 'request_malformed', 'a duplicate key');
finish();
