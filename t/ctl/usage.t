# What every command of cloudepctl has in common: help, exit codes, errors, and a database that is not there.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Source qw(described);
use CloudEP::Test;

my $none = CloudEP::Ctl->new;

# ---- help
my $overview = $none->done('--help', '--help');
my @commands = $overview =~ /^  ((?:migrate|[a-z]+ [a-z]+)) {2,}\S/mg;
cmp_ok(scalar @commands, '>=', 22, 'lists the commands');
is($none->done('no arguments', ()), $overview, 'no arguments show the same');
is($none->done($_, $_), $overview, "$_ shows the same") for qw(-h help);
like($none->done('-h of a command', qw(tenant add -h)), qr/^usage: cloudepctl tenant add/, '-h is --help');
for my $command (@commands) {
    my $help = $none->done("$command --help", split(/ /, $command), '--help');
    my @missing = grep { $help !~ $_ } qr/^usage: cloudepctl $command/m, qr/^examples:\n  cloudepctl $command/m,
        qr/^exit codes: 0 done, .*6 not found/m, qr/^  --json /m, qr/^  --database CONNINFO /m;
    ok(!@missing, "$command --help has usage, options, examples and exit codes") or diag("no @missing in\n$help");
}
is($none->done('--version', '--version'), 'cloudepctl ' . (described('version'))[0] . "\n", 'cloudepctl prints the version of the build');
like($none->done('help of a noun', qw(tenant --help)), qr/tenant add.*tenant list/s, 'lists its verbs');

# ---- which command is meant
my $verbs = $none->done('help of a noun', qw(tenant --help));
my @listed = $verbs =~ /^  ([a-z]+ [a-z]*) {2,}\S/mg;
cmp_ok(scalar @listed, '>=', 5, 'help of a noun lists its verbs');
is_deeply([grep { !/^tenant / } @listed], [], 'and no other noun');
is($none->done('-h', qw(tenant -h)), $verbs, '-h of a noun is the same');
is($none->done('a verb that there is not', qw(tenant burn --help)), $verbs, 'so is help of a verb that there is not');
like($none->done('help of a command', qw(tenant list --json --help)), qr/^usage: cloudepctl tenant list /, 'help of a command is its own, wherever it is asked for');
like($none->done('help of a command without a verb', qw(check --help)), qr/^usage: cloudepctl check /, 'also of one without a verb');
$none->fails(2, qr/no command burn; see cloudepctl --help/, 'a command that there is not', qw(burn list));
$none->fails(2, qr/no command burn; see cloudepctl --help/, 'has no help', qw(burn --help));
$none->fails(2, qr/tenant needs a verb; see cloudepctl tenant --help/, 'a noun without its verb', 'tenant');
$none->fails(2, qr/tenant has no verb burn; see cloudepctl tenant --help/, 'a verb that there is not', qw(tenant burn));
$none->fails(2, qr/burn is not an option/, 'a word behind a command', qw(tenant list burn));
$none->fails(2, qr/burn is not an option/, 'a word behind a command without a verb', qw(check burn));

my $ctl = CloudEP::Ctl->new(database => server->pg->dsn('cloudep_owner'));

# ---- wrong usage
$ctl->fails(2, qr/no command nonsense/, 'an unknown command', 'nonsense');
$ctl->fails(2, qr/tenant needs a verb/, 'a noun alone', 'tenant');
$ctl->fails(2, qr/tenant has no verb burn/, 'an unknown verb', qw(tenant burn));
$ctl->fails(2, qr/--nonsense/, 'an unknown option', qw(tenant list --nonsense));
$ctl->fails(2, qr/--slug is missing/, 'a required option left out', qw(tenant show));
$ctl->fails(2, qr/--limit is given twice/, 'an option twice', qw(tenant list --limit 1 --limit 2));
$ctl->fails(2, qr/extra is not an option/, 'a stray word', qw(tenant list extra));
$ctl->fails(2, qr/--limit must be a number/, "--limit $_", qw(tenant list --limit), $_) for qw(0 1001 -1 x 1x 99999999999999999999), '';
$ctl->fails(2, qr/--slug is not UTF-8/, 'bytes that are no UTF-8', qw(tenant show --slug), "\xff");
$ctl->fails(2, qr/\\u\{1B\}\[31m\\u\{202E\}/, 'control characters come back escaped', "\e[31m\xe2\x80\xae");

my ($code, $printed, $line) = $ctl->run(qw(tenant show --slug));
is("$code $printed$line", "2 cloudepctl: missing argument: --slug\n", 'an option without its argument');

# ---- a table lines up, however wide its characters are
my $wide = 'w-' . lc substr fresh_email(), 0, 10;
my %name = ("$wide-1" => 'plain', "$wide-2" => "\xe7\xa4\xba\xe7\xaf\x84", "$wide-3" => "e\xcc\x81t\xc3\xa9");    # two of two columns; a mark of none
my %columns = ("$wide-1" => 5, "$wide-2" => 4, "$wide-3" => 3);
$ctl->done("tenant $_", qw(tenant add --slug), $_, '--name', $name{$_}) for sort keys %name;
my $table = $ctl->done('for people', qw(tenant list --limit 3 --after), $wide);
for my $slug (sort keys %name) {
    my ($gap) = $table =~ /^\Q$slug\E +\Q$name{$slug}\E( +)yes/m;
    is(length($gap // '') + $columns{$slug}, 7, "$slug: the next column begins where the others do");
}
$ctl->done('and they go', qw(tenant delete --yes --slug), $_) for sort keys %name;

# ---- no database
$none->fails(2, qr/give --database or set CLOUDEP_DATABASE/, 'no database named', qw(tenant list));
my $nowhere = CloudEP::Ctl->new(database => 'host=/nonexistent dbname=cloudep');
$nowhere->fails(3, qr/^(?:cloudepctl: )?database: .*nonexistent/, 'no server there', @$_)
    for [qw(migrate --sql-dir sql)], [qw(tenant list)], [qw(invite list --tenant x)], [qw(member list --tenant x)],
    [qw(session list --tenant x)], [qw(lockout list --tenant x)], [qw(event list --tenant x)];
$nowhere->fails(3, qr/database/, 'a connection string that is none', qw(tenant list --database), 'nonsense');
$none->json('--database instead of the environment', qw(tenant list --database), server->pg->dsn('cloudep_owner'));

my $pg = own_postgres();
my $own = CloudEP::Ctl->new(database => $pg->dsn('cloudep_owner'));
$own->json('a server that runs', qw(tenant list));
$pg->stop;
$own->fails(3, qr/database/, 'a server that was stopped', qw(tenant list));
$pg->start;
$own->json('and that is back', qw(tenant list));
$pg->psql('DROP SCHEMA cloudep CASCADE');
$own->fails(3, qr/run cloudepctl migrate first/, 'no schema yet', qw(tenant list));

# A password never has to be on the command line.
my ($status, $output, $errors) = CloudEP::Ctl->new(environment => { CLOUDEP_DATABASE => '', PGHOST => server->pg->{run},
        PGDATABASE => 'cloudep', PGUSER => 'cloudep_owner' })->run(qw(tenant list --json));
is("$status $errors", '0 ', "libpq's own environment is enough");

# ---- output that goes nowhere
my $shell = join ' ', map { "'" . s/'/'\\''/gr . "'" } $ctl->command(qw(tenant list --json));
is(system("$shell >/dev/full 2>/dev/null") >> 8, 4, 'a full disk behind a redirect is a failure');

pipe my $reader, my $writer or die "pipe: $!";
close $reader;
my $pid = fork // die "fork: $!";
if (!$pid) {
    $SIG{PIPE} = 'DEFAULT';
    open STDOUT, '>&', $writer or die;
    open STDERR, '>', '/dev/null' or die;
    exec $ctl->command(qw(tenant list --json)) or die;
}
close $writer;
waitpid $pid, 0;
is($?, 4 << 8, 'a reader that has gone is one, too, and no death by a signal');

finish();
