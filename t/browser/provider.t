# Accounts at another provider, at the account pages: registering and signing in with one, giving up there, linking one and
# taking it away; and signing in by a mailed code.
use strict;
use warnings;
use CloudEP::Pages;
use CloudEP::Process qw(free_port spew);
use CloudEP::Social;
use CloudEP::Test;

my $folder = CloudEP::Test::Servers::own_folder('browser');
my $port = free_port();
my $home = "http://127.0.0.1:$port/account/";
my $peer = CloudEP::Social::peer($folder, [$home]);
my $tenant = tenant();
my $server = own_server(portal => $tenant->{slug}, port => $port, with => [CloudEP::Social::directive(google => $peer, 'web', $folder, 'prompt=login')])->start;
$tenant->{server} = $server;
$server->ctl(qw(tenant set --slug), $tenant->{slug}, '--redirect-uri', $home);
spew($server->custom . '/portal.json', '{"providers": [{"id": "google", "name": "Gold"}], "codeLogin": true}');
my $pages = CloudEP::Test::Servers::keep(CloudEP::Pages->new(dir => $folder, home => $home));

sub t { return $pages->text_of(@_) }

# At the provider: names the account, or gives up.
sub there {
    my ($account) = @_;
    $pages->until('return Boolean(document.querySelector("[name=account]"))', 'the provider asks who it is');
    my $field = $pages->find('[name=account]');
    $pages->in_session(POST => "/element/$field/value", { text => $account }) if defined $account;
    $pages->click(defined $account ? 'button:not([name])' : '[name=cancel]');
    return $pages;
}

for my $name (qw(en zh-TW)) {
    $pages->begin($name);
    $server->ctl(qw(tenant set --yes --slug), $tenant->{slug}, qw(--code-login off));
    my $with = t('provider.with', name => 'Gold');
    my $account = CloudEP::Social::account($peer);

    $pages->visit('#/sign-in');
    $pages->press($with);
    there($account);
    $pages->sees(t('reason.identity_unknown'))->press(t('register.link'))->at('register');
    $pages->press($with)->sees(t('rule.invite_code.required'));
    $pages->fill(invite_code => $tenant->{invite})->click('[name=terms]')->press($with);
    there($account);
    $pages->at('profile');
    pass("$name: registered with a provider");
    is($pages->run('return location.search'), '', "$name: its answer is out of the address");
    $pages->press(t('sign_out'))->at('sign-in')->press($with);
    there();
    $pages->sees(t('reason.login_cancelled'))->press(t('sign_in.again'))->at('sign-in')->press($with);
    there($account);
    $pages->at('profile');
    pass("$name: signed in with it");

    $pages->run('location.hash = "#/linked"');
    $pages->at('linked')->press(t('remove'))->sees(t('linked.remove_lead'))->click('dialog .danger');
    $pages->sees(t('reason.last_way_in'));
    pass("$name: the last way in stays");
    my $second = CloudEP::Social::account($peer);
    $pages->press($with);
    there($second);
    $pages->at('linked')->until('return document.querySelectorAll(".row").length === 2', 'two accounts are linked');
    $pages->press(t('remove'))->sees(t('linked.remove_lead'))->click('dialog .danger');
    $pages->until('return !location.hash.includes("linked") || document.querySelectorAll(".row").length === 1', 'one is left');
    pass("$name: linked another, and took one away");
    $server->ctl(qw(tenant set --slug), $tenant->{slug}, qw(--code-login on));

    $pages->forget_all($name);
    my $member = register_member(tenant => $tenant, language => $name);
    $pages->visit('#/code');
    $pages->fill(email => $member->{email})->submit->sees(t('code.sent', email => $member->{email}));
    $pages->fill(code => secret($server->mail_code($member->{email}, 2)))->submit->at('profile');
    pass("$name: signed in by a mailed code");
    is_deeply([grep { !/favicon/ } $pages->complaints], [], "$name: the browser complains of nothing");
}
$peer->stop;
expect_log(qr/CE400/);
finish();
