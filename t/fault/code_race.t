# Codes, 64 and then 256 clients at once: at most five challenges of an account are alive, none that the owner asked for
# where the account is known goes for a stranger's, and no challenge takes more guesses than it has, however many guess.
use strict;
use warnings;
use CloudEP::Test;

my %unlimited = map { $_ => 0 } qw(CloudEPCodeCooldown CloudEPCodesPerAddress CloudEPCodesPerTarget CloudEPCodesPerTenant
    CloudEPAddressAttempts);
my $server = own_server(values => { %unlimited, CloudEPUnknownGuesses => 1_000_000 }, with => [
        'LoadModule remoteip_module "' . CloudEP::Httpd::apxs('LIBEXECDIR') . '/mod_remoteip.so"',
        'RemoteIPHeader X-Client', 'RemoteIPInternalProxy 127.0.0.0/8'])->start;
my $client = client(server => $server);
my $tenant = tenant(server => $server);
my ($forgot, $reset) = map { "/api/v1/auth/password/$_" } qw(forgot reset);
my $strangers = 0;

sub tally { my %count; $count{ $_->status . ' ' . ($_->code // '') }++ for @_; return \%count }
sub stranger { $strangers++; return ('X-Client' => join '.', 198, 18, $strangers >> 8, $strangers & 255) }
sub body { my (%fields) = @_; return { tenant_slug => $tenant->{slug}, %fields } }
sub guess { my ($challenge, $code) = @_; return body(challenge_id => $challenge, code => $code, new_password => fresh_password()) }

# Whoever is not answered is told that the server has too much to do.
sub all_told {
    my ($count, $many, @codes) = @_;
    my $told = 0;
    $told += $count->{$_} // 0 for @codes, '503 28603000';
    return is($told, $many, 'all others are told why not') || diag(explain $count);
}

for my $many (64, 256) {
    my $member = register_member(tenant => $tenant);
    my $own = outcome($client->post($forgot, body(email => $member->{email})), 200, 102000, 'the owner asks for a code')->data->{challenge_id};
    my ($mail) = grep { $_->{headers}{subject} =~ /reset code/ } $server->mails($member->{email}, 2);
    my $code = secret(CloudEP::Mail::code($mail));
    my $wrong = sprintf '%06d', ($code + 1) % 1_000_000;

    my @answers = $client->parallel(map { ['POST', $forgot, body(email => $member->{email}), stranger()] } 1 .. $many);
    my $count = tally(@answers);
    cmp_ok($count->{'200 102000'} // 0, '>=', 5, "$many strangers at once ask for one, too");
    all_told($count, $many, '200 102000');
    my %challenges = map { $_->data->{challenge_id} => 1 } grep { $_->status == 200 } @answers;
    is(scalar(keys %challenges), $count->{'200 102000'}, 'and each gets a challenge of their own');
    my @asked = sort keys %challenges;
    my %status = map { $_ => $client->post($reset, guess($_, $wrong), stranger())->status } @asked;
    my @alive = grep { $status{$_} == 403 } @asked;
    is(scalar @alive, 4, "of $many four are alive beside the owner's");
    is(scalar(grep { $status{$_} == 404 } @asked), @asked - 4, 'the others are over');

    # One guess at each is counted.
    $count = tally($client->parallel(map { ['POST', $reset, guess($alive[$_ % 4], $wrong), stranger()] } 1 .. $many));
    is($count->{'403 29505000'}, 16, "$many guesses at once at those four: five of each are compared") or diag(explain $count);
    all_told($count, $many, '403 29505000', '409 29309000');

    # Guesses and requests, and the owner's code among them: all of that is nothing to it.
    @answers = $client->parallel((map { ['POST', $reset, guess($alive[$_ % 4], $wrong), stranger()] } 1 .. $many / 4),
        ['POST', $reset, guess($own, $code)],
        map { ['POST', $forgot, body(email => $member->{email}), stranger()] } 1 .. $many / 4);
    my $owners = splice @answers, $many / 4, 1;
    $owners = $client->post($reset, guess($own, $code)) if $owners->status == 503;
    outcome($owners, 200, 102000, "the owner's code is good, whoever asks and guesses at the same time");
    all_told(tally(@answers), $many / 2, '200 102000', '409 29309000', '404 29301000');
}

expect_log(qr/CE101: .* failed \(overload\)/);
finish();
