package CloudEP::Backend;

# What stands behind a guard in the tests: an HTTP server that answers with the head of the request it got.

use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();

sub start {
    my ($class) = @_;
    my $socket = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "backend: $!";
    my $self = bless { socket => $socket, owner => $$ }, $class;
    $self->{pid} = fork // die "fork: $!";
    return $self if $self->{pid};
    while (my $peer = $socket->accept) {
        my $head = '';
        while (my $line = <$peer>) { $head .= $line; last if $line =~ /^\r?\n\z/ }
        print $peer "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " . length($head) . "\r\n\r\n$head";
        close $peer;
    }
    POSIX::_exit(0);
}

sub url { 'http://127.0.0.1:' . $_[0]{socket}->sockport . '/' }

sub DESTROY {
    my ($self) = @_;
    local ($?, $!);
    return unless $self->{pid} && $self->{owner} == $$;
    kill KILL => $self->{pid};
    waitpid $self->{pid}, 0;
}

1;
