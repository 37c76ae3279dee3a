package CloudEP::Memcached;

# A private memcached on a loopback port that it keeps over restarts. (apr_memcache knows no unix sockets.)

use strict;
use warnings;
use CloudEP::Process qw(spawn finish alive wait_until free_port slurp);
use IO::Socket::INET;

# run => folder for its files, log => file
sub new {
    my ($class, %self) = @_;
    return bless \%self, $class;
}

sub start {
    my ($self) = @_;
    my $ports = "$self->{run}/memcached.port";
    $self->{port} //= free_port();
    unlink $ports;
    $self->{pid} = spawn($self->{log}, { MEMCACHED_PORT_FILENAME => $ports }, 'memcached', '-l', '127.0.0.1', '-U', '0',
        '-m', '64', '-c', '4096', '-P', "$self->{run}/memcached.pid", '-p', $self->{port});
    wait_until(10, sub {
            alive($self->{pid}) or die 'memcached did not start: ', slurp($self->{log}), "\n";
            return (eval { slurp($ports) } // '') =~ /TCP INET: $self->{port}$/m;
    }) or die "memcached did not say its port\n";
    return $self;
}

sub port { $_[0]{port} }
sub address { "127.0.0.1:$_[0]{port}" }

sub stop {
    my ($self) = @_;
    finish(delete $self->{pid}, 'TERM') if $self->{pid};
}

sub restart {
    my ($self) = @_;
    $self->stop;
    $self->start;
}

sub kill9 {
    my ($self) = @_;
    finish(delete $self->{pid}, 'KILL');
}

# Stops answering without closing anything, and comes back.
sub freeze { kill STOP => $_[0]{pid} }
sub thaw { kill CONT => $_[0]{pid} }

# One command of the text protocol; returns everything up to the line that ends the answer.
sub command {
    my ($self, $command) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => $self->address, Timeout => 5) or die "memcached: $!";
    print $socket "$command\r\n";
    my $answer = '';
    while (my $line = <$socket>) {
        $answer .= $line;
        last if $line =~ /^(?:END|OK|RESET|DELETED|NOT_FOUND|STORED|NOT_STORED|ERROR|CLIENT_ERROR.*|SERVER_ERROR.*|\d+)\r$/;
    }
    return $answer;
}

# Everything it holds, as one text: to look for what must not be there.
sub dump {
    my ($self) = @_;
    my @keys = $self->command('lru_crawler metadump all') =~ /^key=(\S+)/mg;
    s/%([0-9A-Fa-f]{2})/chr hex $1/ge for @keys;
    return join '', map { $self->command("get $_") } @keys;
}

1;
