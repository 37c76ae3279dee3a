# A restart with a file that is not good any more: httpd goes on with what the file held before and says so, instead of
# ending for every virtual host. "apachectl configtest" refuses the same files, and so does the next start.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;
use File::Path qw(make_path);

my $dir = CloudEP::Test::Servers::own_folder('files');
make_path("$dir/keys", { mode => 0700 });
make_path("$dir/templates");
for my $from (glob CloudEP::Httpd::top() . '/common/templates/*') {
    spew("$dir/templates/" . ($from =~ m{([^/]+)$})[0], slurp($from));
}
my $password = "$dir/password";
spew($password, "secret\n");
chmod 0600, $password;
my $server = own_server(keys => "$dir/keys", values => { CloudEPTemplateDir => "$dir/templates", CloudEPCodeCooldown => 0,
        CloudEPSMSTransport => 'https://127.0.0.1:1/', CloudEPSMSBody => 'to={{to}}&text={{text}}&key={{secret}}', CloudEPSMSSecretFile => $password });
$server->start;
my $member = register_member(server => $server);
my $client = client(server => $server, token => $member->{access});

# What was said at a graceful restart.
sub restart {
    my $from = $server->log_size;
    $server->graceful;
    return join "\n", $server->log($from) =~ /^(.*CE(?:1300|1): .*)$/mg;
}
sub refuses {
    my ($pattern, $name) = @_;
    my ($status, $output, $errors) = $server->{httpd}->configtest;
    ok($status != 0 && $errors =~ $pattern, "configtest refuses $name") or diag("$status: $output$errors");
}

# Old and new children: what either issued is good, and nobody notices.
sub serves {
    my ($name) = @_;
    is($client->get('/api/v1/members/me')->status, 200, "$name: tokens of before are good");
    my $tokens = login($member)->data;
    is(client(server => $server, token => $tokens->{access_token})->get('/api/v1/members/me')->status, 200, "$name: a login is served");
}

is(restart(), '', 'a restart with good files says nothing');

# ---- the mode of a key file, as scp leaves it, and beside it a template that has changed
my $template = slurp("$dir/templates/registration.en.txt");
spew("$dir/templates/registration.en.txt", $template =~ s/^Subject: /Subject: newer /r);
chmod 0644, "$dir/keys/signing.jwks";
refuses(qr/CE1: signing key: CloudEPSigningKeys \S+ mode 0644/, 'a key file that others may read');
like(restart(), qr/cloudep:crit.*CE1300: signing key: CloudEPSigningKeys \S+: mode 0644 .*chmod it to 0600\. httpd goes on with what it had before/,
    'a graceful restart says it');
serves('a key file of a wrong mode');
my $meanwhile = register_member(server => $server);
like(($server->mails($meanwhile->{email}))[0]{headers}{subject}, qr/^newer /, 'what is good beside it is used');
like(restart(), qr/CE1300: signing key/, 'and the next one again');
serves('the second restart');

# ---- a file that has gone, and one that is broken
rename "$dir/keys/sealing.jwks", "$dir/keys/away" or die;
spew("$dir/templates/registration.en.txt", "Subject: broken\n\n{{kode}}\n");
unlink $password;
refuses(qr/CE1: /, 'them');
my $said = restart();
like($said, qr/CE1300: sealing key: CloudEPSealingKeys \S+: cannot open it/, 'a key file that has gone is told');
like($said, qr/CE1300: mail: \S+registration\.en\.txt: line 3: unknown placeholder/, 'a broken template is told');
serves('three files are not good');
my $new = register_member(server => $server);
my ($mail) = $server->mails($new->{email});
unlike($mail->{headers}{subject}, qr/broken/, 'mails are as they were');

# ---- mended
chmod 0600, "$dir/keys/signing.jwks";
rename "$dir/keys/away", "$dir/keys/sealing.jwks" or die;
spew("$dir/templates/registration.en.txt", $template =~ s/^Subject: /Subject: mended /r);
spew($password, "another\n");
chmod 0600, $password;
is(restart(), '', 'once they are mended nothing is said');
my $other = register_member(server => $server);
($mail) = $server->mails($other->{email});
like($mail->{headers}{subject}, qr/^mended /, 'and the new text is used');
serves('mended');

# ---- a start has no before
$server->stop;
chmod 0644, "$dir/keys/signing.jwks";
like($server->refuses_to_start, qr/CE1: signing key: CloudEPSigningKeys \S+ mode 0644/, 'a start refuses');

expect_log(qr/CE1300: |CE1: |AH00013|AH00014/);
finish();
