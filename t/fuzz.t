# The corpora of t/fuzz through the fuzzers' code: inputs that once broke something, and the shapes worth starting from.
use strict;
use warnings;
use CloudEP::Process qw(capture);
use Test::More;

my @topics = map { m{(\w+)_fuzz\.c$} } glob 't/fuzz/*_fuzz.c';
cmp_ok(scalar @topics, '>', 5, 'there are fuzzers');
for my $topic (@topics) {
    my @inputs = glob "t/fuzz/corpus/$topic/*";
    cmp_ok(scalar @inputs, '>', 3, "$topic: there is a corpus") or next;
    ok(-s "t/fuzz/dictionaries/$topic.dict", "$topic: there is a dictionary");
    my ($status, $output, $errors) = capture(undef, "$ENV{CLOUDEP_BUILD}/replay/${topic}_fuzz", @inputs);
    my $passed = () = $output =~ /^ok /mg;
    is($status, 0, "$topic: ends well") or diag($errors);
    is($passed, scalar @inputs, "$topic: every input") or diag((split /\n/, $output)[-1] // '');
}
my %known = map { $_ => 1 } @topics;
my @strays = grep { !$known{$_} } map { m{([^/]+?)(?:\.dict)?$} } glob 't/fuzz/corpus/* t/fuzz/dictionaries/*';
is("@strays", '', 'no corpus or dictionary without its fuzzer');

# A program that runs nothing is no proof.
is((capture(undef, "$ENV{CLOUDEP_BUILD}/replay/$topics[0]_fuzz"))[0], 1, 'replaying nothing is a failure');
done_testing();
