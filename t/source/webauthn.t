# Each step of WebAuthn Level 3 7.1 and 7.2 is named by a line of common/base/webauthn: where it is done, or why it is not.
use strict;
use warnings;
use CloudEP::Process qw(slurp);
use Test::More;

my %STEPS = ('7.1' => 29, '7.2' => 25);
my $text = join "\n", map { slurp($_) } glob 'common/base/webauthn/*.[ch]';
ok($text, 'there are sources');
my %named;
while ($text =~ m{/\*(.*?)\*/}gs) {
    my $comment = $1 =~ s/\s+\*?\s*/ /gr;
    while ($comment =~ /(7\.[12]) (step \d+(?:(?:, | and )step \d+)*)/g) {
        my ($section, $steps) = ($1, $2);
        $named{$section}{$_} = 1 for $steps =~ /\d+/g;
    }
}
for my $section (sort keys %STEPS) {
    is(join(' ', sort { $a <=> $b } keys %{ $named{$section} }), join(' ', 1 .. $STEPS{$section}), "$section: each step and no other");
}
done_testing();
