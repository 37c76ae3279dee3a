# The ledger test of "./dev soak" in short: every kind of fault at least once, nothing acknowledged is lost.
use strict;
use warnings;
use CloudEP::Process qw(capture);
use CloudEP::Soak::Faults;
use CloudEP::Test;
use File::Path qw(remove_tree);

my $dir = "$ENV{CLOUDEP_VAR}/test/own/$$.ledger";
my ($status, $output, $errors) = capture(undef, $^X, '-It/lib', 't/soak/ledger.pl', '--seconds', 40, '--clients', 6,
    '--pause', 0.7, '--hold', 0.8, '--dir', $dir);
diag("\n$output$errors") if $status;
is($status, 0, 'no promise was broken');
like($output, qr/^violations +0$/m, 'and the table says so');
my ($requests) = $output =~ /^requests +(\d+)$/m;
cmp_ok($requests // 0, '>', 200, 'under load');
for my $kind (CloudEP::Soak::Faults::kinds()) {
    like($output, qr/^fault: \Q$kind\E +[1-9]/m, "fault: $kind");
}
remove_tree($dir) if !$status;
finish();
