# Whose mail is whose: each virtual host's goes out with its own sender, transport, language and templates, and what a name
# has left behind is not lost.
use strict;
use warnings;
use utf8;
use CloudEP::Process qw(wait_until spew slurp free_port);
use CloudEP::Test;

my $pg = own_postgres();
my ($main_relay, $shop_relay) = (own_smtp(), own_smtp());
my $top = CloudEP::Httpd::top();
my $templates = "$shop_relay->{run}/templates";
mkdir $templates;
system('cp', glob("$top/common/templates/*"), "$templates/") == 0 or die;
spew("$templates/registration.zh-TW.txt", "Subject: The shop's own {{code}}\n\nThe shop's own words: {{code}}\n");

my ($shop_port, $same_port) = (free_port(), free_port());
my %shop = (CloudEPMailTransport => 'smtp://' . $shop_relay->address, CloudEPMailFrom => 'orders@shop.example',
    CloudEPDefaultLanguage => 'zh-TW', CloudEPTemplateDir => "\"$templates\"");

# A virtual host on a port of its own.
sub host {
    my ($port, $name, %directives) = @_;
    return ("Listen 127.0.0.1:$port", "<VirtualHost 127.0.0.1:$port>", "ServerName $name",
        (map { "$_ $directives{$_}" } sort keys %directives), '</VirtualHost>');
}

my $server = own_server(pg => $pg, smtp => $main_relay, values => { CloudEPMailFrom => 'main@example.org' },
    with => [host($shop_port, 'Shop.Example', %shop), host($same_port, 'same.example')]);
$server->start;
my $tenant = tenant(server => $server);
my %client = (main => client(server => $server), map { $_->[0] => CloudEP::Client->new(port => $_->[1], watch => \&CloudEP::Test::Answers::watch) }
        [shop => $shop_port], [same => $same_port]);

sub mails {
    my ($relay, $address) = @_;
    return map { CloudEP::Mail::parse(slurp($_)) } sort glob "$relay->{mail}/\Q$address\E/*.eml";
}

sub register_at {
    my ($where, %fields) = @_;
    my ($answer, $sent) = register(client => $client{$where}, tenant => $tenant, %fields);
    outcome($answer, 200, 102000, "a registration at $where") if $answer->status != 200;
    return $sent->{email};
}

# Writes a test mail as cloudepctl would, so many minutes ago.
sub leave {
    my ($outbox, $minutes) = @_;
    my $address = fresh_email();
    $pg->psql('INSERT INTO cloudep.outbox (tenant_id, outbox, channel, target, template, created_at, expires_at)'
            . " VALUES ('00000000-0000-0000-0000-000000000000', nullif(:'outbox', ''), 'mail', '$address', 'test',"
            . " now() - interval '$minutes minutes', now() + interval '1 hour')", outbox => $outbox // '');
    return $address;
}

sub outbox_of { $pg->value("SELECT outbox FROM cloudep.outbox WHERE target = :'target'", target => $_[0]) }
sub arrives { my ($relay, $address) = @_; wait_until(30, sub { scalar mails($relay, $address) }) }

subtest 'each server sends its own' => sub {
    my @main = map { register_at('main') } 1 .. 10;
    my @shop = map { register_at('shop') } 1 .. 10;
    ok(arrives($main_relay, $_) && arrives($shop_relay, $shop[0]), 'the main server\'s is at its relay') for @main;
    for my $address (@shop) {
        ok(arrives($shop_relay, $address), 'the virtual host\'s is at its own');
        is(scalar(mails($main_relay, $address)), 0, 'and nowhere else');
    }
    my ($mail) = mails($shop_relay, $shop[0]);
    is($mail->{headers}{from}, 'orders@shop.example', 'its sender');
    is($mail->{headers}{'content-language'}, 'zh-TW', 'its language');
    like($mail->{text}, qr/The shop's own words/, 'its templates');
    is((mails($main_relay, $main[0]))[0]{headers}{from}, 'main@example.org', 'the main server\'s sender');
    is(outbox_of($shop[0]), 'shop.example', 'a row carries the ServerName');
    is(outbox_of($main[0]), undef, 'that of the main server no name');
    my $same = register_at('same');
    ok(arrives($main_relay, $same), 'a virtual host that changes nothing');
    is(outbox_of($same), undef, 'sends as the main server');
    is($pg->value("SELECT string_agg(name, ' ') FROM cloudep.outbox_workers WHERE seen_at > now() - interval '2 minutes'"),
        'shop.example', 'the workers say that they are there');
};

subtest 'what a name has left' => sub {
    my $old_node = leave(undef, 0);
    ok(arrives($main_relay, $old_node), 'a row without a name, as an earlier version writes it, is the main server\'s');
    my ($fresh, $left, $living) = (leave('gone.example', 0), leave('gone.example', 6), leave('shop.example', 6));
    ok(arrives($main_relay, $left), 'one whose name nobody has gone by for five minutes is the main server\'s, too');
    ok(arrives($shop_relay, $living), 'one whose name somebody goes by is that one\'s, however old');
    is(scalar(mails($main_relay, $living)), 0, 'and the main server leaves it alone');
    $pg->psql("INSERT INTO cloudep.outbox_workers (name, seen_at) VALUES ('away.example', now() - interval '4 minutes')");
    my $away = leave('away.example', 10);
    ok(arrives($main_relay, leave(undef, 0)), 'the main server has been at it again');
    is(scalar(mails($main_relay, $_)), 0, 'and has not touched what may yet have its sender') for $fresh, $away;
    $pg->psql("UPDATE cloudep.outbox_workers SET seen_at = now() - interval '6 minutes' WHERE name = 'away.example'");
    ok(arrives($main_relay, $away), 'until five minutes are over');
};

subtest 'a relay that is away concerns its own server only' => sub {
    expect_log(qr/CE702: mail cannot be delivered at present \(outbox shop\.example\): \Q${\$shop_relay->address}\E: connecting: /);
    $shop_relay->stop;
    my $waiting = register_at('shop');
    ok(wait_until(20, sub { $pg->value("SELECT last_error FROM cloudep.outbox WHERE target = '$waiting'") }), 'the shop\'s mail is put off');
    ok(arrives($main_relay, register_at('main')), 'the main server\'s goes out');
    is(scalar(mails($main_relay, $waiting)), 0, 'and is nobody else\'s to send');
    $shop_relay->start;
    ok(arrives($shop_relay, $waiting), 'the shop\'s follows');
};
$server->stop;

subtest 'where the main server has no transport' => sub {
    my $hosts = own_server(pg => $pg, smtp => $main_relay, without => [qw(CloudEPMailTransport CloudEPMailFrom)],
        with => [host($shop_port, 'shop.example', %shop), host($same_port, 'second.example', %shop, CloudEPMailFrom => 'b@second.example')]);
    $hosts->start;
    my $address = leave(undef, 0);
    ok(arrives($shop_relay, $address), 'what carries no name is sent all the same');
    is((mails($shop_relay, $address))[0]{headers}{from}, 'orders@shop.example', 'by the first virtual host');
    $hosts->stop;
};

subtest 'CloudEPOutbox' => sub {
    expect_log(qr/CE709: /);
    my $one = own_server(pg => $pg, smtp => $main_relay, values => { CloudEPOutbox => 'letters', CloudEPMailFrom => 'main@example.org' },
        with => [host($shop_port, 'shop.example', %shop)]);
    my $said = $one->refusal;
    like($said, qr/the main server and shop\.example have one outbox, letters, but send mail or SMS differently/,
        'one name for two that send differently is refused');
    $one->{with} = [host($shop_port, 'shop.example', %shop, CloudEPOutbox => 'parcels')];
    $one->start;
    my ($main, $shop) = (leave('letters', 0), leave('parcels', 0));
    ok(arrives($main_relay, $main) && arrives($shop_relay, $shop), 'names of their own');
    ok(arrives($main_relay, leave(undef, 0)), 'the main server sends what carries no name, whatever it is called');
    $one->stop;
};

finish();
