# POST /me/password: the password changes by the present one, or begins by a fresh proof; what it ends, and who may not.
use strict;
use warnings;
use CloudEP::Social;
use CloudEP::Test;
use CloudEP::Totp;

my $APP = 'https://app.example/cb';
my $dir = CloudEP::Test::own_folder('password');
my $peer = CloudEP::Social::peer($dir, [$APP]);
my $pg = own_postgres();
my $memcached = own_memcached();
my $server = own_server(pg => $pg, memcached => $memcached, values => { CloudEPCodeCooldown => 0 },
    with => [CloudEP::Social::directive(google => $peer, 'web', $dir)])->start;
my $client = client(server => $server);
my $tenant = tenant(server => $server);
$server->ctl(qw(tenant set --slug), $tenant->{slug}, '--redirect-uri', $APP);
my $path = '/api/v1/members/me/password';

sub member { return register_member(tenant => $tenant, @_) }
sub change { my ($member, %body) = @_; return $member->{client}->post($path, { new_password => fresh_password(), %body }) }
sub of { my ($table, $column, $member) = @_; return $server->value("SELECT $column FROM cloudep.$table WHERE uid = :'uid'", uid => $member->{uid}) }
sub me { return $client->with(token => $_[0])->get('/api/v1/members/me') }

# ---- a change
my $member = member(display_name => 'Xiwqol Brezhtan');
my $other = login($member)->data;
my $waiting = $member->{client}->post('/api/v1/auth/password/forgot', { tenant_slug => $tenant->{slug}, email => $member->{email} })->data;
my ($mail) = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, 2);
my $reset_code = secret(CloudEP::Mail::code($mail));
my $new = fresh_password();
my $done = outcome(change($member, current_password => $member->{password}, new_password => $new), 200, 102000, 'the present password sets the next');
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'this session goes on');
outcome($client->post('/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} }), 200, 102000, 'and can be renewed');
outcome(me($other->{access_token}), 401, 29501000, 'every other one is over');
outcome($client->post('/api/v1/auth/token/refresh', { refresh_token => $other->{refresh_token} }), 401, 28501000, 'and cannot be renewed');
is(of(sessions => 'max(revoke_reason)', $member), 'password_changed', 'and says why');
outcome(login($member), 401, 28501000, 'the old password is wrong');
outcome(login($member, password => $new), 200, 102000, 'the new one is right');
outcome($client->post('/api/v1/auth/password/reset', { tenant_slug => $tenant->{slug}, challenge_id => $waiting->{challenge_id}, code => $reset_code,
            new_password => fresh_password() }), 404, 29301000, 'a reset that was under way is over');
my @notices = grep { $_->{headers}{subject} =~ /was changed/ } $server->mails($member->{email}, 3);
is(scalar @notices, 1, 'the member is told by mail');
unlike($notices[0]{raw}, qr/\Q$new\E/, 'without the password');
is(of(members => "concat_ws(' ', has_password, password_due, ways_in)", $member), 't f 1', 'the member has a password, and one way in');
$member->{password} = $new;

my $last = fresh_password();
outcome(change($member, current_password => $member->{password}, new_password => $last, keep_this_session => JSON::PP::false), 200, 102000, 'keeping no session');
outcome($member->{client}->get('/api/v1/members/me'), 401, 29501000, 'ends this one, too');
$member->{password} = $last;
sub anew { my ($who) = @_; $who->{client} = $who->{client}->with(token => login($who)->data->{access_token}); return $who }
anew($member);
outcome(change($member, current_password => $member->{password}, new_password => $member->{password}, keep_this_session => JSON::PP::true), 200, 102000,
    'keeping it, as told');
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'leaves it');

# ---- 400
outcome($member->{client}->post($path, '{'), 400, 10101000, 'cut JSON');
outcome($member->{client}->post($path, {}), 400, 29104000, 'nothing');
my $missing = outcome(change($member), 400, 29104000, 'without the present password');
is_deeply($missing->errors, [{ field => 'current_password', rule => 'required', reason => 'is required' }], 'which is named');
outcome(change($member, current_password => undef), 400, 29104000, 'null is none');
outcome(change($member, current_password => $member->{password}, keep_this_session => 'yes'), 400, 10101000, 'not true or false');
for my $weak ('Short-1', 'password1234', $member->{email}, $tenant->{slug}, 'Xiwqol Brezhtan') {
    my $answer = outcome(change($member, current_password => $member->{password}, new_password => $weak), 400, 10101000, 'a guessable password: ' . length $weak);
    is($answer->errors->[0]{field}, 'new_password', 'names the field');
}
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'nothing of that has ended anything');

# ---- 401, 403, 429: who may not
outcome($client->post($path, { new_password => fresh_password() }), 401, 29501000, 'without a token');
my $wrong = outcome(change($member, current_password => fresh_password()), 403, 29505000, 'a wrong present password');
is($wrong->json->{reason}, 'password_wrong', 'says so');
outcome(change($member, current_password => fresh_password()), 403, 29505000, "wrong password $_") for 2 .. 10;
outcome(change($member, current_password => $member->{password}), 429, 29604000, 'then the right one has to wait');
outcome(login($member), 429, 28604000, 'at the login, too: it is one budget');
$server->psql("DELETE FROM cloudep.budgets WHERE subject = :'uid'", uid => $member->{uid});
outcome(login($member, password => fresh_password()), 401, 28501000, "wrong password $_ at the login") for 1 .. 10;
outcome(change($member, current_password => $member->{password}), 429, 29604000, 'and the other way round');
$server->psql("DELETE FROM cloudep.budgets WHERE subject = :'uid'", uid => $member->{uid});

# ---- 409: another change was first
my $held = $server->pg->hold(1.5, "UPDATE cloudep.members SET generation = generation + 1 WHERE uid = '$member->{uid}'");
outcome(change($member, current_password => "$member->{password}", new_password => $member->{password} = fresh_password()), 200, 102000,
    'another credential is changed meanwhile: this has nothing to do with it');
waitpid $held, 0;
$held = $server->pg->hold(1.5, "UPDATE cloudep.members SET generation = generation + 1, sessions_from = generation + 1 WHERE uid = '$member->{uid}'");
my $beside = outcome(change($member, current_password => $member->{password}), 409, 29309000, 'something that ends sessions was first');
is($beside->json->{reason}, 'credentials_changed', 'says so');
waitpid $held, 0;
outcome(login($member), 200, 102000, 'the password is what it was');
is(scalar(grep { $_->{headers}{subject} =~ /was changed/ } $server->mails($member->{email}, 6)), 4, 'and nobody is told of a change');

# ---- a second factor does not stand in the way of who knows the password, and stays
my $guarded = totp_enroll(member(), $server);
outcome(change($guarded, current_password => "$guarded->{password}", new_password => $guarded->{password} = fresh_password()), 200, 102000, 'a member with TOTP');
ok(login($guarded)->data->{mfa_required}, 'is asked for it as before');

# ---- a first password
my $register = CloudEP::Social->new(kind => 'register', client => $client, peer => $peer, tenant => $tenant, redirect => $APP);
my $account = CloudEP::Social::account($peer);
my $tokens = outcome($register->run($account), 200, 102000, 'a member by a social provider')->data;
my $social = { slug => $tenant->{slug}, uid => $tokens->{uid}, client => $client->with(token => $tokens->{access_token}) };
$social->{email} = of(members => 'email', $social);
is(of(sessions => 'opened_with', $social), 'identity:' . of(identities => 'id', $social), 'has a session by that account');
is(of(members => 'ways_in', $social), 1, 'and that one way in');
my $forgot = sub { $client->post('/api/v1/auth/password/forgot', { tenant_slug => $tenant->{slug}, email => $social->{email} }) };
outcome($forgot->(), 403, 28505000, 'has no password to reset');
my $again = outcome($register->with(kind => 'login')->run($account), 200, 102000, 'a second session')->data;
is(of(sessions => "count(DISTINCT opened_with)", $social), 1, 'by the same account');
$social->{password} = fresh_password();
outcome(login($social), 401, 28501000, 'nor one to log in with');
my $aged = sub { $server->psql("UPDATE cloudep.sessions SET auth_time = now() - interval '$_[0]' WHERE uid = :'uid'", uid => $social->{uid}) };
$aged->('1 hour');
is(outcome(change($social), 403, 29505001, 'an old session sets no first password')->json->{reason}, 'fresh_proof_needed', 'and is told why');
is(of(members => 'ways_in', $social), 1, 'nothing was set');
$aged->('1 minute');
outcome(change($social, new_password => $social->{password}), 200, 102000, 'a first password needs no other');
outcome(me($again->{access_token}), 401, 29501000, 'it ends the other session');
outcome($social->{client}->get('/api/v1/members/me'), 200, 102000, 'and not this one');
is(of(members => "concat_ws(' ', has_password, ways_in)", $social), 't 2', 'then there are two ways in');
outcome(login($social), 200, 102000, 'of which the password is one');
outcome($register->with(kind => 'login')->run($account), 200, 102000, 'and the account the other');
outcome(change($social), 400, 29104000, 'the next password needs this one');
outcome(change($social, current_password => "$social->{password}", new_password => $social->{password} = fresh_password()), 200, 102000, 'and is set by it');
is(of(members => 'ways_in', $social), 2, 'which is no way in more');
outcome($forgot->(), 200, 102000, 'now it can be reset');

# ---- one that was taken away
$server->psql("UPDATE cloudep.members SET has_password = false, password_due = true WHERE uid = :'uid'; DELETE FROM cloudep.credentials WHERE uid = :'uid'",
    uid => $social->{uid});
my $due = outcome($forgot->(), 200, 102000, 'a password that was taken away can be reset')->data;
my $due_code = secret(CloudEP::Mail::code((grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($social->{email}, 4))[-1]));
outcome($client->post('/api/v1/auth/password/reset', { tenant_slug => $tenant->{slug}, challenge_id => $due->{challenge_id}, code => $due_code,
            new_password => $social->{password} = fresh_password() }), 200, 102000, 'by the code');
is(of(members => "concat_ws(' ', has_password, password_due, ways_in)", $social), 't f 2', 'and had been counted as a way in all the time');
outcome(login($social), 200, 102000, 'the new one is right');

# ---- members whom their company logs in
my $issuer = 'https://login.company.example';
my $company = own_server(pg => $pg, memcached => $memcached, values => { CloudEPExchangeIssuer => $issuer, CloudEPExchangeAudience => 'x', CloudEPIssuer => $server->url })->start;
my $employee = member();
$server->psql("INSERT INTO cloudep.identities (tenant_id, issuer, subject, uid) SELECT tenant_id, :'issuer', '7', uid FROM cloudep.members WHERE uid = :'uid';"
        . " UPDATE cloudep.members SET has_password = false WHERE uid = :'uid'; DELETE FROM cloudep.credentials WHERE uid = :'uid'",
    uid => $employee->{uid}, issuer => $issuer);
my $at_company = { %$employee, client => client(server => $company, token => $employee->{access}) };
my $elsewhere = outcome(change($at_company), 403, 29505000, 'a member of token/exchange');
is($elsewhere->json->{reason}, 'password_elsewhere', 'has the password there');
my $told = $server->ctl(qw(tenant set --slug), $tenant->{slug}, qw(--exchange-password on));
like($server->ctl(qw(tenant show --slug), $tenant->{slug}), qr/^exchange.password +yes$/m, 'unless the tenant says otherwise');
outcome(change($at_company, new_password => $employee->{password} = fresh_password()), 200, 102000, 'then it is set');
outcome(login($employee), 200, 102000, 'and logs in');

# ---- failures lose nothing
my $unlucky = member();
$server->psql('ALTER TABLE cloudep.credentials RENAME TO credentials_away');
expect_log(qr/statement \w+: |storing the password failed|checking the password failed|looking up the (?:member|session) failed/);
outcome(change($unlucky, current_password => $unlucky->{password}), 500, 29201000, 'the password cannot be compared');
$server->psql('ALTER TABLE cloudep.credentials_away RENAME TO credentials');
$server->psql('ALTER TABLE cloudep.sessions RENAME COLUMN revoke_reason TO away');
outcome(change($unlucky, current_password => $unlucky->{password}), 500, 29201000, 'the sessions cannot be ended');
$server->psql('ALTER TABLE cloudep.sessions RENAME COLUMN away TO revoke_reason');
outcome(login($unlucky), 200, 102000, 'then the password has not changed either');
is(of(members => 'generation', $unlucky), 0, 'nor anything else');
$memcached->stop;
outcome(change($unlucky, current_password => "$unlucky->{password}", new_password => $unlucky->{password} = fresh_password()), 200, 102000, 'memcached is not needed');
expect_log(qr/memcached/);
$memcached->start;
outcome(login($unlucky), 200, 102000, 'the new one is right');

finish();
