# How every operation ended is a JSON line in the error log and a row of the events table, without secrets.
use strict;
use warnings;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;
use CloudEP::Totp;

my $pg = own_postgres();
my $server = own_server(pg => $pg, values => { CloudEPCodeCooldown => 0 })->start;
my $tenant = tenant(server => $server);
my $slug = $tenant->{slug};
my $agent = "Probe \"1\\0\" (\x{e9}\t) \$(id)";
utf8::encode($agent);
my $client = client(server => $server);

# The request's events: [row of the table as a hash], [lines of the log, decoded].
sub events_of {
    my ($answer) = @_;
    my $id = $answer->header('X-Request-Id');
    my @columns = qw(name outcome uid method address user_agent request_id);
    my $sql = 'SELECT ' . join(', ', @columns) . ", (SELECT slug FROM cloudep.tenants t WHERE t.id = e.tenant_id),"
        . " abs(extract(epoch FROM now() - at)) < 60 FROM cloudep.events e WHERE request_id = :'id'";
    my @rows = map { my %row; @row{ @columns, 'slug', 'recent' } = @$_; \%row } @{ $server->psql($sql, id => $id) };
    my @lines = map { JSON::PP::decode_json($_) } $server->log =~ /CE400: (\{.*"request_id":"\Q$id\E".*\})$/mg;
    return (\@rows, \@lines);
}

# What an answer has to leave behind: one row (a moment later) and one line that agree.
sub event {
    my ($answer, $name, %expected) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($rows, $lines);
    my $there = wait_until(5, sub { ($rows, $lines) = events_of($answer); @$rows });
    my ($row, $line) = ($rows->[0] // {}, $lines->[0] // {});
    my @wrong;
    push @wrong, scalar(@$rows) . ' rows' if @$rows != 1;
    push @wrong, scalar(@$lines) . ' lines' if @$lines != 1;
    my %want = (name => $name, outcome => $answer->code, slug => $slug, address => CloudEP::Client::own_address(), recent => 't', %expected);
    push @wrong, map { "row: $_ is " . ($row->{$_} // 'null') . ", not " . ($want{$_} // 'null') }
        grep { ($row->{$_} // '') ne ($want{$_} // '') } sort keys %want;
    push @wrong, map { "line: $_ is " . ($line->{$_} // 'missing') . ', not ' . ($row->{$_} // 'missing') }
        grep { ($line->{$_} // '') ne ($row->{$_} // '') } qw(outcome uid method address);
    push @wrong, 'line: event is ' . ($line->{event} // 'missing') if ($line->{event} // '') ne $name;
    push @wrong, 'line: result' if ($line->{result} // '') ne ($answer->status == 200 ? 'success' : 'failure');
    ok(!@wrong, "$name " . $answer->code) or diag(join "\n", @wrong);
}

# ---- one of each operation, well and badly
my ($registered, $sent) = register(client => $client, tenant => $tenant);
my $uid = $registered->data->{uid};
event($registered, 'auth.register', uid => $uid);
event((register(client => $client, tenant => $tenant, invite_code => 'wrong'))[0], 'auth.register', uid => undef);
my $start = { tenant_slug => $slug, challenge_id => $registered->data->{challenge_id} };
my $code = secret($server->mail_code($sent->{email}));
my $wrong = sprintf '%06d', ($code + 1) % 1_000_000;
event($client->post('/api/v1/auth/register/confirm', { %$start, code => $wrong }), 'auth.register.confirm', uid => $uid, method => 'otp');
event($client->post('/api/v1/auth/register/resend', $start), 'auth.register.resend', uid => $uid);
my $resumed = $client->post('/api/v1/auth/register/resume', { tenant_slug => $slug, email => $sent->{email}, password => $sent->{password} });
event($resumed, 'auth.register.resume', uid => $uid);
event($client->post('/api/v1/auth/register/resume', { tenant_slug => $slug, email => fresh_email() }), 'auth.register.resume', uid => undef);
$code = secret($server->mail_code($sent->{email}, 3));
my $confirmed = $client->post('/api/v1/auth/register/confirm', { %$start, challenge_id => $resumed->data->{challenge_id}, code => $code });
$uid = $resumed->data->{uid};
event($confirmed, 'auth.register.confirm', uid => $uid, method => 'otp');
my $member = { slug => $slug, email => $sent->{email}, password => $sent->{password}, uid => $uid, client =>
        $client->with(token => $confirmed->data->{access_token}) };
my $logged_in = login($member);
event($logged_in, 'auth.login', uid => $uid, method => 'pwd');
event(login($member, password => fresh_password()), 'auth.login', uid => $uid, method => 'pwd');
event(login($member, email => fresh_email()), 'auth.login', uid => undef, method => 'pwd');
my $refreshed = $client->post('/api/v1/auth/token/refresh', { refresh_token => $logged_in->data->{refresh_token} });
event($refreshed, 'auth.token.refresh', uid => $uid);
event($client->with(token => $refreshed->data->{access_token})->post('/api/v1/auth/logout', undef), 'auth.logout', uid => $uid, method => 'token');
my $forgot = $client->post('/api/v1/auth/password/forgot', { tenant_slug => $slug, email => $member->{email} });
event($forgot, 'auth.password.forgot', uid => $uid);
my $reset = { tenant_slug => $slug, challenge_id => $forgot->data->{challenge_id}, new_password => $member->{password} = fresh_password() };
my ($mail) = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, 4);
$code = secret(CloudEP::Mail::code($mail));
event($client->post('/api/v1/auth/password/reset', { %$reset, code => sprintf '%06d', ($code + 1) % 1_000_000 }), 'auth.password.reset',
    uid => $uid, method => 'otp');
event($client->post('/api/v1/auth/password/reset', { %$reset, code => $code }), 'auth.password.reset', uid => $uid, method => 'otp');

my $mine = $client->with(token => login($member)->data->{access_token});
event($mine->patch('/api/v1/members/me', { display_name => 'Ann' }), 'members.me.patch', uid => $uid, method => 'token');
my $business = fresh_email();
my $started = $mine->post('/api/v1/members/me/verifications/email/start', { target => $business });
event($started, 'members.me.verifications.email.start', uid => $uid);
event($mine->post('/api/v1/members/me/verifications/email/confirm', { challenge_id => $started->data->{challenge_id},
            code => secret($server->mail_code($business)) }), 'members.me.verifications.email.confirm', uid => $uid, method => 'otp');
my $totp = '/api/v1/members/me/totp';
my $enrolling = $mine->post("$totp/enroll-start");
event($enrolling, 'members.me.totp.enroll-start', uid => $uid);
secret(totp_secret_text($enrolling->data->{otpauth_url}));
my $secret = totp_secret($enrolling->data->{otpauth_url});
my $enrolled = $mine->post("$totp/enroll-confirm", { code => totp_code($secret) });
event($enrolled, 'members.me.totp.enroll-confirm', uid => $uid);
event($mine->post("$totp/verify", { code => totp_wrong_code($secret) }), 'members.me.totp.verify', uid => $uid);
my $half = login($member);
event($half, 'auth.login', uid => $uid, method => 'pwd');
my $mfa = { tenant_slug => $slug, challenge_id => $half->data->{mfa_challenge_id} };
event($client->post('/api/v1/auth/login/mfa', { %$mfa, code => totp_wrong_code($secret) }), 'auth.login.mfa', uid => $uid,
    method => 'totp');
event($client->post('/api/v1/auth/login/mfa', { %$mfa, code => $enrolled->data->{backup_codes}[0] }), 'auth.login.mfa',
    uid => $uid, method => 'backup_code');
event($mine->post("$totp/backup-codes"), 'members.me.totp.backup-codes', uid => $uid);
event($mine->delete($totp), 'members.me.totp.delete', uid => $uid);

# ---- what is of no tenant is in the log, reading is nowhere
for my $answer ($client->post('/api/v1/auth/login', '{'), $client->post('/api/v1/auth/login', { tenant_slug => 'nobody-knows',
            email => fresh_email(), password => fresh_password() }), $client->with(token => 'x')->post('/api/v1/auth/logout', undef)) {
    my ($rows, $lines) = events_of($answer);
    is(@$rows . ' ' . @$lines, '0 1', $answer->path . ' ' . $answer->code . ' is a line and no row');
}
my ($rows, $lines) = events_of($mine->get('/api/v1/members/me'));
is(@$rows . ' ' . @$lines, '0 0', 'reading the own profile is no event');

# ---- what a client says about itself breaks no line
my $probe = $client->post('/api/v1/auth/login', { tenant_slug => $slug, email => $member->{email}, password => fresh_password() },
    'User-Agent' => $agent . 'x' x 500);
event($probe, 'auth.login', uid => $uid, method => 'pwd');
($rows, $lines) = events_of($probe);
is($rows->[0]{user_agent}, 'Probe "1\\0" (???) $(id)' . 'x' x (200 - 23), 'the table has it, shortened and printable') or diag($rows->[0]{user_agent});
is($lines->[0]{user_agent}, "Probe '1'0' (???) \$(id)" . 'x' x (200 - 23), 'the line has it without what would need a backslash');

# ---- the operator reads them
my $list = JSON::PP::decode_json($server->ctl(qw(event list --json --tenant), $slug, '--email', $member->{email}, qw(--name auth.login --limit 3)));
is($list->{events}[0]{request_id}, $probe->header('X-Request-Id'), 'cloudepctl event list shows the last login first');

# ---- nothing that is secret is in them
my $all = $server->log . $pg->value("SELECT string_agg(e::text, ' ') FROM cloudep.events e");
ok(index($all, $_) < 0, 'no secret is there') for grep { defined && length } $sent->{password}, $member->{password}, $code,
    $logged_in->data->{access_token}, $logged_in->data->{refresh_token}, totp_secret_text($enrolling->data->{otpauth_url}),
    @{ $enrolled->data->{backup_codes} }, $start->{challenge_id};

# ---- an orderly stop writes what there is
my @last = $client->with(address => '127.220.1.1')->parallel(map { ['POST', '/api/v1/auth/login', { tenant_slug => $slug, email => fresh_email(),
                password => fresh_password() }] } 1 .. 30);
$server->stop;
my %told = (row => $pg->value("SELECT sum(count) FROM cloudep.events WHERE reason = 'credentials_wrong' AND address = '127.220.1.1'"));
$told{line} += JSON::PP::decode_json($_)->{count} // 1 for $server->log =~ /CE400: (\{.*"credentials_wrong".*"address":"127\.220\.1\.1".*\})$/mg;
is_deeply(\%told, { row => 30, line => 30 }, 'every event of the last moment is told after a stop, in the table and in the log');
$server->start;

# ---- a database that is away for a while
my $before = $server->log_size;
$pg->psql('ALTER TABLE cloudep.events RENAME TO events_away');
expect_log(qr/statement events_\w+: /);
my $meanwhile = login($member);
ok(wait_until(20, sub { $server->log($before) =~ /statement events_\w+: / }), 'the events cannot be written');
outcome($meanwhile, 200, 102000, 'a login goes on without the table of events');
$pg->psql('ALTER TABLE cloudep.events_away RENAME TO events');
event($meanwhile, 'auth.login', uid => $uid, method => 'pwd');

# ---- events are removed when they are old
$server->{values}{CloudEPEventRetention} = '1d';
$server->{values}{CloudEPSweepInterval} = 1;
$server->restart;
$pg->psql("UPDATE cloudep.events SET at = now() - interval '25 hours' WHERE name = 'auth.login'");
ok(wait_until(10, sub { !$pg->value("SELECT count(*) FROM cloudep.events WHERE name = 'auth.login'") }), 'events of yesterday go');
cmp_ok($pg->value("SELECT count(*) FROM cloudep.events"), '>', 10, 'those of today stay');

finish();
