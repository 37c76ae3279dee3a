# The generation of a member's credentials: what raises it, what it ends, and that look-ups, rotation and guarded places
# hold every session against it, also one that nobody has marked as ended, and those that a node of 1.0.0 opened.
use strict;
use warnings;
use CloudEP::Process qw(spew);
use CloudEP::Test;
use CloudEP::Totp;
use File::Path qw(make_path);

my $server = own_server(values => { CloudEPCodeCooldown => 0, CloudEPLockTimeout => 20000, CloudEPStatementTimeout => 30000 },
    with => ['<Location /guarded>', 'AuthType CloudEP', 'AuthName x', 'Require valid-user', '</Location>'])->start;
make_path("$server->{dir}/htdocs/guarded");
spew("$server->{dir}/htdocs/guarded/index.html", 'inside');
my $tenant = tenant(server => $server);

sub set { my ($table, $change, $member) = @_; return $server->psql("UPDATE cloudep.$table SET $change WHERE uid = :'uid'", uid => $member->{uid}) }
sub of { my ($table, $column, $member) = @_; return $server->value("SELECT $column FROM cloudep.$table WHERE uid = :'uid'", uid => $member->{uid}) }

# What the three places where a session is looked at say of a member's first one.
sub places {
    my ($member) = @_;
    return join ' ', map { $_->status } $member->{client}->get('/api/v1/members/me'), $member->{client}->get('/guarded/index.html'),
        $member->{client}->post('/api/v1/auth/token/refresh', { refresh_token => $member->{refresh} });
}

# ---- a session by itself, in a state that nothing else has ended it for
my $ended = '401 401 401';
my $lives = '200 200 200';
for my $case (
    ['as it was opened', $lives],
    ['of a member suspended by nothing but the status', $ended, ["status = 'suspended'"]],
    ['at its end', $ended, [], ['expires_at = now()']],
    ['of an older generation than those that live', $ended, ['sessions_from = generation + 1']],
    ['of an older generation, and that is enough', $lives, ['generation = generation + 7']],
    ['of the least generation that lives', $lives, ['generation = 3, sessions_from = 3'], ['generation = 3']],
    ['of 1.0.0, where no change has ended any', $lives, [], ['generation = NULL']],
    ['of 1.0.0, before a change that ended sessions', $ended, ["sessions_from = 5, generation_at = now() + interval '1 second'"], ['generation = NULL']],
    ['of 1.0.0, after a change that ended sessions', $lives, ["sessions_from = 5, generation_at = now() - interval '1 hour'"], ['generation = NULL']],
) {
    my ($name, $expected, $members, $sessions) = @$case;
    my $member = register_member(tenant => $tenant);
    set(members => $_, $member) for @{ $members // [] };
    set(sessions => $_, $member) for @{ $sessions // [] };
    is(places($member), $expected, "a session $name: own route, guarded place, refresh");
    my $shown = () = $server->ctl(qw(session list --tenant), $tenant->{slug}, '--uid', $member->{uid}) =~ / live /g;
    my $alive = $expected eq $lives || $name =~ /suspended/;
    is($shown, $alive ? 1 : 0, 'which the operator is shown, too');
}

# ---- what a session was opened with
my $member = register_member(tenant => $tenant);
is(of(sessions => 'opened_with', $member), 'otp', 'a registration is opened with the code that confirmed it');
my $tokens = outcome(login($member), 200, 102000, 'a login')->data;
is(of(sessions => "string_agg(opened_with, ' ' ORDER BY created_at)", $member), 'otp password', 'with the password');

# ---- what raises the generation, and what ends sessions with that
my $code = sub { totp_rewind($server, $member); return totp_code($member->{totp}) };
my $totp = '/api/v1/members/me/totp';
my $was = sub { return [split / /, of(members => "concat_ws(' ', generation, sessions_from)", $member)] };
sub raises {
    my ($name, $ends, $change) = @_;
    my ($before) = $was->();
    $change->();
    my $after = $was->();
    cmp_ok($after->[0], '>', $before->[0], "$name raises the generation");
    is($after->[1], $ends ? $after->[0] : $before->[1], $ends ? 'and ends what is older' : 'and ends nothing');
}
raises('enrolling TOTP', 0, sub { totp_enroll($member, $server) });
my $proved = sub { outcome($member->{client}->post("$totp/verify", { code => $code->() }), 200, 102000, 'a second factor is proved') };
$proved->();
raises('new backup codes', 0, sub { outcome($member->{client}->post("$totp/backup-codes"), 200, 102000, 'new backup codes') });
raises('removing TOTP', 0, sub { outcome($member->{client}->delete($totp), 200, 102000, 'TOTP is removed') });
is(scalar(grep { $_->status == 200 } map { $_->get('/api/v1/members/me') } $member->{client}, $member->{client}->with(token => $tokens->{access_token})), 2,
    'both sessions live');
raises('changing the password', 1, sub { outcome($member->{client}->post('/api/v1/members/me/password',
                { current_password => "$member->{password}", new_password => $member->{password} = fresh_password() }), 200, 102000, 'a new password') });
raises('resetting it', 1, sub {
        my $asked = $member->{client}->post('/api/v1/auth/password/forgot', { tenant_slug => $tenant->{slug}, email => $member->{email} })->data;
        my ($mail) = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, 6);
        outcome($member->{client}->post('/api/v1/auth/password/reset', { tenant_slug => $tenant->{slug}, challenge_id => $asked->{challenge_id},
                    code => secret(CloudEP::Mail::code($mail)), new_password => $member->{password} = fresh_password() }), 200, 102000, 'a reset');
});
my @who = ('--tenant', $tenant->{slug}, '--uid', $member->{uid});
raises("the operator's suspending", 1, sub { $server->ctl(qw(member suspend), @who) });
raises("the operator's resuming", 1, sub { $server->ctl(qw(member resume), @who) });
raises("the operator's ending all sessions", 1, sub { $server->ctl(qw(session revoke), @who) });
outcome(login($member), 200, 102000, 'a session');
raises("the operator's ending those of the tenant", 1, sub { $server->ctl(qw(session revoke --all --tenant), $tenant->{slug}) });
outcome(login($member), 200, 102000, 'and a login is as good as ever');
is(of(sessions => "count(*) FILTER (WHERE revoked_at IS NULL)", $member), 1, 'of which one session lives');

# ---- what is committed while the operator waits for the member's row
for my $command ([qw(session revoke)], [qw(member suspend)]) {
    my $late = register_member(tenant => $tenant);
    my $held = $server->pg->hold(3, "SELECT 1 FROM cloudep.members WHERE uid = '$late->{uid}' FOR SHARE;"
            . ' INSERT INTO cloudep.sessions (tenant_id, id, uid, generation, amr, idle_expires_at, expires_at)'
            . " SELECT tenant_id, gen_random_uuid(), uid, generation, 'pwd', now() + interval '1 hour', now() + interval '1 hour'"
            . " FROM cloudep.members WHERE uid = '$late->{uid}'");
    like($server->ctl(@$command, '--tenant', $tenant->{slug}, '--uid', $late->{uid}), qr/\b2 sessions ended/,
        "@$command ends a session that is committed while it waits");
    waitpid $held, 0;
    is(of(sessions => "count(*) FILTER (WHERE revoked_at IS NULL)", $late), 0, 'so that none is left');
}

finish();
