# "make install" puts the account pages where httpd.conf.d/cloudep-api.conf looks for them, and leaves alone what operators
# made their own.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(run slurp spew);
use File::Temp qw(tempdir);
use Test::More;

chdir CloudEP::Httpd::top() or die;
my $root = tempdir(CLEANUP => 1);
sub install { return run(undef, qw(make -s -f apxs.mk), "BUILD=$ENV{CLOUDEP_BUILD}", "DESTDIR=$root", 'install') }

install();
my $configuration = slurp('httpd.conf.d/cloudep-api.conf');
my %to = map { reverse /^Alias (\S+) (\S+)$/ } grep { /^Alias/ } split /\n/, $configuration;
is(join(' ', sort values %to), '/account /account/custom', 'two folders are served');
my ($custom, $pages) = sort { length $a <=> length $b } keys %to;
for my $file (grep { -f } glob('portal/* portal/pages/* portal/texts/*')) {
    my $there = "$root$pages/" . $file =~ s{^portal/}{}r;
    ok(-e $there && slurp($there) eq slurp($file), "$file is installed");
}
ok(-e "$root/etc/cloudep/cloudep-api.conf", 'and the configuration');
my @own = map { s{.*/}{}r } glob 'portal/custom/*';
cmp_ok(scalar @own, '>=', 3, "there are files for operators' own");
is(slurp("$root$custom/$_"), slurp("portal/custom/$_"), "$_ is there to begin with") for @own;

spew("$root$custom/$_", 'mine') for @own;
spew("$root$custom/more.svg", 'mine');
unlink "$root$pages/portal.css";
install();
is(slurp("$root$custom/$_"), 'mine', "$_ stays the operator's") for @own, 'more.svg';
ok(-e "$root$pages/portal.css", 'the pages themselves are renewed');
done_testing();
