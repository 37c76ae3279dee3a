# What members do alone: another login email and its undo, a login phone, linked accounts, export, leaving; by v1.
use strict;
use warnings;
use CloudEP::Process qw(slurp wait_until);
use CloudEP::Social;
use CloudEP::Test;

my $APP = 'https://app.example/cb';
my $ACCOUNT = 'https://id.example/account/';
my $me = '/api/v1/members/me';
my $dir = CloudEP::Test::own_folder('self');
my $peer = CloudEP::Social::peer($dir, [$APP]);
my $server = own_server(pg => own_postgres(), values => { CloudEPAccountURL => $ACCOUNT, CloudEPCodeCooldown => 0, CloudEPSweepInterval => 1 },
    with => [CloudEP::Social::directive(google => $peer, 'web', $dir)]);
$server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
$server->start;
my $anybody = client(server => $server);
my $tenant = tenant(server => $server);
$server->ctl(qw(tenant set --slug), $tenant->{slug}, '--redirect-uri', $APP);

sub member { return register_member(tenant => $tenant, @_) }
sub of { my ($who, $column, $table) = @_; return $server->value("SELECT $column FROM cloudep." . ($table // 'members') . " WHERE uid = :'uid'", uid => $who->{uid}) }
sub aged { my ($who) = @_; $server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '1 hour' WHERE uid = :'uid'", uid => $who->{uid}) }
sub reason { my ($answer, $reason, $name) = @_; return is($answer->json->{reason} // 'none', $reason, $name) }
sub texts { return map { JSON::PP::decode_json(slurp($_)) } sort glob "$server->{dir}/spool/sms/*.json" }

sub texted_code {
    my ($number) = @_;
    my @sms;
    wait_until(20, sub { @sms = grep { $_->{to} eq $number } texts(); return scalar @sms }) or die "no SMS to $number\n";
    return secret(CloudEP::Mail::code($sms[-1]));
}

sub change_email {
    my ($who, $email) = @_;
    my $challenge = $who->{client}->post("$me/email/start", { email => $email })->data->{challenge_id};
    my $answer = $who->{client}->post("$me/email/confirm", { challenge_id => $challenge, code => secret($server->mail_code($email)) });
    $who->{email} = $email if $answer->status == 200;
    return $answer;
}

subtest 'login email' => sub {
    my $ada = member(display_name => 'Ada');
    my $old = $ada->{email};
    my $new = fresh_email();
    my $other = login($ada)->data->{access_token};
    outcome($anybody->post("$me/email/start", { email => $new }), 401, 29501000, 'without a token');
    outcome($ada->{client}->post("$me/email/start", {}), 400, 29104000, 'without an address');
    outcome($ada->{client}->post("$me/email/start", { email => 'x' }), 400, 10101000, 'no address');
    my $same = outcome($ada->{client}->post("$me/email/start", { email => uc $old }), 400, 10101000, 'the present one');
    is_deeply($same->errors, [{ field => 'email', rule => 'not_allowed', reason => 'is the present address' }], 'is named');
    aged($ada);
    outcome($ada->{client}->post("$me/email/start", { email => $new }), 403, 29505001, 'an old proof');
    outcome($ada->{client}->post('/api/v1/auth/reauthenticate', { password => $ada->{password} }), 200, 102000, 'a fresh one');

    my $bob = member();
    my $taken = outcome($ada->{client}->post("$me/email/start", { email => $bob->{email} }), 200, 102000, 'a taken address')->data;
    my $free = outcome($ada->{client}->post("$me/email/start", { email => $new }), 200, 102000, 'and a free one')->data;
    is_deeply([sort keys %$taken], [sort keys %$free], 'are answered alike');
    my ($told) = grep { $_->{headers}{subject} =~ /was entered/ } $server->mails($bob->{email}, 2);
    ok($told, 'the owner of the taken one is told');
    unlike($told->{raw}, qr/\Q$old\E/, 'and not by whom');
    my $code = secret($server->mail_code($new));
    outcome($ada->{client}->post("$me/email/confirm", { challenge_id => $free->{challenge_id}, code => $code =~ tr/0-9/1-90/r }), 403, 29505000, 'a wrong code');
    outcome($bob->{client}->post("$me/email/confirm", { challenge_id => $free->{challenge_id}, code => $code }), 403, 29505000, "another member's");
    outcome($ada->{client}->post("$me/email/confirm", { challenge_id => $free->{challenge_id}, code => $code }), 200, 102000, 'the right one');
    is($ada->{client}->get($me)->data->{zitadel_email}, $new, 'the profile has it, in the same session');
    outcome($anybody->with(token => $other)->get($me), 401, 29501000, 'the other one is over');
    outcome(login($ada), 401, 28501000, 'the address before logs nobody in');
    outcome(login($ada, email => $new), 200, 102000, 'the new one does');
    my ($taken_before) = register(client => $anybody, tenant => $tenant, email => $old);
    outcome($taken_before, 409, 28303000, 'the address before is reserved');
    reason($taken_before, 'email_taken', 'as one that somebody has');

    my ($notice) = grep { $_->{text} =~ /#undo=/ } $server->mails($old, 2);
    my ($token) = $notice->{text} =~ m{^\s+\Q$ACCOUNT\E#undo=([A-Za-z0-9_-]{64})$}m or die "no link in the notice\n";
    outcome($anybody->post('/api/v1/auth/undo', { token => secret($token) }), 200, 102000, 'its link takes the change back');
    is(of($ada, 'email'), $old, 'the address is what it was');
    outcome($ada->{client}->get($me), 401, 29501000, 'every session is over');
    outcome(login($ada), 401, 28501000, 'the password is void');
    is((register(client => $anybody, tenant => $tenant, email => $new))[0]->status, 200, 'the other address is free');
};

subtest 'the reservation ends' => sub {
    my $eve = member();
    my $old = $eve->{email};
    outcome(change_email($eve, fresh_email()), 200, 102000, 'a change');
    is($server->value("SELECT count(*) FROM cloudep.members WHERE email = :'email' AND reserved_by IS NOT NULL", email => $old), 1, 'reserves the address before');
    unlike($server->ctl(qw(member list --tenant), $tenant->{slug}, qw(--limit 1000)), qr/\Q$old\E/, 'which is no member');
    $server->psql("UPDATE cloudep.members SET updated_at = now() - interval '1 hour' WHERE email = :'email'", email => $old);
    ok(wait_until(40, sub { !$server->value("SELECT count(*) FROM cloudep.members WHERE email = :'email'", email => $old) }), 'until the sweep removes that');
    is(of($eve, 'status'), 'active', 'and nothing else');
};

subtest 'login phone' => sub {
    my ($ada, $bob) = (member(), member());
    my $number = '+8869' . join '', map { int rand 10 } 1 .. 8;
    my $set = sub {
        my ($who) = @_;
        my $challenge = outcome($who->{client}->post("$me/login-phone/start", { phone => $number }), 200, 102000, 'a code is texted')->data->{challenge_id};
        wait_until(20, sub { scalar(texts()) > ($who == $ada ? 0 : 1) }) or die "no second SMS\n";
        return $who->{client}->post("$me/login-phone/confirm", { challenge_id => $challenge, code => texted_code($number) });
    };
    outcome($ada->{client}->post("$me/login-phone/start", { phone => '0912345678' }), 400, 10101000, 'no number');
    outcome($ada->{client}->post("$me/login-phone/start", { phone => '+886203123456' }), 400, 10101000, 'one that earns money');
    outcome($set->($ada), 200, 102000, 'and proved');
    is($ada->{client}->get($me)->data->{login_phone}, $number, 'the profile has it');
    outcome($set->($bob), 200, 102000, 'somebody else proves it');
    is($ada->{client}->get($me)->data->{login_phone}, undef, 'the first one has it no more');
    ok((grep { $_->{headers}{subject} =~ /logs in to another/ } $server->mails($ada->{email}, 3)), 'and is told by a mail that names the tenant');
    aged($bob);
    reason(outcome($bob->{client}->delete("$me/login-phone"), 403, 29505001, 'an old proof'), 'fresh_proof_needed', 'removes nothing');
    outcome($bob->{client}->post('/api/v1/auth/reauthenticate', { password => $bob->{password} }), 200, 102000, 'a fresh one');
    outcome($bob->{client}->delete("$me/login-phone"), 200, 102000, 'does');
    is($bob->{client}->get($me)->data->{login_phone}, undef, 'it is gone');
};

subtest 'linked accounts' => sub {
    my $ada = member();
    my $account = CloudEP::Social::account($peer, email_verified => JSON::PP::false);
    my $login = CloudEP::Social->new(kind => 'login', client => $anybody, peer => $peer, tenant => $tenant, redirect => $APP);
    my $begin = sub { my ($who, %with) = @_; return $who->{client}->post("$me/identities/start", { provider => 'google', redirect_uri => $APP, %with }) };
    my $visit = sub { my ($who, $as) = @_; my $back = $peer->login($begin->($who)->data->{oauth_url}, account => $as); secret($back->{code}); return { map { $_ => $back->{$_} } grep { defined $back->{$_} } qw(code state iss) } };
    outcome($begin->($ada, provider => 'facebook'), 400, 10101000, 'no such provider');
    outcome($begin->($ada, redirect_uri => "$APP/x"), 400, 10101000, 'a redirect that the tenant does not list');
    my $back = $visit->($ada, $account);
    my $thief = member();
    reason(outcome($thief->{client}->post("$me/identities/confirm", $back), 400, 29101000, "another member's session"), 'state_invalid', 'does not end it');
    my $second = $ada->{client}->with(token => login($ada)->data->{access_token});
    outcome($second->post("$me/identities/confirm", $back), 400, 29101000, 'nor another session of the member');
    outcome($anybody->get("/api/v1/auth/login/social/callback?code=x&state=$back->{state}"), 400, 28101000, 'nor is it a login');
    outcome($ada->{client}->post("$me/identities/confirm", $back), 200, 102000, 'the one that began it does, whatever the email');
    outcome($ada->{client}->post("$me/identities/confirm", $back), 400, 29101000, 'once');
    reason(outcome($thief->{client}->post("$me/identities/confirm", $visit->($thief, $account)), 409, 29303000, 'an account'), 'account_linked', 'is linked once');
    my $list = outcome($ada->{client}->get("$me/identities"), 200, 102000, 'the list')->data->{identities};
    is_deeply([map { [@{$_}{qw(provider issuer subject)}] } @$list], [['google', $peer->issuer, $account]], 'has it');
    is_deeply($thief->{client}->get("$me/identities")->data->{identities}, [], "another one's has not");
    my $in = outcome($login->run($account), 200, 102000, 'it logs in')->data;
    is($in->{uid}, $ada->{uid}, 'as that member');
    is(of($ada, 'ways_in'), 2, 'with two ways in');
    my $path = "$me/identities/$list->[0]{id}";
    outcome($thief->{client}->delete($path), 404, 29301000, "another member's account");
    outcome($ada->{client}->delete("$me/identities/x"), 404, 29301000, 'no id');
    $server->psql("UPDATE cloudep.members SET has_password = false, ways_in = 1 WHERE uid = :'uid'", uid => $ada->{uid});
    reason(outcome($ada->{client}->delete($path), 409, 29309000, 'the last way in'), 'last_way_in', 'stays');
    $server->psql("UPDATE cloudep.members SET has_password = true, ways_in = 2 WHERE uid = :'uid'", uid => $ada->{uid});
    outcome($ada->{client}->delete($path), 200, 102000, 'with another way it goes');
    outcome($anybody->with(token => $in->{access_token})->get($me), 401, 29501000, 'the session that it opened is over');
    outcome($ada->{client}->get($me), 200, 102000, 'the other one goes on');
    outcome($login->run($account), 404, 29301000, 'and it logs in no more');
    my %subjects = map { $_->{headers}{subject} => 1 } $server->mails($ada->{email}, 3);
    is(scalar(grep { /way to log in/ } keys %subjects), 2, 'both were told');
};

subtest 'export and leaving' => sub {
    my $ada = member(display_name => 'Ada Leaving');
    my $old = $ada->{email};
    change_email($ada, fresh_email());
    my $written = sub { my ($names, $count) = @_; wait_until(20, sub { of($ada, "count(*) FILTER (WHERE name IN ($names))", 'events') >= $count }) };
    ok($written->("'members.me.email.confirm'", 1), 'there are events');
    my $all = outcome($ada->{client}->get("$me/export"), 200, 102000, 'the export')->data;
    is($all->{member}{display_name}, 'Ada Leaving', 'has the profile');
    is($all->{complete}, JSON::PP::true, 'all of it');
    is(scalar @{ $all->{sessions} }, 1, 'the sessions');
    ok((grep { $_->{name} eq 'members.me.email.confirm' && length $_->{address} } @{ $all->{events} }), 'and the events');
    aged($ada);
    outcome($ada->{client}->delete($me), 403, 29505001, 'an old proof ends no account');
    outcome($ada->{client}->post('/api/v1/auth/reauthenticate', { password => $ada->{password} }), 200, 102000, 'a fresh one');
    outcome($ada->{client}->delete($me), 200, 102000, 'does');
    outcome($ada->{client}->get($me), 401, 29501000, 'at once');
    outcome(login($ada), 401, 28501000, 'nobody logs in any more');
    ok((grep { $_->{headers}{subject} =~ /being deleted/ } $server->mails($ada->{email}, 2)), 'the member is told');
    ok($written->("'members.me.export', 'members.me.delete', 'auth.reauthenticate', 'auth.login'", 5), 'all events are written');
    $server->psql("UPDATE cloudep.members SET updated_at = now() - interval '1 hour' WHERE uid = :'uid'", uid => $ada->{uid});
    ok(wait_until(40, sub { !of($ada, 'count(*)') }), 'the sweep removes the row');
    is($server->value("SELECT count(*) FROM cloudep.members WHERE email IN (:'a', :'b')", a => $old, b => $ada->{email}), 0, 'and what was reserved');
    is(of($ada, 'count(*)', 'events'), 0, 'no event names the member');
};

$peer->stop;
finish();
