# Passkeys without a browser: what is asked for, what is refused before any signature, what a server needs for them. What
# authenticators answer is in t/browser.
use strict;
use warnings;
use CloudEP::Process qw(free_port);
use CloudEP::Test;
use CloudEP::Totp;
use MIME::Base64 qw(encode_base64url);

my $auth = '/api/v1/auth';
my $me = '/api/v1/members/me/passkeys';
my $member = register_member();
my $client = $member->{client};
my $tenant = $member->{tenant};

# An assertion that nobody has signed; %response in place of its parts.
sub assertion {
    my (%response) = @_;
    return { id => encode_base64url('no such key'), type => 'public-key', response => {
            clientDataJSON => encode_base64url('{}'), authenticatorData => encode_base64url('x'), signature => encode_base64url('y'),
            userHandle => encode_base64url('z'), %response } };
}

# A passkey of the member, by SQL: its key is of no use. Returns its credential id.
sub stored {
    my ($who, $name) = @_;
    my $id = encode_base64url(join '', map { chr rand 256 } 1 .. 16);
    server->psql("WITH m AS (UPDATE cloudep.members SET ways_in = ways_in + 1, user_handle = coalesce(user_handle, :'handle') WHERE uid = :'uid' RETURNING tenant_id, uid)"
            . " INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count, backup_eligible, backed_up, aaguid, name)"
            . " SELECT tenant_id, uid, :'id', 'AA', -7, 0, false, false, '00000000-0000-0000-0000-000000000000', :'name' FROM m",
        uid => $who->{uid}, id => $id, name => $name // 'Stored', handle => encode_base64url("handle of $who->{uid}"));
    return $id;
}
sub begin { return outcome(client->post("$auth/login/passkey/start", { tenant_slug => $tenant->{slug} }), 200, 102000, $_[0])->data }
sub reason { return $_[0]->json->{reason} }

# ---- login: options

my $start = begin('a login is begun');
is_deeply([sort keys %$start], [qw(challenge_id expires_in public_key)], 'it answers a challenge and options');
ok($start->{expires_in} > 590 && $start->{expires_in} <= 600, 'for ten minutes');
my $options = $start->{public_key};
is($options->{challenge} =~ tr/A-Za-z0-9_-//, 43, 'what is signed has 32 bytes');
is_deeply({ %$options, challenge => 0 }, { challenge => 0, timeout => 1000 * $start->{expires_in}, rpId => 'localhost', allowCredentials => [],
        userVerification => 'required' }, 'nobody has said who they are, and the user has to be verified');
isnt(begin('another')->{public_key}{challenge}, $options->{challenge}, 'each is another one');
outcome(client->post("$auth/login/passkey/start", {}), 400, 10104000, 'a tenant is needed');
outcome(client->post("$auth/login/passkey/start", { tenant_slug => 'no-such' }), 404, 29301000, 'that is there');
my $closed = tenant();
server->ctl(qw(tenant set --slug), $closed->{slug}, qw(--login off));
is(reason(outcome(client->post("$auth/login/passkey/start", { tenant_slug => $closed->{slug} }), 403, 28505000, 'a closed tenant')), 'tenant_closed', 'lets nobody begin');

# ---- login: what comes back

my $login = "$auth/login/passkey";
my %body = (tenant_slug => $tenant->{slug}, challenge_id => $start->{challenge_id});
my $missing = outcome(client->post($login, { %body, credential => { response => {} } }), 400, 10104000, 'an answer without parts');
is_deeply([map { $_->{field} } @{ $missing->errors }], [map { "credential.$_" } 'id', map { "response.$_" } qw(clientDataJSON authenticatorData signature)], 'all are told');
outcome(client->post($login, { %body, credential => 'text' }), 400, 10104000, 'an answer that is no object');
my $nobody = outcome(client->post($login, { %body, credential => assertion(userHandle => undef) }), 400, 10104000, 'an answer that does not say whose it is');
is($nobody->errors->[0]{field}, 'credential.response.userHandle', 'is told');
is(reason(outcome(client->post($login, { %body, credential => assertion() }), 404, 28301000, 'and it has used the challenge up')), 'challenge_gone', 'as it says');
%body = (tenant_slug => $tenant->{slug}, challenge_id => begin('a new one')->{challenge_id});
is(reason(outcome(client->post($login, { %body, credential => assertion() }), 401, 28501000, 'a passkey that is not there')), 'passkey_unknown', 'is told, so that a page can tell the browser');
my $id = stored($member);
for my $part (qw(clientDataJSON authenticatorData signature)) {
    my $answer = outcome(client->post($login, { tenant_slug => $tenant->{slug}, challenge_id => begin('a challenge')->{challenge_id},
                credential => { %{ assertion(userHandle => encode_base64url("handle of $member->{uid}"), $part => 'a+b=') }, id => $id } }), 400, 10101000, "$part in the other alphabet");
    is($answer->errors->[0]{field}, "credential.response.$part", 'is told by its name');
}
my $mine = { %{ assertion(userHandle => encode_base64url("handle of $member->{uid}")) }, id => $id };
is(reason(outcome(client->post($login, { tenant_slug => $tenant->{slug}, challenge_id => begin('a challenge')->{challenge_id}, credential => $mine }), 401, 28501000,
            'an answer that nobody signed')), 'passkey_refused', 'is refused');
is(reason(outcome(client->post($login, { tenant_slug => $tenant->{slug}, challenge_id => begin('a challenge')->{challenge_id},
                    credential => { %{ assertion() }, id => $id } }), 401, 28501000, "another member's handle")), 'passkey_unknown', 'does not fit the passkey');
my $away = tenant();
is(reason(outcome(client->post($login, { tenant_slug => $away->{slug}, challenge_id => begin('a challenge')->{challenge_id}, credential => $mine }), 403, 28505000,
            "another tenant's challenge")), 'challenge_mismatch', 'is none here');
my $elsewhere = client->post("$auth/login/passkey/start", { tenant_slug => $away->{slug} })->data;
is(reason(outcome(client->post($login, { tenant_slug => $away->{slug}, challenge_id => $elsewhere->{challenge_id}, credential => $mine }), 401, 28501000,
            "another tenant's passkey")), 'passkey_unknown', 'is none here either');

# ---- purposes: a challenge of one serves no other

my $begun = outcome($client->post("$me/start"), 200, 102000, 'a registration is begun')->data;
is(reason(outcome(client->post($login, { tenant_slug => $tenant->{slug}, challenge_id => $begun->{challenge_id}, credential => $mine }), 403, 28505000, 'it is no login')),
    'challenge_mismatch', 'as it says');
my $proof = outcome($client->post("$auth/reauthenticate/start", { method => 'passkey' }), 200, 102000, 'a proof is begun')->data;
is_deeply($proof->{public_key}{allowCredentials}, [{ type => 'public-key', id => $id }], 'with the passkeys of the member, and no transports where none are known');
is(reason(outcome($client->post("$me/finish", { challenge_id => $proof->{challenge_id}, credential => { response => { clientDataJSON => 'AA', attestationObject => 'AA' } } }),
            403, 29505000, 'it registers nothing')), 'challenge_mismatch', 'as it says');
is(reason(outcome($client->post("$auth/reauthenticate", { challenge_id => $begun->{challenge_id}, credential => $mine }), 403, 28505000, 'nor does a registration prove anything')),
    'challenge_mismatch', 'as it says');

# ---- another session, another member

my $second = $client->with(token => login($member)->data->{access_token});
my $friend = register_member(tenant => $tenant);
my @made = (challenge_id => $begun->{challenge_id}, credential => { response => { clientDataJSON => 'AA', attestationObject => 'AA' } });
is(reason(outcome($second->post("$me/finish", {@made}), 403, 29505000, 'another session of the member')), 'challenge_mismatch', 'cannot finish it');
is(reason(outcome($friend->{client}->post("$me/finish", {@made}), 403, 29505000, 'nor another member')), 'challenge_mismatch', 'as it says');
is(reason(outcome($second->post("$auth/reauthenticate", { challenge_id => $proof->{challenge_id}, credential => $mine }), 403, 28505000, 'a proof for another session')),
    'challenge_mismatch', 'is none');
is(reason(outcome($client->post("$me/finish", {@made}), 403, 29505000, 'what is no registration')), 'passkey_refused', 'is refused');
is(reason(outcome($client->post("$me/finish", {@made}), 404, 29301000, 'once')), 'challenge_gone', 'then the challenge is over');
is(reason(outcome($client->post("$auth/reauthenticate", { challenge_id => $proof->{challenge_id}, credential => { %$mine, id => stored($friend) } }), 404, 29301000,
            "another member's passkey")), 'passkey_unknown', 'proves nothing');
my $malformed = $client->post("$me/start")->data->{challenge_id};
my $answer = outcome($client->post("$me/finish", { challenge_id => $malformed, credential => { response => { clientDataJSON => 'AA', attestationObject => 'A' } } }), 400, 10101000,
    'an attestation that is no base64url');
is($answer->errors->[0]{field}, 'credential.response.attestationObject', 'is told by its name');
for my $transports ('usb', ['usb', 7], ['a b'], [('usb') x 9], [{}]) {
    my $words = outcome($client->post("$me/finish", { @made, credential => { response => { clientDataJSON => 'AA', attestationObject => 'AA', transports => $transports } } }), 400,
        10101000, 'transports that are none: ' . JSON::PP->new->encode($transports));
    is($words->errors->[0]{field}, 'credential.response.transports', 'are told');
}

# ---- reauthenticate and login/mfa: one proof

my $again = "$auth/reauthenticate";
outcome($client->post($again, { credential => $mine }), 400, 10104000, 'a passkey without its challenge');
outcome($client->post($again, { challenge_id => 'A' x 22, credential => $mine, password => $member->{password} }), 400, 10101000, 'a passkey and a password');
outcome($client->post($again, { challenge_id => 'A' x 22, credential => $mine, mailed_code => '123456' }), 400, 10101000, 'a passkey and a mailed code');
my $part = outcome($client->post($again, { challenge_id => 'A' x 22, credential => { id => $id } }), 400, 10104000, 'a passkey without its parts');
is($part->errors->[0]{field}, 'credential.response.clientDataJSON', 'is told which');
outcome($client->post($again, { challenge_id => 'A' x 22, credential => $mine }), 404, 29301000, 'a challenge that is not there');
my $none = register_member();
is(reason(outcome($none->{client}->post("$again/start", { method => 'passkey' }), 404, 29301000, 'who has no passkey')), 'passkey_unknown', 'is not asked for one');
server->psql("UPDATE cloudep.members SET origin = 'google', has_password = false WHERE uid = :'uid'", uid => $member->{uid});
is(reason(outcome($client->post("$again/start", { method => 'code' }), 403, 28505000, 'who has a passkey')), 'mailed_code_refused', 'gets no mailed code');
server->psql("UPDATE cloudep.members SET origin = 'platform_native', has_password = NULL WHERE uid = :'uid'", uid => $member->{uid});
is_deeply(login($none)->data->{mfa_methods}, undef, 'a login without TOTP asks for nothing');
totp_enroll($none, server);
my $asked = login($none)->data;
is_deeply([@{$asked}{qw(mfa_methods public_key)}], [[qw(totp backup_code)], undef], 'one with TOTP and no passkey asks for a code');
my %mfa = (tenant_slug => $none->{slug}, challenge_id => $asked->{mfa_challenge_id});
my $proofless = outcome(client->post("$auth/login/mfa", {%mfa}), 400, 10104000, 'login/mfa without a proof');
is($proofless->errors->[0]{field}, 'code', 'is told');
outcome(client->post("$auth/login/mfa", { %mfa, code => '123456', credential => assertion() }), 400, 10101000, 'with two');
outcome(client->post("$auth/login/mfa", { %mfa, credential => { id => 'AA' } }), 400, 10104000, 'with a part of one');
is(reason(outcome(client->post("$auth/login/mfa", { %mfa, credential => assertion() }), 404, 29301000, 'with a passkey that is not there')), 'passkey_unknown', 'as it says');
is(reason(outcome(client->post("$auth/login/mfa", { %mfa, credential => { %{ assertion() }, id => stored($friend) } }), 404, 29301000, "with somebody else's")), 'passkey_unknown', 'which is as unknown');
stored($none);
my $own = server->value("SELECT credential_id FROM cloudep.passkeys WHERE uid = :'uid'", uid => $none->{uid});
for (1 .. 7) {    # more often than a code may be wrong
    is(reason(outcome(client->post("$auth/login/mfa", { %mfa, credential => { %{ assertion(userHandle => undef) }, id => $own } }), 403, 28505000, 'one that nobody signed')),
        'passkey_refused', 'is refused');
}
totp_rewind(server, $none);
outcome(client->post("$auth/login/mfa", { %mfa, code => totp_code($none->{totp}) }), 200, 102000, 'and the code is as good as before');

# ---- caps, and the network they are counted for

stay_within(3600, 20);
my $port = free_port();
my $capped = own_server(port => $port, values => { CloudEPPasskeyStartsPerAddress => 2, CloudEPIssuer => server->url })->start;
my $poor = client(server => $capped, address => '127.77.1.1');
outcome($poor->post("$auth/login/passkey/start", { tenant_slug => $tenant->{slug} }), 200, 102000, 'the first start of an address');
outcome($poor->with(token => $member->{access})->post("$me/start"), 200, 102000, 'the second, of another kind');
is(reason(outcome($poor->post("$auth/login/passkey/start", { tenant_slug => $tenant->{slug} }), 429, 28604000, 'the third login')), 'too_many_starts', 'has to wait');
outcome($poor->with(token => $member->{access})->post("$me/start"), 429, 29604000, 'and registration');
outcome($poor->with(token => $member->{access})->post("$again/start", { method => 'passkey' }), 429, 28604000, 'and proof');
outcome($poor->post("$auth/login/passkey/start", { tenant_slug => $away->{slug} }), 200, 102000, 'not at another tenant');
outcome($poor->with(address => '127.77.1.2')->post("$auth/login/passkey/start", { tenant_slug => $tenant->{slug} }), 200, 102000, 'nor another address');
$capped->stop;

# ---- a server without passkeys

my $without = own_server(without => [qw(CloudEPPasskeyDomain CloudEPPasskeyOrigin)], values => { CloudEPIssuer => server->url })->start;
my $plain = client(server => $without);
like($without->log, qr/CE10: .*passkeys \(CloudEPPasskeyDomain\)/, 'says at its start that they are off');
outcome($plain->post("$auth/login/passkey/start", { tenant_slug => $tenant->{slug} }), 501, 28605000, 'it begins no login');
outcome($plain->post($login, { %body, credential => $mine }), 501, 28605000, 'nor ends one');
my $tokened = $plain->with(token => $member->{access});
outcome($tokened->get($me), 501, 29605000, 'it lists none');
outcome($tokened->post("$me/start"), 501, 29605000, 'adds none');
outcome($tokened->post("$again/start", { method => 'passkey' }), 501, 28605000, 'asks for none');
outcome($tokened->post($again, { challenge_id => 'A' x 22, credential => $mine }), 501, 28605000, 'takes none');
outcome($plain->post("$auth/login/mfa", { %mfa, credential => $mine }), 501, 28605000, 'nor at login/mfa');
my $there = $plain->post("$auth/login", { tenant_slug => $none->{slug}, map { $_ => $none->{$_} } qw(email password) })->data;
is_deeply($there->{mfa_methods}, [qw(totp backup_code)], 'where a login asks for a code only');
server->psql("UPDATE cloudep.members SET origin = 'google', has_password = false WHERE uid = :'uid'", uid => $member->{uid});
isnt(reason($tokened->post("$again/start", { method => 'code' })) // 'none', 'mailed_code_refused', 'who could use a passkey elsewhere only gets a mailed code');
server->psql("UPDATE cloudep.members SET origin = 'platform_native', has_password = NULL WHERE uid = :'uid'", uid => $member->{uid});
is($plain->get('/.well-known/webauthn')->status, 404, 'and tells of no pages');
$without->stop;

# ---- domain and origins

my $domain = own_server(values => { CloudEPPasskeyDomain => 'example.com', CloudEPPasskeyOrigin => 'https://id.example.com https://example.com:8443 android:apk-key-hash:'
            . 'A' x 43, CloudEPPasskeyRelatedOrigin => 'https://example.org' })->start;
my $document = client(server => $domain)->get('/.well-known/webauthn');
is($document->status, 200, 'a server tells which pages may use its passkeys');
is_deeply($document->json, { origins => [qw(https://id.example.com https://example.com:8443 https://example.org)] }, 'all but apps');
like($document->header('content-type'), qr{^application/json}, 'as JSON');
is(client(server => $domain)->post('/.well-known/webauthn', {})->status, 405, 'to GET only');
$domain->stop;
my $usual = own_server(without => ['CloudEPPasskeyOrigin'], values => { CloudEPPasskeyDomain => 'example.com' })->start;
is_deeply(client(server => $usual)->get('/.well-known/webauthn')->json, { origins => ['https://example.com'] }, 'https and the domain, unless it is said otherwise');
$usual->stop;
like(own_server(values => { CloudEPPasskeyDomain => 'example.com', CloudEPPasskeyOrigin => 'https://example.org' })->refuses_to_start // '',
    qr/CloudEPPasskeyOrigin https:\/\/example\.org: is not of CloudEPPasskeyDomain example\.com/, 'an origin elsewhere stops the start');

finish();
