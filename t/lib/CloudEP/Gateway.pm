package CloudEP::Gateway;

# A real HTTP server that plays an SMS gateway (t/sms/gateway.py): keeps what it takes and fails on demand.

use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(spawn finish alive wait_until free_port run slurp spew);
use File::Path qw(make_path);
use JSON::PP ();

# run => folder for its files, log => file; tls => 1: it speaks https; name => whom its certificate is for in place of
# 127.0.0.1
sub new {
    my ($class, %self) = @_;
    return bless \%self, $class;
}

sub start {
    my ($self) = @_;
    make_path($self->{run});
    my @options = $self->{tls} ? ('--certificate', $self->certificate, '--key', "$self->{run}/gateway.key") : ();
    push @options, '--port', $self->{port} //= free_port();
    unlink "$self->{run}/gateway.port";
    $self->{pid} = spawn($self->{log}, {}, '/usr/bin/python3', CloudEP::Httpd::top() . '/t/sms/gateway.py', @options,
        $self->{run});
    wait_until(20, sub {
            alive($self->{pid}) or die 'the SMS gateway did not start: ', slurp($self->{log}), "\n";
            return (eval { slurp("$self->{run}/gateway.port") } // '') eq "$self->{port}\n";
    }) or die "the SMS gateway did not say its port\n";
    return $self;
}

# The file with its certificate, which is its own authority.
sub certificate {
    my ($self) = @_;
    my $file = "$self->{run}/gateway.crt";
    my $name = $self->{name} ? "DNS:$self->{name}" : 'IP:127.0.0.1';
    run(undef, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext), "subjectAltName=$name",
        '-keyout', "$self->{run}/gateway.key", '-out', $file) unless -s $file;
    return $file;
}

sub url { ($_[0]{tls} ? 'https' : 'http') . "://127.0.0.1:$_[0]{port}" . ($_[1] // '/') }

sub stop {
    my ($self) = @_;
    finish(delete $self->{pid}, 'TERM') if $self->{pid};
}

# From the next request on: "ok", "503 text", "slow 3", "drop" or "deaf"; see gateway.py.
sub behave {
    my ($self, $how) = @_;
    spew("$self->{run}/gateway.mode", $how);
}

# What single numbers are answered: lines "number status text".
sub rules {
    my ($self, @rules) = @_;
    spew("$self->{run}/gateway.rules", join '', map { "$_\n" } @rules);
}

# What it has taken, oldest first; with a pattern, only what has that in its body or query.
sub taken {
    my ($self, $pattern) = @_;
    my @texts = map { slurp($_) } sort glob "$self->{run}/taken/*.json";
    return map { JSON::PP->new->utf8->decode($_) } grep { !defined $pattern || /\Q$pattern\E/ } @texts;
}

1;
