# What the whole suite leaves behind; runs after all other files.
use strict;
use warnings;
use CloudEP::Matrix;
use CloudEP::Process qw(slurp);
use CloudEP::Test;

my $suite = "$ENV{CLOUDEP_VAR}/test";

# ---- the contract
my $matrix = CloudEP::Matrix->new(contract => 't/responses.tsv', seen => "$suite/seen.tsv");
diag("\n", $matrix->table);

# Answers that the design adds to the contract: wrong method or media type, body too large, throttled, overloaded, an
# invite that is not there or over, a body that no JSON parser takes.
my %added = map { $_ => 1 } '405 10105000', '415 10105000', '413 10103000', '503 10603000', '429 28604000', '429 29604000';
for my $operation ($matrix->operations) {
    my @extra = grep { !$added{$_} } $matrix->extra($operation);
    ok(!@extra, "$operation answered only what the contract or the design lists") or diag("also seen: @extra");
}

finish();
