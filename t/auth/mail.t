# The way of a mail: sealed in the outbox, at the SMTP server within a second, again after every kind of failure, and
# never twice once the server has taken it.
use strict;
use warnings;
use utf8;
use CloudEP::Process qw(wait_until spew slurp);
use CloudEP::Test;
use Encode qw(encode_utf8);
use MIME::QuotedPrint qw(decode_qp);
use Time::HiRes qw(time);

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my $pg = own_postgres();
my $smtp = own_smtp();
my $server = own_server(pg => $pg, smtp => $smtp, values => { CloudEPMailFrom => encode_utf8('"Büro <no-reply@example.org>"') });
$server->start;
my $client = client(server => $server);
my $tenant = tenant(server => $server);
expect_log(qr/CE702: mail cannot be delivered at present/);

# Registers; returns the address and the id of the message.
sub send_code {
    my (%fields) = @_;
    my ($answer, $sent) = register(client => $client, tenant => $tenant, %fields);
    outcome($answer, 200, 102000, 'a registration');
    return $sent->{email};
}

# Columns of the newest message to an address; NULL is undef.
sub row {
    my ($email, @columns) = @_;
    my $rows = $pg->psql("SELECT @{[join ', ', @columns]} FROM cloudep.outbox WHERE target = :'email'"
            . ' ORDER BY created_at DESC LIMIT 1', email => $email);
    return wantarray ? @{ $rows->[0] } : $rows->[0][0];
}

sub row_becomes {
    my ($email, $condition, $seconds) = @_;
    return wait_until($seconds // 20, sub { row($email, $condition) eq 't' });
}

# The second part of a mail, as bytes.
sub html {
    my ($mail) = @_;
    my ($part) = $mail->{raw} =~ m{^Content-Type: text/html.*?\r\n\r\n(.*)\r\n--=_}ms or return 'no HTML part';
    return decode_qp($part);
}

# The next attempt is due now, as if its time had come.
sub hurry {
    my ($email) = @_;
    $pg->psql("UPDATE cloudep.outbox SET next_attempt_at = now() WHERE target = :'email'", email => $email);
}

# A file for a secret, as it has to be.
sub write_secret {
    my ($file, $text) = @_;
    spew($file, "$text\n");
    chmod 0600, $file;
}

subtest 'at once' => sub {
    my $email = send_code();
    my ($mail) = $server->mails($email);
    my $headers = $mail->{headers};
    is($headers->{to}, $email, 'To');
    is($headers->{from}, 'Büro <no-reply@example.org>', 'From, with its name decoded');
    is($headers->{subject}, "Your Tenant $tenant->{slug} registration code", 'Subject');
    is($headers->{'auto-submitted'}, 'auto-generated', 'Auto-Submitted');
    like($headers->{date}, qr/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d \+0000$/, 'Date');
    is($headers->{'content-language'}, 'en', 'English is the default');
    ok(row_becomes($email, 'delivered_at IS NOT NULL'), 'the row is marked');
    my ($id, $params, $attempts, $failed) = row($email, qw(id params attempts failed_at));
    is($headers->{'message-id'}, "<$id\@example.org>", 'Message-ID is made of the row\'s id');
    is($params, undef, 'the code is erased');
    is($attempts, 1, 'one attempt');
    is($failed, undef, 'no failure');
    my $code = CloudEP::Mail::code($mail);
    like(html($mail), qr/>$code</, 'the HTML part tells the same code');
    unlike($mail->{raw} =~ s/\r\n\r\n.*//sr, qr/$code/, 'no header does');
};

# Two children look into the table every two seconds: a mail that waits for that waits for a second on average.
subtest 'a mail does not wait until somebody looks for mails' => sub {
    my $busy = tenant(server => $server);    # with a cap of its own
    my $start = time;
    $server->mails(send_code(tenant => $busy)) for 1 .. 30;
    my $took = time - $start;
    ok($took < 15, sprintf 'thirty mails, each sent when the one before is there, are not sent one a second (%.1f s)', $took);
};

subtest 'language' => sub {
    for my $case (['zh-TW', 'zh-TW'], ['zh-Hant-HK', 'zh-TW'], ['zh-HK', 'zh-TW'], ['zh-MO', 'zh-TW'], ['en-GB', 'en'], ['de-DE', 'en'],
        ['zh-CN', 'en'])
    {
        my ($language, $expected) = @$case;
        my ($mail) = $server->mails(send_code(language => $language));
        is($mail->{headers}{'content-language'}, $expected, "$language gets $expected");
        next if $language ne 'zh-TW';
        is($mail->{headers}{subject}, "Tenant $tenant->{slug} 註冊驗證碼", 'the subject is Chinese');
        like($mail->{text}, qr/驗證碼於 10 分鐘內有效/, 'the text is Chinese');
        like(html($mail), qr/<html lang="zh-TW">/, 'the HTML as well');
    }
};

subtest 'nothing a stranger wrote is in a mail with a code' => sub {
    my ($mail) = $server->mails(send_code(display_name => 'Win at https://evil.example <b>now</b>'));
    unlike($mail->{raw}, qr/evil/, 'the display name is not in it');
    for my $name ("A\r\nBcc: victim\@example.com", "A\nB", "A\x{2028}B", "A\x{202e}B") {
        my ($answer) = register(client => $client, tenant => $tenant, display_name => $name);
        outcome($answer, 400, 10101000, 'a control character in a name is refused');
    }
    my ($answer) = register(client => $client, tenant => $tenant, email => "a\@example.com\r\nBcc: b\@example.com");
    outcome($answer, 400, 10101000, 'one in an address, too');
};

subtest 'SMTP server down and back' => sub {
    $smtp->stop;
    my @emails = map { send_code() } 1 .. 5;
    ok(wait_until(60, sub { $pg->value('SELECT count(*) FROM cloudep.outbox WHERE attempts > 0 AND delivered_at IS NULL') }),
        'delivery was tried');
    my ($params) = row($emails[0], 'params');
    like($params, qr/^v1\.[\w-]+\.[\w-]+$/, 'the message is sealed in the table');
    ok(wait_until(60, sub { $pg->value('SELECT count(*) FROM cloudep.outbox WHERE last_error IS NOT NULL') }), 'an error is noted');
    my $errors = join ' ', map { $_->[0] } @{ $pg->psql('SELECT DISTINCT last_error FROM cloudep.outbox WHERE last_error IS NOT NULL') };
    unlike($errors, qr/\@/, "without an address: $errors");
    $smtp->start;
    ok(eval { $server->mails($_) for @emails; 1 }, 'all mails arrive once it is back') or diag($@);
    ok(row_becomes($_, 'delivered_at IS NOT NULL AND params IS NULL'), 'delivered and erased') for @emails;
    is(scalar(map { $server->mails_now($_) } @emails), 5, 'each once');
    secret(CloudEP::Mail::code(($server->mails_now($_))[0])) for @emails;    # finish() looks for them in the log
};

subtest 'put off and refused' => sub {
    $smtp->behave('451 come again');
    my $email = send_code();
    ok(row_becomes($email, 'last_error IS NOT NULL'), 'a 451 is noted');
    my ($error, $wait) = row($email, 'last_error', 'round(extract(epoch FROM next_attempt_at - now()))');
    is($error, $smtp->address . ': RCPT TO was answered 451', 'with server, stage and reply');
    ok($wait > 0 && $wait <= 7, "the next attempt is in about five seconds ($wait)");
    $smtp->behave('ok');
    is(scalar($server->mails($email, 1, 60)), 1, 'and then it succeeds');
    $smtp->behave('550 no such user');
    $email = send_code();
    ok(row_becomes($email, 'failed_at IS NOT NULL'), 'a 550 is final');
    is((row($email, 'params'))[0], undef, 'and the code erased');
    $smtp->behave('ok');
    $server->mails(send_code());
    is(scalar($server->mails_now($email)), 0, 'the refused message is not tried again when the next one goes');
};

subtest 'a connection that is cut' => sub {
    $smtp->behave('drop');
    my $email = send_code();
    ok(row_becomes($email, 'last_error IS NOT NULL'), 'is noted');
    $smtp->behave('ok');
    $server->mails($email);
    ok(row_becomes($email, 'delivered_at IS NOT NULL'), 'and mended');
    is(scalar($server->mails_now($email)), 1, 'with one mail');
};

subtest 'expiry' => sub {
    $smtp->stop;
    my $email = send_code();
    ok(row_becomes($email, 'attempts > 0'), 'tried');
    $pg->psql("UPDATE cloudep.outbox SET expires_at = now(), next_attempt_at = now() WHERE target = :'email'",
        email => $email);
    ok(row_becomes($email, 'failed_at IS NOT NULL', 20), 'a message whose time is over is given up');
    my ($params, $error) = row($email, qw(params last_error));
    is($params, undef, 'its code is erased');
    like($error, qr/^expired/, 'and it says why');
    $smtp->start;
    $server->mails(send_code());
    is(scalar($server->mails_now($email)), 0, 'it is never sent');
};

subtest 'children that die or leave in the middle of a transfer' => sub {
    $smtp->behave('slow 3');
    my $email = send_code();
    ok(row_becomes($email, 'attempts > 0'), 'a child is at it');
    kill KILL => CloudEP::Process::children($server->pid);
    expect_log(qr/exit signal Killed/);
    $smtp->behave('ok');
    is((row($email, 'delivered_at'))[0], undef, 'all children are killed before it is done');
    hurry($email);
    ok(row_becomes($email, 'delivered_at IS NOT NULL', 60), 'another child delivers it when the claim runs out');

    $smtp->behave('slow 60');
    $smtp->seen('forget');
    $email = send_code();
    ok(wait_until(20, sub { $smtp->seen =~ /^RCPT/m }), 'a child is at another one');
    $smtp->behave('ok');    # for those who come later
    my @before = CloudEP::Process::children($server->pid);
    $server->graceful;
    my $gone = wait_until(30, sub { my %now = map { $_ => 1 } CloudEP::Process::children($server->pid); !grep { $now{$_} } @before });
    ok($gone, 'a graceful restart does not wait for the transfer, which takes a minute');
    ok(row_becomes($email, 'delivered_at IS NOT NULL', 60), 'the message is handed back and delivered by the next child');
    is((row($email, 'attempts'))[0], 1, 'for which the broken off attempt does not count');
    is(scalar($server->mails_now($email)), 1, 'once');
};

subtest 'a database that goes between delivery and mark' => sub {
    expect_log(qr/CE(?:14[01]|1240):/, qr/AH006\d\d:/, qr/\bdbd\b/);
    $smtp->behave('slow 2');
    my $email = send_code();
    ok(row_becomes($email, 'attempts > 0'), 'a child is at it');
    my $log = $server->log_size;
    my $id = row($email, 'id');
    $pg->stop;
    $server->mails($email);
    $smtp->behave('ok');
    ok(wait_until(30, sub { $server->log($log) =~ /CE703: mail $id / }), 'the child that delivered it has tried to say so to the database');
    like($server->log($log), qr/CE(?:14[01]|1240):/, 'and could not');
    $pg->start;
    hurry($email);
    ok(row_becomes($email, 'delivered_at IS NOT NULL', 60), 'the row is marked once the database is back');
    $server->mails(send_code());
    is(scalar($server->mails_now($email)), 1, 'the mail was sent once');
};

subtest 'many at once' => sub {
    my @emails = map { fresh_email() } 1 .. 48;
    my @answers = $client->parallel(map { ['POST', '/api/v1/auth/register', { tenant_slug => $tenant->{slug},
                    invite_code => $tenant->{invite}, email => $_, password => fresh_password(), accept_terms_version => '1' }] } @emails);
    is(scalar(grep { $_->status == 200 } @answers), 48, '48 registrations');
    $server->mails($_) for @emails;
    ok(wait_until(60, sub { !$pg->value('SELECT count(*) FROM cloudep.outbox WHERE delivered_at IS NULL AND failed_at IS NULL') }),
        'all 48 are marked as delivered');
    is(scalar(map { $server->mails_now($_) } @emails), 48, 'once each');
};

subtest 'STARTTLS and login' => sub {
    my $tls = own_smtp(tls => 1, login => 'cloudep:mail-secret-1');
    my $password = "$tls->{run}/password";
    write_secret($password, secret('mail-secret-1'));
    my %values = (CloudEPMailStartTLS => 'On', CloudEPMailUser => 'cloudep', CloudEPMailPasswordFile => "\"$password\"",
        CloudEPCAFile => '"' . $tls->certificate . '"');
    my $secure = own_server(pg => $pg, smtp => $tls, values => {%values});
    $server->stop;
    $secure->start;
    my ($answer, $sent) = register(client => client(server => $secure), tenant => $tenant);
    is($secure->mails($sent->{email}), 1, 'a mail goes by TLS, after a login');
    $secure->stop;

    delete $secure->{values}{CloudEPCAFile};
    $secure->start;
    ($answer, $sent) = register(client => client(server => $secure), tenant => $tenant);
    ok(row_becomes($sent->{email}, 'last_error IS NOT NULL'), 'a certificate of nobody we trust stops it');
    like((row($sent->{email}, 'last_error'))[0], qr/certificate|SSL/, 'and that is noted');
    $secure->stop;

    write_secret($password, 'wrong');
    $secure->{values} = {%values};
    $secure->start;
    hurry($sent->{email});
    ok(row_becomes($sent->{email}, "last_error LIKE '%: AUTH was answered 535 5.7.8'"), 'a refused login is noted, and not final');
    is((row($sent->{email}, 'failed_at'))[0], undef, 'as the operator can mend it');
    write_secret($password, 'mail-secret-1');
    $secure->graceful;
    hurry($sent->{email});
    is(scalar($secure->mails($sent->{email}, 1, 20)), 1, 'which a graceful restart with the right password does');
    chmod 0644, $password;
    $secure->stop;
    like($secure->refusal, qr/CloudEPMailPasswordFile .*mode/, 'a password file that everybody may read is refused');
};

# A server of its own for a relay, with a login unless told otherwise; registers and returns the address.
sub registered_at {
    my ($relay, %values) = @_;
    my $password = "$relay->{run}/password";
    write_secret($password, 'mail-secret-1');
    my $other = own_server(pg => $pg, smtp => $relay, values => { CloudEPMailUser => 'cloudep', CloudEPMailPasswordFile => "\"$password\"", %values });
    $other->{without} = [grep { !defined $values{$_} } keys %values];
    $other->start;
    my ($answer, $sent) = register(client => client(server => $other), tenant => $tenant);
    outcome($answer, 200, 102000, 'a registration');
    return ($other, $sent->{email});
}

# What a mail that cannot go is noted with.
sub error_of {
    my ($email) = @_;
    ok(row_becomes($email, 'last_error IS NOT NULL'), 'it is noted');
    is((row($email, 'failed_at'))[0], undef, 'and not final');
    return (row($email, 'last_error'))[0];
}

subtest 'a mail server without TLS' => sub {
    my $plain = own_smtp(login => 'cloudep:mail-secret-1');
    my ($other, $email) = registered_at($plain, CloudEPMailStartTLS => 'On');
    is(error_of($email), $plain->address . ': does not offer STARTTLS (CloudEPMailStartTLS)', 'where STARTTLS is insisted on');
    unlike($plain->seen, qr/^(?:AUTH|MAIL)/m, 'gets neither a login nor a mail');
    $other->stop;
};

subtest 'a certificate for another name' => sub {
    my $named = own_smtp(tls => 1, login => 'cloudep:mail-secret-1', name => 'other.example');
    my ($other, $email) = registered_at($named, CloudEPMailStartTLS => 'On', CloudEPCAFile => '"' . $named->certificate . '"');
    like(error_of($email), qr/^\Q${\$named->address}\E: STARTTLS: .*certificate/, 'of an authority that is trusted');
    unlike($named->seen, qr/^(?:AUTH|MAIL)/m, 'gets neither a login nor a mail');
    $other->stop;
};

subtest 'mechanisms of the login' => sub {
    my @cases = (    # offered; allowed; used, or what is said
        ['GSSAPI NTLM LOGIN', undef, 'LOGIN'],
        ['XOAUTH2 PLAIN LOGIN', undef, 'PLAIN'],
        ['PLAIN LOGIN', 'LOGIN', 'LOGIN'],
        ['GSSAPI XOAUTH2', undef, qr/offers AUTH GSSAPI XOAUTH2, none of which is one of CloudEPMailAuth: PLAIN LOGIN CRAM-MD5 DIGEST-MD5$/],
        ['PLAIN', 'LOGIN', qr/offers AUTH PLAIN, none of which is one of CloudEPMailAuth: LOGIN$/],
        ['', undef, qr/offers no AUTH, but CloudEPMailUser is set: nothing was sent$/],
    );
    for my $case (@cases) {
        my ($offer, $allowed, $expected) = @$case;
        my $relay = own_smtp(login => 'cloudep:mail-secret-1', offer => $offer);
        my ($other, $email) = registered_at($relay, CloudEPMailAuth => $allowed);
        my $name = "\"$offer\" is offered" . ($allowed ? ", $allowed allowed" : '');
        if (ref $expected) {
            like(error_of($email), qr/^\Q${\$relay->address}\E: $expected/, $name);
            unlike($relay->seen, qr/^(?:AUTH|MAIL)/m, 'and neither a login nor a mail is tried');
        }
        else {
            is(scalar($other->mails($email)), 1, $name);
            like($relay->seen, qr/^AUTH $expected$/m, "$expected is used");
        }
        $other->stop;
        $relay->stop;
        $pg->psql("UPDATE cloudep.outbox SET failed_at = now() WHERE target = :'email' AND delivered_at IS NULL", email => $email);
    }
};

subtest 'the name in EHLO' => sub {
    my $relay = own_smtp();
    my $host = `uname -n` =~ s/\n//r;
    for my $case ([[], '[127.0.0.1]'], [['ServerName id.example.org'], 'id.example.org'], [['ServerName id'], $host]) {
        my ($with, $expected) = @$case;
        my $other = own_server(pg => $pg, smtp => $relay, with => $with);
        $relay->seen('forget');
        $other->start;
        my ($answer, $sent) = register(client => client(server => $other), tenant => $tenant);
        $other->mails($sent->{email});
        is($relay->seen =~ s/\n.*//sr, "EHLO $expected", "default: @$with");
        like($other->log, qr/CE708: .*greeted with EHLO \Q$expected\E/, 'and told at start');
        $other->stop;
    }
    my ($other, $email) = registered_at($relay, CloudEPMailHello => 'mail-7.example.org', map { $_ => undef } qw(CloudEPMailUser CloudEPMailPasswordFile));
    $other->mails($email);
    like($relay->seen, qr/^EHLO mail-7\.example\.org\n/m, 'CloudEPMailHello');
    $other->stop;
};

subtest 'CloudEPDefaultLanguage' => sub {
    my ($other, $email) = registered_at($smtp, CloudEPDefaultLanguage => 'zh-TW', map { $_ => undef } qw(CloudEPMailUser CloudEPMailPasswordFile));
    is(($other->mails($email))[0]{headers}{'content-language'}, 'zh-TW', 'is that of members who named none');
    my ($answer, $sent) = register(client => client(server => $other), tenant => $tenant, language => 'de');
    is(($other->mails($sent->{email}))[0]{headers}{'content-language'}, 'zh-TW', 'and of those whose language we have not');
    ($answer, $sent) = register(client => client(server => $other), tenant => $tenant, language => 'en');
    is(($other->mails($sent->{email}))[0]{headers}{'content-language'}, 'en', 'not of those who want another');
    $other->stop;
};

expect_log(qr/CE1: /);
subtest 'mistakes are told at start' => sub {
    my $templates = "$smtp->{run}/templates";
    mkdir $templates;
    my $original = CloudEP::Httpd::top() . '/common/templates';
    system('cp', glob("$original/*"), "$templates/");
    my $broken = own_server(pg => $pg, smtp => $smtp, values => { CloudEPTemplateDir => "\"$templates\"" });
    my %mistakes = (
        "Subject: x\n\nHello {{kode}}\n" => qr{registration\.en\.txt: line 3: unknown placeholder \{\{kode\}\}},
        "Hello {{code}}\n" => qr{registration\.en\.txt: line 1: does not begin with "Subject:"},
        "Subject: x\n\nHello\n" => qr{registration\.en\.txt: has no \{\{code\}\}},
        "Subject: x\n\n{{display_name}}" => qr{registration\.en\.txt: line 3: unknown placeholder \{\{display_name\}\}},
    );
    for my $text (sort keys %mistakes) {
        spew("$templates/registration.en.txt", $text);
        like($broken->refusal, $mistakes{$text}, 'a template');
    }
    unlink "$templates/registration.en.txt";
    like($broken->refusal, qr/registration\.en\.txt is missing/, 'a missing template');
    spew("$templates/registration.en.txt", "Subject: Mine {{code}}\n\nMy own words for {{target}}: {{code}}\n");
    $broken->start;
    my ($answer, $sent) = register(client => client(server => $broken), tenant => $tenant);
    my ($mail) = $broken->mails($sent->{email});
    like($mail->{text}, qr/^My own words for \Q$sent->{email}\E: \d{6}$/m, 'an administrator\'s own template is used');
    $broken->stop;
    for my $case (
        ['CloudEPMailFrom', '"Nobody"', qr/CloudEPMailFrom/], ['CloudEPMailTransport', 'http://localhost/', qr/CloudEPMailTransport/],
        ['CloudEPMailTransport', 'spool:/no/such/folder', qr/no such folder/], ['CloudEPMailTransport', 'spool:relative', qr/absolute/],
        ['CloudEPMailHello', '"two words"', qr/CloudEPMailHello/], ['CloudEPMailHello', '"a/b"', qr/CloudEPMailHello/],
    ) {
        my ($name, $value, $expected) = @$case;
        my $wrong = own_server(pg => $pg, smtp => $smtp, values => { $name => $value });
        like($wrong->refusal, $expected, "$name $value");
    }
    my %login = (CloudEPMailUser => 'cloudep', CloudEPMailPasswordFile => "\"$smtp->{run}/password\"");
    write_secret("$smtp->{run}/password", 'mail-secret-1');
    for my $case (
        ['smtp://mail.example.org', { CloudEPMailStartTLS => 'Off' }, qr/CloudEPMailStartTLS Off would send the password in the clear/],
        ['smtp://mail.example.org', { CloudEPMailAuth => 'PLAIN XOAUTH2' }, qr/CloudEPMailAuth XOAUTH2: not one of/],
    ) {
        my ($transport, $values, $expected) = @$case;
        my $wrong = own_server(pg => $pg, smtp => $smtp, values => { CloudEPMailTransport => $transport, %login, %$values });
        like($wrong->refusal, $expected, join ' ', $transport, %$values);
    }
};

subtest 'spool folder' => sub {
    my $spool = own_server(pg => $pg, smtp => undef);
    $spool->start;
    my ($answer, $sent) = register(client => client(server => $spool), tenant => $tenant);
    my ($mail) = $spool->mails($sent->{email});
    like(CloudEP::Mail::code($mail), qr/^\d{6}$/, 'the mail is a file');
    my ($file) = glob "$spool->{dir}/spool/mail/*.eml";
    is(sprintf('%04o', (stat $file)[2] & 07777), '0600', 'that only its owner may read');
    chmod 0500, "$spool->{dir}/spool/mail";
    ($answer, $sent) = register(client => client(server => $spool), tenant => $tenant);
    is(error_of($sent->{email}), "the spool folder $spool->{dir}/spool/mail cannot be written to: Permission denied", 'a folder that cannot be written to');
    expect_log(qr/CE707: this child cannot send mail: the spool folder \S+ cannot be written to: Permission denied/);
    $spool->graceful;
    ok(wait_until(20, sub { $spool->log =~ /CE707: / }), 'is told of at start');
    chmod 0700, "$spool->{dir}/spool/mail";
    $spool->mails($sent->{email});
    $spool->stop;
    chmod 0750, "$spool->{dir}/spool/mail";
    like($spool->refusal, qr/mode lets others in/, 'a folder that others may enter is refused');
};

finish();
