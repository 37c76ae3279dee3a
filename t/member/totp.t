# TOTP from enrolment to removal, with a telephone of our own (t/lib/CloudEP/Totp.pm) and oathtool; every code is good once.
use strict;
use warnings;
use CloudEP::Process qw(run);
use CloudEP::Test;
use CloudEP::Totp;

my $me = '/api/v1/members/me/totp';
my $member = register_member(display_name => 'Ada');
my $client = $member->{client};
my $code;

# What the mails to a member are about, once there are $count of them.
sub notices {
    my ($member, $count) = @_;
    return map { $_->{headers}{subject} } server->mails($member->{email}, $count);
}

# ---- before

is_deeply(outcome($client->get($me), 200, 102000, 'the status before')->data,
    { enrolled => JSON::PP::false, backup_codes_remaining => 0 }, 'says that there is none');
outcome($client->post("$me/verify", { code => '123456' }), 409, 29309000, 'nothing to verify');
outcome($client->post("$me/backup-codes"), 409, 29309000, 'no backup codes to renew');
outcome($client->post("$me/enroll-confirm", { code => '123456' }), 404, 29301000, 'no enrolment to confirm');
outcome($client->delete($me), 200, 102000, 'removing what is not there is no fault');

# ---- enrolment

my $first = outcome($client->post("$me/enroll-start"), 200, 102000, 'an enrolment starts')->data;
is_deeply([@{$first}{qw(issuer account digits period_seconds expires_in)}],
    ["Tenant $member->{slug}", $member->{email}, 6, 30, 600], 'and says what an app needs');
my $label = "Tenant%20$member->{slug}";
my $account = $member->{email} =~ s/@/%40/r;
like($first->{otpauth_url},
    qr{\Aotpauth://totp/$label:$account\?secret=[A-Z2-7]{32}&issuer=$label&algorithm=SHA1&digits=6&period=30\z},
    'in the form that the apps read');
secret(totp_secret_text($first->{otpauth_url}));
ok(!$client->get($me)->data->{enrolled}, 'not enrolled until it is confirmed');
my $started = outcome($client->post("$me/enroll-start"), 200, 102000, 'it can be started again')->data;
secret(totp_secret_text($started->{otpauth_url}));
my $secret = totp_secret($started->{otpauth_url});
my $earlier = totp_code($secret);    # should a half minute end meanwhile
chomp(my $oath = run(undef, 'oathtool', '--totp', '--base32', totp_secret_text($started->{otpauth_url})));
is($oath, $oath eq $earlier ? $earlier : totp_code($secret), 'oathtool and we read the same secret');

outcome($client->post("$me/enroll-confirm", {}), 400, 29104000, 'a code is needed');
outcome($client->post("$me/enroll-confirm", { code => '12345' }), 400, 10101000, 'of six digits');
outcome($client->post("$me/enroll-confirm", { code => '12345678' }), 400, 10101000, 'a backup code confirms nothing');
outcome($client->post("$me/enroll-confirm", { code => totp_wrong_code($secret) }), 403, 29505000, 'a wrong code');
outcome($client->post("$me/enroll-confirm", { code => totp_code(totp_secret($first->{otpauth_url})) }), 403, 29505000,
    'the code of the secret that was replaced');
$code = totp_code($secret);
my $confirmed = outcome($client->post("$me/enroll-confirm", { code => substr($code, 0, 3) . ' ' . substr $code, 3 }),
    200, 102000, 'the right code, with the space that apps show in it')->data;
my @backup = @{ $confirmed->{backup_codes} };
is(scalar(grep { /^\d{8}$/ } @backup), 10, 'ten backup codes of eight digits');
is(scalar(keys %{ { map { $_ => 1 } @backup } }), 10, 'all different');
outcome($client->post("$me/enroll-start"), 409, 29303000, 'enrolled: no second start');
outcome($client->post("$me/enroll-confirm", { code => $code }), 409, 29303000, 'nor a second confirmation');
my $status = outcome($client->get($me), 200, 102000, 'the status after')->data;
ok(abs($status->{enrolled_at} - 1000 * time) < 20_000, 'tells when, in milliseconds');
is_deeply([@{$status}{qw(enrolled backup_codes_remaining digits period_seconds)}], [JSON::PP::true, 10, 6, 30], 'and what');
ok($client->get('/api/v1/members/me')->data->{totp_enrolled}, 'the profile knows it');

# ---- verify

outcome($client->post("$me/verify", { code => $code }), 403, 29505000, 'the enrolment code is burned');
outcome($client->post("$me/verify", {}), 400, 29104000, 'a code is needed');
outcome($client->post("$me/verify", { code => '1234567' }), 400, 10101000, 'of six or eight digits, not seven');
outcome($client->post("$me/verify", { code => 'abcdef' }), 400, 10101000, 'digits only');
outcome($client->post("$me/verify", { code => totp_wrong_code($secret) }), 403, 29505000, 'a wrong code');
my $next = totp_code($secret, 1);
outcome($client->post("$me/verify", { code => $next }), 200, 102000, 'the next code, from a clock that is a little fast');
outcome($client->post("$me/verify", { code => $next }), 403, 29505000, 'once');
outcome($client->post("$me/verify", { code => totp_code($secret, 0) }), 403, 29505000, 'nor an older one after it');
totp_rewind(server, $member);
outcome($client->post("$me/verify", { code => totp_code($secret, 3) }), 403, 29505000, 'a code of the far future');
outcome($client->post("$me/verify", { code => totp_code($secret, -3) }), 403, 29505000, 'and of the past');
is(server->value("SELECT mfa_method FROM cloudep.sessions WHERE uid = :'uid' AND mfa_at > now() - interval '1 minute'",
        uid => $member->{uid}), 'totp', 'the session remembers the proof');

# ---- backup codes

outcome($client->post("$me/verify", { code => substr($backup[0], 0, 4) . ' ' . substr $backup[0], 4 }), 200, 102000,
    'a backup code');
outcome($client->post("$me/verify", { code => $backup[0] }), 403, 29505000, 'once');
outcome($client->post("$me/verify", { code => $backup[1] =~ tr/0-9/1-90/r }), 403, 29505000, 'a wrong one');
is($client->get($me)->data->{backup_codes_remaining}, 9, 'nine are left');
is(server->value("SELECT mfa_method FROM cloudep.sessions WHERE uid = :'uid' AND mfa_at IS NOT NULL",
        uid => $member->{uid}), 'backup_code', 'the session remembers this, too');
my $renewed = outcome($client->post("$me/backup-codes"), 200, 102000, 'they can be renewed')->data->{backup_codes};
is(scalar(grep { /^\d{8}$/ } @$renewed), 10, 'all ten');
outcome($client->post("$me/verify", { code => $backup[1] }), 403, 29505000, 'the old ones are dead');
outcome($client->post("$me/verify", { code => $renewed->[9] }), 200, 102000, 'the new ones live');
is($client->get($me)->data->{backup_codes_remaining}, 9, 'and are counted');
my $rows = server->psql("SELECT mac FROM cloudep.backup_codes WHERE uid = :'uid'", uid => $member->{uid});
ok(!(grep { my $mac = $_->[0]; grep { index($mac, $_) >= 0 } @$renewed } @$rows), 'the database holds none in the clear');

# Two renewals at once leave one set alive, whichever came last.
my @both = $client->parallel(map { ['POST', "$me/backup-codes"] } 1 .. 8);
is(scalar(grep { $_->status == 200 } @both), 8, 'eight renewals at once');
is($client->get($me)->data->{backup_codes_remaining}, 10, 'leave ten codes');
totp_rewind(server, $member);
my @alive = grep { $client->post("$me/verify", { code => $_->data->{backup_codes}[0] })->status == 200 } @both;
is(scalar(@alive), 1, 'of one of them');

# ---- many at once

totp_rewind(server, $member);
my @answers = $client->parallel((['POST', "$me/verify", { code => totp_code($secret) }]) x 64);
is(scalar(grep { $_->status == 200 } @answers), 1, '64 verifies of one code at once: one success');
is(scalar(grep { !{ 200 => 1, 403 => 1, 429 => 1 }->{ $_->status } } @answers), 0, 'the others are refused, or have to wait');
totp_rewind(server, $member);
my $fresh = $client->post("$me/backup-codes")->data->{backup_codes};
@answers = $client->parallel((['POST', "$me/verify", { code => $fresh->[3] }]) x 64);
is(scalar(grep { $_->status == 200 } @answers), 1, '64 uses of one backup code at once: one success');
is($client->get($me)->data->{backup_codes_remaining}, 9, 'and one is gone');

# ---- guessing

totp_rewind(server, $member);
@answers = $client->parallel(map { ['POST', "$me/verify", { code => totp_wrong_code($secret) }] } 1 .. 64);
is(scalar(grep { $_->status == 403 } @answers), 10, 'of 64 wrong codes at once ten are compared');
is(scalar(grep { $_->status == 429 } @answers), 54, 'the others have to wait');
my $wait = outcome($client->post("$me/verify", { code => totp_code($secret) }), 429, 29604000, 'as has the right one');
ok($wait->header('retry-after') > 0 && $wait->header('retry-after') <= 60, 'as long as Retry-After says');
my $end = sub { server->psql("UPDATE cloudep.budgets SET blocked_until = now() WHERE subject = :'uid'", uid => $member->{uid}) };
$end->();
outcome($client->post("$me/verify", { code => totp_wrong_code($secret) }), 403, 29505000, 'afterwards one more try');
$wait = outcome($client->post("$me/verify", { code => totp_wrong_code($secret) }), 429, 29604000, 'then a wait again');
ok($wait->header('retry-after') > 60, 'a longer one');
$end->();
outcome($client->post("$me/verify", { code => totp_code($secret, 1) }), 200, 102000, 'who waits gets through');
is(server->value("SELECT count(*) FROM cloudep.budgets WHERE subject = :'uid'", uid => $member->{uid}), 0,
    'and has a clean slate');

# ---- the end

my $last = server->value("SELECT last_step FROM cloudep.totp WHERE uid = :'uid'", uid => $member->{uid});
outcome($client->delete($me), 200, 102000, 'TOTP is removed');
ok(!$client->get($me)->data->{enrolled}, 'the status knows it');
is(server->value("SELECT count(*) FROM cloudep.backup_codes WHERE uid = :'uid'", uid => $member->{uid}), 0,
    'the backup codes are gone');
outcome($client->post("$me/verify", { code => $fresh->[4] }), 409, 29309000, 'nothing verifies any more');
is(server->value("SELECT last_step FROM cloudep.totp WHERE uid = :'uid'", uid => $member->{uid}), $last,
    'the last step outlives it');
my $again = totp_secret($client->post("$me/enroll-start")->data->{otpauth_url});
server->psql("UPDATE cloudep.totp SET last_step = last_step + 2 WHERE uid = :'uid'", uid => $member->{uid});
outcome($client->post("$me/enroll-confirm", { code => totp_code($again) }), 403, 29505000,
    'so enrolling anew accepts no step that was used');
totp_rewind(server, $member);
server->psql("UPDATE cloudep.totp SET pending_expires_at = now() WHERE uid = :'uid'", uid => $member->{uid});
outcome($client->post("$me/enroll-confirm", { code => totp_code($again) }), 404, 29301000, 'an enrolment ends by itself');
$again = totp_secret($client->post("$me/enroll-start")->data->{otpauth_url});
@answers = $client->parallel((['POST', "$me/enroll-confirm", { code => totp_code($again) }]) x 8);
is(scalar(grep { $_->status == 200 } @answers), 1, '8 confirmations at once: one success');
is(scalar(grep { $_->status == 409 } @answers), 7, 'the others learn that it is done');
is($client->get($me)->data->{backup_codes_remaining}, 10, 'and there is one set of backup codes');
$client->delete($me);
$client->post("$me/enroll-start");
$client->delete($me);
outcome($client->post("$me/enroll-confirm", { code => totp_code($again) }), 404, 29301000, 'removing ends a pending enrolment');

# ---- mails

# Registration; enabled; code used; renewed; code used; 8 renewed; 1 used; renewed; used; disabled; enabled; disabled.
my %count;
$count{$_}++ for notices($member, 1 + 1 + 1 + 1 + 1 + 8 + 1 + 1 + 1 + 1 + 1 + 1);
my ($used) = grep { $_->{text} =~ /\b9\b/ } server->mails_now($member->{email});
ok($used, 'the mail about a used backup code says how many are left') or diag(join ', ', %count);
is(scalar(map { ($_) x $count{$_} } keys %count), 19, 'each change was mailed, each once');
is(scalar(keys %count), 5, 'about five things') or diag(join "\n", map { "$count{$_} $_" } sort keys %count);

finish();
