# Wrong configurations, each one edit away from a good one: "apachectl configtest" refuses what can never work, warns of
# what was hardly meant, and says which directive, which value, and what to write instead. The table is printed.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(capture slurp spew);
use CloudEP::Test;
use File::Path qw(make_path);

my $dir = CloudEP::Test::Servers::own_folder('files');
my %signing = (file => server()->{keys} . '/signing.jwks');
my %sealing = (file => server()->{keys} . '/sealing.jwks');

# A file of that text and mode; its path.
sub file {
    my ($name, $text, $mode) = @_;
    spew("$dir/$name", $text);
    chmod $mode // 0600, "$dir/$name" or die;
    return "$dir/$name";
}

sub folder {
    my ($name, $mode) = @_;
    make_path("$dir/$name");
    chmod $mode, "$dir/$name" or die;
    return "$dir/$name";
}

# A folder of templates in which one file is another text, or (undef) is not there.
sub templates {
    my ($name, $file, $text) = @_;
    my $folder = folder($name, 0755);
    for my $from (glob CloudEP::Httpd::top() . '/common/templates/*') {
        my ($base) = $from =~ m{([^/]+)$};
        spew("$folder/$base", slurp($from)) if $base ne $file;
    }
    spew("$folder/$file", $text) if defined $text;
    return $folder;
}

my $jwks = slurp($signing{file});
my $port = 8443;
my $guard = "AuthType CloudEP\nAuthName members\nRequire valid-user\n";
my @sms = (CloudEPSMSTransport => 'https://sms.example/send');
my @vhosts = (with => ["<VirtualHost 127.0.0.1:$port>", 'ServerName b.example', 'CloudEPIssuer https://b.example', '</VirtualHost>']);

# A mistake; how the configuration differs; how it is judged: refused, warned of, or not seen; what is said.
my @table = (

    # ---- modules
    ['mod_dbd is not loaded', { modules => sub { s/^LoadModule dbd_module .*\n//mg }, drop => qr/^DBD.*\n/m }, refused =>
            qr/CloudEPDatabase On needs mod_dbd: add LoadModule dbd_module/],
    ['mod_cloudep_member is not loaded', { modules => sub { s/^LoadModule cloudep_member_module .*\n//mg } }, refused =>
            qr/SetHandler cloudep-member \(.*httpd\.conf, line \d+\): no module that is loaded serves it; there is cloudep-auth, cloudep-health, cloudep-jwks, cloudep-metrics, cloudep-oauth-server, cloudep-webauthn\. .*LoadModule/],
    ['a content module before the core', { modules => sub { s/^(LoadModule cloudep_module .*\n)//m; $_ .= $1 } }, refused =>
            qr/undefined symbol: cloudep_/],
    ['SetHandler mistyped', { with => ['<Location /x>', 'SetHandler cloudep-atuh', '</Location>'] }, refused =>
            qr/SetHandler cloudep-atuh .*there is cloudep-auth, cloudep-health, cloudep-jwks, cloudep-member, /],
    ['AuthType mistyped', { with => ['<Location /x>', 'AuthType CluodEP', 'AuthName x', 'Require valid-user', '</Location>'] }, 'not seen' => undef],

    # ---- database
    ['DBDriver absent', { drop => qr/^DBDriver.*\n/m }, refused => qr/needs DBDriver: add DBDriver pgsql/],
    ['DBDriver of another database', { directives => { DBDriver => 'sqlite3' } }, refused => qr/Can't load driver file|DBDriver sqlite3/],
    ['DBDParams that libpq cannot read', { values => { DBDParams => '"host=127.0.0.1 hots=x"' } }, refused =>
            qr/DBDParams: libpq cannot read them \(an option that it does not know\); write them as/],
    ['more connections than DBDMax', { values => { CloudEPDatabaseConnections => 20 } }, warned =>
            qr/CE1301: CloudEPDatabaseConnections 20 is more than DBDMax 10: a child uses 10; raise DBDMax/],
    ['the database is another one, or away', { values => { DBDParams => '"host=127.0.0.1 port=1 dbname=nothing"' } }, 'not seen' => undef],

    # ---- memcached
    ['memcached: a port that is none', { values => { CloudEPMemcacheServer => '127.0.0.1:abc' } }, refused =>
            qr/CloudEPMemcacheServer 127\.0\.0\.1:abc: write host, host:port \(1 to 65535\)/],
    ['memcached: a name that leads nowhere', { values => { CloudEPMemcacheServer => 'nowhere.invalid:11211' } }, refused =>
            qr/CloudEPMemcacheServer nowhere\.invalid: this name leads to no address .*name an address/],
    ['memcached: an empty name', { values => { CloudEPMemcacheServer => '""' } }, refused => qr/CloudEPMemcacheServer requires at least one argument/],

    ['a proxy that is no address', { values => { CloudEPTLSProxy => 'proxy.example' } }, refused =>
            qr{CloudEPTLSProxy proxy\.example: write an address, or a network such as 10\.0\.0\.0/24}],
    ['a proxy with more bits than there are', { values => { CloudEPTLSProxy => '10.0.0.0/33' } }, refused => qr{CloudEPTLSProxy 10\.0\.0\.0/33: write}],

    # ---- keys
    ['the signing keys: mode 0644', { values => { CloudEPSigningKeys => file('open.jwks', $jwks, 0644) } }, refused =>
            qr/CloudEPSigningKeys \S+open\.jwks: mode 0644 lets others read the private keys in it; chmod it to 0600/],
    ['the signing keys: no such file', { values => { CloudEPSigningKeys => "$dir/none.jwks" } }, refused =>
            qr/CloudEPSigningKeys \S+none\.jwks: cannot open it: No such file/],
    ['the signing keys: broken', { values => { CloudEPSigningKeys => file('broken.jwks', '{"keys":') } }, refused =>
            qr/CloudEPSigningKeys \S+broken\.jwks: not a JSON object/],
    ['the signing keys: empty', { values => { CloudEPSigningKeys => file('empty.jwks', '{"keys":[]}') } }, refused =>
            qr/CloudEPSigningKeys \S+empty\.jwks: there is no key in it/],
    ['the two key files swapped', { values => { CloudEPSigningKeys => $sealing{file}, CloudEPSealingKeys => $signing{file} } }, refused =>
            qr/CloudEPSigningKeys \S+sealing\.jwks: none of its keys signs or verifies; a key that seals belongs into CloudEPSealingKeys/],
    ['the sealing keys are the signing keys', { values => { CloudEPSealingKeys => $signing{file} } }, refused =>
            qr/CloudEPSealingKeys \S+signing\.jwks: none of its keys seals; .*key generate --file FILE --alg A256GCM/],
    ['the sealing keys: mode 0640', { values => { CloudEPSealingKeys => file('open.sealing', slurp($sealing{file}), 0640) } }, refused =>
            qr/CloudEPSealingKeys \S+: mode 0640/],
    ['refresh tokens of a kind that is none', { values => { CloudEPRefreshTokens => 'opaque' } }, refused =>
            qr/CloudEPRefreshTokens opaque: must be hmac or signed/],
    ['refresh tokens: hmac without sealing keys', { values => { CloudEPRefreshTokens => 'hmac' }, without => ['CloudEPSealingKeys'] }, refused =>
            qr/CloudEPRefreshTokens hmac needs CloudEPSealingKeys/],

    # ---- issuer and account pages
    ['no issuer', { without => ['CloudEPIssuer'] }, refused => qr/CloudEPSigningKeys needs CloudEPIssuer: add CloudEPIssuer https/],
    ['the issuer is http', { values => { CloudEPIssuer => 'http://id.example.com' } }, refused =>
            qr{CloudEPIssuer http://id\.example\.com: it must be https: http is for development, on loopback; write .*such as https://}],
    ['the issuer has no scheme', { values => { CloudEPIssuer => 'id.example.com' } }, refused =>
            qr{CloudEPIssuer id\.example\.com: it must begin with https://}],
    ['the issuer has a query', { values => { CloudEPIssuer => 'https://id.example.com/?x' } }, refused => qr/CloudEPIssuer \S+ it must not have \? or # in it/],
    ['the issuer has no host', { values => { CloudEPIssuer => 'https://' } }, refused => qr/CloudEPIssuer \S+ it must be a URL/],
    ['the issuer ends with a slash', { values => { CloudEPIssuer => 'https://id.example.com/' } }, warned =>
            qr{CE1303: CloudEPIssuer https://id\.example\.com/ ends with /: .*leave it out}],
    ['two virtual hosts, one database, two issuers', {@vhosts}, warned =>
            qr{CE1302: the main server and b\.example have one database \(DBDParams\) and different issuers .*give both the same CloudEPIssuer}],
    ['account pages at http', { values => { CloudEPAccountURL => 'http://127.anything.example/' } }, refused =>
            qr{CloudEPAccountURL http://127\.anything\.example/: it must be https}],
    ['account pages with a fragment', { values => { CloudEPAccountURL => 'https://id.example.com/#account' } }, refused =>
            qr/CloudEPAccountURL \S+ it must not have \? or # in it/],

    # ---- what a directive's own parser sees
    ['a directive mistyped', { with => ['CloudEPIsuer https://id.example.com'] }, refused => qr/Invalid command 'CloudEPIsuer'/],
    ['15m', { values => { CloudEPCodeLifetime => '15m' } }, refused => qr/CloudEPCodeLifetime must be a time such as 90, 15min/],
    ['"15 min"', { values => { CloudEPCodeLifetime => '"15 min"' } }, refused => qr/CloudEPCodeLifetime must be a time such as/],
    ['0', { values => { CloudEPAccessTokenLifetime => 0 } }, refused => qr/CloudEPAccessTokenLifetime must be between 10 and 86400/],
    ['yes for On', { values => { CloudEPDatabase => 'yes' } }, refused => qr/CloudEPDatabase must be On or Off/],
    ['a server directive in a Location', { with => ['<Location /x>', 'CloudEPIssuer https://id.example.com', '</Location>'] }, refused =>
            qr/CloudEPIssuer not allowed in <Location> context/],
    ['a name of before', { with => ['CloudEPStepUp 5min'] }, refused => qr/CloudEPStepUp is called CloudEPFreshness now/],

    # ---- mail
    ['a mail transport without scheme', { values => { CloudEPMailTransport => 'mail.example.com' } }, refused =>
            qr{CloudEPMailTransport mail\.example\.com: must be one of smtp://host\[:port\], smtps://host\[:port\] and spool:/folder}],
    ['no sender', { without => ['CloudEPMailFrom'] }, refused => qr/CloudEPMailTransport needs CloudEPMailFrom: add CloudEPMailFrom/],
    ['a sender that is none', { values => { CloudEPMailFrom => 'nobody' } }, refused => qr/CloudEPMailFrom nobody: must be an address or "Name <address>"/],
    ['a mail user without password', { values => { CloudEPMailUser => 'mailer' } }, refused => qr/CloudEPMailPasswordFile is not set/],
    ['a mail password without user', { values => { CloudEPMailPasswordFile => file('password', "secret\n") } }, refused =>
            qr/CloudEPMailPasswordFile and CloudEPMailAuth need CloudEPMailUser/],
    ['the mail password: mode 0644', { values => { CloudEPMailUser => 'mailer', CloudEPMailPasswordFile => file('open', "secret\n", 0644) } }, refused =>
            qr/CloudEPMailPasswordFile \S+open: its mode lets others read or change it \(chmod 600\)/],
    ['a mechanism that is none', { values => { CloudEPMailUser => 'mailer', CloudEPMailPasswordFile => file('password', "secret\n"), CloudEPMailAuth => 'OAUTH' } }, refused =>
            qr/CloudEPMailAuth OAUTH: not one of PLAIN, LOGIN/],
    ['a password in the clear', { values => { CloudEPMailTransport => 'smtp://mail.example.com', CloudEPMailUser => 'mailer', CloudEPMailStartTLS => 'Off',
                CloudEPMailPasswordFile => file('password', "secret\n") } }, refused => qr/CloudEPMailStartTLS Off would send the password in the clear/],
    ['the spool: mode 0755', { values => { CloudEPMailTransport => 'spool:' . folder('open.spool', 0755) } }, refused => qr/spool:\S+: its mode lets others in \(chmod 700\)/],
    ['the spool: no such folder', { values => { CloudEPMailTransport => "spool:$dir/nowhere" } }, refused => qr/spool:\S+: there is no such folder/],
    ['one outbox, two transports', { with => ['CloudEPOutbox one', "<VirtualHost 127.0.0.1:$port>", 'ServerName b.example', 'CloudEPMailFrom b@example.com', '</VirtualHost>'] }, refused =>
            qr/have one outbox, one, but send mail or SMS differently/],
    ['the mail server is away', { values => { CloudEPMailTransport => 'smtp://127.0.0.1:1' } }, 'not seen' => undef],
    ['CA certificates that are none', { values => { CloudEPCAFile => file('ca.pem', "no certificate\n") } }, refused =>
            qr/CloudEPCAFile \S+ca\.pem: there is no certificate \(PEM\) in it/],
    ['CA certificates: no such file', { values => { CloudEPCAFile => "$dir/none.pem" } }, refused => qr/CloudEPCAFile \S+none\.pem: No such file/],

    # ---- templates
    ['a template with {{kode}}', { values => { CloudEPTemplateDir => templates('kode', 'registration.en.txt', "Subject: x\n\n{{kode}}\n") } }, refused =>
            qr/registration\.en\.txt: line 3: unknown placeholder \{\{kode\}\}/],
    ['a template without subject', { values => { CloudEPTemplateDir => templates('subject', 'registration.en.txt', "{{code}}\n") } }, refused =>
            qr/registration\.en\.txt: line 1: does not begin with "Subject:"/],
    ['a template that is missing', { values => { CloudEPTemplateDir => templates('missing', 'password_reset.en.txt') }, lose => 'password_reset.zh-TW.txt' }, refused =>
            qr/password_reset\.en\.txt is missing/],
    ['no folder of templates', { values => { CloudEPTemplateDir => "$dir/nowhere" } }, refused => qr/templates in \S+nowhere: No such file/],
    ['a default language that is none', { values => { CloudEPDefaultLanguage => 'deutsch!' } }, refused =>
            qr/CloudEPDefaultLanguage deutsch!: must be a language tag such as en or zh-TW/],

    # ---- SMS
    ['an SMS gateway at http', { values => { CloudEPSMSTransport => 'http://sms.example/' } }, refused => qr{CloudEPSMSTransport is neither https://}],
    ['an SMS body that is a broken list', { values => { @sms, CloudEPSMSBody => q('[{"to":"{{to}}","text":"{{text}}"}') } }, refused =>
            qr/CloudEPSMSBody begins as JSON, yet is none once it is filled in/],
    ['an SMS without number', { values => { @sms, CloudEPSMSBody => q('{"text":"{{text}}"}') } }, refused => qr/tells the gateway no number: put \{\{to\}\}/],
    ['an SMS without text', { values => { @sms, CloudEPSMSBody => q('{"to":"{{to}}"}') } }, refused => qr/tells the gateway no text: put \{\{text\}\}/],
    ['an SMS by GET with a body', { values => { @sms, CloudEPSMSMethod => 'GET', CloudEPSMSBody => 'to={{to}}&text={{text}}' } }, refused => qr/CloudEPSMSMethod GET has no body/],
    ['{{secret}} without a secret', { values => { @sms, CloudEPSMSBody => 'to={{to}}&text={{text}}&key={{secret}}' } }, refused => qr/\{\{secret\}\} needs CloudEPSMSSecretFile/],
    ['a country code with a plus', { values => { @sms, CloudEPSMSBody => 'to={{to}}&text={{text}}', CloudEPSMSHomeCode => '+886' } }, refused =>
            qr/CloudEPSMSHomeCode is not a country code such as 886/],

    # ---- providers
    ['an identity provider that is none', { values => { CloudEPIdentityProvider => 'nobody' } }, refused => qr/CloudEPIdentityProvider nobody: there is no such provider/],
    ['ZITADEL at http', { values => { CloudEPIdentityProvider => 'zitadel', CloudEPZitadelURL => 'http://zitadel.example', CloudEPZitadelTokenFile => file('pat', "token\n") } }, refused =>
            qr/CloudEPZitadelURL \S+: must be https/],
    ['a hash too cheap', { values => { CloudEPPasswordMemory => 8 } }, refused => qr/CloudEPPasswordMemory, Passes, Lanes:/],
    ['a social provider at http', { values => { CloudEPSocialProvider => 'example http://idp.example client none' } }, refused => qr/CloudEPSocialProvider example: the issuer must be/],
    ['token/exchange without audience', { values => { CloudEPExchangeIssuer => 'https://idp.example' } }, refused => qr/CloudEPExchangeIssuer needs CloudEPExchangeAudience/],

    # ---- guarded places
    ['a tenant that is no slug', { with => ['<Location /x>', 'AuthType CloudEP', 'AuthName x', 'Require cloudep-tenant Acme', '</Location>'] }, refused =>
            qr/Require cloudep-tenant: Acme is not the slug of a tenant/],
    ['a claim that is not there', { with => ['<Location /x>', 'AuthType CloudEP', 'AuthName x', 'Require cloudep-claim email a@example.com', '</Location>'] }, refused =>
            qr/Require cloudep-claim knows sub, tid, sid and amr/],
    ['Require that is not there', { with => ['<Location /x>', 'Require cloudep-role admin', '</Location>'] }, refused => qr/Unknown Authz provider: cloudep-role/],
    ['an origin with its default port', { with => ['<Location /x>', 'CloudEPTokenOrigin https://app.example.com:443', '</Location>'] }, refused =>
            qr/CloudEPTokenOrigin is written without :443 \(https\) or :80 \(http\), as browsers send it/],
    ['an origin with a path', { with => ['<Location /x>', 'CloudEPTokenOrigin https://app.example.com/', '</Location>'] }, refused => qr{CloudEPTokenOrigin takes scheme://host}],
    ['a cookie that is no name', { with => ['<Location /x>', 'CloudEPTokenCookie "a b"', '</Location>'] }, refused => qr/CloudEPTokenCookie takes the name of a cookie/],
    ['everything guarded, behind the API', { with => ['<Location />', $guard . '</Location>'] }, warned =>
            qr{CE1304: <Location /> \(.*httpd\.conf, line \d+\) is guarded and stands behind <Location /api/v1/auth>: nobody without a token can log in there}],
    ['Require expr with the tenant', { with => ['<Location /x>', 'AuthType CloudEP', 'AuthName x', q(Require expr "%{reqenv:CLOUDEP_TENANT} == 'demo'"), '</Location>'] }, 'not seen' => undef],
);

# What httpd -t says of a configuration, and whether it refuses it.
sub test_of {
    my ($change) = @_;
    my %change = %{ $change // {} };
    my $server = own_server(values => { %{ $change{values} // {} } }, map { $_ => $change{$_} } grep { $change{$_} } qw(with without));
    $server->prepare;
    my $modules = CloudEP::Httpd::load_modules(build => $server->{build});
    if ($change{modules}) { local $_ = $modules; $change{modules}->(); $modules = $_ }
    my $text = $server->configuration;
    $text =~ s/$change{drop}//g if $change{drop};
    $text = CloudEP::Server::set_directive($text, $_, $change{directives}{$_}) for sort keys %{ $change{directives} // {} };
    unlink "$change{values}{CloudEPTemplateDir}/$change{lose}" if $change{lose};
    $server->{httpd}->configure($modules, $text);
    my ($status, $output, $errors) = $server->{httpd}->configtest;
    return ($status, $output . $errors);
}

my ($status, $said) = test_of();
is($status, 0, 'the configuration that they differ from is good') or diag($said);
unlike($said, qr/CE\d+/, 'and nothing is said of it');

my %others = (
    'a bad origin is fine with another port' => { with => ['<Location /x>', 'CloudEPTokenOrigin https://app.example.com:8443 http://127.0.0.1:443', '</Location>'] },
    'account pages on localhost' => { values => { CloudEPAccountURL => 'http://localhost' } },
    'an SMS body that is a list' => { values => { @sms, CloudEPSMSBody => q('[{"to":"{{to}}","text":"{{text}}"}]') } },
    'an SMS body of one placeholder' => { values => { CloudEPSMSTransport => 'https://sms.example/?to={{to}}', CloudEPSMSBody => '{{text}}' } },
    'everything guarded, before the API' => { values => {}, before => 1, with => ['<Location /app/>', $guard . '</Location>'] },
    'a handler of another module' => { with => ['<Location /x>', 'SetHandler server-status', '</Location>'] },
);
for my $name (sort keys %others) {
    ($status, $said) = test_of($others{$name});
    is($status, 0, "$name: taken") or diag($said);
    unlike($said, qr/CE\d+/, "$name: without a word");
}

my @printed = sprintf '%-50s %-9s %s', 'mistake', 'judged', 'what is said';
for my $row (@table) {
    my ($mistake, $change, $judged, $message) = @$row;
    ($status, $said) = test_of($change);
    my $seen = $status ? 'refused' : $said =~ /CE\d+/ ? 'warned' : 'not seen';
    is($seen, $judged, "$mistake: $judged by configtest") or diag($said);
    like($said, $message, "$mistake: what is said") if $message;
    my ($told) = $message ? grep { $_ =~ $message } split /\n/, $said : '';
    push @printed, sprintf '%-50s %-9s %s', $mistake, $seen, ($told // '') =~ s/^(?:\[[^\]]*\] )+//r =~ s/\Q$dir\E/.../gr;
}
diag("\n", join "\n", @printed) if $ENV{CLOUDEP_TABLE};
note(join "\n", @printed);

finish();
