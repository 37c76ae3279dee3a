# Business email and phone: a code to the new address, bound to tenant, member, purpose and target.
use strict;
use warnings;
use CloudEP::Process qw(slurp wait_until);
use CloudEP::Test;

# SMS go to a folder that no other server of the suite writes to: each delivers what is due in its own database.
my $pg = own_postgres();
my $server = own_server(pg => $pg);
$server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
$server->start;
my $member = register_member(server => $server, language => 'en');
my $client = $member->{client};

my %kind = (
    email => { column => 'business_email', other => 'phone', fresh => \&fresh_email, bad => 'not-an-address',
        code => sub { $server->mail_code($_[0]) } },
    phone => { column => 'business_phone', other => 'email', fresh => \&fresh_phone, bad => '0912345678', code => \&sms_code },
);

sub fresh_phone { '+8869' . join '', map { int rand 10 } 1 .. 8 }

# The code of the newest SMS to a number.
sub sms_code {
    my ($number) = @_;
    my @sms;
    wait_until(20, sub {
            @sms = grep { $_->{to} eq $number } map { JSON::PP::decode_json(slurp($_)) } sort glob "$server->{dir}/spool/sms/*.json";
            return scalar @sms;
    }) or die "no SMS to $number\n";
    return CloudEP::Mail::code($sms[-1]);
}

sub path { my ($kind, $what) = @_; return "/api/v1/members/me/verifications/$kind/$what" }

# Starts a verification; returns the id of its challenge.
sub start {
    my ($who, $kind, $target) = @_;
    my $answer = $who->post(path($kind, 'start'), { target => $target });
    return $answer->status == 200 ? $answer->data->{challenge_id} : die 'not started: ', $answer->body, "\n";
}

sub answer_to {
    my ($who, $kind, $challenge, $code) = @_;
    return $who->post(path($kind, 'confirm'), { challenge_id => $challenge, code => $code });
}

sub wrong { $_[0] =~ tr/0-9/1-90/r }

for my $kind (sort keys %kind) {
    my ($column, $other, $fresh) = @{ $kind{$kind} }{qw(column other fresh)};
    my $code_to = $kind{$kind}{code};
    my $target = $fresh->();
    my $code;

    # ---- start
    outcome($client->post(path($kind, 'start'), {}), 400, 29104000, "$kind: a target is needed");
    outcome($client->post(path($kind, 'start'), { target => '' }), 400, 29104000, "$kind: an empty one is none");
    outcome($client->post(path($kind, 'start'), { target => $kind{$kind}{bad} }), 400, 10101000, "$kind: not a target");
    my $data = outcome($client->post(path($kind, 'start'), { target => $target }), 200, 102000, "$kind: a start")->data;
    is_deeply([sort keys %$data], [qw(challenge_id expires_in)], "$kind: answers the challenge");
    ok($data->{expires_in} > 590 && $data->{expires_in} <= 600, "$kind: good for ten minutes");
    my $challenge = $data->{challenge_id};
    my $wait = outcome($client->post(path($kind, 'start'), { target => $target }), 429, 29604000, "$kind: again too soon");
    ok($wait->header('retry-after') > 50 && $wait->header('retry-after') <= 60, "$kind: for a minute");

    # ---- confirm
    $code = secret($code_to->($target));
    outcome($client->post(path($kind, 'confirm'), { code => $code }), 400, 29104000, "$kind: a challenge is needed");
    outcome(answer_to($client, $kind, $challenge, '12345'), 400, 10101000, "$kind: not a code");
    outcome(answer_to($client, $kind, 'A' x 22, $code), 404, 29301000, "$kind: no such challenge");
    outcome(answer_to($client, $kind, $challenge, wrong($code)), 403, 29505000, "$kind: a wrong code");
    outcome(answer_to($client, $other, $challenge, $code), 403, 29505000, "$kind: a challenge of the other purpose");
    my $neighbour = register_member(server => $server);
    outcome(answer_to($neighbour->{client}, $kind, $challenge, $code), 403, 29505000, "$kind: another member's challenge");
    my $stranger = register_member(tenant => tenant(server => $server));
    outcome(answer_to($stranger->{client}, $kind, $challenge, $code), 403, 29505000, "$kind: another tenant's challenge");
    ok(!$client->get('/api/v1/members/me')->data->{"${column}_verified"}, "$kind: nothing is verified yet");
    outcome(answer_to($client, $kind, $challenge, $code), 200, 102000, "$kind: the right code");
    my $profile = $client->get('/api/v1/members/me')->data;
    is_deeply([@{$profile}{ $column, "${column}_verified" }], [$target, JSON::PP::true], "$kind: the profile has it");
    outcome(answer_to($client, $kind, $challenge, $code), 404, 29301000, "$kind: a challenge is good once");

    # ---- the target is the challenge's
    my ($first, $second) = ($fresh->(), $fresh->());
    start($client, $kind, $first);
    my $first_code = $code_to->($first);
    $challenge = start($client, $kind, $second);
    my $second_code = $code_to->($second);
    outcome(answer_to($client, $kind, $challenge, $first_code), 403, 29505000, "$kind: the code to the address before is dead")
        if $first_code ne $second_code;
    outcome(answer_to($client, $kind, $challenge, $second_code), 200, 102000, "$kind: the code to the last one is good");
    is($client->get('/api/v1/members/me')->data->{$column}, $second, "$kind: and that one is written");

    # ---- many at once, and the database away at the last moment
    $target = $fresh->();
    $challenge = start($client, $kind, $target);
    $code = $code_to->($target);
    expect_log(qr/permission denied for table members|contact_set_|writing the verified address failed/);
    $pg->psql('REVOKE UPDATE ON cloudep.members FROM cloudep_app');
    outcome(answer_to($client, $kind, $challenge, $code), 500, 29201000, "$kind: what cannot be written is told");
    $pg->psql('GRANT UPDATE ON cloudep.members TO cloudep_app');
    my @answers = $client->parallel((['POST', path($kind, 'confirm'), { challenge_id => $challenge, code => $code }]) x 32);
    is(scalar(grep { $_->status == 200 } @answers), 1, "$kind: then of 32 confirmations at once one succeeds");

    # ---- guessing
    $target = $fresh->();
    $challenge = start($client, $kind, $target);
    $code = $code_to->($target);
    @answers = $client->parallel((['POST', path($kind, 'confirm'), { challenge_id => $challenge, code => wrong($code) }]) x 32);
    is(scalar(grep { $_->status == 403 } @answers), 5, "$kind: of 32 wrong codes at once five are compared");
    outcome(answer_to($client, $kind, $challenge, $code), 409, 29309000, "$kind: then the challenge is locked, whatever the code");
    outcome($client->post(path($kind, 'start'), { target => $fresh->() }), 200, 102000, "$kind: which concerns no other start");
    outcome(answer_to($client, $kind, $challenge, $code), 409, 29309000, "$kind: and makes it no better");

    # ---- the day's cap
    my $keen = register_member(server => $server);
    stay_within(86400, 30);
    my @started = map { $keen->{client}->post(path($kind, 'start'), { target => $fresh->() })->status } 1 .. 10;
    is_deeply(\@started, [(200) x 10], "$kind: ten starts a day");
    my $refused = $fresh->();
    $wait = outcome($keen->{client}->post(path($kind, 'start'), { target => $refused }), 429, 29310000, "$kind: not eleven");
    ok($wait->header('retry-after') <= 86400, "$kind: until tomorrow");
    isnt($client->post(path($kind, 'start'), { target => $refused })->code, 29310000, "$kind: of one member, not of all");
    outcome($keen->{client}->post(path($other, 'start'), { target => $kind{$other}{fresh}->() }), 200, 102000,
        "$kind: and of one purpose");
}

# ---- notices: to the address that the member logs in with, one for each change
my @mails = $server->mails($member->{email}, 1 + 6);
my %subjects;
$subjects{ $_->{headers}{subject} }++ for @mails;
is_deeply([sort { $a <=> $b } values %subjects], [1, 3, 3], 'three changes of each kind were told to the member')
    or diag(explain(\%subjects));

finish();
