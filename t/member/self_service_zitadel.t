# Another login email with the users at a ZITADEL: name and address change there before they do here, or nowhere.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Zitadel;

my $me = '/api/v1/members/me';
my $zitadel = zitadel();
my $server = zitadel_server($zitadel, values => { CloudEPAccountURL => 'https://id.example/account/' });
my $tenant = zitadel_tenant($server, $zitadel);
my $change = 'PATCH /v2/users/:id';

sub user { my ($who) = @_; my ($user) = grep { $_->{userId} eq (ref $who ? $who->{uid} : $who) } $zitadel->users; return $user }
sub there { my $user = user(@_); return $user ? join ' ', $user->{username}, $user->{email}, $user->{isVerified} ? 'verified' : 'not' : 'nobody' }
sub here { my ($who) = @_; return $server->value("SELECT email FROM cloudep.members WHERE uid = :'uid'", uid => $who->{uid}) }

sub begin {
    my ($who, $email) = @_;
    my $challenge = $who->{client}->post("$me/email/start", { email => $email })->data->{challenge_id};
    return { challenge_id => $challenge, code => secret($server->mail_code($email)) };
}

my $ada = register_member(tenant => $tenant);
my ($old, $new) = ($ada->{email}, fresh_email());
my $code = begin($ada, $new);

# ---- 502: nothing has changed, and the code is still good
expect_log(qr/CE101: (?:changing|restoring) the address at the identity provider failed|CE6\d\d: |zitadel/i);
$zitadel->fault(path => "/v2/users/$ada->{uid}", status => 500);
outcome($ada->{client}->post("$me/email/confirm", $code), 502, 29802000, 'ZITADEL fails');
$zitadel->clear_faults;
is(here($ada), $old, 'the address here is what it was');
outcome($ada->{client}->post("$me/email/confirm", $code), 200, 102000, 'the code is good still');
is(there($ada), "$new $new verified", 'user name and address are changed there');
is(here($ada), $new, 'and here');
outcome(login($ada, email => $new), 200, 102000, 'the password is what it was');

# ---- undo
my ($notice) = grep { $_->{text} =~ /#undo=/ } $server->mails($old, 2);
my ($token) = $notice->{text} =~ /#undo=([A-Za-z0-9_-]{64})$/m;
$zitadel->fault(path => "/v2/users/$ada->{uid}", status => 500);
outcome(client(server => $server)->post('/api/v1/auth/undo', { token => secret($token) }), 502, 28802000, 'an undo that ZITADEL does not take');
$zitadel->clear_faults;
is(here($ada), $new, 'undoes nothing');
outcome(client(server => $server)->post('/api/v1/auth/undo', { token => $token }), 200, 102000, 'it works again');
is(there($ada), "$old $old verified", 'both are restored there');
is(here($ada), $old, 'and here');
outcome(login($ada), 401, 28501000, 'the password is void there');

# ---- a user name that another user there has
my $bob = register_member(tenant => $tenant);
my $name = fresh_email();
$zitadel->api(POST => '/v2/users/human', { username => $name, organization => { orgId => $zitadel->ready->{orgs}{b} },
        profile => { givenName => 'X', familyName => 'Y' }, email => { email => $name, isVerified => JSON::PP::true } })->{status} =~ /^20/ or die "no user\n";
outcome($bob->{client}->post("$me/email/confirm", begin($bob, $name)), 200, 102000, 'an address whose name is taken at ZITADEL');
is(there($bob), "$bob->{uid} $name verified", 'there the uid is the name');
outcome(login($bob, email => $name), 200, 102000, 'and the member logs in');

# ---- an address that was taken here meanwhile
my $eve = register_member(tenant => $tenant);
my $late = fresh_email();
my $lost = begin($eve, $late);
my $winner = register_member(tenant => $tenant);
$server->psql("UPDATE cloudep.members SET email = :'email' WHERE uid = :'uid'", uid => $winner->{uid}, email => $late);
is($eve->{client}->post("$me/email/confirm", $lost)->json->{reason}, 'email_taken', 'an address that is taken meanwhile');
is(there($eve), "$eve->{email} $eve->{email} verified", 'is changed nowhere');
my $race = fresh_email();
$lost = begin($eve, $race);
my $held = $server->pg->hold(1.5, "UPDATE cloudep.members SET email = '$race' WHERE uid = '$winner->{uid}'");
is($eve->{client}->post("$me/email/confirm", $lost)->json->{reason}, 'email_taken', 'also at the last moment');
waitpid $held, 0;
is(there($eve), "$eve->{email} $eve->{email} verified", 'and is put back there');

# ---- a member who came by a social provider has no user there
my $social = register_member(tenant => $tenant);
$server->psql("UPDATE cloudep.members SET has_password = false, origin = 'google' WHERE uid = :'uid'", uid => $social->{uid});
$zitadel->api(DELETE => "/v2/users/$social->{uid}");
my $own = fresh_email();
outcome($social->{client}->post("$me/email/confirm", begin($social, $own)), 200, 102000, 'a member without a user there');
is(here($social), $own, 'has another address here');

# ---- what logging in at ZITADEL itself made there goes with the link
my $made = $zitadel->api(POST => '/v2/users/human', { username => fresh_email(), organization => { orgId => $zitadel->ready->{orgs}{a} },
        profile => { givenName => 'X', familyName => 'Y' }, email => { email => fresh_email(), isVerified => JSON::PP::true } })->{json}{userId};
for my $row ([$zitadel->ready->{base_url}, $made], ['https://elsewhere.example', $winner->{uid}]) {
    $server->psql("INSERT INTO cloudep.identities (tenant_id, uid, issuer, subject) SELECT tenant_id, uid, :'iss', :'sub' FROM cloudep.members WHERE uid = :'uid';"
            . "UPDATE cloudep.members SET ways_in = ways_in + 1 WHERE uid = :'uid'", uid => $bob->{uid}, iss => $row->[0], sub => $row->[1]);
    my $id = $server->value("SELECT id FROM cloudep.identities WHERE uid = :'uid'", uid => $bob->{uid});
    outcome($bob->{client}->delete("$me/identities/$id"), 200, 102000, "unlinked from $row->[0]");
}
is(there($made), 'nobody', 'a user of ZITADEL is removed with the link');
isnt(there($winner), 'nobody', 'a user of that id is not, where the account was elsewhere');

finish();
