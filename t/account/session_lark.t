# The linked account of the provider "lark" in the API style "session": from the address to the account and back.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Social;
use CloudEP::Test;
use JSON::PP ();

my $root = '/api/session';
my $server = own_server();
my $callback = $server->url("$root/user/lark/callback");
my $own = CloudEP::Test::own_folder('session_lark');
my $peer = CloudEP::Social::peer($own, [$callback]);
my $tenant = tenant();
$server->{with} = [
    CloudEP::Social::directive('lark', $peer, 'web', $own), 'CloudEPSocialProvider google https://google.example cloudep none',
    '<Location /api/session>', 'CloudEPServe session', "CloudEPTenant $tenant->{slug}", '</Location>',
];
$server->start;
$tenant->{server} = $server;
my $client = client(server => $server);
my $member = register_member(tenant => $tenant);

sub entered {
    my ($who) = @_;
    my $browser = CloudEP::Browser->new(client => $client);
    $browser->get("$root/");
    replied($browser->post("$root/login", { email => $who->{email}, password => $who->{password} }), 204, undef, 'a login');
    return $browser;
}

# The query with which the provider sends the browser back.
sub visit {
    my ($browser, $account) = @_;
    my $url = replied($browser->get("$root/user/lark"), 200, undef, 'the address of the provider')->json->{oauth_url};
    my $back = $peer->login($url, account => $account);
    secret($back->{code});
    return join '&', map { "$_=" . URI::Escape::uri_escape($back->{$_}) } grep { defined $back->{$_} } qw(code state iss);
}

my $browser = entered($member);
replied($browser->get("$root/user/lark"), 400, 'field_invalid', 'before the tenant lists the callback');
$server->ctl(qw(tenant set --slug), $tenant->{slug}, '--redirect-uri', $callback);
my $account = CloudEP::Social::account($peer);
my $back = visit($browser, $account);
replied($browser->get("$root/user/lark/callback?code=x&state=made-up"), 400, 'state_invalid', 'a made-up state');
my $other = entered($member);
replied($other->get("$root/user/lark/callback?$back"), 400, 'state_invalid', 'another session of the member');
is($browser->get("$root/user")->json->{lark}, undef, 'links nothing');
replied($browser->get("$root/user/lark/callback?$back"), 204, undef, 'the session that began it');
like(JSON::PP->new->allow_nonref->encode($browser->get("$root/user")->json->{lark}), qr/\Q$account\E/, 'has the account at the provider');
replied($browser->get("$root/user/lark/callback?$back"), 400, 'state_invalid', 'once');
$server->psql("INSERT INTO cloudep.identities (tenant_id, issuer, subject, uid, created_at) SELECT tenant_id, 'https://google.example', 'other', uid, '2020-01-01'"
        . " FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid});
is($browser->get("$root/user")->json->{lark}{issuer}, $peer->issuer, 'which no account at another provider is taken for');
replied($browser->delete("$root/user/lark"), 204, undef, 'lark is unset');
is($browser->get("$root/user")->json->{lark}, undef, 'and gone');
is($server->value("SELECT string_agg(subject, ' ') FROM cloudep.identities WHERE uid = :'uid'", uid => $member->{uid}), 'other', 'and the other account is not');
finish();
