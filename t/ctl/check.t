# cloudepctl check: each thing that would not work is found, named with its directive, and told by the exit code.
use strict;
use warnings;
use CloudEP::Ctl;
use CloudEP::Httpd;
use CloudEP::Process qw(free_port);
use CloudEP::Test;
use JSON::PP ();

my $ctl = CloudEP::Ctl->new(environment => CloudEP::Httpd::environment());
my $tenant = tenant();

# Writes the configuration; returns exit status and the findings by part, "state: message".
sub check {
    my (%options) = @_;
    my $server = own_server(%options);
    $server->prepare;
    $server->{httpd}->configure(CloudEP::Httpd::load_modules(build => $server->{build}), $options{text} // $server->configuration);
    my @command = ('check', '--httpd', CloudEP::Httpd::program(), '--config', $server->{httpd}->conf);
    my ($status, $output, $errors) = $ctl->run(@command, '--json');
    is($errors, '', 'nothing is said beside the document');
    my $list = (eval { JSON::PP->new->utf8->decode($output) } // {})->{checks} // [];
    my %found;
    push @{ $found{ $_->{part} } }, "$_->{state}: $_->{message}" for @$list;
    my ($plain, $text) = $ctl->run(@command);
    is($plain, $status, 'the exit code is the same without --json');
    return ($status, { map { $_ => join "\n", @{ $found{$_} } } keys %found }, $text, $list);
}

my ($status, $found, $text) = check();
is($status, 0, 'a good configuration') or diag($text);
like($found->{database}, qr/^good: PostgreSQL answers, and the schema is that of this version$/, 'database and schema');
like($found->{memcached}, qr/^good: every memcached answers$/, 'memcached');
like($found->{mail}, qr/^good: \S+:\d+ takes mails; "cloudepctl mail test" sends one$/, 'the mail server');
like($found->{'signing key'}, qr/^good: key \S+ \(ES256\) signs; 0 others beside it$/, 'the signing key');
like($found->{'sealing key'}, qr/^good: key \S+ \(A256GCM\) seals; 0 others beside it$/, 'the sealing key');
is($found->{SMS}, 'off: not configured: CloudEPSMSTransport', 'what is off is told as off');
like($text, qr/^SERVER +PART +STATE +MESSAGE\n(?:main server .*\n)+\z/, 'as a table without --json');
unlike($text, qr/\@/, 'no address of a mail is told');

# ---- what configtest refuses
($status, $found, $text, my $list) = check(values => { CloudEPIssuer => 'id.example.com' });
is($status, 1, 'a configuration that httpd refuses');
like($found->{configuration}, qr/^bad: CE1: signing key: CloudEPIssuer id\.example\.com: it must begin with https/, 'with its reason');
($status, $found) = check(with => ['CloudEPIsuer x']);
like($found->{configuration}, qr/^bad: .*Invalid command 'CloudEPIsuer'/m, "and httpd's own");
($status, $found) = check(values => { CloudEPIssuer => 'https://id.example.com/' });
is($status, 0, 'a doubt is not wrong');
like($found->{configuration}, qr{^doubtful: CE1303: CloudEPIssuer https://id\.example\.com/ ends with /}, 'but told');
($status, $found) = check(text => '');
is($status, 1, 'a configuration without CloudEP');
like($found->{configuration}, qr/^bad: no server in it uses CloudEP: LoadModule cloudep_module/, 'is told as that');

# ---- what only asking shows
my $port = free_port();
my $database = 'host=' . server()->pg->{run};
($status, $found, $text, $list) = check(values => { CloudEPMemcacheServer => "127.0.0.1:$port", CloudEPMailTransport => "smtp://127.0.0.1:$port",
        DBDParams => "\"$database dbname=nothing user=cloudep_app\"" });
is($status, 1, 'nothing answers');
is($list->[0]{state}, 'bad', 'what is wrong comes first');
like($found->{database}, qr/^bad: DBDParams \(host=\S+ dbname=nothing user=cloudep_app\): .*database "nothing" does not exist/, 'the database that is not there');
like($found->{memcached}, qr/^bad: CloudEPMemcacheServer 127\.0\.0\.1:$port: Connection refused/, 'the memcached that is away');
like($found->{mail}, qr/^bad: CloudEPMailTransport: 127\.0\.0\.1:$port: connecting: Couldn't connect/, 'the mail server that is away');

my $passfile = CloudEP::Test::Servers::own_folder('passfile') . '/pgpass';
CloudEP::Process::spew($passfile, "*:*:*:*:secret\n");
chmod 0644, $passfile;
($status, $found) = check(values => { DBDParams => "\"host=127.0.0.1 port=$port dbname=cloudep user=cloudep_app passfile=$passfile\"" });
like($found->{database}, qr/^bad: DBDParams .*Connection refused.*\. The passfile \Q$passfile\E may be read by others \(mode 0644\)/s, 'a passfile that libpq passes over');
unlike($found->{database}, qr/secret/, 'whose password is not told');

my $smtp = own_smtp(tls => 1, login => 'cloudep:right');
for my $case ([right => qr/^good: 127\.0\.0\.1:\d+ takes mails/], [wrong => qr/^bad: CloudEPMailTransport: 127\.0\.0\.1:\d+: AUTH was answered 535/]) {
    my ($password, $said) = @$case;
    my $file = CloudEP::Test::Servers::own_folder('password') . '/password';
    CloudEP::Process::spew($file, "$password\n");
    chmod 0600, $file;
    ($status, $found) = check(smtp => $smtp, values => { CloudEPMailStartTLS => 'On', CloudEPMailUser => 'cloudep', CloudEPMailPasswordFile => $file,
            CloudEPCAFile => $smtp->certificate });
    like($found->{mail}, $said, "a mail server that wants TLS and a login: the $password password");
}
is_deeply([glob "$smtp->{mail}/*"], [], 'and got no mail');

my $empty = own_postgres();
$empty->psql('UPDATE cloudep.migrations SET version = -version WHERE version = (SELECT max(version) FROM cloudep.migrations)');
($status, $found) = check(pg => $empty);
is($status, 1, 'a schema that is behind');
like($found->{database}, qr/^bad: the schema is at migration \d{4}, and this version needs \d{4}: run cloudepctl migrate/, 'is told, with the remedy');
$empty->psql('DROP SCHEMA cloudep CASCADE');
($status, $found) = check(pg => $empty);
like($found->{database}, qr/^bad: the schema is not that of this version: run cloudepctl migrate/, 'and no schema at all');

my @guard = ('<Location /x>', 'AuthType CloudEP', 'AuthName x', "Require cloudep-tenant $tenant->{slug} nobody-has-it", '</Location>');
($status, $found) = check(with => \@guard);
like($found->{database}, qr/^bad: Require cloudep-tenant nobody-has-it: there is no such tenant, so that nobody passes/, 'a tenant that is not there');

# ---- the files of the account pages
my $folder = CloudEP::Test::Servers::own_folder('pages');
my %good = map { $_ => CloudEP::Process::slurp(CloudEP::Httpd::top() . "/portal/custom/$_") } qw(portal.json theme.css logo.svg);
my $used = own_server();
$used->prepare;
$used->{httpd}->configure(CloudEP::Httpd::load_modules(build => $used->{build}), $used->configuration);

# Exit status and what is said of the files, a line each.
sub pages {
    my (%files) = @_;
    unlink glob "$folder/*";
    %files = (%good, %files);
    for my $file (grep { defined $files{$_} } keys %files) { CloudEP::Process::spew("$folder/$file", $files{$file}) }
    my ($exit, $output) = $ctl->run('check', '--httpd', CloudEP::Httpd::program(), '--config', $used->{httpd}->conf, '--portal', $folder, '--json');
    return ($exit, join "\n", map { "$_->{state}: " . $_->{message} =~ s{\Q$folder\E/?}{}r } grep { $_->{server} eq 'account pages' } @{ JSON::PP->new->utf8->decode($output)->{checks} });
}

is_deeply([pages()], [0, 'good:  can be used'], 'the files that are shipped can be used');
my $own = '{"texts": {"en": "custom/texts.json"}}';
for my $case (
    ['portal.json', '{"name": "x",}', qr/^bad: portal\.json: /],
    ['portal.json', undef, qr/^bad: portal\.json: No such file/],
    ['portal.json', '{"name": 7}', qr/^bad: portal\.json: name cannot have this value$/],
    ['portal.json', '{"marketing": "yes"}', qr/^bad: portal\.json: marketing cannot/],
    ['portal.json', '{"languages": ["de"]}', qr/^bad: portal\.json: languages cannot/],
    ['portal.json', '{"languages": []}', qr/^bad: portal\.json: languages cannot/],
    ['portal.json', '{"terms": {"version": 1}}', qr/^bad: portal\.json: terms cannot/],
    ['portal.json', '{"texts": []}', qr/^bad: portal\.json: texts cannot/],
    ['portal.json', '{"providers": [{"id": ""}]}', qr/^bad: portal\.json: providers cannot/],
    ['portal.json', '{"providers": [{"id": "google", "name": 1}]}', qr/^bad: portal\.json: providers cannot/],
    ['portal.json', '{"logo": "custom/none.svg"}', qr/^bad: none\.svg: No such file/],
    ['theme.css', undef, qr/^bad: theme\.css: No such file/],
    ['theme.css', ':root { --accent: #123;', qr/^bad: theme\.css: it has not as many/],
    ['theme.css', '} :root {', qr/^bad: theme\.css: it has not as many/],
    ['theme.css', '/* :root { }', qr/^bad: theme\.css: a comment has no end$/],
    ['theme.css', 'x' x 300_000, qr/^bad: theme\.css: it is too large$/],
    ['texts.json', undef, qr/^bad: texts\.json: No such file/],
    ['texts.json', '[]', qr/^bad: texts\.json: /],
    ['texts.json', '{"help": 1}', qr/^bad: texts\.json: not all of it is text$/],
) {
    my ($file, $content, $said) = @$case;
    my ($exit, $findings) = pages($file =~ /texts/ ? ('portal.json' => $own) : (), $file => $content);
    is($exit, 1, "$file, $said: is told by the exit code");
    like($findings, qr/\A[^\n]*\z/, "$file, $said: once");
    like($findings, $said, "$file, $said: is found");
}
is_deeply([pages('portal.json' => '{"texts": {"en": "custom/texts.json", "zh-TW": "elsewhere.json"}, "providers": [{"id": "google"}], "xsrf": {"xsrfCookie": "X"}}',
            'texts.json' => '{"help": "Aid"}', 'theme.css' => '/* { */ :root { --accent: #123; }')], [0, 'good:  can be used'], 'good ones of one\'s own');
is((pages('portal.json' => '{"nmae": "x"}'))[1], "doubtful: portal.json: there is no setting nmae\ngood:  can be used", 'a setting that there is not is told');

# ---- the tool itself
$ctl->fails(4, qr/httpd cannot be run: name its program or apachectl with --httpd/, 'no httpd', 'check', '--httpd', '/nowhere/httpd');

finish();
