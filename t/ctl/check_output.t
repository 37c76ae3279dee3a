# cloudepctl check: how it runs httpd, and what it makes of each thing that an httpd may say. In httpd's place are programs
# that say it.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Process qw(spew);
use CloudEP::Test;
use JSON::PP ();

my $bin = CloudEP::Test::Servers::own_folder('bin');
my $ctl = CloudEP::Ctl->new(environment => { PATH => $bin });
my %good = (server => 's', part => 'p', state => 'good', message => 'm');

# A program of that name that runs these lines of a shell; its path.
sub program {
    my ($name, @lines) = @_;
    spew("$bin/$name", join "\n", '#!/bin/sh', @lines, '');
    chmod 0755, "$bin/$name" or die "$bin/$name: $!";
    return "$bin/$name";
}

sub finding {
    my (%finding) = (%good, @_);
    return q(echo 'cloudep-check ) . JSON::PP->new->canonical->encode(\%finding) . q(');
}

# Exit status, and what was found: a line each.
sub check {
    my (@options) = @_;
    my ($status, $output, $errors) = $ctl->run('check', @options, '--json');
    my $list = (eval { JSON::PP->new->utf8->decode($output) } // {})->{checks} // [];
    return join "\n", $status . $errors, map { "$_->{server}, $_->{part}, $_->{state}: $_->{message}" } @$list;
}

sub of { return check('--httpd', program('given', @_)) }

# ---- what it says
is(of(finding(state => 'off'), finding(), finding(state => 'doubtful'), finding(state => 'bad')),
    "1\ns, p, bad: m\ns, p, doubtful: m\ns, p, good: m\ns, p, off: m", 'what is wrong comes first, what is off last');
is(of(finding(state => 'doubtful')), "0\ns, p, doubtful: m", 'a doubt is not wrong');
is(of(finding(), 'echo x'), "0\nhttpd, configuration, doubtful: x\ns, p, good: m", 'what is no finding is a doubt');
is(of(finding(), 'echo x >&2'), "0\nhttpd, configuration, doubtful: x\ns, p, good: m", 'also on the other stream');
is(of('echo x', 'echo y', 'exit 1'), "1\nhttpd, configuration, bad: x\nhttpd, configuration, bad: y", 'or wrong where httpd refuses it');
is(of(q(echo '[Sun Nov 29] [core:error]  [pid 1] AH1: [it] is'), finding()), "0\nhttpd, configuration, doubtful: AH1: [it] is\ns, p, good: m",
    'time, module and process are left out');
is(of("echo '[never closed'", finding()), "0\nhttpd, configuration, doubtful: [never closed\ns, p, good: m", 'a bracket that does not end is text');
is(of(finding(), map { "echo '$_'" } 'Syntax OK', '[x] AH00558: no name', 'AH00014: it failed', 'AH00013: it failed', "Action \"x\" failed",
        'The Apache error log may have more'),
    "0\nhttpd, configuration, doubtful: Action \"x\" failed\ns, p, good: m", 'what the exit status says is not said twice');
is(of(finding(), q(echo "Action '-t' failed.")), "0\ns, p, good: m", 'nor that the action failed');
is(of('exit 1'), "1\nhttpd, configuration, bad: httpd refuses it and says nothing", 'a refusal without a word is told');
is(of(finding(), 'exit 1'), "1\nhttpd, configuration, bad: httpd refuses it and says nothing\ns, p, good: m", 'beside findings, too');
is(of('exit 0'), "1\nhttpd, configuration, bad: no server in it uses CloudEP: LoadModule cloudep_module, and Include cloudep.conf",
    'a configuration without CloudEP is told');
like(of('echo cloudep-check nonsense', q(echo 'cloudep-check {"server": "s"}')), qr/\A1\nhttpd, configuration, bad: no server/,
    'a finding that is none is passed over');
my ($long) = of(finding(), '/usr/bin/head -c 400000 /dev/zero | /usr/bin/tr "\\0" x', 'echo end') =~ /\A0\n.*: (x+)$/m;
ok(length $long > 250_000 && length $long < 262_144, 'of an output without end a part is read') or diag(length $long);

# ---- how it is run
my $says = 'echo "$0: $*"';
is(check('--httpd', program('given', $says, finding()), '--config', '/etc/x.conf'),
    "0\nhttpd, configuration, doubtful: $bin/given: -t -D CLOUDEP_CHECK -f /etc/x.conf\ns, p, good: m", 'with the configuration that is given');
is(check('--httpd', "$bin/given"), "0\nhttpd, configuration, doubtful: $bin/given: -t -D CLOUDEP_CHECK\ns, p, good: m", 'or its own');
for my $name (qw(httpd apachectl apache2ctl)) {
    program($name, $says, finding());
    is(check(), "0\nhttpd, configuration, doubtful: $bin/$name: -t -D CLOUDEP_CHECK\ns, p, good: m", "$name is tried before what was there so far");
}
for my $case (['exit 127', 'that says it cannot be run'], ['kill -9 $$', 'that dies']) {
    $ctl->fails(4, qr/httpd cannot be run: name its program or apachectl with --httpd/, "a program $case->[1]", 'check', '--httpd', program('given', $case->[0]));
}
chmod 0644, "$bin/apache2ctl";
unlink "$bin/httpd", "$bin/apachectl";
$ctl->fails(4, qr/httpd cannot be run/, 'one that may not be run', 'check');

# ---- files of the account pages
my $folder = CloudEP::Test::Servers::own_folder('pages');
spew("$folder/portal.json", '{}');
spew("$folder/theme.css", '');
is(check('--httpd', program('given', finding()), '--portal', $folder, '--portal', "$folder/none"),
    "1\naccount pages, files, bad: $folder/none/portal.json: No such file or directory\n"
        . "account pages, files, bad: $folder/none/theme.css: No such file or directory\ns, p, good: m\naccount pages, files, good: $folder can be used",
    'each folder is looked at, and told');

finish();
