# Every directive is set by some test: in a configuration by its name, or in the settings of a unit test. And each has the
# default and the bounds that t/directives.tsv says once more, so that none changes by the way.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp);
use CloudEP::Source qw(described);
use File::Find ();
use JSON::PP ();
use Test::More;

chdir CloudEP::Httpd::top() or die;

# With a reason, those that no test here could tell set from not set.
my %UNTESTED = (CloudEPZitadelConnectTimeout => 'on the loopback interface the kernel connects or refuses at once');

my ($configurations, $units) = ('', '');
File::Find::find({ no_chdir => 1, wanted => sub {
            return $File::Find::prune = 1 if $_ eq 't/source' || $_ eq 't/lib' || $_ eq 't/mutants';
            $configurations .= slurp($_) if /\.(?:t|in)$/;
            $units .= slurp($_) if m{^t/unit/\w+\.[ch]$};
} }, 't');
my %member = reverse slurp('common/core/settings.h') =~ /^\s+[A-Z]+\((\w+), "(CloudEP\w+)"/mg;
cmp_ok(scalar keys %member, '>', 90, 'the members of settings were read');

my @unset;
for my $name (map { $_->{name} } described('directives')) {
    my $set = $configurations =~ /\b$name\b/ || ($member{$name} && $units =~ /\bconfig\.$member{$name} =/);
    push @unset, $name if !$set && !$UNTESTED{$name};
    ok(!$set, "$name is still untested: $UNTESTED{$name}") if $UNTESTED{$name};
}
is_deeply(\@unset, [], 'every directive is set by some test');

# ---- kind, context, default and bounds

sub shown { return !defined $_[0] ? '-' : JSON::PP::is_bool($_[0]) ? ($_[0] ? 'On' : 'Off') : $_[0] }

my ($head, @rows) = split /\n/, slurp('t/directives.tsv');
my @columns = split /\t/, $head;
my %expected = map { (split /\t/)[0] => $_ } @rows;
my %declared = map { my $directive = $_; $directive->{name} => join "\t", map { shown($directive->{$_}) } @columns } described('directives');
is_deeply([sort keys %declared], [sort keys %expected], 't/directives.tsv has every directive and no other');
is($declared{$_}, $expected{$_}, "$_: @columns[1 .. $#columns]") for sort keys %expected;
done_testing();
