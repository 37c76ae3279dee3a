# What is refused although an authenticator has answered: other people, other times, other states, copied keys, another page.
use strict;
use warnings;
use CloudEP::Chromium;
use CloudEP::Process qw(slurp spew wait_until);
use CloudEP::Test;
use CloudEP::Totp;
use MIME::Base64 qw(encode_base64url decode_base64url);

my $me = '/api/v1/members/me/passkeys';
my $auth = '/api/v1/auth';
my $pg = own_postgres();
my $server = own_server(pg => $pg)->start;
my $client = client(server => $server);
spew("$server->{dir}/htdocs/$_", slurp("t/browser/$_")) for qw(page.html page.js);
my $browser = CloudEP::Test::Servers::keep(CloudEP::Chromium->new(dir => CloudEP::Test::Servers::own_folder('browser')));
$browser->open("http://localhost:$server->{port}/page.html");
my $device = $browser->authenticator;

sub created { return $browser->run('return create(args[0])', $_[0]{public_key}) }
sub begin { return $client->post("$auth/login/passkey/start", { tenant_slug => $_[0]{slug} })->data }
sub answer { my ($member, $start) = @_; return { tenant_slug => $member->{slug}, challenge_id => $start->{challenge_id}, credential => $browser->run('return get(args[0])', $start->{public_key}) } }
sub log_in { my ($member) = @_; return $client->post("$auth/login/passkey", answer($member, begin($member))) }
sub reason { return $_[0]->json->{reason} }
sub value { my ($what, $member) = @_; return $server->value("SELECT $what FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid}) }
sub set { my ($what, $member) = @_; $server->psql("UPDATE cloudep.members SET $what WHERE uid = :'uid'", uid => $member->{uid}) }

sub add {
    my ($member, $start) = @_;
    $start //= $member->{client}->post("$me/start")->data;
    return $member->{client}->post("$me/finish", { challenge_id => $start->{challenge_id}, credential => created($start), name => 'Key' });
}
my $ada = register_member(server => $server);
my $id = outcome(add($ada), 200, 102000, 'a passkey')->data->{id};
my $added = ($server->mails($ada->{email}, 2))[-1];
like($added->{text}, qr/the passkey "Key" was added/, 'its owner is told by mail');

# ---- states of the account, and of the tenant: told to whoever has the passkey

for my $state ([pending => 403, 28505000, 'email_unconfirmed'], [suspended => 403, 28505000, 'suspended'], [deleting => 403, 28505000, 'login_refused']) {
    set("status = '$state->[0]'", $ada);
    is(reason(outcome(log_in($ada), $state->[1], $state->[2], "a member who is $state->[0]")), $state->[3], 'is told so');
}
set("status = 'active'", $ada);
my $before = begin($ada);
$server->psql("UPDATE cloudep.tenants SET login = false WHERE slug = :'slug'", slug => $ada->{slug});
is(reason(outcome($client->post("$auth/login/passkey", answer($ada, $before)), 403, 28505000, 'a tenant that was closed since')), 'tenant_closed', 'lets nobody in');
$server->psql("UPDATE cloudep.tenants SET login = true WHERE slug = :'slug'", slug => $ada->{slug});

# ---- user handles and owners

my $start = begin($ada);
my $body = answer($ada, $start);
my $handle = $body->{credential}{response}{userHandle};
$body->{credential}{response}{userHandle} = encode_base64url('somebody else');
is(reason(outcome($client->post("$auth/login/passkey", $body), 401, 28501000, 'a passkey under another user handle')), 'passkey_unknown', 'is refused');

# ---- counters

$server->psql("UPDATE cloudep.passkeys SET sign_count = 1000 WHERE id = :'id'", id => $id);
is(reason(outcome(log_in($ada), 401, 28501000, 'a counter that went back')), 'passkey_copied', 'is told so');
is($server->value("SELECT sign_count FROM cloudep.passkeys WHERE id = :'id'", id => $id), 1000, 'and not taken over');
ok(wait_until(60, sub { grep { $_->{text} =~ /"Key".* was used out of turn/s } $server->mails_now($ada->{email}) }), 'its owner is told by mail');
ok(wait_until(60, sub { $server->value("SELECT count(*) FROM cloudep.events WHERE uid = :'uid' AND name = 'passkey.counter' AND reason = 'passkey_copied'", uid => $ada->{uid}) }),
    'and an event tells it');
like($server->log, qr/CE1412: the counter of passkey \Q$id\E went back/, 'as does the log');
$server->psql("UPDATE cloudep.passkeys SET sign_count = 1 WHERE id = :'id'", id => $id);
outcome(log_in($ada), 200, 102000, 'one that goes on');
cmp_ok($server->value("SELECT sign_count FROM cloudep.passkeys WHERE id = :'id'", id => $id), '>', 1, 'is kept');
my $now = $server->value("SELECT sign_count FROM cloudep.passkeys WHERE id = :'id'", id => $id) + 1;
$server->psql("UPDATE cloudep.passkeys SET sign_count = $now WHERE id = :'id'", id => $id);
is(reason(outcome(log_in($ada), 401, 28501000, 'a counter that stands still')), 'passkey_copied', 'went back as well');
$browser->remove_authenticator($device);    # Chromium has room for one on the device
my $cloud = $browser->authenticator(synced => 1);
my $eve = register_member(server => $server);
my $synced = outcome(add($eve), 200, 102000, 'a synced passkey')->data->{id};
$server->psql("UPDATE cloudep.passkeys SET sign_count = 1000 WHERE id = :'id'", id => $synced);
outcome(log_in($eve), 200, 102000, 'of one whose counter went back nobody is refused');
ok(wait_until(60, sub { grep { $_->{text} =~ /was used out of turn/ } $server->mails_now($eve->{email}) }), 'but its owner is told');
ok(wait_until(60, sub { $server->value("SELECT count(*) FROM cloudep.events WHERE uid = :'uid' AND name = 'passkey.counter' AND reason IS NULL", uid => $eve->{uid}) }),
    'and an event is written');
cmp_ok($server->value("SELECT sign_count FROM cloudep.passkeys WHERE id = :'id'", id => $synced), '<', 1000, 'the counter goes on from there');
my $mails = scalar $server->mails_now($eve->{email});
$server->psql("UPDATE cloudep.passkeys SET sign_count = sign_count + 1 WHERE id = :'id'", id => $synced);
outcome(log_in($eve), 200, 102000, 'one that stands still');
is($server->value("SELECT count(*) FROM cloudep.outbox WHERE uid = :'uid' AND template = 'passkey_copied'", uid => $eve->{uid}), 1, 'is nothing to tell of');
$server->psql("UPDATE cloudep.passkeys SET backup_eligible = false WHERE id = :'id'", id => $synced);
is(reason(outcome(log_in($eve), 401, 28501000, 'a key that may be copied and was not to be')), 'passkey_refused', 'is refused');
$server->psql("UPDATE cloudep.passkeys SET backup_eligible = true WHERE id = :'id'", id => $synced);

# ---- credentials that changed meanwhile

$start = $eve->{client}->post("$me/start")->data;
delete $start->{public_key}{excludeCredentials};
my $new = created($start);
set('generation = generation + 1', $eve);
is(reason(outcome($eve->{client}->post("$me/finish", { challenge_id => $start->{challenge_id}, credential => $new }), 409, 29309000, 'a registration from before a change of the credentials')),
    'credentials_changed', 'adds nothing');
is(value('ways_in', $eve), 2, 'and no way in');

# The same while the statement waits for the member's row: what was read before counts for nothing.
sub changes { return $pg->hold(1, "UPDATE cloudep.members SET generation = generation + 1 WHERE uid = :'uid'", uid => $_[0]{uid}) }
my $fay = register_member(server => $server);
$browser->remove_authenticator($cloud);    # of several accounts a virtual authenticator takes any
$browser->authenticator;
outcome(add($fay), 200, 102000, 'a passkey');
my $opened = outcome(log_in($fay), 200, 102000, 'logs in')->data;
$body = answer($fay, begin($fay));
my $holder = changes($fay);
is(reason(outcome($client->post("$auth/login/passkey", $body), 401, 28501000, 'a login while credentials change')), 'credentials_changed', 'opens nothing');
waitpid $holder, 0;
$start = $fay->{client}->post("$me/start")->data;
delete $start->{public_key}{excludeCredentials};
$new = created($start);
$holder = changes($fay);
is(reason(outcome($fay->{client}->post("$me/finish", { challenge_id => $start->{challenge_id}, credential => $new }), 409, 29309000, 'a registration meanwhile')),
    'credentials_changed', 'adds nothing');
waitpid $holder, 0;

# What fails for want of a database gives the challenge back. The key stored is that of the passkey before: it matches no answer.
$body = answer($fay, begin($fay));
$server->psql("UPDATE cloudep.passkeys SET credential_id = :'id' WHERE uid = :'uid'", id => $body->{credential}{id}, uid => $fay->{uid});
set("user_handle = '$body->{credential}{response}{userHandle}'", $fay);
$server->psql('REVOKE SELECT ON cloudep.passkeys FROM cloudep_app');
outcome($client->post("$auth/login/passkey", $body), 500, 28201000, 'a login that the database fails');
$server->psql('GRANT SELECT ON cloudep.passkeys TO cloudep_app');
is(reason(outcome($client->post("$auth/login/passkey", $body), 401, 28501000, 'may be repeated')), 'passkey_refused', 'as its own answer shows');
is(reason(outcome($client->post("$auth/login/passkey", $body), 404, 28301000, 'once')), 'challenge_gone', 'then it is over');

# ---- registered already

my $bob = register_member(server => $server);
$start = $bob->{client}->post("$me/start")->data;
my $made = created($start);
$server->psql("UPDATE cloudep.passkeys SET credential_id = :'id' WHERE id = :'old'", id => $made->{id}, old => $id);
is(reason(outcome($bob->{client}->post("$me/finish", { challenge_id => $start->{challenge_id}, credential => $made }), 409, 29303000, 'a credential id that the tenant has')),
    'passkey_taken', 'is registered once');
is(value('ways_in', $bob), 1, 'and counted for nobody else');
$server->psql("INSERT INTO cloudep.passkeys (tenant_id, uid, credential_id, spki, algorithm, sign_count, backup_eligible, backed_up, aaguid, name)"
        . " SELECT tenant_id, uid, 'none' || n, 'AA', -7, 0, false, false, '00000000-0000-0000-0000-000000000000', 'n' FROM cloudep.members, generate_series(1, 19) n WHERE uid = :'uid'",
    uid => $bob->{uid});
outcome($bob->{client}->post("$me/start"), 200, 102000, 'beside 19 there is room for one');
$server->psql("UPDATE cloudep.passkeys SET name = 'n' WHERE uid = :'uid'", uid => $bob->{uid});
$server->psql("INSERT INTO cloudep.passkeys SELECT (jsonb_populate_record(p, jsonb_build_object('id', gen_random_uuid(), 'credential_id', 'more'))).* FROM cloudep.passkeys p WHERE credential_id = 'none1'");
is(reason(outcome($bob->{client}->post("$me/start"), 409, 29309000, 'beside 20 there is not')), 'too_many_passkeys', 'which is told');

# ---- removing: fresh, own, not the last way in, and the sessions

set('ways_in = 21', $bob);
my ($one) = @{ $bob->{client}->get($me)->data->{passkeys} };
is(reason(outcome($ada->{client}->delete("$me/$one->{id}"), 404, 29301000, "another member's passkey")), 'passkey_unknown', 'cannot be removed');
is(reason(outcome($ada->{client}->patch("$me/$one->{id}", { name => 'Mine' }), 404, 29301000, 'nor named')), 'passkey_unknown', 'as it says');
outcome($bob->{client}->patch("$me/not-a-uuid", { name => 'Mine' }), 404, 29301000, 'what is no id is none');
outcome($bob->{client}->delete("$me/not-a-uuid"), 404, 29301000, 'here either');
outcome($bob->{client}->patch("$me/$one->{id}", { name => 'Mine' }), 200, 102000, 'the own one can be named');
is($server->value("SELECT name FROM cloudep.passkeys WHERE id = :'id'", id => $one->{id}), 'Mine', 'and is called so');
outcome($bob->{client}->patch("$me/$one->{id}", { name => 'x' x 65 }), 400, 10101000, 'by no longer name');
$server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour' WHERE uid = :'uid'", uid => $bob->{uid});
outcome($bob->{client}->delete("$me/$one->{id}"), 403, 29505001, 'an old session removes nothing');
outcome($bob->{client}->post("$me/start"), 403, 29505001, 'and adds nothing');
$server->psql("UPDATE cloudep.sessions SET auth_time = now() WHERE uid = :'uid'", uid => $bob->{uid});
outcome($bob->{client}->delete("$me/$one->{id}"), 200, 102000, 'a fresh one does');
outcome($bob->{client}->delete("$me/$one->{id}"), 404, 29301000, 'once');
is(value('ways_in', $bob), 20, 'one way in less');
like(($server->mails($bob->{email}, 2))[-1]{text}, qr/the passkey "Mine" was removed/, 'its owner is told');
my @ids = map { $_->{id} } @{ $bob->{client}->get($me)->data->{passkeys} };
set('ways_in = 1', $bob);
is(reason(outcome($bob->{client}->delete("$me/$ids[0]"), 409, 29309000, 'the last way in')), 'last_way_in', 'stays');
ok($server->value("SELECT count(*) FROM cloudep.passkeys WHERE id = :'id'", id => $ids[0]), 'as it does');
set('ways_in = 8', $bob);
my @answers = $bob->{client}->parallel(map { ['DELETE', "$me/$_"] } @ids);
is(scalar(grep { $_->status == 200 } @answers), 7, 'of 19 removals at once 7 leave one of 8 ways in');
is(value('ways_in', $bob), 1, 'which is the last');

# ---- another page: a browser does not even ask the authenticator

$browser->open("http://127.0.0.1:$server->{port}/page.html");
like(eval { created($ada->{client}->post("$me/start")->data); 'made' } // $@, qr/^(?:SecurityError|NotAllowedError|TypeError)/, 'a page on another host makes no passkey');

expect_log(qr/CE101: looking up the passkey failed/, qr/permission denied|42501/);
finish();
