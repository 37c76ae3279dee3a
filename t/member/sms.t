# The way of an SMS: to any HTTP gateway by configuration alone, again after every kind of failure, and never twice once
# the gateway has acknowledged it.
use strict;
use warnings;
use utf8;
use CloudEP::Gateway;
use CloudEP::Process qw(wait_until spew slurp);
use CloudEP::Test;
use JSON::PP ();

binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my $pg = own_postgres();
my $smtp = own_smtp();
my $gateway = own_gateway();
my $secret_file = "$gateway->{run}/secret";
spew($secret_file, secret('gw/secret&1') . "\n");
chmod 0600, $secret_file;

my %json = (
    CloudEPSMSTransport => $gateway->url('/v1/send'),
    CloudEPSMSHeader => '"Authorization: Bearer {{secret}}" "Idempotency-Key: {{id}}"',
    CloudEPSMSBody => q('{"to":"{{to}}","text":"{{text}}","auth":{"key":"{{secret}}"}}'),
    CloudEPSMSSuccess => q('"status": *"ok"'),
    CloudEPSMSSecretFile => "\"$secret_file\"",
);
my $server = sms_server(%json);
$server->start;
my $tenant = tenant(server => $server);
expect_log(qr/CE702: sms cannot be delivered at present/, qr/CE1: /, qr/CE124[01]: /);

sub own_gateway {
    my $dir = CloudEP::Test::own_folder('sms');
    return CloudEP::Test::keep(CloudEP::Gateway->new(run => $dir, log => "$dir/log", @_));
}

sub sms_server {
    my (%values) = @_;
    return own_server(pg => $pg, smtp => $smtp, values => {%values});
}

# What errors call a gateway.
sub place { "127.0.0.1:$_[0]{port}" }

sub fresh_number { '+8869' . join '', map { int rand 10 } 1 .. 8 }

# Has a code sent to a fresh number of a fresh member; returns the number.
sub send_code {
    my ($on, %fields) = @_;
    my $member = register_member(server => $on, tenant => { %$tenant, server => $on }, %fields);
    my $number = fresh_number();
    outcome($member->{client}->post('/api/v1/members/me/verifications/phone/start', { target => $number }), 200, 102000,
        'a verification is started');
    return $number;
}

# Columns of the message to a number; NULL is undef.
sub row {
    my ($number, @columns) = @_;
    my $rows = $pg->psql("SELECT @{[join ', ', @columns]} FROM cloudep.outbox WHERE target = :'target'",
        target => $number);
    return wantarray ? @{ $rows->[0] } : $rows->[0][0];
}

sub row_becomes {
    my ($number, $condition, $seconds) = @_;
    return wait_until($seconds // 60, sub { row($number, $condition) eq 't' });
}

# The next attempt is due now, as if its time had come.
sub hurry {
    my ($number) = @_;
    $pg->psql("UPDATE cloudep.outbox SET next_attempt_at = now() WHERE target = :'target'", target => $number);
}

# The first SMS that a gateway took for a number, or for whatever identifies it.
sub taken {
    my ($from, $pattern, $seconds) = @_;
    wait_until($seconds // 60, sub { $from->taken($pattern) }) or die "no SMS for $pattern\n";
    return ($from->taken($pattern))[0];
}

subtest 'JSON' => sub {
    my $number = send_code($server);
    my $sms = taken($gateway, $number);
    is("$sms->{method} $sms->{path}", 'POST /v1/send', 'method and path');
    is($sms->{body}{to}, $number, 'the number');
    like($sms->{body}{text}, qr/^\d{6} is your Tenant \Q$tenant->{slug}\E code, valid for 10 minutes\. Never tell it to anybody\.\z/, 'the text');
    is($sms->{body}{auth}{key}, 'gw/secret&1', 'the secret in the body');
    is($sms->{headers}{authorization}, 'Bearer gw/secret&1', 'and in a header');
    like($sms->{headers}{'content-type'}, qr{^application/json}, 'the type of the body');
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'the row is marked');
    my ($id, $params, $attempts) = row($number, qw(id params attempts));
    is($sms->{headers}{'idempotency-key'}, $id, 'the id is the row\'s');
    is($params, undef, 'the code is erased');
    is($attempts, 1, 'one attempt');
    $sms = taken($gateway, send_code($server, language => 'zh-TW'));
    like($sms->{body}{text}, qr/^Tenant \Q$tenant->{slug}\E 驗證碼：\d{6}，10 分鐘內有效，請勿告訴任何人。\z/, 'in Chinese');
};

subtest 'a gateway that fails' => sub {
    $gateway->behave('503 busy');
    my $number = send_code($server);
    ok(row_becomes($number, 'last_error IS NOT NULL'), 'a 503 is noted');
    my ($error, $failed, $params) = row($number, qw(last_error failed_at params));
    is($error, place($gateway) . ': the gateway answered HTTP 503', 'with gateway and status only');
    is($failed, undef, 'and not final');
    like($params, qr/^v1\./, 'the message waits, sealed');
    $gateway->behave('ok');
    taken($gateway, $number);
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'and is delivered later');

    $gateway->behave('400 {"error":"not a mobile number"}');
    $number = send_code($server);
    ok(row_becomes($number, 'failed_at IS NOT NULL AND params IS NULL'), 'a 400 is final');

    $gateway->behave('200 {"status":"no credit"}');
    $number = send_code($server);
    ok(row_becomes($number, 'last_error IS NOT NULL'), 'an answer that is not the agreed success is none');
    is((row($number, 'last_error'))[0], place($gateway) . ': the gateway\'s answer does not match CloudEPSMSSuccess', 'and that is noted');
    $gateway->behave('ok');
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'it is tried again');
    my %ids = map { $_->{headers}{'idempotency-key'} => 1 } $gateway->taken($number);
    is(scalar(keys %ids), 1, 'under the same id');

    $gateway->behave('drop');
    $number = send_code($server);
    ok(row_becomes($number, 'last_error IS NOT NULL'), 'a connection that is cut is noted');
    $gateway->behave('ok');
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'and mended');
    is(scalar($gateway->taken($number)), 1, 'with one SMS');

    $gateway->stop;
    $number = send_code($server);
    ok(row_becomes($number, 'last_error IS NOT NULL'), 'a gateway that is gone is noted');
    is((row($number, 'last_error'))[0], place($gateway) . ': the gateway could not be reached', 'as that');
    $gateway->start;
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'and all is well when it is back');
};

subtest 'a slow gateway' => sub {
    $gateway->behave('slow 10');
    my $number = send_code($server);
    ok(row_becomes($number, 'attempts > 0'), 'an SMS is on its way');
    my ($answer, $sent) = register(client => client(server => $server), tenant => $tenant);
    $server->mails($sent->{email});
    is((row($number, 'delivered_at'))[0], undef, 'a mail arrives before it');
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'it arrives');
    is((row($number, 'attempts'))[0], 1, 'at the first attempt');
    is(scalar($gateway->taken($number)), 1, 'once');

    expect_log(qr/CE14[01]:/, qr/CE1\d\d:/, qr/CE1240:/, qr/\bdbd\b/);
    $gateway->behave('slow 2');
    $number = send_code($server);
    ok(row_becomes($number, 'attempts > 0'), 'another one is on its way');
    my $log = $server->log_size;
    my $id = row($number, 'id');
    $pg->stop;
    taken($gateway, $number);
    $gateway->behave('ok');
    ok(wait_until(30, sub { $server->log($log) =~ /CE703: sms $id / }), 'the child that delivered it has tried to say so to the database');
    like($server->log($log), qr/CE(?:14[01]|1240):/, 'and could not');
    $pg->start;
    hurry($number);
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'a database that goes in between learns of it later');
    taken($gateway, send_code($server));
    is(scalar($gateway->taken($number)), 1, 'an acknowledged SMS is not sent twice');

    $gateway->behave('slow 14');
    $number = send_code($server);
    ok(row_becomes($number, 'attempts > 0'), 'a third one is on its way');
    $server->stop;
    is(scalar($gateway->taken($number)), 0, 'httpd stops without waiting for it');
    $gateway->behave('ok');
};

subtest 'form, as Mitake and Every8d take it' => sub {
    my $form = sms_server(
        CloudEPSMSTransport => $gateway->url('/api/mtk/SmSend?CharsetURL=UTF-8'),
        CloudEPSMSBody => '"username=demo&password={{secret}}&dstaddr={{to_local}}&smbody={{text}}&clientid={{id}}"',
        CloudEPSMSSuccess => '"statuscode=[0-4]"',
        CloudEPSMSSecretFile => "\"$secret_file\"", CloudEPSMSHomeCode => 886,
    );
    $form->start;
    $gateway->behave("200 [1]\nmsgid=1\nstatuscode=1\n");
    my $number = send_code($form, language => 'zh-TW');
    my $sms = taken($gateway, '0' . substr $number, 4);
    is($sms->{query}{CharsetURL}, 'UTF-8', 'the query stays');
    is($sms->{body}{dstaddr}, '0' . substr($number, 4), 'a number of the home country is written as there');
    is($sms->{body}{password}, 'gw/secret&1', 'the secret cannot break out of its field');
    like($sms->{body}{smbody}, qr/驗證碼：\d{6}，/, 'Chinese arrives as Chinese');
    is(join(',', sort keys %{ $sms->{body} }), 'clientid,dstaddr,password,smbody,username', 'nothing else is there');
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'statuscode=1 is a success');
    $gateway->behave("200 [1]\nstatuscode=e\n");
    $number = send_code($form);
    ok(row_becomes($number, 'last_error IS NOT NULL'), 'statuscode=e is none');
    $form->stop;
    $gateway->behave('ok');
};

subtest 'query and Basic authentication, as Twilio and others take it' => sub {
    my $basic = sms_server(
        CloudEPSMSTransport => '"' . $gateway->url('/Messages?To={{to}}&D={{to_digits}}&Body={{text}}') . '"',
        CloudEPSMSMethod => 'GET', CloudEPSMSUser => 'AC123', CloudEPSMSSecretFile => "\"$secret_file\"",
    );
    $basic->start;
    my $number = send_code($basic);
    my $sms = taken($gateway, substr $number, 1);
    is($sms->{method}, 'GET', 'the method');
    is($sms->{query}{To}, $number, 'the plus is escaped');
    is($sms->{query}{D}, substr($number, 1), 'digits only');
    is($sms->{headers}{authorization}, 'Basic QUMxMjM6Z3cvc2VjcmV0JjE=', 'user and secret');
    ok(row_becomes($number, 'delivered_at IS NOT NULL'), 'any 2xx is a success');
    $basic->stop;
};

subtest 'https' => sub {
    my $tls = own_gateway(tls => 1);
    my $https = sms_server(%json, CloudEPSMSTransport => $tls->url('/'), CloudEPCAFile => '"' . $tls->certificate . '"');
    $https->start;
    my $number = send_code($https);
    is(taken($tls, $number)->{method}, 'POST', 'a certificate that is trusted');
    $https->stop;
    delete $https->{values}{CloudEPCAFile};
    $https->start;
    $number = send_code($https);
    ok(row_becomes($number, 'last_error IS NOT NULL'), 'one that is not');
    is((row($number, 'last_error'))[0], place($tls) . ': the gateway\'s certificate is not trusted', 'is noted');
    is(scalar($tls->taken($number)), 0, 'and gets nothing');
    $https->stop;
    my $named = own_gateway(tls => 1, name => 'other.example');
    $https->{values} = { %json, CloudEPSMSTransport => $named->url('/'), CloudEPCAFile => '"' . $named->certificate . '"' };
    $https->start;
    $number = send_code($https);
    ok(row_becomes($number, 'last_error IS NOT NULL'), 'one that is trusted, but for another name');
    is((row($number, 'last_error'))[0], place($named) . ': the gateway\'s certificate is not trusted', 'is none');
    is(scalar($named->taken($number)), 0, 'and gets nothing');
    $https->stop;
};

subtest 'countries' => sub {
    my $picky = sms_server(%json, CloudEPSMSCountries => 'TW JP', CloudEPSMSPerTenant => 2)->start;
    stay_within(3600, 30);
    my $of_tenant = register_member(server => $picky);
    my $start = sub { $of_tenant->{client}->post('/api/v1/members/me/verifications/phone/start', { target => $_[0] }) };
    my $answer = outcome($start->('+4915112345678'), 400, 10101000, 'a number of a country that is not listed');
    is_deeply($answer->errors, [{ field => 'target', rule => 'not_allowed', reason => 'must be of a country that is served here' }],
        'is told so');
    outcome($start->("+81901234567$_"), 200, 102000, "number $_ of one that is") for 1 .. 2;
    outcome($start->(fresh_number()), 429, 29604000, 'up to the number of texts that the tenant has');
    outcome($of_tenant->{client}->post('/api/v1/members/me/verifications/email/start', { target => fresh_email() }), 200, 102000,
        'which concerns no mail');
    $picky->stop;
};

subtest 'mistakes are told at start' => sub {
    for my $case (
        [{ CloudEPSMSTransport => 'http://sms.example.com/' }, qr/CloudEPSMSTransport/],
        [{ CloudEPSMSTransport => 'https://{{to}}.example.com/' }, qr/CloudEPSMSTransport/],
        [{ CloudEPSMSTransport => 'ftp://sms.example.com/' }, qr/CloudEPSMSTransport/],
        [{ CloudEPSMSTransport => 'spool:/no/such/folder' }, qr/no such folder/],
        [{ CloudEPSMSBody => '"to={{too}}"' }, qr/CloudEPSMSBody: line 1: unknown placeholder \{\{too\}\}/],
        [{ CloudEPSMSBody => q('{"to":"{{to}}"') }, qr/CloudEPSMSBody begins as JSON/],
        [{ CloudEPSMSHeader => '"no colon"' }, qr/CloudEPSMSHeader/],
        [{ CloudEPSMSSuccess => '"("' }, qr/CloudEPSMSSuccess/],
        [{ CloudEPSMSMethod => 'DELETE' }, qr/CloudEPSMSMethod/],
        [{ CloudEPSMSHomeCode => '+886' }, qr/CloudEPSMSHomeCode/],
        [{ CloudEPSMSCountries => 'TW UK' }, qr/CloudEPSMSCountries: UK is no country/],
        [{ CloudEPSMSCountries => 'tw' }, qr/CloudEPSMSCountries: tw is no country/],
        [{ CloudEPSMSSecretFile => '/no/such/file' }, qr/CloudEPSMSSecretFile .*No such file/],
    ) {
        my ($values, $expected) = @$case;
        like(sms_server(%json, %$values)->refusal, $expected, join ' ', %$values);
    }
    my $without = sms_server(%json);
    delete $without->{values}{CloudEPSMSSecretFile};
    like($without->refusal, qr/needs CloudEPSMSSecretFile/, 'a placeholder for a secret that is not there');
};

subtest 'spool folder' => sub {
    my $spool = own_server(pg => $pg, smtp => $smtp);
    $spool->{values}{CloudEPSMSTransport} = "\"spool:$spool->{dir}/spool/sms\"";
    $spool->start;
    my $number = send_code($spool);
    my $find = sub { grep { slurp($_) =~ /\Q$number\E/ } glob "$spool->{dir}/spool/sms/*.json" };
    wait_until(20, $find);
    my ($file) = $find->() or die "no SMS in the spool folder\n";
    my $sms = JSON::PP->new->utf8->decode(slurp($file));
    is($sms->{to}, $number, 'the SMS is a file');
    like($sms->{text}, qr/^\d{6} is your /, 'with its text');
    is(sprintf('%04o', (stat $file)[2] & 07777), '0600', 'that only its owner may read');
    $spool->stop;
};

finish();
