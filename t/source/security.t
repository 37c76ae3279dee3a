# SECURITY.md speaks of what there is: directives, files, and each requirement of the four chapters once.
use strict;
use warnings;
use CloudEP::Process qw(slurp);
use CloudEP::Source qw(described);
use Test::More;

my $text = slurp('SECURITY.md');
my %code = map { $_->{name} => 1 } described('directives');
my @named = $text =~ /`(CloudEP\w++)(?!\.\.\.)/g;
cmp_ok(scalar @named, '>', 40, 'limits name their directives');
is_deeply([grep { !$code{$_} } @named], [], 'all of which exist');
is_deeply([grep { !-e } $text =~ m{`((?:t|common|doc)/[\w./]+)`}g], [], 'so do the files');

# How many requirements each section of ASVS 5.0 has.
my %SECTIONS = (6.1 => 3, 6.2 => 12, 6.3 => 8, 6.4 => 6, 6.5 => 8, 6.6 => 4, 6.7 => 2, 6.8 => 4, 7.1 => 3, 7.2 => 4, 7.3 => 2, 7.4 => 5,
    7.5 => 3, 7.6 => 2, 9.1 => 3, 9.2 => 4, '10.1' => 2, '10.2' => 3, '10.3' => 5, '10.4' => 16, '10.5' => 5, '10.6' => 2, '10.7' => 3);
my %seen;
for my $cell ($text =~ /^\| ([\d., to]+) \| (?:met|set|no|front end|operator|n\/a) \|/mg) {
    my @numbers = $cell =~ /(\d+\.\d+\.\d+)/g;
    if ($cell =~ /(\d+\.\d+)\.(\d+) to \1\.(\d+)/) {
        @numbers = map { "$1.$_" } $2 .. $3;
    }
    $seen{$_}++ for @numbers;
}
my @all = map { my $section = $_; map { "$section.$_" } 1 .. $SECTIONS{$section} } keys %SECTIONS;
is_deeply([sort grep { ($seen{$_} // 0) != 1 } @all], [], 'each requirement has its line');
is(scalar keys %seen, scalar @all, 'and there are no others');
done_testing();
