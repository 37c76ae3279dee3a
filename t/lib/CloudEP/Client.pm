package CloudEP::Client;

# HTTP for the tests: JSON requests, bytes sent as they are, and many requests at the same instant.
#
# All goes over plain sockets, one connection a request, bound to a client address of this process's own in
# 127.0.0.0/8: so parallel tests share no per-address limit, and error log lines can be told apart.

use strict;
use warnings;
use Errno qw(EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $OWN_ADDRESS = join '.', 127, map { 1 + int rand 253 } 1 .. 3;

# port => httpd's, token => access token sent with every request, address => client address, watch => called with each
# request, [METHOD, path, data, headers...], and its answer
sub new {
    my ($class, %self) = @_;
    $self{address} //= $OWN_ADDRESS;
    $self{timeout} //= 60;
    return bless \%self, $class;
}

sub own_address { $OWN_ADDRESS }

# A client for the same server that differs in some values (token => undef: without a token).
sub with {
    my ($self, %values) = @_;
    return (ref $self)->new(%$self, %values);
}

sub get { my ($self, $path, @headers) = @_; $self->request(GET => $path, undef, @headers) }
sub post { my ($self, $path, $data, @headers) = @_; $self->request(POST => $path, $data, @headers) }
sub patch { my ($self, $path, $data, @headers) = @_; $self->request(PATCH => $path, $data, @headers) }
sub delete { my ($self, $path, @headers) = @_; $self->request(DELETE => $path, undef, @headers) }

# One request; see bytes() for the arguments.
sub request {
    my ($self, @request) = @_;
    return ($self->parallel([@request]))[0];
}

# Several requests, each [METHOD, path, data, headers...], all on their way before the first is answered: every
# connection is made and filled up to its last byte, then the last bytes go out together. Returns the answers in order.
sub parallel {
    my ($self, @requests) = @_;
    my @raw = $self->exchange(map { $self->bytes(@$_) } @requests);
    my @responses = map { CloudEP::Client::Response->new($requests[$_][0], $requests[$_][1], $raw[$_]) } 0 .. $#requests;
    if ($self->{watch}) {
        $self->{watch}->($requests[$_], $responses[$_]) for 0 .. $#requests;
    }
    return @responses;
}

# The bytes of a request. $data: a structure becomes JSON, a string is sent as it is; headers are name => value, and
# undef as a value leaves a header out.
sub bytes {
    my ($self, $method, $path, $data, @headers) = @_;
    my %headers = (
        Host => "127.0.0.1:$self->{port}",
        Connection => 'close',
        defined $self->{token} ? (Authorization => "Bearer $self->{token}") : (),
    );
    my $body = '';
    if (defined $data) {
        $body = ref $data ? $json->encode($data) : $data;
        @headers{ 'Content-Type', 'Content-Length' } = ('application/json', length $body);
    }
    while (my ($name, $value) = splice @headers, 0, 2) {
        my ($known) = grep { lc $_ eq lc $name } keys %headers;
        $headers{ $known // $name } = $value;
    }
    return "$method $path HTTP/1.1\r\n"
        . join('', map { "$_: $headers{$_}\r\n" } grep { defined $headers{$_} } sort keys %headers) . "\r\n$body";
}

# Sends bytes as they are and reads until httpd closes; returns all of it. For what is not proper HTTP, or for
# several requests on one connection.
sub raw {
    my ($self, $bytes) = @_;
    return ($self->exchange($bytes))[0];
}

sub connection {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port}, LocalAddr => $self->{address},
        Timeout => $self->{timeout}) or die "no connection to httpd: $@\n";
    $socket->blocking(0);
    return $socket;
}

sub exchange {
    my ($self, @bytes) = @_;
    my @sockets = map { $self->connection } @bytes;
    my @answers = ('') x @bytes;
    my $deadline = time + $self->{timeout};
    my %number = map { fileno($sockets[$_]) => $_ } 0 .. $#sockets;

    # A few bytes at a time would do no good: a request fits the socket's buffer.
    for my $part (sub { substr $_[0], 0, -1, '' }, sub { $_[0] }) {
        for my $i (0 .. $#sockets) {
            my $piece = $part->($bytes[$i]);
            send_all($sockets[$i], $piece, $deadline);
        }
    }
    my $open = IO::Select->new(@sockets);
    while ($open->count) {
        my $left = $deadline - time;
        $left > 0 or die $open->count . " of " . @sockets . " requests had no answer after $self->{timeout} s\n";
        for my $socket ($open->can_read($left)) {
            my $read = sysread $socket, my $buffer, 65536;
            next if !defined $read && $! == EWOULDBLOCK;
            if ($read) {
                $answers[$number{ fileno $socket }] .= $buffer;
                next;
            }
            $open->remove($socket);
            close $socket;
        }
    }
    return @answers;
}

# httpd may refuse a request before it has all of it; then it closes, and its answer is there to be read.
sub send_all {
    my ($socket, $bytes, $deadline) = @_;
    local $SIG{PIPE} = 'IGNORE';
    while (length $bytes) {
        my $sent = syswrite $socket, $bytes;
        if (defined $sent) {
            substr $bytes, 0, $sent, '';
        }
        elsif ($! == EWOULDBLOCK) {
            time < $deadline or die "httpd does not take the request\n";
            IO::Select->new($socket)->can_write(1);
        }
        else {
            return;
        }
    }
}

package CloudEP::Client::Response;

# One answer: method and path asked for, status, headers (names in lower case), body, and if it is our envelope
# also json, code, data, errors and request_id.

sub new {
    my ($class, $method, $path, $raw) = @_;
    my $self = bless { method => $method, path => $path =~ s/\?.*//r, raw => $raw, status => 0, headers => {},
        body => '' }, $class;
    my ($head, $body) = split /\r\n\r\n/, $raw, 2;
    ($head, $body) = split /\r\n\r\n/, $body, 2 while defined $head && $head =~ m{^HTTP/1\.1 1\d\d };
    defined $head && $head =~ s{^HTTP/1\.[01] (\d{3})[^\r\n]*(?:\r\n|\z)}{} or return $self;
    $self->{status} = $1;
    for my $line (split /\r\n/, $head) {
        my ($name, $value) = split /:\s*/, $line, 2;
        my $known = \$self->{headers}{ lc $name };
        $$known = defined $$known ? "$$known, $value" : $value;
    }
    $body = unchunk($body) if ($self->{headers}{'transfer-encoding'} // '') =~ /chunked/i;
    $self->{body} = $body;
    $self->{json} = eval { $json->decode($body) };
    return $self;
}

sub unchunk {
    my ($rest) = @_;
    my $body = '';
    while ($rest =~ s/^([0-9A-Fa-f]+)[^\r\n]*\r\n//) {
        my $length = hex $1;
        $body .= substr $rest, 0, $length, '';
        $rest =~ s/^\r\n//;
        last if !$length;
    }
    return $body;
}

sub method { $_[0]{method} }
sub path { $_[0]{path} }
sub raw { $_[0]{raw} }
sub status { $_[0]{status} }
sub headers { $_[0]{headers} }
sub header { $_[0]{headers}{ lc $_[1] } }
sub body { $_[0]{body} }
sub json { $_[0]{json} }
sub code { ref $_[0]{json} eq 'HASH' ? $_[0]{json}{code} : undef }
sub data { ref $_[0]{json} eq 'HASH' ? $_[0]{json}{data} : undef }
sub errors { ref $_[0]{json} eq 'HASH' ? $_[0]{json}{errors} : undef }
sub request_id { ref $_[0]{json} eq 'HASH' ? $_[0]{json}{request_id} : undef }

1;
