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

# ---- doc/webauthn.md has each step with the function whose line names it, or the ones that do

# "7.1 step 5 client_data.c cloudep_client_data_check" => 1. A comment in a function is of it, any other of the next one.
my %found;
for my $file (glob('common/base/webauthn/*.c'), glob('common/*/passkey*.c'), 'common/wire/v1/passkey.c', 't/browser/page.js') {
    my ($function, @open, $inside) = ('');
    my @lines = split /\n/, slurp($file);
    my $comment = 0;
    for my $i (0 .. $#lines) {
        my $line = $lines[$i];
        ($function) = $line =~ /(\w+)\(/ if $line =~ m{^(?:static |async |cloudep_|apr_|json_|int |void |const )} && $line =~ /\w\(/;
        $function = ($line =~ /^(\w+)\(/)[0] if $line =~ /^verify\(/;
        $comment = 1 if $line =~ m{/\*};
        while ($comment && $line =~ /(7\.[12])((?:(?:,| and)? step \d+)+)/g) {
            my ($section, $steps) = ($1, $2);
            push @open, map { "$section step $_" } $steps =~ /\d+/g;
        }
        $comment = 0 if $line =~ m{\*/};
        $inside = 1 if $line =~ /^\{$|^async .*\{$/;
        if ($inside) {
            $found{"$_ | $file | $function"} = 1 for splice @open;
        }
        $inside = 0 if $line eq '}';
    }
}
my %told = map { ("$_->[0] | $_->[1] | $_->[2]" => 1) } map { [/^\| (7\.[12] step \d+) \| [^|]+ \| `([^`]+)` \| `(\w+)` \|$/] }
    grep { /^\| 7\./ } split /\n/, slurp('doc/webauthn.md');
is_deeply([sort keys %told], [sort keys %found], 'doc/webauthn.md has every step, with the functions that do it')
    or diag(join "\n", (map { "not told: $_" } grep { !$told{$_} } sort keys %found), map { "not there: $_" } grep { !$found{$_} } sort keys %told);
my %steps = map { (/^(7\.[12] step \d+)/ ? ($1 => 1) : ()) } keys %found;
is_deeply([grep { !$steps{$_} } map { my $section = $_; map { "$section step $_" } 1 .. $STEPS{$section} } sort keys %STEPS], [], 'none is left to nobody');
done_testing();
