#!/usr/bin/perl
# The ledger test: clients live their lives while everything below them is taken away and given back. What they were
# told is written down and compared with what is there at the end.
#
#     ./dev soak [--seconds 600] [--clients 12] [--pause 1.5] [--hold 1] [--faults "child killed,graceful restart"]
#                [--provider zitadel] [--limits shipped] [--tamper SQL]
#
# --provider zitadel: passwords are kept by the stand-in t/zitadel, which is slow, fails and cuts connections as well.
# --limits shipped: every limit is as it is shipped. Each member lives at an address of their own, strangers at another, and
# whoever is told to wait does so.
# --tamper changes the database before the comparison, to see that it is noticed.
# Prints requests, faults, the longest time to recover and every violation. Exit status: 1 with a violation, else 0.
use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Memcached;
use CloudEP::OIDC;
use CloudEP::Postgres;
use CloudEP::Process qw(spew wait_until);
use CloudEP::Server;
use CloudEP::Smtp;
use CloudEP::Soak::Actor;
use CloudEP::Soak::Faults;
use CloudEP::Soak::Judge;
use File::Path qw(make_path remove_tree);
use Getopt::Long qw(GetOptions);
use POSIX ();
use Time::HiRes qw(sleep time);

my %option = (seconds => 600, clients => 12, pause => 1.5, hold => 1, faults => '', tamper => '', provider => 'local', limits => 'none', verify => 2000, dir => "$ENV{CLOUDEP_VAR}/soak");
GetOptions(\%option, qw(seconds=i clients=i pause=f hold=f faults=s tamper=s provider=s limits=s verify=i dir=s)) && !@ARGV or die "see the head of $0\n";
my $shipped = $option{limits} eq 'shipped';
$shipped || $option{limits} eq 'none' or die "--limits is none or shipped\n";
sub kinds { return CloudEP::Soak::Faults::kinds($option{provider} eq 'zitadel') }
my @only = split /\s*,\s*/, $option{faults};
for my $kind (@only) {
    grep { $_ eq $kind } kinds() or die "no such fault: $kind\n";
}
$| = 1;
my $dir = $option{dir};
my $outside = $option{provider} eq 'zitadel';
my $zitadel;
my $parent = $$;
my (@parts, @actors);
$SIG{$_} = sub { exit 130 } for qw(INT TERM);

sub services {
    remove_tree($dir);
    make_path("$dir/run", "$dir/mail");
    my %common = (run => "$dir/run", log => "$dir/services.log");

    # What was acknowledged must be on the disk: no shortcuts here.
    push @parts, my $pg = CloudEP::Postgres->new(%common, data => "$dir/pg", durable => 1);
    push @parts, my $memcached = CloudEP::Memcached->new(%common);
    push @parts, my $smtp = CloudEP::Smtp->new(%common, mail => "$dir/mail");
    push @parts, $zitadel = CloudEP::OIDC->new(peer => 'zitadel', %common) if $outside;
    $_->start for @parts;
    my $server = CloudEP::Server->new(dir => "$dir/httpd", pg => $pg, memcached => $memcached, smtp => $smtp, with => [styles()], values => {
            $shipped ? () : (CloudEPCodeCooldown => 0, CloudEPCodesPerTarget => 0, CloudEPCodesPerAddress => 0, CloudEPCodesPerTenant => 0,
                CloudEPKnownGuesses => 1_000_000, CloudEPUnknownGuesses => 1_000_000, CloudEPAddressAttempts => 0),
            CloudEPStatementTimeout => 2000, CloudEPReservedLifetime => 12, CloudEPSweepInterval => 2,
            CloudEPAccessTokenLifetime => '24h', CloudEPAccountURL => 'https://id.example/account', $outside ? zitadel_directives() : (),
    });
    $server->migrate;
    push @parts, $server;
    $server->start;
    return $server;
}

# The other API styles, for each tenant at a place of its own.
sub styles {
    return map { my $slug = $_; map { ('<Location ' . CloudEP::Soak::Actor::mount($slug, $_) . '>', "CloudEPServe $_", "CloudEPTenant $slug", '</Location>') } qw(account session) }
        'contested', map { "t$_" } 1 .. $option{clients};
}

sub zitadel_directives {
    spew("$dir/token", $zitadel->ready->{pat} . "\n");
    chmod 0600, "$dir/token";
    return (CloudEPIdentityProvider => 'zitadel', CloudEPZitadelURL => $zitadel->ready->{base_url},
        CloudEPZitadelTokenFile => "$dir/token", CloudEPZitadelTimeout => 1500, CloudEPZitadelPasswordTimeout => 2000,
        CloudEPZitadelPause => 1);
}

sub tenant {
    my ($server, $slug, $uses) = @_;
    $server->ctl(qw(tenant add --slug), $slug, '--name', $slug,
        $outside ? ('--organization', $zitadel->ready->{orgs}{a}) : ());
    $server->ctl(qw(invite add --tenant), $slug, '--code', "INV-$slug", '--uses', $uses);
    return (slug => $slug, invite => "INV-$slug");
}

sub actor {
    my ($number, $server, $until, $contested) = @_;
    my %place = tenant($server, "t$number", 100_000);
    my $pid = fork // die "fork: $!";
    return $pid if $pid;
    $SIG{$_} = 'DEFAULT' for qw(INT TERM);
    CloudEP::Soak::Actor->new(%place, number => $number, until => $until, contested => $contested, mail => "$dir/mail",
        out => "$dir/ledger.$number", shipped => $shipped,
        client => CloudEP::Client->new(port => $server->port, address => "127.77.0.$number", timeout => 30))->live;
    POSIX::_exit(0);
}

END {
    if ($$ == ($parent // 0)) {
        local ($?, $@);
        kill TERM => @actors;
        eval { $_->stop } for reverse @parts;
    }
}

my $began = time;
my $server = services();
my $faults = CloudEP::Soak::Faults->new(server => $server, hold => $option{hold}, zitadel => $zitadel,
    @only ? (only => \@only) : ());
my $contested = { tenant($server, 'contested', 20) };
my $until = time + $option{seconds};
@actors = map { actor($_, $server, $until, $contested) } 1 .. $option{clients};
sleep 1;
$faults->inject($until - 3, $option{pause});
waitpid $_, 0 for @actors;
@actors = ();
spew("$dir/faults.json", $faults->text);

# Everything is there again: what crashes left half done goes by itself.
my $swept = wait_until(40, sub {
        !$server->value("SELECT count(*) FROM cloudep.members WHERE status IN ('reserved', 'deleting')") });
$server->psql($option{tamper}) if $option{tamper};
my $judge = CloudEP::Soak::Judge->new(server => $server, faults => $faults, files => [glob "$dir/ledger.*"],
    client => CloudEP::Client->new(port => $server->port, address => '127.77.1.1', timeout => 30));
$judge->found('the sweep did not finish what was left half done') if !$swept;
my $sum = $judge->requests;
$judge->database;
$judge->provider($zitadel) if $outside;
my ($members, $sessions) = $judge->members;
my $checked = $judge->service($option{verify});
my $status = $server->stop // 0;
$judge->found("httpd ended with status $status") if $status;
my ($secrets, @searched) = $judge->leavings($dir);

my @table = (
    ['seconds', sprintf '%.0f', time - $began], ['clients', $option{clients}], ['requests', $sum->{count}],
    (map { ["  status $_", $sum->{status}{$_}] } sort { $a <=> $b } grep { $_ } keys %{ $sum->{status} }),
    ['  no answer', $sum->{unanswered} // 0],
    (map { [$_, $sum->{done}{$_} // 0] } 'register of a stranger', 'login of a thief', 'undo', 'account me', 'account refresh', 'account logout', 'session logout'),
    ['told to wait', $sum->{status}{429} // 0],
    ['members in the ledger', $members], ['sessions in the ledger', $sessions], ['members asked for at the end', $checked],
    (map { ["fault: $_", $faults->count($_)] } @only ? @only : kinds()),
    ['longest answer, s', sprintf '%.1f', $sum->{longest}],
    ['longest time to recover, s', sprintf '%.1f', $sum->{recovery}],
    ['secrets looked for', $secrets], (map { ["  in $$_[0], bytes", $$_[1]] } @searched),
    ['violations', scalar $judge->violations],
);
printf "%-32s %s\n", @$_ for @table;
print "violation: $_\n" for $judge->violations;
exit($judge->violations ? 1 : 0);
