# Many at once, 64 and then 256: an invite with N uses makes N members, a challenge one session, a refresh token one
# successor, a second factor is accepted once. Who comes too late may be told 503, but nothing else than the truth.
use strict;
use warnings;
use CloudEP::Attempts;
use CloudEP::Test;
use CloudEP::Totp;
use MIME::Base64 qw(decode_base64url);

my $server = own_server(values => { CloudEPCodeCooldown => 0, CloudEPCodesPerAddress => 0, CloudEPCodesPerTarget => 0, CloudEPKnownGuesses => 1_000_000, CloudEPUnknownGuesses => 1_000_000,
        CloudEPAddressAttempts => 0 })->start;
my $client = client(server => $server);
my $confirm = '/api/v1/auth/register/confirm';
my $verify = '/api/v1/members/me/totp/verify';

sub tally { my %count; $count{ $_->status . ' ' . ($_->code // '') }++ for @_; return \%count }
sub jti { return JSON::PP->new->utf8->decode(decode_base64url((split /\./, $_[0])[1]))->{jti} }
sub overloaded { my ($count) = @_; return $count->{'503 28603000'} // 0 }

# A registration of each of $emails in the tenant, all at once.
sub register_all {
    my ($tenant, @emails) = @_;
    return $client->parallel(map { ['POST', '/api/v1/auth/register', { tenant_slug => $tenant->{slug},
                    invite_code => $tenant->{invite}, email => $_, password => fresh_password(), accept_terms_version => '1' }] } @emails);
}

sub uses { my ($tenant) = @_; return $server->value("SELECT uses FROM cloudep.invites WHERE code = :'code'", code => $tenant->{invite}) }

sub invites {
    my ($many) = @_;
    my $tenant = tenant(server => $server, uses => 5);
    my $count = tally(register_all($tenant, map { fresh_email() } 1 .. $many));
    my $members = $server->value("SELECT count(*) FROM cloudep.members m JOIN cloudep.tenants t ON t.id = m.tenant_id"
            . " WHERE t.slug = :'slug'", slug => $tenant->{slug});
    my $told = $count->{'200 102000'} // 0;
    cmp_ok($told, '<=', 5, "$many registers on an invite with 5 uses: not more than 5 succeed");
    ok($told == 5 || overloaded($count), 'and not fewer, unless the server had too much to do') or diag(explain $count);
    is($told + ($count->{'429 28310000'} // 0) + ($count->{'423 28313000'} // 0) + overloaded($count), $many,
        'the others are told why not') or diag(explain $count);
    is($members, $told, 'there is a member for each');
    is(uses($tenant), $told, 'and a use');

    $tenant = tenant(server => $server);
    $count = tally(register_all($tenant, (fresh_email()) x $many));
    cmp_ok($count->{'200 102000'} // 0, '<=', 1, "$many registers of one email: not more than 1 succeeds");
    ok($count->{'200 102000'} || overloaded($count), 'and not fewer') or diag(explain $count);
    is(uses($tenant), $count->{'200 102000'} // 0, 'and takes one use of the invite');
}

sub challenges {
    my ($many) = @_;
    my ($registered, $sent) = register(client => $client);
    my $body = { tenant_slug => $sent->{tenant_slug}, challenge_id => $registered->data->{challenge_id},
        code => secret($server->mail_code($sent->{email})) };
    my $count = tally($client->parallel((['POST', $confirm, $body]) x $many));
    is($count->{'200 102000'}, 1, "$many confirms of one challenge: 1 succeeds") or diag(explain $count);
    is($server->value("SELECT count(*) FROM cloudep.sessions WHERE uid = :'uid'", uid => $registered->data->{uid}), 1,
        'and opens one session');

    ($registered, $sent) = register(client => $client);
    my $right = secret($server->mail_code($sent->{email}));
    $body = { tenant_slug => $sent->{tenant_slug}, challenge_id => $registered->data->{challenge_id} };
    $count = tally($client->parallel(map { ['POST', $confirm, { %$body, code => sprintf '%06d', ($right + $_) % 1_000_000 }] } 1 .. $many));
    cmp_ok($count->{'403 29505000'} // 0, '<=', 5, "$many wrong codes at once: not more than 5 are compared");
    is(($count->{'403 29505000'} // 0) + ($count->{'409 29309000'} // 0) + overloaded($count), $many, 'the others find it locked')
        or diag(explain $count);
    outcome($client->post($confirm, { %$body, code => $right }), 409, 29309000, 'as does the right one');
}

# Two people at one address, each with a code of their own, and many requests of both.
sub attempts {
    my ($many) = @_;
    my $at = { server => $server, tenant => tenant(server => $server) };
    my $first = attempt_register($at, display_name => 'First');
    my $second = attempt_resume($at, $first->{email}, password => fresh_password(), accept_terms_version => 'second');
    my @answers = $client->parallel(map { ['POST', $confirm, { tenant_slug => $_->{slug}, challenge_id => $_->{challenge_id},
                    code => $_->{code} }] } (($first, $second) x ($many / 2)));
    my $count = tally(@answers);
    is($count->{'200 102000'}, 1, "$many confirms of two attempts: 1 succeeds") or diag(explain $count);
    is(1 + ($count->{'409 28309000'} // 0) + ($count->{'404 29301000'} // 0) + ($count->{'409 29309000'} // 0) + overloaded($count), $many,
        'the others are told why not') or diag(explain $count);
    my ($won) = grep { $_->status == 200 } @answers;
    my ($winner, $loser) = $won->data->{uid} eq $first->{uid} ? ($first, $second) : ($second, $first);
    is($server->value("SELECT string_agg(uid || ' ' || status || ' ' || terms_version, ',') FROM cloudep.members WHERE email = :'email'",
            email => $first->{email}), "$winner->{uid} active " . ($winner == $first ? '2026-01' : 'second'), 'there is one member, with what the winner typed');
    is($server->value("SELECT count(*) FROM cloudep.sessions WHERE uid IN (:'one', :'two')", one => $first->{uid}, two => $second->{uid}), 1,
        'and one session');
    is(login($winner)->status, 200, "with the winner's password");
    is(login($loser)->status, 401, 'and no other');
    is($server->value("SELECT count(*) FROM cloudep.registration_attempts WHERE email = :'email'", email => $first->{email}), 0, 'no attempt is left');
}

sub refreshes {
    my ($many) = @_;
    my $member = register_member(server => $server);
    my @answers = $client->parallel((['POST', '/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} }]) x $many);
    my $count = tally(@answers);
    is(($count->{'200 102000'} // 0) + overloaded($count), $many, "$many refreshes of one token are all answered")
        or diag(explain $count);
    my %successors = map { jti($_->data->{refresh_token}) => 1 } grep { $_->status == 200 } @answers;
    is(scalar(keys %successors), 1, 'with one successor');
    is($server->value("SELECT refresh_seq FROM cloudep.sessions WHERE uid = :'uid'", uid => $member->{uid}), 2,
        'one generation further');
}

sub second_factors {
    my ($many) = @_;
    my $member = totp_enroll(register_member(server => $server), $server);
    for my $factor (['TOTP', totp_code($member->{totp})], ['backup', $member->{backup}[0]]) {
        my ($what, $code) = @$factor;
        my $count = tally($member->{client}->parallel((['POST', $verify, { code => $code }]) x $many));
        is($count->{'200 102000'}, 1, "$many verifications with one $what code: 1 succeeds") or diag(explain $count);
        totp_rewind($server, $member);    # the others counted as wrong guesses
    }
}

for my $many (64, 256) {
    $_->($many) for \&invites, \&challenges, \&attempts, \&refreshes, \&second_factors;
}

expect_log(qr/CE101: .* failed \(overload\)/);
finish();
