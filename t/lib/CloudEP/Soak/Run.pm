package CloudEP::Soak::Run;

# The ledger test as a part of the suite: runs t/soak/ledger.pl in a folder of its own.

use strict;
use warnings;
use CloudEP::Process qw(capture);
use CloudEP::Soak::Faults;
use CloudEP::Test;
use Exporter 'import';
use File::Path qw(remove_tree);

our @EXPORT = qw(ledger keeps_promises);

# Returns exit status and output.
sub ledger {
    my (@options) = @_;
    my $dir = "$ENV{CLOUDEP_VAR}/test/own/$$.ledger";
    my ($status, $output, $errors) = capture(undef, $^X, '-It/lib', 't/soak/ledger.pl', '--dir', $dir, @options);
    remove_tree($dir) if !$status;
    return ($status, $output . $errors);
}

# Every kind of fault comes at least once, under load, and breaks no promise. $outside: with an outside provider.
sub keeps_promises {
    my ($outside, @options) = @_;
    my ($status, $output) = ledger(@options);
    diag("\n$output") if $status;
    is($status, 0, 'no promise was broken');
    like($output, qr/^violations +0$/m, 'and the table says so');
    my ($requests) = $output =~ /^requests +(\d+)$/m;
    cmp_ok($requests // 0, '>', 200, 'under load');
    like($output, qr/^$_ +[1-9]/m, "$_: in another style as well") for 'account me', 'account refresh', 'session logout';
    for my $kind (CloudEP::Soak::Faults::kinds($outside)) {
        like($output, qr/^fault: \Q$kind\E +[1-9]/m, "fault: $kind");
    }
}

1;
