# Logins by a mailed or texted code: for tenants that allow it, once, for where it was sent to, with the second factor as ever.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Process qw(slurp wait_until);
use CloudEP::Test;
use CloudEP::Totp;

my $start = '/api/v1/auth/login/code/start';
my $path = '/api/v1/auth/login/code';

# A database of its own: any server on it sends its texts.
my $server = own_server(pg => own_postgres(), values => { CloudEPCodeCooldown => 0, CloudEPSMSCountries => 'TW' });
$server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
$server->start;
my $client = client(server => $server);
my ($tenant, $closed) = map { tenant(server => $server) } 1 .. 2;
$server->ctl(qw(tenant set --code-login on --slug), $tenant->{slug});
my $member = register_member(tenant => $tenant);
my %mails = ($member->{email} => 1);

sub start { my ($email, %fields) = @_; return $client->post($start, { tenant_slug => $tenant->{slug}, email => $email, %fields }) }

# A challenge and its code for a member.
sub ask {
    my ($who) = @_;
    my $data = outcome(start($who->{email}), 200, 102000, 'a code is sent')->data;
    return ($data->{challenge_id}, secret($server->mail_code($who->{email}, ++($mails{ $who->{email} } //= 1))));
}

sub try {
    my ($challenge, $code, %fields) = @_;
    return $client->post($path, { tenant_slug => $tenant->{slug}, challenge_id => $challenge, code => $code, %fields });
}

# The same by text.
sub start_text { my ($phone, %fields) = @_; return $client->post($start, { tenant_slug => $tenant->{slug}, phone => $phone, %fields }) }
sub texts { return map { JSON::PP::decode_json(slurp($_)) } sort glob "$server->{dir}/spool/sms/*.json" }

sub ask_by_text {
    my ($phone) = @_;
    unlink glob "$server->{dir}/spool/sms/*.json";
    my $data = outcome(start_text($phone), 200, 102000, 'a code is texted')->data;
    my @sms;
    wait_until(30, sub { @sms = grep { $_->{to} eq $phone } texts() }) or die "no SMS to $phone\n";
    return ($data->{challenge_id}, secret(CloudEP::Mail::code($sms[-1])));
}

my $numbers = int rand 9_000_000;
sub fresh_phone { return sprintf '+8869%08d', 10_000_000 + ++$numbers }
sub phone_of { my ($who, $phone) = @_; return $server->psql("UPDATE cloudep.members SET login_phone = NULLIF(:'phone', ''), login_phone_at = now() WHERE uid = :'uid'", uid => $who->{uid}, phone => $phone) }
sub allow { my ($column, $value) = @_; return $server->psql("UPDATE cloudep.tenants SET $column = $value WHERE slug = :'slug'", slug => $tenant->{slug}) }
sub opened_with { my ($who) = @_; return $server->value("SELECT opened_with FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1", uid => $who->{uid}) }

sub wrong { return $_[0] =~ tr/0-9/1-90/r }
sub reason { return $_[0]->json->{reason} }

# ---- who may

outcome($client->post($start, {}), 400, 10104000, 'fields are needed');
outcome($client->post($path, {}), 400, 10104000, 'at both');
my $elsewhere = register_member(tenant => $closed);
is(reason(outcome(start($elsewhere->{email}, tenant_slug => $closed->{slug}), 403, 28505000, 'a tenant that did not turn it on')),
    'code_login_closed', 'says so');
is(reason(outcome(start(fresh_email(), tenant_slug => $closed->{slug}), 403, 28505000, 'to anybody')), 'code_login_closed',
    'alike');
outcome(start(fresh_email(), tenant_slug => 'no-such-tenant'), 404, 29301000, 'no such tenant');
outcome(start(fresh_email()), 404, 29301000, 'nobody of that address');
my ($pending, $applicant) = register(client => $client, tenant => $tenant);
outcome(start($applicant->{email}), 404, 29301000, 'nobody who has not confirmed it');

# ---- a login

my ($challenge, $code) = ask($member);
is(reason(outcome(try($challenge, wrong($code)), 403, 29505000, 'a wrong code')), 'code_wrong', 'is told as such');
outcome(try($challenge, $code, tenant_slug => 'no-such-tenant'), 404, 29301000, 'no such tenant');
outcome(try($challenge, $code, tenant_slug => $closed->{slug}), 403, 28505000, 'another tenant');
outcome(try($pending->data->{challenge_id}, $code), 403, 28505000, 'a challenge for something else');
outcome(try('A' x 22, $code), 404, 29301000, 'no such challenge');
my $tokens = outcome(try($challenge, $code), 200, 102000, 'the right code')->data;
is_deeply((CloudEP::Jwt::parts($tokens->{access_token}))[1]{amr}, ['otp'], 'logs in by it');
is($client->with(token => $tokens->{access_token})->get('/api/v1/members/me')->data->{uid}, $member->{uid}, 'as the member');
is($server->value("SELECT opened_with FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1",
        uid => $member->{uid}), 'otp', 'the session knows by what');
outcome(try($challenge, $code), 404, 29301000, 'once');
($challenge, $code) = ask($member);
my @answers = $client->parallel((['POST', $path, { tenant_slug => $tenant->{slug}, challenge_id => $challenge, code => $code }]) x 64);
is(scalar(grep { $_->status == 200 } @answers), 1, '64 logins by one code at once: one success');
ok(!(grep { $_->status >= 500 } @answers), 'and no failure');
($challenge, $code) = ask($member);
outcome(try($challenge, wrong($code)), 403, 29505000, "guess $_") for 1 .. 4;
try($challenge, wrong($code));
is(reason(outcome(try($challenge, $code), 409, 29309000, 'after five the challenge is locked')), 'challenge_locked',
    'and says so');

# ---- what changes meanwhile

my $mover = register_member(tenant => $tenant);
($challenge, $code) = ask($mover);
$server->psql("UPDATE cloudep.members SET email = 'new-' || email WHERE uid = :'uid'", uid => $mover->{uid});
outcome(try($challenge, $code), 404, 29301000, 'the address is not the member\'s any more');
my $leaver = register_member(tenant => $tenant);
($challenge, $code) = ask($leaver);
$server->psql("UPDATE cloudep.tenants SET code_login = false WHERE slug = :'slug'", slug => $tenant->{slug});
outcome(try($challenge, $code), 403, 28505000, 'the tenant turned it off');
$server->psql("UPDATE cloudep.tenants SET code_login = true, login = false WHERE slug = :'slug'", slug => $tenant->{slug});
is(reason(outcome(try($challenge, $code), 403, 28505000, 'the tenant allows no login')), 'tenant_closed', 'is told as such');
$server->psql("UPDATE cloudep.tenants SET login = true WHERE slug = :'slug'", slug => $tenant->{slug});
$server->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $leaver->{uid});
is(reason(outcome(try($challenge, $code), 403, 28505000, 'the member is suspended')), 'suspended', 'is told to who has the code');
is(reason(outcome(start($leaver->{email}), 403, 28505000, 'and gets no other code')), 'suspended', 'while it is so');
$server->psql("UPDATE cloudep.members SET status = 'active' WHERE uid = :'uid'", uid => $leaver->{uid});
outcome(try($challenge, $code), 200, 102000, 'what was refused for these has cost no code');

# ---- a second factor

my $enrolled = totp_enroll(register_member(tenant => $tenant), $server);
$mails{ $enrolled->{email} } = 2;
($challenge, $code) = ask($enrolled);
my $asked = outcome(try($challenge, $code), 200, 102000, 'of a member with TOTP the code is half of it')->data;
ok($asked->{mfa_required} && !$asked->{access_token}, 'the second factor is asked for');
$tokens = outcome($client->post('/api/v1/auth/login/mfa', { tenant_slug => $tenant->{slug},
            challenge_id => $asked->{mfa_challenge_id}, code => totp_code($enrolled->{totp}) }), 200, 102000, 'and then it is whole')->data;
is_deeply((CloudEP::Jwt::parts($tokens->{access_token}))[1]{amr}, [qw(otp mfa)], 'both are in the token');

# ---- by a texted code

my ($phone, $nobodys) = (fresh_phone(), fresh_phone());
my $owner = register_member(tenant => $tenant);
phone_of($owner, $phone);
is(reason(outcome(start_text($phone), 403, 28505000, 'mailed codes being allowed allows no texted ones')), 'code_login_closed', 'and says so');
$server->ctl(qw(tenant set --sms-login on --slug), $tenant->{slug});
is_deeply(outcome($client->post($start, { tenant_slug => $tenant->{slug} }), 400, 10104000, 'neither email nor phone')->json->{errors},
    [{ field => 'email', rule => 'required', reason => 'is required, or phone' }], 'names the email, and what else would do');
is_deeply(outcome(start($owner->{email}, phone => $phone), 400, 10101000, 'both')->json->{errors},
    [{ field => 'phone', rule => 'not_allowed', reason => 'must not be given beside email' }], 'names the one too many');
outcome(start_text('0912345678'), 400, 10101000, 'no number');
is(outcome(start_text('+819012345678'), 400, 10101000, 'a country that is not served')->json->{errors}[0]{field}, 'phone', 'is told of the field');
outcome(start_text($phone, tenant_slug => 'no-such-tenant'), 404, 29301000, 'no such tenant');
is(reason(outcome(start_text($phone, tenant_slug => $closed->{slug}), 403, 28505000, 'a tenant that did not turn it on')), 'code_login_closed', 'says so');
my ($gone, $held) = (fresh_phone(), fresh_phone());
my ($off, $unconfirmed) = map { register_member(tenant => $tenant) } 1 .. 2;
phone_of($off, $gone);
phone_of($unconfirmed, $held);
$server->psql("UPDATE cloudep.members SET status = 'suspended' WHERE uid = :'uid'", uid => $off->{uid});
$server->psql("UPDATE cloudep.members SET status = 'pending' WHERE uid = :'uid'", uid => $unconfirmed->{uid});
my $shape = sub { my $data = $_[0]->data; return join ' ', map { "$_=" . ($data->{$_} =~ s/[\w-]{22}/ID/r) } sort keys %$data };
my %decoy = map { $_ => outcome(start_text($_), 200, 102000, 'who gets no text is answered') } $nobodys, $gone, $held;
($challenge, $code) = ask_by_text($phone);
is(join(' ', map { $_->{to} } texts()), $phone, 'a text goes to the login phone alone');
is_deeply([map { $shape->($_) } values %decoy], [($shape->(start_text($phone))) x 3], 'and the answers are the same');
is(reason(outcome(try($decoy{$_}->data->{challenge_id}, $code), 403, 29505000, 'no code is right where none was sent')), 'code_wrong', 'alike')
    for $nobodys, $gone, $held;
is(reason(outcome(try($challenge, wrong($code)), 403, 29505000, 'a wrong code')), 'code_wrong', 'is told as such');
outcome(try($challenge, $code, tenant_slug => $closed->{slug}), 403, 28505000, 'another tenant');
allow(code_login => 'false');
$tokens = outcome(try($challenge, $code), 200, 102000, 'the right code logs in, where mailed ones do not')->data;
allow(code_login => 'true');
is_deeply((CloudEP::Jwt::parts($tokens->{access_token}))[1]{amr}, ['sms'], 'by text');
is($client->with(token => $tokens->{access_token})->get('/api/v1/members/me')->data->{uid}, $owner->{uid}, 'as the owner of the number');
is(opened_with($owner), 'login_phone', 'the session knows by what');
outcome(try($challenge, $code), 404, 29301000, 'once');

($challenge, $code) = ask_by_text($phone);
allow(sms_login => 'false');
is(reason(outcome(try($challenge, $code), 403, 28505000, 'the tenant turned texts off')), 'code_login_closed', 'says so');
my ($mailed, $digits) = ask($owner);
allow(sms_login => 'true, code_login = false');
is(reason(outcome(try($mailed, $digits), 403, 28505000, 'or mails, and left texts on')), 'code_login_closed', 'says so, too');
allow(code_login => 'true');
outcome(try($mailed, $digits), 200, 102000, 'the mailed code is good where both are on');
is(opened_with($owner), 'otp', 'and logs in as a mailed one');
phone_of($owner, '');
outcome(try($challenge, $code), 404, 29301000, 'the code of a number that was unset opens nothing');
phone_of($owner, $phone);
($challenge, $code) = ask_by_text($phone);
phone_of($owner, fresh_phone());
outcome(try($challenge, $code), 404, 29301000, 'nor that of another number by now');
phone_of($owner, $phone);
($challenge, $code) = ask_by_text($phone);
phone_of($owner, '');
phone_of($mover, $phone);
outcome(try($challenge, $code), 404, 29301000, 'nor that of a number that is another member\'s by now');

phone_of($enrolled, fresh_phone());
($challenge, $code) = ask_by_text($server->value("SELECT login_phone FROM cloudep.members WHERE uid = :'uid'", uid => $enrolled->{uid}));
ok(outcome(try($challenge, $code), 200, 102000, 'of a member with TOTP it is half of a login')->data->{mfa_required}, 'the second factor is asked for');

my $textless = own_server(pg => $server->pg, values => { CloudEPCodeCooldown => 0 })->start;
is(reason(outcome(client(server => $textless)->post($start, { tenant_slug => $tenant->{slug}, phone => $phone }), 501, 28605000, 'a server that sends no texts')),
    'not_configured', 'says so');

my $mailless = own_server(pg => $server->pg, without => ['CloudEPMailTransport'], values => { CloudEPCodeCooldown => 0 });
$mailless->{values}{CloudEPSMSTransport} = "\"spool:$mailless->{dir}/spool/sms\"";
my $away = client(server => $mailless->start);
outcome($away->post($start, { tenant_slug => $tenant->{slug}, phone => fresh_phone() }), 200, 102000, 'one that sends no mail texts');
outcome($away->post($start, { tenant_slug => $tenant->{slug}, email => $owner->{email} }), 501, 28605000, 'and mails no code');

# ---- how often

my $often = own_server(pg => $server->pg, values => { CloudEPCodeCooldown => 60 })->start;
my $eager = register_member(tenant => { %$tenant, server => $server });
my @sent = client(server => $often)->parallel((['POST', $start, { tenant_slug => $tenant->{slug}, email => $eager->{email} }]) x 16);
is(scalar(grep { $_->status == 200 } @sent), 1, 'of 16 starts at once one sends a code');
is(scalar(grep { $_->status == 429 && $_->code == 28604000 } @sent), 15, 'the others have to wait');

# ---- concealed accounts

my $concealing = own_server(pg => $server->pg, values => { CloudEPCodeCooldown => 0, CloudEPConcealAccounts => 'On' })->start;
my $outsider = client(server => $concealing);
my @starts = map { $outsider->post($start, { tenant_slug => $tenant->{slug}, email => $_ }) } $eager->{email}, fresh_email();
outcome($_, 200, 102000, 'somebody and nobody') for @starts;
my @shapes = map { my $data = $_->data; join ' ', map { "$_=" . ($data->{$_} =~ s/[\w-]{22}/ID/r) } sort keys %$data } @starts;
is($shapes[0], $shapes[1], 'get the same answer');
my @guesses = map { my $id = $_->data->{challenge_id};
    [map { $outsider->post($path, { tenant_slug => $tenant->{slug}, challenge_id => $id, code => '000000' })->code } 1 .. 6] } @starts;
is_deeply($guesses[1], $guesses[0], 'and the same to every guess');

finish();
