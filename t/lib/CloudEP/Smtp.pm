package CloudEP::Smtp;

# A real SMTP server (t/smtp/server.py) that keeps every mail as a file and fails on demand.

use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(spawn finish alive wait_until free_port run slurp spew);
use File::Path qw(make_path);

# mail => folder of the mails, run => folder for its files, log => file; tls => 1: STARTTLS is needed first;
# login => "user:password": it is needed before a mail; offer => what EHLO says of AUTH in place of the truth;
# name => whom its certificate is for in place of 127.0.0.1.
sub new {
    my ($class, %self) = @_;
    return bless \%self, $class;
}

sub start {
    my ($self) = @_;
    make_path($self->{mail}, $self->{run});
    my @options;
    if ($self->{tls}) {
        $self->certificate;
        push @options, '--certificate', $self->certificate, '--key', "$self->{run}/smtp.key";
    }
    push @options, '--login', $self->{login} if $self->{login};
    push @options, '--offer', $self->{offer} if defined $self->{offer};
    push @options, '--port', $self->{port} //= free_port();
    my $program = CloudEP::Httpd::top() . '/t/smtp/server.py';
    unlink "$self->{run}/smtp.port";
    $self->{pid} = spawn($self->{log}, {}, '/usr/bin/python3', $program, @options, $self->{mail}, $self->{run});
    wait_until(20, sub {
            alive($self->{pid}) or die 'the SMTP server did not start: ', slurp($self->{log}), "\n";
            return (eval { slurp("$self->{run}/smtp.port") } // '') eq "$self->{port}\n";
    }) or die "the SMTP server did not say its port\n";
    return $self;
}

# The file with its certificate, which is its own authority.
sub certificate {
    my ($self) = @_;
    my $file = "$self->{run}/smtp.crt";
    my $name = $self->{name} ? "DNS:$self->{name}" : 'IP:127.0.0.1';
    run(undef, qw(openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test -addext), "subjectAltName=$name",
        '-keyout', "$self->{run}/smtp.key", '-out', $file) unless -s $file;
    return $file;
}

sub port { $_[0]{port} }
sub address { "127.0.0.1:$_[0]{port}" }

sub stop {
    my ($self) = @_;
    finish(delete $self->{pid}, 'TERM') if $self->{pid};
}

# From the next mail on: "ok", "451 text" or "550 text" as the answer to RCPT, "drop" cuts the connection, "slow N"
# waits N seconds before each answer.
sub behave {
    my ($self, $how) = @_;
    spew("$self->{run}/smtp.mode", $how);
}

# What single mails are answered: lines "RCPT|DATA|END address reply".
sub rules {
    my ($self, @rules) = @_;
    spew("$self->{run}/smtp.rules", join '', map { "$_\n" } @rules);
}

# What the next session is answered at EHLO, AUTH, MAIL, RCPT, DATA or END: "EHLO 550 text".
sub once {
    my ($self, $how) = @_;
    spew("$self->{run}/smtp.once", $how);
}

# The commands so far, each a line; forgets them when told so.
sub seen {
    my ($self, $forget) = @_;
    my $text = eval { slurp("$self->{run}/smtp.seen") } // '';
    unlink "$self->{run}/smtp.seen" if $forget;
    return $text;
}

1;
