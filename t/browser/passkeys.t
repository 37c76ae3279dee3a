# Passkeys in a real browser: added, used to log in, as a second factor and to prove a session anew, on pages of the origin
# that the server names. Chromium's virtual authenticators sign; nothing else is simulated.
use strict;
use warnings;
use CloudEP::Chromium;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use CloudEP::Totp;
use JSON::PP ();

my $me = '/api/v1/members/me/passkeys';
my $auth = '/api/v1/auth';
my $server = own_server()->start;
my $client = client(server => $server);
spew("$server->{dir}/htdocs/$_", slurp("t/browser/$_")) for qw(page.html page.js);
my $browser = CloudEP::Test::Servers::keep(CloudEP::Chromium->new(dir => CloudEP::Test::Servers::own_folder('browser')));
$browser->open("http://localhost:$server->{port}/page.html");

# Adds a passkey of the browser to a member; returns the answer of the API.
sub add {
    my ($member, %options) = @_;
    my $start = outcome($member->{client}->post("$me/start"), 200, 102000, 'a passkey is begun')->data;
    $start->{public_key}{pubKeyCredParams} = [{ type => 'public-key', alg => $options{alg} }] if $options{alg};
    my $credential = $browser->run('return create(args[0])', $start->{public_key});
    return $member->{client}->post("$me/finish", { challenge_id => $start->{challenge_id}, credential => $credential, name => $options{name} });
}

# Begins a login; returns what the browser answers to it, as the body of the next request.
sub answer {
    my ($member) = @_;
    my $start = outcome($client->post("$auth/login/passkey/start", { tenant_slug => $member->{slug} }), 200, 102000, 'a login is begun')->data;
    return { tenant_slug => $member->{slug}, challenge_id => $start->{challenge_id},
        credential => $browser->run('return get(args[0])', $start->{public_key}) };
}

# A column of the newest session of a member.
sub session {
    my ($member, $column) = @_;
    return $server->value("SELECT $column FROM cloudep.sessions WHERE uid = :'uid' ORDER BY created_at DESC LIMIT 1", uid => $member->{uid});
}

# ---- every algorithm, on the device and beside it, synced or not

my %ALGORITHMS = (ES256 => -7, EdDSA => -8, RS256 => -257);
my @KINDS = ([platform => transport => 'internal'], [roaming => transport => 'usb'], [synced => transport => 'internal', synced => 1]);
for my $kind (@KINDS) {
    my ($name, @options) = @$kind;
    for my $algorithm (sort keys %ALGORITHMS) {
        my $here = "$algorithm, $name";
        my $id = $browser->authenticator(@options);
        my $member = register_member(server => $server);
        my $added = outcome(add($member, alg => $ALGORITHMS{$algorithm}, name => "My $algorithm"), 200, 102000, "$here: added")->data;
        my $list = outcome($member->{client}->get($me), 200, 102000, "$here: listed")->data;
        my ($passkey) = @{ $list->{passkeys} };
        is_deeply([@{$passkey}{qw(id name)}, scalar @{ $list->{passkeys} }], [$added->{id}, "My $algorithm", 1], "$here: by its name");
        is($server->value("SELECT algorithm FROM cloudep.passkeys WHERE id = :'id'", id => $added->{id}), $ALGORITHMS{$algorithm}, "$here: with its algorithm");
        is(!!$passkey->{synced}, $name eq 'synced', "$here: told whether it is synced");
        is_deeply($passkey->{transports}, [$name eq 'roaming' ? 'usb' : 'internal'], "$here: and how it is reached");
        my ($stored) = $browser->credentials($id);
        is($stored->{credentialId}, $passkey->{credential_id}, "$here: under the id that the authenticator has");
        is($stored->{userHandle}, $list->{user_id}, "$here: and the user that it knows");
        ok($stored->{isResidentCredential}, "$here: discoverable");
        my $tokens = outcome($client->post("$auth/login/passkey", answer($member)), 200, 102000, "$here: logs in")->data;
        is($tokens->{uid}, $member->{uid}, "$here: as its member");
        is(session($member, 'amr'), 'pop user mfa', "$here: by two factors");
        is(session($member, 'opened_with'), "passkey:$added->{id}", "$here: with this passkey");
        outcome($client->with(token => $tokens->{access_token})->get('/api/v1/members/me'), 200, 102000, "$here: the token is good");
        outcome($client->post("$auth/login/passkey", answer($member)), 200, 102000, "$here: and once more");
        ok($member->{client}->get($me)->data->{passkeys}[0]{last_used_at}, "$here: its use is told");
        $browser->remove_authenticator($id);
    }
}

# ---- cancelled: there is no authenticator that could answer first

my $ada = register_member(server => $server, display_name => 'Ada');
my $cancelled = $client->post("$auth/login/passkey/start", { tenant_slug => $ada->{slug} })->data;
like(eval { $browser->run('return cancelled(args[0])', $cancelled->{public_key}); 'answered' } // $@, qr/^AbortError/, 'a page may give up');

# ---- what the browser is told about the member

my $device = $browser->authenticator;
add($ada);
my ($known) = $browser->credentials($device);
is($known->{userName}, "$ada->{email} (Tenant $ada->{slug})", 'the user is named with the tenant') if exists $known->{userName};
my $options = $ada->{client}->post("$me/start")->data->{public_key};
is_deeply($options->{user}, { id => $ada->{client}->get($me)->data->{user_id}, name => "$ada->{email} (Tenant $ada->{slug})", displayName => 'Ada' }, 'user.name carries address and tenant');
is($options->{user}{id} =~ tr/A-Za-z0-9_-//, 43, 'the user handle is 32 random bytes');
like(eval { $browser->run('return create(args[0])', $options); 'made' } // $@, qr/^InvalidStateError/, 'the device that has one already makes no second');

# ---- not verified

$browser->user_verified($device, 0);
my $start = $client->post("$auth/login/passkey/start", { tenant_slug => $ada->{slug} })->data;
like(eval { $browser->run('return get(args[0])', $start->{public_key}); 'answered' } // $@, qr/^NotAllowedError/, 'who is not verified gets nothing from the browser');
my $weak = { %{ $start->{public_key} }, userVerification => 'discouraged' };
my $unverified = $browser->run('return get(args[0])', $weak);
my %unverified = (tenant_slug => $ada->{slug}, challenge_id => $start->{challenge_id}, credential => $unverified);
is(outcome($client->post("$auth/login/passkey", \%unverified), 401, 28501000, 'nor by a page that asks for less')->json->{reason}, 'passkey_refused', 'and is told why');
my $begun = $ada->{client}->post("$me/start")->data;
like(eval { $browser->run('return create(args[0])', $begun->{public_key}); 'made' } // $@, qr/^(?:NotAllowedError|InvalidStateError)/, 'nor a passkey');
$browser->user_verified($device, 1);
my $later = $browser->run('return get(args[0])', $cancelled->{public_key});
outcome($client->post("$auth/login/passkey", { tenant_slug => $ada->{slug}, challenge_id => $cancelled->{challenge_id}, credential => $later }), 200, 102000,
    'what a page gave up it may ask again, with the same options');

# ---- by autofill: the browser offers the passkey in the field

ok($browser->run('return PublicKeyCredential.isConditionalMediationAvailable()'), 'the browser has conditional mediation');
$start = $client->post("$auth/login/passkey/start", { tenant_slug => $ada->{slug} })->data;
my $filled = $browser->run(q(return get(args[0], { mediation: 'conditional' })), $start->{public_key});
outcome($client->post("$auth/login/passkey", { tenant_slug => $ada->{slug}, challenge_id => $start->{challenge_id}, credential => $filled }), 200, 102000,
    'a login by autofill');

# ---- once: the same answer by 64 clients

my $body = answer($ada);
my @answers = $client->parallel((['POST', "$auth/login/passkey", $body]) x 64);
is(scalar(grep { $_->status == 200 } @answers), 1, 'of 64 clients with the same answer one logs in');
my %others = map { ($_->json->{reason} => 1) } grep { $_->status != 200 } @answers;
delete @others{qw(overloaded too_many_guesses)};    # on a busy machine; and a network that asks often for what is not there has to wait
is_deeply([keys %others], ['challenge_gone'], 'the others are told that the challenge is over');
my $made = $browser->authenticator(transport => 'usb');
my $twice = $ada->{client}->post("$me/start")->data;
$twice->{public_key}{authenticatorSelection}{authenticatorAttachment} = 'cross-platform';    # else both would make one
$body = { challenge_id => $twice->{challenge_id}, credential => $browser->run('return create(args[0])', $twice->{public_key}) };
@answers = $ada->{client}->parallel((['POST', "$me/finish", $body]) x 64);
is(scalar(grep { $_->status == 200 } @answers), 1, 'of 64 that add the same passkey one does');
is(scalar @{ $ada->{client}->get($me)->data->{passkeys} }, 2, 'which is there once');
is($server->value("SELECT ways_in FROM cloudep.members WHERE uid = :'uid'", uid => $ada->{uid}), 3, 'and counted once');
$browser->remove_authenticator($made);

# ---- in place of the code of a login

totp_enroll($ada, $server);
my $asked = outcome(login($ada), 200, 102000, 'a password of a member with TOTP')->data;
is_deeply($asked->{mfa_methods}, [qw(totp backup_code passkey)], 'may be followed by a passkey');
my $second = $browser->run('return get(args[0])', $asked->{public_key});
my $mfa = { tenant_slug => $ada->{slug}, challenge_id => $asked->{mfa_challenge_id}, credential => $second };
@answers = $client->parallel((['POST', "$auth/login/mfa", $mfa]) x 64);
is(scalar(grep { $_->status == 200 } @answers), 1, 'of 64 clients with the same answer one is through');
is(session($ada, 'amr'), 'pwd pop user mfa', 'by password and passkey');
is(session($ada, 'mfa_method'), 'passkey', 'and its second factor is told');
outcome($client->post("$auth/login/passkey", answer($ada)), 200, 102000, 'alone it is asked for no code');

# ---- a session proved anew

my $token = $ada->{client};
$server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour', mfa_at = NULL WHERE uid = :'uid'", uid => $ada->{uid});
outcome($token->post("$me/start"), 403, 29505001, 'an old session adds no passkey');
my $again = outcome($token->post("$auth/reauthenticate/start", { method => 'passkey' }), 200, 102000, 'a passkey is asked for')->data;
is(scalar @{ $again->{public_key}{allowCredentials} }, 2, 'one of the member');
my $proof = { challenge_id => $again->{challenge_id}, credential => $browser->run('return get(args[0])', $again->{public_key}) };
@answers = $token->parallel((['POST', "$auth/reauthenticate", $proof]) x 64);
is(scalar(grep { $_->status == 200 } @answers), 1, 'of 64 requests with the same answer one proves it');
outcome($token->post("$me/start"), 200, 102000, 'then the session may');

# ---- removed

my ($first, $other) = @{ $token->get($me)->data->{passkeys} };
my $opened = outcome($client->post("$auth/login/passkey", answer($ada)), 200, 102000, 'a session by the first passkey')->data;
outcome($token->delete("$me/$first->{id}"), 200, 102000, 'the passkey is removed');
outcome($client->with(token => $opened->{access_token})->get('/api/v1/members/me'), 401, 29501000, 'its session has ended');
outcome($token->get('/api/v1/members/me'), 200, 102000, 'that of the password goes on');
my $gone = answer($ada);
is(outcome($client->post("$auth/login/passkey", $gone), 401, 28501000, 'it opens nothing any more')->json->{reason}, 'passkey_unknown',
    'and the page is told, so that it can tell the browser');
is_deeply([map { $_->{name} } @{ $token->get($me)->data->{passkeys} }], ['Passkey'], 'the other one stays');

finish();
