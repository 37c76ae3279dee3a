package CloudEP::Load;

# Clients in processes of their own, which go on while the test does something to the server under them.
#
#     my $load = CloudEP::Load->new($server->{dir});
#     $load->start(reader => sub { my ($count) = @_; judge($count, $client->get('/')) });
#     ...
#     my $sum = $load->end; # { answered, lost, wrong, ... }

use strict;
use warnings;
use CloudEP::Process qw(slurp spew);
use Exporter 'import';
use POSIX ();

our @EXPORT_OK = qw(judge);

# dir => folder for the files by which they are told to stop, and tell what they have counted
sub new {
    my ($class, $dir) = @_;
    return bless { stop => "$dir/load.stop", counts => "$dir/load.count", pids => [], owner => $$ }, $class;
}

# Calls $request->(\%count) again and again. One that dies has lost a request.
sub start {
    my ($self, $name, $request) = @_;
    my $pid = fork // die "fork: $!";
    return push @{ $self->{pids} }, $pid if $pid;
    my %count = (answered => 0, lost => 0, wrong => 0);
    eval {
        $request->(\%count) while !-e $self->{stop};
        1;
    } or $count{lost}++, warn $@;
    spew("$self->{counts}.$name", join ' ', %count);
    POSIX::_exit(0);
}

# Counts an answer, and shows the first wrong ones; true when it is a success.
sub judge {
    my ($count, $answer) = @_;
    my $how = !$answer->status ? 'lost' : $answer->status == 200 ? 'answered' : 'wrong';
    $count->{$how}++;
    warn $answer->method, ' ', $answer->path, ': ', $answer->status, ' ', substr($answer->body, 0, 200), "\n"
        if $how eq 'wrong' && $count->{wrong} <= 3;
    return $how eq 'answered';
}

# Stops them all; returns the sums of what they counted.
sub end {
    my ($self) = @_;
    spew($self->{stop}, '');
    waitpid $_, 0 for splice @{ $self->{pids} };
    my %sum;
    for my $file (glob "$self->{counts}.*") {
        my %count = split ' ', slurp($file);
        $sum{$_} += $count{$_} for keys %count;
    }
    return \%sum;
}

# A test that dies leaves none behind.
sub DESTROY {
    my ($self) = @_;
    local ($?, $!);
    return if $self->{owner} != $$;
    kill KILL => @{ $self->{pids} };
}

1;
