# POST /me/password with the passwords at a ZITADEL: it compares and sets them, makes a user for a first password, and one
# that came too late is nobody's.
use strict;
use warnings;
use CloudEP::Social;
use CloudEP::Test;
use CloudEP::Zitadel;

my $APP = 'https://app.example/cb';
my $dir = CloudEP::Test::own_folder('password');
my $peer = CloudEP::Social::peer($dir, [$APP]);
my $zitadel = zitadel();
my $server = zitadel_server($zitadel, values => { CloudEPLockTimeout => 20000, CloudEPStatementTimeout => 30000 },
    with => [CloudEP::Social::directive(google => $peer, 'web', $dir)]);
my $client = client(server => $server);
my $tenant = zitadel_tenant($server, $zitadel);
$server->ctl(qw(tenant set --slug), $tenant->{slug}, '--redirect-uri', $APP);
my $set = 'POST /v2/users/:id/password';

sub zpassword { return fresh_password() . '!Aa1' }
sub change { my ($member, %body) = @_; return $member->{client}->post('/api/v1/members/me/password', { new_password => zpassword(), %body }) }
sub of { my ($column, $member) = @_; return $server->value("SELECT $column FROM cloudep.members WHERE uid = :'uid'", uid => $member->{uid}) }
sub reset_of {
    my ($member, $mails, $new) = @_;
    my $id = $client->post('/api/v1/auth/password/forgot', { tenant_slug => $tenant->{slug}, email => $member->{email} })->data->{challenge_id};
    my @about = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, $mails);
    return $client->post('/api/v1/auth/password/reset', { tenant_slug => $tenant->{slug}, challenge_id => $id,
            code => secret(CloudEP::Mail::code($about[-1])), new_password => $new });
}

# ---- a change
my $member = register_member(tenant => $tenant, password => zpassword());
my $other = login($member)->data;
outcome(change($member, current_password => zpassword()), 403, 29505000, 'a wrong present password');
is(asked($zitadel, $set), 0, 'sets nothing at ZITADEL');
my $new = zpassword();
outcome(change($member, current_password => $member->{password}, new_password => $new), 200, 102000, 'the right one sets the next');
is(asked($zitadel, $set), 1, 'there');
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'this session goes on');
outcome($client->with(token => $other->{access_token})->get('/api/v1/members/me'), 401, 29501000, 'the other one is over');
outcome(login($member), 401, 28501000, 'the old password is wrong');
outcome(login($member, password => $new), 200, 102000, 'the new one is right');
$member->{password} = $new;
for my $refused ('nocapitals-1234-here', 'Pw-7' . 'x' x 69) {
    my $answer = outcome(change($member, current_password => $member->{password}, new_password => secret($refused)), 400, 10101000, 'a password that ZITADEL refuses');
    is($answer->errors->[0]{field}, 'new_password', 'the field is named');
}
expect_log(qr/CE101: (?:setting|checking) the password failed|CE6\d\d: |zitadel/i);
$zitadel->fault(path => "/v2/users/$member->{uid}/password", status => 500);
outcome(change($member, current_password => $member->{password}), 502, 29802000, 'ZITADEL fails');
$zitadel->clear_faults;
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'nothing is over');
outcome(login($member), 200, 102000, 'and the password is what it was');

# ---- a password that reached ZITADEL when another change was through here
my $held = $server->pg->hold(4, 'UPDATE cloudep.members SET generation = generation + 1, sessions_from = generation + 1'
        . " WHERE uid = '$member->{uid}'");
my $late = zpassword();
outcome(change($member, current_password => $member->{password}, new_password => $late), 409, 29309000, 'a change that came too late');
waitpid $held, 0;
expect_log(qr/CE1120: member \Q$member->{uid}\E: two changes/);
like($server->log, qr/CE1120: member \Q$member->{uid}\E: two changes of the password at once/, 'is logged');
outcome(login($member, password => $late), 401, 28501000, 'its password opens nothing');
outcome(login($member), 401, 28501000, 'nor does the one before, which ZITADEL has no more');
is(of("concat_ws(' ', has_password, password_due, ways_in)", $member), 'f t 1', 'the next one is due');
outcome(reset_of($member, 4, $new = zpassword()), 200, 102000, 'a reset sets it');
outcome(login($member, password => $new), 200, 102000, 'and it is right');
is(of("concat_ws(' ', has_password, password_due, ways_in)", $member), 't f 1', 'as before');

# ---- a first password: ZITADEL does not know the member yet
my $register = CloudEP::Social->new(kind => 'register', client => $client, peer => $peer, tenant => $tenant, redirect => $APP);
my $account = CloudEP::Social::account($peer);
my $tokens = outcome($register->run($account), 200, 102000, 'a member by a social provider')->data;
my $social = { slug => $tenant->{slug}, uid => $tokens->{uid}, client => $client->with(token => $tokens->{access_token}), password => zpassword() };
$social->{email} = of('email', $social);
is(scalar(grep { $_->{userId} eq $social->{uid} } $zitadel->users), 0, 'is no user of ZITADEL');
outcome(change($social, new_password => $social->{password}), 200, 102000, 'a first password');
is(scalar(grep { $_->{userId} eq $social->{uid} } $zitadel->users), 1, 'makes one');
outcome(login($social), 200, 102000, 'and is right');
outcome(change($social, current_password => "$social->{password}", new_password => $social->{password} = zpassword()), 200, 102000, 'the next is set there');
outcome(login($social), 200, 102000, 'and is right, too');
outcome($register->with(kind => 'login')->run($account), 200, 102000, 'the account lets in as before');
$server->ctl(qw(member delete --tenant), $tenant->{slug}, '--uid', $social->{uid}, '--wait', 60);
is_in_step($server, $zitadel, 'whoever is deleted is gone there, too', 10);

finish();
