# 64 and 256 clients guess at one account at the same instant, each from an address of their own: at its password, its second
# factor, and the codes of a reset. However they come, no more are compared than the budget has, and after a wait one.
use strict;
use warnings;
use CloudEP::Test;
use CloudEP::Totp;

my $BUDGET = 20;
my $server = own_server(
    values => { CloudEPUnknownGuesses => $BUDGET, CloudEPAddressAttempts => 0, CloudEPCodeAttempts => 20, CloudEPCodeCooldown => 0,
        CloudEPCodesPerTarget => 0, CloudEPCodesPerAddress => 0, CloudEPPasswordQueue => 300, CloudEPPasswordWait => 30_000,
        CloudEPPasswordMemory => 8192, CloudEPLockTimeout => 20_000, CloudEPStatementTimeout => 30_000, CloudEPDatabaseWait => 30_000 },
    with => ['LoadModule remoteip_module "' . CloudEP::Httpd::apxs('LIBEXECDIR') . '/mod_remoteip.so"', 'RemoteIPHeader X-Client',
        'RemoteIPInternalProxy 127.0.0.0/8'])->start;
my $client = client(server => $server);
my $auth = '/api/v1/auth';

sub ask { my ($number, $path, $body) = @_; return ['POST', "$auth/$path", $body, 'X-Client' => '198.51.100.' . (1 + $number % 250)] }
sub one { return ($client->parallel(ask(@_)))[0] }

# What each kind of guess is: $of->($owner) gives, by the client's number, the request of a wrong one.
my %kinds = (
    password => sub {
        my ($owner) = @_;
        return sub { ask($_[0], 'login', { tenant_slug => $owner->{slug}, email => $owner->{email}, password => 'a wrong pass phrase' }) };
    },
    'second factor' => sub {
        my ($owner) = @_;
        my $wrong = totp_wrong_code($owner->{totp});
        my @challenges = map { one($_, 'login', { tenant_slug => $owner->{slug}, email => $owner->{email}, password => $owner->{password} })->data->{mfa_challenge_id} } 1 .. 4;
        return sub { ask($_[0], 'login/mfa', { tenant_slug => $owner->{slug}, challenge_id => $challenges[$_[0] % @challenges], code => $wrong }) };
    },
    'code of a reset' => sub {
        my ($owner) = @_;
        my @challenges = map { one($_, 'password/forgot', { tenant_slug => $owner->{slug}, email => $owner->{email} })->data->{challenge_id} } 1 .. 4;
        return sub { ask($_[0], 'password/reset', { tenant_slug => $owner->{slug}, challenge_id => $challenges[$_[0] % @challenges],
                    code => '000000', new_password => 'another pass phrase of mine' }) };
    },
);

for my $kind (sort keys %kinds) {
    for my $crowd (64, 256) {
        my $owner = register_member(tenant => tenant(server => $server));
        totp_enroll($owner, $server) if $kind eq 'second factor';
        my $guess = $kinds{$kind}->($owner);
        my %count;
        $count{ $_->status }++ for $client->parallel(map { $guess->($_) } 1 .. $crowd);
        my $compared = ($count{401} // 0) + ($count{403} // 0);
        is($compared, $BUDGET, "$kind: of $crowd clients at once so many are told that they are wrong as the budget has") or diag(explain \%count);
        is(scalar(grep { !/^(?:401|403|404|409|429|503)$/ } keys %count), 0, 'the others have to wait, or their challenge is used up') or diag(explain \%count);
        cmp_ok($count{429} // 0, '>', 0, 'and some are told to');
        $server->psql("UPDATE cloudep.budgets SET blocked_until = now() WHERE subject = :'uid'", uid => $owner->{uid});
        $guess = $kinds{$kind}->($owner) if $kind ne 'password';
        my %again;
        $again{ $_->status }++ for $client->parallel(map { $guess->($_) } 1 .. $crowd);
        is(($again{401} // 0) + ($again{403} // 0), 1, 'after the wait one is') or diag(explain \%again);
        is($client->with(address => undef)->post("$auth/login", { tenant_slug => $owner->{slug}, email => $owner->{email}, password => $owner->{password} })->status,
            200, 'the owner, at home, does not wait');
    }
}

finish();
