# CloudEPEventLog: events in a file, a program, syslog or nowhere in place of the error log; and traceparent, from the request to
# log lines, events, providers, the SMS gateway and backends.
use strict;
use warnings;
use CloudEP::Backend;
use CloudEP::Gateway;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp spew wait_until);
use CloudEP::Test;
use CloudEP::Zitadel;
use JSON::PP ();

my $TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
my $PARENT = "00-$TRACE-00f067aa0ba902b7-01";
my $pg = own_postgres();
my $dir = CloudEP::Test::own_folder('events');

sub server_with { my ($where, @more) = @_; return own_server(pg => $pg, values => { CloudEPEventLog => $where }, with => \@more)->start }
sub events { my ($text) = @_; return map { JSON::PP::decode_json($_) } split /\n/, $text }
sub logins { my ($file) = @_; return grep { $_->{event} eq 'auth.login' } -e $file ? events(slurp($file)) : () }

subtest 'a file' => sub {
    my $server = server_with("$dir/events.log");
    my $member = register_member(server => $server);
    login($member);
    my ($login) = logins("$dir/events.log");
    is($login->{result}, 'success', 'has the event');
    like($login->{time}, qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z\z/, 'with its time');
    unlike($server->log, qr/CE400/, 'the error log has none');
    is((stat "$dir/events.log")[2] & 0777, 0640, 'mode 0640');
    rename "$dir/events.log", "$dir/events.log.1";
    $server->graceful;
    login($member);
    is(scalar logins("$dir/events.log"), 1, 'after it was moved away and a graceful restart there is another');
    $member->{client}->with(watch => undef)->parallel((['POST', '/api/v1/auth/login', { tenant_slug => $member->{slug}, email => $member->{email}, password => $member->{password} }]) x 20);
    is(scalar(eval { logins("$dir/events.log") }) // $@, 21, 'lines of many threads and children are whole');
    ok(wait_until(10, sub { $server->value("SELECT count(*) FROM cloudep.events WHERE name = 'auth.login'") == 22 }), 'the table has them all the same');
};

subtest 'a program' => sub {
    spew("$dir/reader", "#!/bin/sh\nexec cat >>$dir/read.log\n");
    chmod 0755, "$dir/reader";
    my $server = server_with("\"|$dir/reader\"");
    login(register_member(server => $server));
    ok(wait_until(10, sub { logins("$dir/read.log") == 1 }), 'reads them');
    unlike($server->log, qr/CE400/, 'the error log has none');
};

subtest 'a disk that is full' => sub {
    my $server = server_with('/dev/full');
    login(register_member(server => $server));
    my ($line) = $server->log =~ /CE1431: CloudEPEventLog takes no events; this one is here: (\{.*"auth\.login".*\})/;
    is(eval { JSON::PP::decode_json($line)->{result} }, 'success', 'the error log has the event');
};

subtest 'off' => sub {
    my $server = server_with('off');
    my $before = $server->value('SELECT count(*) FROM cloudep.events');
    login(register_member(server => $server));
    ok(wait_until(10, sub { $server->value('SELECT count(*) FROM cloudep.events') > $before }), 'the table alone');
    unlike($server->log, qr/CE400/, 'the error log has none');
};

subtest 'what stops the start' => sub {
    like(own_server(values => { CloudEPEventLog => $_->[0] })->refuses_to_start // 'it starts', $_->[1], $_->[0])
        for ['syslog:local9', qr/syslog has no such facility/], ['/nowhere/events.log', qr/folder of this file is not there/];
    is(own_server(values => { CloudEPEventLog => $_ })->refuses_to_start, undef, "$_ does not") for qw(syslog syslog:local1);
};

subtest 'a trace' => sub {
    my $backend = CloudEP::Backend->start;
    my $url = $backend->url =~ s{/$}{}r;
    my $server = server_with("$dir/traced.log", (map { CloudEP::Httpd::module($_) } qw(proxy proxy_http)), '<Location /app>', "ProxyPass $url", 'Require all granted', '</Location>',
        'ErrorLogFormat "[%{CLOUDEP_TRACE_ID}e] %M"', 'LogLevel cloudep:info');
    my $member = register_member(server => $server);
    my @login = ('/api/v1/auth/login', { tenant_slug => $member->{slug}, email => $member->{email}, password => $member->{password} });
    my $client = client(server => $server, watch => undef);
    $client->post(@login, traceparent => $PARENT);
    is((logins("$dir/traced.log"))[-1]{trace_id}, $TRACE, 'its id is in the event');
    $client->post('/api/v1/auth/token/refresh', { refresh_token => 'x' }, traceparent => $PARENT);
    like($server->log, qr/^\[$TRACE\] CE120: .* \[trace $TRACE\]$/m, 'in log lines, and in the variable');
    my $seen = sub { my ($answer) = @_; return $answer->body =~ /^traceparent: *(\S+)/mi ? $1 : 'none' };
    is($seen->($client->get('/app/headers', traceparent => $PARENT)), $PARENT, 'a backend is told');
    for my $bad ("00-$TRACE-00f067aa0ba902b7", "00-${\('0' x 32)}-00f067aa0ba902b7-01", "00-$TRACE-${\('0' x 16)}-01", "ff-$TRACE-00f067aa0ba902b7-01",
        "00-\U$TRACE\E-00f067aa0ba902b7-01", "$PARENT-x", 'x', "00-$TRACE-00f067aa0ba902b7-0g") {
        is($seen->($client->get('/app/headers', traceparent => $bad)), 'none', "$bad is none");
    }
    is($seen->($client->get('/app/headers', traceparent => "01-$TRACE-00f067aa0ba902b7-01-more")), "01-$TRACE-00f067aa0ba902b7-01-more", 'a later version may have more');
    $client->post(@login);
    ok(!exists((logins("$dir/traced.log"))[-1]{trace_id}), 'without a traceparent there is none');
};

subtest 'a trace goes on' => sub {
    my $gateway = CloudEP::Test::keep(CloudEP::Gateway->new(run => "$dir/sms", log => "$dir/sms.log"));
    my $server = own_server(pg => $pg, values => { CloudEPSMSTransport => $gateway->url('/send'), CloudEPSMSBody => q('{"to":"{{to}}","text":"{{text}}"}') })->start;
    my $member = register_member(server => $server);
    my @start = ('/api/v1/members/me/verifications/phone/start', { target => '+886912345678' });
    outcome($member->{client}->post(@start, traceparent => $PARENT), 200, 102000, 'a code is texted');
    ok(wait_until(60, sub { -e "$dir/sms/taken/00000001.json" }), 'by a thread, later');
    is(JSON::PP::decode_json(slurp("$dir/sms/taken/00000001.json"))->{headers}{traceparent}, $PARENT, 'the SMS gateway is told');

    my $heads = "$dir/heads";
    my $provider = CloudEP::Backend->start(sub { open my $file, '>>', $heads; print $file $_[0]; close $file; return ('503 Away', [], '') });
    spew("$dir/token", "token\n");
    chmod 0600, "$dir/token";
    my $other = own_server(pg => $pg, values => { CloudEPIdentityProvider => 'zitadel', CloudEPZitadelURL => $provider->url =~ s{/$}{}r, CloudEPZitadelTokenFile => "$dir/token" })->start;
    $other->ctl(qw(tenant set --slug), $member->{slug}, '--organization', '1');
    client(server => $other, watch => undef)->post('/api/v1/auth/login', { tenant_slug => $member->{slug}, email => $member->{email}, password => $member->{password} },
        traceparent => $PARENT);
    like(slurp($heads), qr/^traceparent: $PARENT\r$/m, 'an identity provider is told');
};

expect_log(qr/CE\d+: /);
finish();
