package CloudEP::Test::Logs;

# What httpd may log while a test runs, and what of the logs is wrong at its end.

use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Process qw(slurp);
use CloudEP::Secrets;
use Exporter 'import';

our @EXPORT = qw(expect_log);

my (@expected, $server, $log_start, %reports_before);

# Says that httpd will log errors that match, as a consequence of what this test does.
sub expect_log {
    push @expected, @_;
}

sub reports { return glob "$ENV{CLOUDEP_VAR}/test/reports/*" }

# From here on the log of the shared server and the sanitizers' reports count.
sub begin {
    ($server) = @_;
    $log_start = $server->log_size;
    %reports_before = map { $_ => 1 } reports();
}

# What is wrong with the shared server's log, a text each.
sub shared_faults {
    return unexpected($server->log($log_start), CloudEP::Client::own_address());
}

# What is wrong with a server of the test's own after its end with that wait status.
sub own_faults {
    my ($own, $status) = @_;
    my $log = $own->log;
    return (
        ($status ? "httpd ended with status $status" : ()), unexpected($log),
        map { "a secret in the log: $_" } CloudEP::Secrets->new("$ENV{CLOUDEP_VAR}/test/secrets")->find_in_log($log),
    );
}

# What sanitizers have reported since the start.
sub sanitizer_faults {
    return map { "sanitizer: $_\n" . slurp($_) } grep { !$reports_before{$_} } reports();
}

my $CRASH = qr/exit signal(?! Killed)|AddressSanitizer|runtime error:|Assertion|stack smashing|double free|malloc\(\)/;

# The lines that should not be in a log: crashes anywhere, whatever is expected, and errors that are not, on the shared
# server only those of our requests.
sub unexpected {
    my ($log, $address) = @_;
    my @found;
    for my $line (split /\n/, $log) {
        next if $line =~ /AH03092/;    # mpm_event says so of a connection that is left when a child stops
        next if $line =~ /AH00484|AH10159/;    # all threads, or nearly, were busy for a moment: the machine may be slower than the clients
        if ($line =~ $CRASH) {
            push @found, $line;
            next;
        }
        next if $line !~ /exit signal Killed/
            && ($line !~ /^\[[^\]]*\] \[[^\]]*:(?:emerg|alert|crit|error)\]/ || $address && $line !~ /\[client \Q$address\E:/);
        push @found, $line unless grep { $line =~ $_ } @expected;
    }
    return @found;
}

1;
