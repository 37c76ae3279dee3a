# make install and uninstall: everything in its place, what was edited is kept, and an installed tree runs with a folder of
# templates that has a single file.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(capture run slurp spew);
use CloudEP::Test;
use File::Path qw(make_path);

my $root = CloudEP::Test::Servers::own_folder('install');
my $build = "$root/build";
run(undef, qw(cp -a), $ENV{CLOUDEP_BUILD}, $build);
my ($share, $conf, $sbin) = map { "$root/$_" } qw(share/cloudep conf/cloudep sbin);

# What is compiled anew, as DATADIR is another, is compiled as the build that it came from.
my $kind = { 1 => 'ASAN', thread => 'TSAN' }->{ $ENV{CLOUDEP_SANITIZE} // '' };
my @flags = map { "SANITIZE=$_" } $kind ? slurp(CloudEP::Httpd::top() . '/apxs.mk') =~ /^${kind}_FLAGS := (.*)$/m : ();

# Runs a target; returns what it said on standard error.
sub make {
    my ($target, %values) = @_;
    my %all = (BUILD => $build, DATADIR => $share, CONFDIR => $conf, SBINDIR => $sbin, LIBEXECDIR => "$root/modules", %values);
    my ($status, undef, $said) = capture(undef, qw(make -s -f apxs.mk), @flags, (map { "$_=$all{$_}" } sort keys %all), $target);
    is($status, 0, "make $target") or diag($said);
    return $said;
}
chdir CloudEP::Httpd::top() or die;

# ---- the first time; DATADIR is told at install only
make('install');
ok(-s "$root/share/$_", "$_ is installed") for qw(man/man8/cloudepctl.8 man/man5/cloudep.conf.5 bash-completion/completions/cloudepctl);
ok(-s "$root/modules/mod_$_.so", "mod_$_.so is installed") for qw(cloudep cloudep_auth cloudep_member);
ok(-s "$share/$_", "$_ is installed") for qw(sql/setup.sql templates/registration.en.txt portal/index.html portal/pages/sign-in.js);
like(run(undef, "$sbin/cloudepctl", qw(migrate --help)), qr{default \Q$share\E/sql}, 'cloudepctl looks where DATADIR is');
my $load = slurp("$conf/cloudep.load");
like($load, qr/^# Depends: dbd$/m, 'cloudep.load says what a2enmod enables before it');
like($load, qr{^LoadModule cloudep_module +\Q$root\E/modules/mod_cloudep\.so$}m, 'and where the modules are');
like(slurp("$conf/cloudep-api.conf"), qr{^Alias /account \Q$share\E/portal$}m, 'the pages are where cloudep-api.conf looks');
like(slurp("$conf/cloudep.conf"), qr{^CloudEPSigningKeys \Q$conf\E/signing\.jwks$}m, 'and the keys below CONFDIR');

# ---- an upgrade
is(make('install'), '', 'a second time says nothing');
ok(!glob("$conf/*.dist"), 'and leaves nothing beside');
my $edited = slurp("$conf/cloudep.conf") . "# mine\n";
spew("$conf/cloudep.conf", $edited);
spew("$conf/portal/theme.css", "/* mine */\n");
is(make('install'), '', 'an edited file is left alone, and nothing said while the new one is the one of before');
is(slurp("$conf/cloudep.conf"), $edited, 'as it was');
my $kept = "$share/installed/cloudep.conf";
spew($kept, slurp($kept) . "# of a version before\n");    # what that one had installed
like(make('install'), qr/\Q$conf\E\/cloudep\.conf has been edited and stays as it is; the new one is \S+\.dist/, 'a new one says where it is');
is(slurp("$conf/cloudep.conf"), $edited, 'the edited one is as it was');
is(slurp("$conf/cloudep.conf.dist"), slurp($kept), 'the new one is beside it');
is(slurp("$conf/portal/theme.css"), "/* mine */\n", 'so is what is the administrator\'s of the pages');
spew($_, "# of a version before\n") for "$share/installed/cloudep.load", "$conf/cloudep.load";
make('install');
is(slurp("$conf/cloudep.load"), $load, 'what nobody has edited is renewed');

# ---- it runs, with a folder that has one template
my $own = "$root/templates";
make_path($own);
spew("$own/registration.en.txt", "Subject: Ours\n\nYour number is {{code}}.\n");
my $server = own_server(build => "$root/modules", values => { CloudEPTemplateDir => $own, CloudEPIssuer => server()->url });
make_path("$root/modules");
symlink "$sbin/cloudepctl", "$root/modules/cloudepctl" or die;
$server->start;
my $address = fresh_email();
my $tenant = tenant();
outcome((register(tenant => $tenant, email => $address, client => client(server => $server)))[0], 200, 102000, 'a registration');
my ($mail) = $server->mails($address);
is($mail->{headers}{subject}, 'Ours', 'the one file counts');
unlike($mail->{html} // '', qr/\S/, 'without the HTML that is installed beside another text');
my $other = fresh_email();
outcome((register(tenant => $tenant, email => $other, client => client(server => $server), language => 'zh-TW'))[0], 200, 102000, 'one in a language that the folder lacks');
like(($server->mails($other))[0]{headers}{subject}, qr/[^\x00-\x7f]/, 'has the installed text');
$server->stop;
unlink "$root/modules/cloudepctl";

# ---- what a node without a compiler needs
my %listed = map { /^(\S+)\s+node\b/ ? ($1 => 1) : () } split /\n/, slurp('support/packages');
my %needed;
for my $file (glob("$root/modules/*.so"), "$sbin/cloudepctl") {
    my @names = run(undef, qw(objdump -p), $file) =~ /NEEDED\s+(\S+)/g;
    my %found = run(undef, 'ldd', $file) =~ /^\s+(\S+) => (\S+)/mg;
    for my $path (grep { defined } @found{@names}) {
        my (undef, $owner) = capture(undef, qw(dpkg -S), $path);
        (undef, $owner) = capture(undef, qw(dpkg -S), "/usr$path") if $owner !~ /:/;
        $needed{$1} = 1 if $owner =~ /^([^:]+):/;
    }
}
is(join(' ', grep { !$listed{$_} && !/^(?:libc6|libgcc-s1|libasan|libubsan|libtsan)/ } sort keys %needed), '', 'support/packages lists every library for "node"');
my $operations = slurp('doc/operations.md');
is(join(' ', grep { $operations !~ /(?<![\w-])\Q$_\E(?![\w-])/ } grep { $_ ne 'apache2-bin' } sort keys %listed), '', 'as does doc/operations.md');

# ---- and goes
my $said = make('uninstall');
like($said, qr/\Q$conf\E stays/, 'uninstall says that something stays');
is(join(' ', map { s{^\Q$root\E/}{}r } sort split /\n/, run(undef, 'find', (map { "$root/$_" } qw(modules sbin share conf)), '!', '-type', 'd')),
    'conf/cloudep/cloudep.conf conf/cloudep/portal/theme.css', 'nothing but what was edited is left');
finish();
