# What each answer of a mail server or an SMS gateway does to the message that it is given to, and to the next one: what
# concerns one message holds up no other, and what concerns the server loses none.
use strict;
use warnings;
use CloudEP::Gateway;
use CloudEP::Process qw(wait_until spew);
use CloudEP::Test;

my $pg = own_postgres();
my $smtp = own_smtp(login => 'cloudep:' . secret('relay-secret-1'));
my $gateway = CloudEP::Test::keep(do { my $dir = CloudEP::Test::own_folder('sms'); CloudEP::Gateway->new(run => $dir, log => "$dir/log") });
spew("$smtp->{run}/password", "relay-secret-1\n");
chmod 0600, "$smtp->{run}/password";

# One child, so one worker for each channel: what is due first is tried first.
my $server = own_server(pg => $pg, smtp => $smtp, with => ['ServerLimit 1', 'StartServers 1', 'MaxRequestWorkers 32', 'MinSpareThreads 1'],
    values => {
        CloudEPMailUser => 'cloudep', CloudEPMailPasswordFile => "\"$smtp->{run}/password\"", CloudEPMailHello => 'relay-test.example',
        CloudEPSMSTransport => $gateway->url('/send'), CloudEPSMSBody => '"to={{to_digits}}&text={{text}}"',
        CloudEPCodeCooldown => 0, CloudEPCodesPerAddress => 0,
    });
$server->start;
my $client = client(server => $server);
my $tenant = tenant(server => $server);
expect_log(qr/CE702: (?:mail|sms) cannot be delivered at present/);

my @REPLIES = (421, 450 .. 452, 455, 500 .. 504, 510 .. 515, 521, 530, 535, 541, 550 .. 556, 571);
my @PUT_OFF = (450 .. 452, 455, 500, 502, 503, 530, 535);
my %about_mail = ((map { $_ => 'given up' } @REPLIES), (map { $_ => 'put off' } @PUT_OFF), 421 => 'rest');

# Before MAIL every reply is about the server, whatever its number: a few stand for all, as a worker rests after each.
my @SESSION = (421, 450, 501, 504, 535, 550, 554);

# What becomes of a mail whose session or transaction is answered so.
my %table = (
    EHLO => { map { $_ => 'rest' } @SESSION },
    AUTH => { map { $_ => 'rest' } @SESSION },
    MAIL => { (map { $_ => 'put off' } @REPLIES), 421 => 'rest' },
    map { $_ => \%about_mail } qw(RCPT DATA END),
);
my %named = (EHLO => 'EHLO relay-test.example', AUTH => 'AUTH', MAIL => 'MAIL FROM', RCPT => 'RCPT TO', DATA => 'DATA',
    END => 'the end of the mail');

# Test mails that are due now, without waking anybody.
sub due {
    my (@addresses) = @_;
    my $values = join ', ', map { "('00000000-0000-0000-0000-000000000000', 'mail', '$_', 'test', now() + interval '2 hours')" } @addresses;
    $pg->psql("INSERT INTO cloudep.outbox (tenant_id, channel, target, template, expires_at) VALUES $values");
}

# A mail of a registration, which wakes the worker; returns its address.
sub next_mail {
    my ($answer, $sent) = register(client => $client, tenant => $tenant);
    outcome($answer, 200, 102000, 'a registration') if $answer->status != 200;
    return $sent->{email};
}

# Of each message to one of those targets: its state ("delivered", "given up", "put off" or "new"), attempts and last error,
# and whether its content is erased.
sub fates {
    my (@targets) = @_;
    my $rows = $pg->psql("SELECT target, CASE WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN failed_at IS NOT NULL THEN 'given up'"
            . " WHEN last_error IS NOT NULL THEN 'put off' ELSE 'new' END, attempts, last_error, params IS NULL"
            . ' FROM cloudep.outbox WHERE target IN (' . join(', ', map { "'$_'" } @targets) . ')');
    my %fates;
    @{ $fates{ $_->[0] } }{qw(state attempts error erased)} = @{$_}[1 .. 4] for @$rows;
    return \%fates;
}

# The fates of some bad messages and of the next one behind them, once it is delivered and each of them was tried.
sub settled {
    my ($next, @bad) = @_;
    my $fates;
    wait_until(60, sub {
            $fates = fates($next, @bad);
            return $fates->{$next}{state} eq 'delivered' && !grep { $fates->{$_}{state} eq 'new' } @bad;
    });
    return $fates;
}

# Out of the way of what follows.
sub park {
    my (@targets) = @_;
    $pg->psql("UPDATE cloudep.outbox SET next_attempt_at = now() + interval '1 hour', expires_at = now() + interval '2 hours'"
            . ' WHERE delivered_at IS NULL AND failed_at IS NULL AND target IN (' . join(', ', map { "'$_'" } @targets) . ')');
}

# One message had that answer, and the next one came behind it; returns what is wrong. from: where the log of that begins.
sub faults {
    my ($bad, $next, $expected, $error, $from) = @_;
    my @wrong;
    push @wrong, "the next one is $next->{state}" if $next->{state} ne 'delivered';
    push @wrong, "the next one took $next->{attempts} attempts" if $next->{attempts} != 1;
    my $stays = $expected eq 'rest' ? 'put off' : $expected;
    push @wrong, "it is $bad->{state}, not $stays" if $bad->{state} ne $stays;
    push @wrong, "the error is $bad->{error}" if ($bad->{error} // '') !~ $error;
    my $rested = $server->log($from) =~ /CE702: .*$error/ ? 'rest' : 'go on';
    push @wrong, "the worker: $rested" if ($rested eq 'rest') != ($expected eq 'rest');
    return @wrong;
}

# An answer to the next session that comes to that stage, whichever message it is for.
sub check_once {
    my ($stage, $reply) = @_;
    my $bad = fresh_email();
    my $from = $server->log_size;
    $smtp->once("$stage $reply 4.9.9 secret words of the server");
    due($bad);
    my $next = next_mail();
    my $fates = settled($next, $bad);
    my @wrong = faults(@{$fates}{ $bad, $next }, $table{$stage}{$reply}, qr/\Q${\$smtp->address}: $named{$stage} was answered $reply\E 4\.9\.9$/m, $from);
    is(join('; ', @wrong), '', "$stage $reply: $table{$stage}{$reply}");
    park($bad);
    return $bad;
}

my @waiting;
for my $stage (qw(EHLO AUTH MAIL)) {
    subtest "a mail server that answers at $stage" => sub {
        push @waiting, map { check_once($stage, $_) } sort keys %{ $table{$stage} };
    };
}

for my $stage (qw(RCPT DATA END)) {
    subtest "a mail server that answers to one mail at $stage" => sub {
        my @once = grep { $_ != 421 } @REPLIES;
        my %bad = map { $_ => fresh_email() } @once;
        $smtp->rules(map { "$stage $bad{$_} $_ 4.9.9 no <$bad{$_}>" } @once);
        my $from = $server->log_size;
        due(@bad{@once});
        my $next = next_mail();
        my $fates = settled($next, @bad{@once});
        for my $reply (@once) {
            my @wrong = faults(@{$fates}{ $bad{$reply}, $next }, $table{$stage}{$reply},
                qr/\Q${\$smtp->address}: $named{$stage} was answered $reply\E 4\.9\.9$/m, $from);
            is(join('; ', @wrong), '', "$stage $reply: $table{$stage}{$reply}");
        }
        unlike($server->log($from), qr/CE702/, 'the worker never rested');
        park(@bad{@once});
        push @waiting, grep { $fates->{$_}{state} eq 'put off' } @bad{@once};
        push @waiting, check_once($stage, 421);
    };
}

subtest 'a name in EHLO that is refused at RCPT, as Postfix does it' => sub {
    my $bad = fresh_email();
    my $from = $server->log_size;
    $smtp->rules("RCPT $bad 504 5.5.2 <relay-test.example>: Helo command rejected: need fully-qualified hostname");
    due($bad);
    my $next = next_mail();
    my @wrong = faults(@{ settled($next, $bad) }{ $bad, $next }, 'rest', qr/refuses the EHLO name relay-test\.example \(CloudEPMailHello\)/, $from);
    is(join('; ', @wrong), '', 'is about the server, and the mail is kept');
    park($bad);
    push @waiting, $bad;
    $smtp->rules;
};

subtest 'what was put off' => sub {
    cmp_ok(scalar @waiting, '>', @REPLIES, 'there are many');
    $pg->psql("UPDATE cloudep.outbox SET next_attempt_at = now() WHERE delivered_at IS NULL AND failed_at IS NULL AND channel = 'mail'");
    next_mail();
    my @lost;
    wait_until(60, sub { my $fates = fates(@waiting); !(@lost = grep { $fates->{$_}{state} ne 'delivered' } @waiting) });
    is("@lost", '', 'is delivered when the server takes it');
    is(scalar(grep { $server->mails_now($_) != 1 } @waiting), 0, 'once each');
};

subtest 'a text behind refused ones' => sub {
    my %expected = ((map { $_ => 'put off' } 400 .. 429), (map { $_ => 'given up' } 400, 413, 414, 415, 422), map { $_ => 'rest' } 500 .. 504);
    my ($member, $left) = (undef, 0);
    my $fresh = sub { '+8869' . join '', map { int rand 10 } 1 .. 8 };
    my $send = sub {
        my ($number) = @_;

        # A member may have ten codes a day.
        ($member, $left) = (register_member(server => $server, tenant => $tenant), 9) if !$left--;
        outcome($member->{client}->post('/api/v1/members/me/verifications/phone/start', { target => $number }), 200, 102000, 'a text is sent');
    };
    for my $status (sort keys %expected) {
        my ($bad, $next) = map { $fresh->() } 1, 2;
        my $from = $server->log_size;
        $gateway->rules(substr($bad, 1) . " $status secret words of the gateway");
        $send->($bad);
        $send->($next);
        my $fates = settled($next, $bad);
        my @wrong = faults(@{$fates}{ $bad, $next }, $expected{$status}, qr/127\.0\.0\.1:$gateway->{port}: the gateway answered HTTP $status$/m, $from);
        my $erased = $fates->{$bad}{erased} eq 't';
        push @wrong, 'its content is ' . ($erased ? 'erased' : 'kept') if $erased != ($expected{$status} eq 'given up');
        is(join('; ', @wrong), '', "HTTP $status: $expected{$status}");
        park($bad);
    }
};

unlike($server->log, qr/secret words/, 'what servers say is not in the log');
finish();
