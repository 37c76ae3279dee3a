package CloudEP::Soak::Faults;

# What the ledger test takes away and gives back, one after the other in an order of chance, and when it did.

use strict;
use warnings;
use CloudEP::Process qw(slurp);
use JSON::PP ();
use List::Util qw(shuffle);
use Time::HiRes qw(sleep time);

# What a fault may cost: requests that are told that something failed; requests that get no answer; challenges.
my %COSTS = (
    'PostgreSQL restarted' => [qw(failed)], 'PostgreSQL killed' => [qw(failed)], 'PostgreSQL stopped' => [qw(failed)],
    'memcached restarted' => [qw(failed)], 'memcached killed' => [qw(failed)], 'memcached stopped' => [qw(failed)],
    'memcached flushed' => [], 'SMTP away' => [], 'SMTP refuses' => [], 'child killed' => [qw(unanswered)],
    'graceful restart' => [],
    'provider slow' => [qw(failed)], 'provider fails' => [qw(failed)], 'provider cut' => [qw(failed)],
);

# Those there are without an outside identity provider, or with one.
sub kinds {
    my ($outside) = @_;
    return grep { $outside || !/^provider / } sort keys %COSTS;
}

# server => CloudEP::Server with services of its own; zitadel => the stand-in, if it uses one; hold => seconds that something is away; only => [kinds]
sub new {
    my ($class, %self) = @_;
    $self{list} = [];
    return bless \%self, $class;
}

sub actions {
    my ($self) = @_;
    my ($pg, $memcached, $smtp, $server) = map { $self->{server}{$_} } qw(pg memcached smtp httpd);
    my $hold = sub { sleep $_[0] * $self->{hold} };
    my $provider = sub {
        $self->{zitadel}->fault(path => '/v2/*', @_);
        $hold->(1 + rand);
        $self->{zitadel}->clear_faults;
    };
    return (
        'PostgreSQL restarted' => sub { $pg->restart },
        'PostgreSQL killed' => sub { $pg->kill9; $hold->(rand); $pg->start },
        'PostgreSQL stopped' => sub { $pg->freeze; $hold->(1 + 2 * rand); $pg->thaw },
        'memcached restarted' => sub { $memcached->restart },
        'memcached killed' => sub { $memcached->kill9; $hold->(rand); $memcached->start },
        'memcached stopped' => sub { $memcached->freeze; $hold->(1 + rand); $memcached->thaw },
        'memcached flushed' => sub { $memcached->command('flush_all') },
        'SMTP away' => sub { $smtp->stop; $hold->(1); $smtp->start },
        'SMTP refuses' => sub { $smtp->behave('451 not now'); $hold->(1); $smtp->behave('ok') },
        'child killed' => sub { kill KILL => $self->child // return },
        'graceful restart' => sub { $server->graceful },
        'provider slow' => sub { $provider->(delay_ms => 2500) },
        'provider fails' => sub { $provider->(status => 500, rand() < 0.5 ? (after => JSON::PP::true) : ()) },
        'provider cut' => sub { $provider->(cut => qw(before mid after) [rand 3]) },
    );
}

# One of httpd's children.
sub child {
    my ($self) = @_;
    my $pid = $self->{server}->pid;
    my @children = split ' ', slurp("/proc/$pid/task/$pid/children");
    return $children[rand @children];
}

# Injects until the time is over; every kind comes before any comes again. Each fault ends before the next begins.
sub inject {
    my ($self, $until, $pause) = @_;
    my %action = $self->actions;
    my @kinds = @{ $self->{only} || [kinds($self->{zitadel})] };
    my @next;
    while (time < $until) {
        @next = shuffle(@kinds) unless @next;
        my $kind = shift @next;
        my $from = time;
        $action{$kind}->();
        push @{ $self->{list} }, { kind => $kind, from => $from, to => time };
        sleep $pause * (0.5 + rand);
    }
}

# What it did, as JSON.
sub text { return JSON::PP->new->canonical->encode($_[0]{list}) }

sub count {
    my ($self, $kind) = @_;
    return scalar grep { $_->{kind} eq $kind } @{ $self->{list} };
}

# The fault that accounts for a request that ended like this: it overlaps with the fault, or began so soon after its end
# that service need not have been back.
sub explains {
    my ($self, $cost, $request, $recovery) = @_;
    my ($found) = grep {
        $request->{to} >= $_->{from} - 0.1 && $request->{from} <= $_->{to} + $recovery && grep { $_ eq $cost } @{ $COSTS{ $_->{kind} } }
    } reverse @{ $self->{list} };
    return $found;
}

1;
