package CloudEP::Totp;

# An authenticator app for the tests: what a person's telephone does with an otpauth URL, by RFC 6238 and nothing of ours.

use strict;
use warnings;
use Digest::SHA qw(hmac_sha1);
use Exporter 'import';

our @EXPORT = qw(totp_secret totp_secret_text totp_step totp_code totp_code_of totp_wrong_code totp_rewind totp_enroll);

my $PERIOD = 30;

# The secret of an otpauth URL as it stands there, and its bytes.
sub totp_secret_text {
    my ($url) = @_;
    return ($url =~ /[?&]secret=([A-Z2-7]+)/)[0] // die "no secret in the otpauth URL\n";
}

sub totp_secret {
    my ($url) = @_;
    my %value;
    @value{ 'A' .. 'Z', 2 .. 7 } = 0 .. 31;
    my $bits = join '', map { sprintf '%05b', $value{$_} } split //, totp_secret_text($url);
    return pack 'B*', substr $bits, 0, 8 * int(length($bits) / 8);
}

sub totp_step { return int(time / $PERIOD) }

# The code of now, or of $offset steps later.
sub totp_code {
    my ($secret, $offset) = @_;
    return totp_code_of($secret, totp_step() + ($offset // 0));
}

sub totp_code_of {
    my ($secret, $step) = @_;
    my $mac = hmac_sha1(pack('Q>', $step), $secret);
    my $from = ord(substr $mac, -1) & 15;
    return sprintf '%06d', (unpack('N', substr $mac, $from, 4) & 0x7fffffff) % 1_000_000;
}

# Six digits that are not the code of any step near now.
sub totp_wrong_code {
    my ($secret) = @_;
    my %near = map { totp_code($secret, $_) => 1 } -3 .. 3;
    return (grep { !$near{$_} } map { sprintf '%06d', int rand 1_000_000 } 1 .. 20)[0];
}

# Lets the accepted steps be used again, for tests that need more codes than half a minute has, and forgets
# failed guesses of theirs and of their tenant's clients.
sub totp_rewind {
    my ($server, @members) = @_;
    for my $member (@members) {
        $server->psql("UPDATE cloudep.totp SET last_step = 0 WHERE uid = :'uid'", uid => $member->{uid});
        $server->psql("DELETE FROM cloudep.budgets WHERE subject = :'uid' OR kind = 'network' AND tenant_id ="
                . " (SELECT tenant_id FROM cloudep.members WHERE uid = :'uid')", uid => $member->{uid});
    }
}

# Enrols a member of register_member(); puts totp (the secret) and backup (the codes) into it and returns it.
sub totp_enroll {
    my ($member, $server) = @_;
    my $started = $member->{client}->post('/api/v1/members/me/totp/enroll-start');
    $started->status == 200 or die 'enroll-start: ', $started->body, "\n";
    $member->{totp} = totp_secret($started->data->{otpauth_url});
    my $confirmed = $member->{client}->post('/api/v1/members/me/totp/enroll-confirm', { code => totp_code($member->{totp}) });
    $confirmed->status == 200 or die 'enroll-confirm: ', $confirmed->body, "\n";
    $member->{backup} = $confirmed->data->{backup_codes};
    totp_rewind($server, $member) if $server;
    return $member;
}

1;
