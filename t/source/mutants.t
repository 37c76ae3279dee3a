# The lists of breakages for ./dev mutants fit the sources: each text is found exactly once. That tests notice them is what
# the command itself shows, which takes longer.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Mutants;
use CloudEP::Process qw(spew);
use File::Temp qw(tempdir);
use Test::More;

chdir CloudEP::Httpd::top() or die;
my @entries = CloudEP::Mutants::entries();
cmp_ok(scalar @entries, '>=', 250, 'there are breakages');
is_deeply([map { my $fault = CloudEP::Mutants::fault($_); $fault ? "$_->{list}: $_->{name}: $fault" : () } @entries], [],
    'each is of a text that is found once, and names tests');

my %named;
$named{ $_->{name} }++ for @entries;
is_deeply([grep { $named{$_} > 1 } sort keys %named], [], 'each has a name of its own');
my @explained = grep { $_->{reason} } @entries;
cmp_ok(20 * @explained, '<=', scalar @entries, 'at most one of twenty is listed with a reason instead of tests');

# ---- what is wrong with an entry is found
my $dir = tempdir(CLEANUP => 1);

# The fault of an entry of that text.
sub fault_of {
    my ($text) = @_;
    spew("$dir/list.txt", $text);
    my ($entry) = CloudEP::Mutants::entries("$dir/list.txt");
    return CloudEP::Mutants::fault($entry);
}

spew("$dir/once.c", "int one;\nint two;\nint two;\n");
my $head = "something\n  $dir/once.c\n";
my $test = "  t/source/mutants.t\n";
is(fault_of("$head$test- int one;\n+ int three;\n"), '', 'a good entry');
is(fault_of("$head$test- int one;\n- int two;\n"), '', 'one of two lines that are left out');
is(fault_of("$head- int one;\n= nothing depends on it\n"), '', 'one with a reason');
like(fault_of("$head$test- int two;\n+ int three;\n"), qr/found 2 times/, 'a text that is there twice');
like(fault_of("$head$test- int four;\n"), qr/found 0 times/, 'a text that is not there any more');
like(fault_of("$head- int one;\n"), qr/either tests or a reason/, 'neither tests nor a reason');
like(fault_of("$head$test- int one;\n= nothing depends on it\n"), qr/either tests or a reason/, 'both');
like(fault_of("$head  t/unit/nowhere_test.c\n- int one;\n"), qr/not there: t.unit.nowhere/, 'a test that is not there');
like(fault_of("something\n  $dir/nowhere.c\n$test- int one;\n"), qr/no file/, 'a file that is not there');
like(fault_of("$head$test- int one;\n+ int one;\n"), qr/changes nothing/, 'a change that is none');
like(fault_of("$head$test"), qr/no text/, 'no text');
like(fault_of("$head$test- int one;\nint three;\n"), qr/strange line/, 'a line without a mark');
done_testing();
