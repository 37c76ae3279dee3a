package CloudEP::Backend;

# What stands behind a guard in the tests: an HTTP server that answers with the head of the request it got, or with what
# a function makes of that head: a status line, a list of header lines, and a body. A second function is given the connection
# and the head in its place, in a process of its own, for what is no such answer.

use strict;
use warnings;
use IO::Socket::INET;
use POSIX ();

sub start {
    my ($class, $answer, $serve) = @_;
    $answer //= sub { ('200 OK', ['Content-Type: text/plain'], $_[0]) };
    my $socket = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1', ReuseAddr => 1) or die "backend: $!";
    my $self = bless { socket => $socket, owner => $$ }, $class;
    $self->{pid} = fork // die "fork: $!";
    return $self if $self->{pid};
    local $SIG{CHLD} = 'IGNORE';
    while (my $peer = $socket->accept) {
        my $head = '';
        while (my $line = <$peer>) { $head .= $line; last if $line =~ /^\r?\n\z/ }
        if ($serve) {
            next if fork;
            $peer->autoflush;
            $serve->($peer, $head);
            POSIX::_exit(0);
        }
        my ($status, $headers, $body) = $answer->($head);
        print $peer join("\r\n", "HTTP/1.0 $status", @$headers, 'Content-Length: ' . length $body, '', ''), $head =~ /^HEAD / ? '' : $body;
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
