# The identity provider "zitadel": register, confirm and login with users and passwords at a ZITADEL, every outcome of a
# password, and what its versions, languages and delays must not change.
use strict;
use utf8;
use warnings;
use CloudEP::Test;
use CloudEP::Process qw(wait_until);
use CloudEP::Zitadel;

my $zitadel = zitadel();
my $server = zitadel_server($zitadel);
my $tenant = zitadel_tenant($server, $zitadel);
my $client = client(server => $server);
my ($true, $false) = (JSON::PP::true, JSON::PP::false);

sub sign_up { return (register(client => $client, tenant => $tenant, @_))[0] }
sub uses { return $server->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $tenant->{invite}) }
sub user { my ($uid) = @_; return (grep { $_->{userId} eq $uid } $zitadel->users)[0] }

# ---- the main job
my $member = register_member(tenant => $tenant, display_name => 'Ada King Lovelace');
my $user = user($member->{uid});
is($user->{orgId}, $zitadel->ready->{orgs}{a}, "the user is in the tenant's organization");
is_deeply([@{ $user->{profile} }{qw(givenName familyName displayName)}], ['Ada King', 'Lovelace', 'Ada King Lovelace'], 'its names');
is($user->{username}, $member->{email}, 'is known by its address');
ok(wait_until(10, sub { user($member->{uid})->{isVerified} }), 'and ZITADEL learns that the address is confirmed');
is_deeply($zitadel->door(GET => 'mails')->{mails}, [], 'ZITADEL itself sent no mail');
outcome(login($member), 200, 102000, 'login');
ok(wait_until(10, sub { !grep { $_->{state} eq 'ACTIVE' } @{ $zitadel->door(GET => 'sessions')->{sessions} } }),
    'its session there is ended');
my $plain = register_member(tenant => $tenant);
my $name = user($plain->{uid})->{profile};
is_deeply([@$name{qw(givenName familyName)}], [($plain->{email} =~ /^(.*)@/) x 2], 'who gave no name is called by the address');
is_deeply([@{ user(register_member(tenant => $tenant, display_name => '王小明')->{uid})->{profile} }{qw(givenName familyName)}],
    ['王小明', '王小明'], 'a name of one word is both');

# ---- 401 and 403
my $wrong = outcome(login($member, password => fresh_password()), 401, 28501000, 'a wrong password');
my $unknown = outcome(login($member, email => fresh_email()), 401, 28501000, 'an unknown email');
my $long = outcome(login($member, password => $member->{password} . 'x' x 60), 401, 28501000, 'a password that nobody can have');
is($_->json->{message}, $wrong->json->{message}, 'the same answer') for $unknown, $long;
$zitadel->state(wrong_password_id => 'DOM-3gcfDV', failed_attempts => $false);
outcome(login($member, password => fresh_password()), 401, 28501000, "another version's id for it");
$zitadel->state(wrong_password_id => 'COMMAND-3M0fs', failed_attempts => $true);
$zitadel->fault(path => '/v2/sessions', error => { code => 9, id => 'COMMAND-3nJ4t' }, times => 1);
outcome(login($member), 401, 28501000, 'a user without a password');
for my $id (qw(COMMAND-JLK35 COMMAND-SFA3t)) {
    $zitadel->fault(path => '/v2/sessions', error => { code => 9, id => $id, failed_attempts => 3 }, times => 1);
    outcome(login($member), 403, 28505000, "locked meanwhile ($id)");
}
$zitadel->state(max_password_attempts => 2);
my $locked = register_member(tenant => $tenant);
outcome(login($locked, password => fresh_password()), 401, 28501000, "wrong password $_") for 1, 2;
outcome(login($locked), 403, 28505000, 'locked by ZITADEL');
$zitadel->state(max_password_attempts => 0);
$zitadel->api(POST => "/v2/users/$plain->{uid}/deactivate", {});
outcome(login($plain), 403, 28505000, 'deactivated at ZITADEL');
my $gone = register_member(tenant => $tenant);
$zitadel->api(DELETE => "/v2/users/$gone->{uid}");
outcome(login($gone), 401, 28501000, 'removed at ZITADEL');
$server->psql("DELETE FROM cloudep.members WHERE uid = :'uid'", uid => $gone->{uid});

# ---- 400: passwords that ZITADEL refuses
my $used = uses();
my %refused = (
    'nocapitals-1234' => qr/upper case/, 'NOSMALLONES-1234' => qr/lower case/, 'NoDigitsAtAll-here' => qr/digit/,
    'NoSymbolsAtAll1234' => qr/neither a letter/, 'Pw-7' . 'x' x 69 => qr/72 bytes/, 'Pw-7春眠不覺曉處處聞啼鳥夜來風雨聲花落知多少春眠不覺曉處處' => qr/72 bytes/,
);
for my $password (sort keys %refused) {
    my $answer = outcome(sign_up(password => secret($password)), 400, 10101000, "a password that $refused{$password}");
    is($answer->errors->[0]{field}, 'password', 'the field is named');
    like($answer->errors->[0]{reason}, $refused{$password}, 'and the reason is plain');
}
outcome(sign_up(password => secret('Pw-7' . 'x' x 68)), 200, 102000, '72 bytes are taken');
is(uses(), $used + 1, 'a refused registration gives the use of the invite back');
is_in_step($server, $zitadel, 'and leaves nobody at ZITADEL');

# ---- localised messages, statuses of versions before and after 4
for my $case ([language => 'de', create_status => 201], [language => 'zh', create_status => 200]) {
    $zitadel->state(@$case);
    my $foreign = register_member(tenant => $tenant);
    outcome(login($foreign), 200, 102000, "login with @$case");
    outcome(login($foreign, password => fresh_password()), 401, 28501000, 'a wrong password');
    like(outcome(sign_up(password => secret('nocapitals-1234')), 400, 10101000, 'a weak one')->errors->[0]{reason}, qr/upper case/, 'in our words');
}
$zitadel->state(language => 'en');
$zitadel->fault(method => 'PATCH', path => '/v2/users/*', status => 405, json => { code => 12, message => 'Method Not Allowed' });
my $older = register_member(tenant => $tenant);
ok(wait_until(10, sub { user($older->{uid})->{isVerified} }), 'before version 4 the address is confirmed by another route');
$zitadel->clear_faults;

# ---- lag: what was written is not read at once
$zitadel->state(lag => 3);
my $new = register_member(tenant => $tenant);
$zitadel->door(DELETE => 'requests');
outcome(login($new), 200, 102000, 'a login that is quicker than the projection');
is(asked($zitadel, 'GET /v2/users/:id'), 1, 'after one look at the user');
$zitadel->state(lag => 0);

# ---- 409: who has the name
my $stranger = fresh_email();
$zitadel->api(POST => '/v2/users/human', { username => $stranger, organization => { orgId => $zitadel->ready->{orgs}{a} },
        profile => { givenName => 'A', familyName => 'B' }, email => { email => $stranger, isVerified => $true } });
$used = uses();
outcome(sign_up(email => $stranger), 409, 28303000, 'a user of the organization that is not ours');
is(uses(), $used, 'takes no use');
my $second = zitadel_tenant($server, $zitadel, organization => 'b');
my ($answer, $sent) = register(client => $client, tenant => $second, email => $member->{email});
my $same = { %$member, slug => $second->{slug}, uid => $answer->data->{uid}, password => $sent->{password} };
outcome($client->post('/api/v1/auth/register/confirm', { tenant_slug => $second->{slug}, code => $server->mail_code($sent->{email}, 2),
            challenge_id => $answer->data->{challenge_id} }), 200, 102000, 'the address of a member in another tenant');
is(user($same->{uid})->{username}, $same->{uid}, 'the same address in another organization: named otherwise');
outcome(login($same), 200, 102000, 'and logs in');
outcome(login($same, password => $member->{password}), 401, 28501000, 'with its own password only');
outcome(login($member), 200, 102000, 'as does the other');

# ---- a tenant without an organization, and a wrong one
expect_log(qr/CE615: tenant \S+ has no organization/);
my $none = tenant(server => $server);
$server->ctl(qw(tenant set --slug), $none->{slug}, '--organization', '');
outcome((register(client => $client, tenant => $none))[0], 501, 28605000, 'the tenant has no organization');
$server->ctl(qw(tenant set --slug), $none->{slug}, qw(--organization 1));
expect_log(qr/CE101: creating the user at the identity provider failed \(identity provider\)/);
outcome((register(client => $client, tenant => $none))[0], 502, 28802000, 'one that ZITADEL does not know');
is($server->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $none->{invite}), 0, 'both give the use back');

finish($server);
