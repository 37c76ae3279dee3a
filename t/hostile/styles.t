# Every field of every operation of the styles "account" and "session" with everything that is not meant for it, as fields.t has it
# for v1; whatever they answer has the form of their style, and a reason that their documents list.
use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Hostile qw(server_and_peer operations cases_of other_bodies judge);
use CloudEP::Test;

my $tenant = tenant(uses => 100_000);
sub mount { my ($path, $style) = @_; return ("<Location $path>", "CloudEPServe $style", "CloudEPTenant $tenant->{slug}", '</Location>') }
my ($server, $peer) = server_and_peer(with => [mount('/api/auth', 'account'), mount('/api/session', 'session')]);
$server->ctl(qw(tenant set --totp-login on --sms-login on --slug), $tenant->{slug});
$tenant->{server} = $server;
my ($member, $victim) = map { register_member(tenant => $tenant, display_name => $_) } 'Mary Public', 'Victoria Private';
my @never = (@{$victim}{qw(uid email access refresh)}, 'Victoria Private', 'SQLSTATE', 'relation "', 'ERROR:', $server->{dir});
my $client = client(server => $server, timeout => 120, watch => undef);
my %statuses;

# A browser of the session style: logged in, or a visitor.
sub browser {
    my ($is_in) = @_;
    my $browser = CloudEP::Browser->new(client => $client);
    $browser->get('/api/session/');
    $is_in or return $browser;
    my $answer = $browser->post('/api/session/login', { email => $member->{email}, password => $member->{password} });
    $answer->status == 204 or die $answer->raw;
    return $browser;
}

my @visitor = browser(0)->headers('POST');
for my $style (['account operations', \&account_faults], ['session operations', \&session_faults]) {
    my ($section, $check) = @$style;
    for my $operation (grep { $_->{path} !~ /logout$/ && $_->{path} ne '/api/session' } operations($section)) {
        my ($method, $path) = @{$operation}{qw(method path)};
        my %with = (client => $client, check => $check, never => \@never, seen => \%statuses);
        if ($section =~ /session/) {
            $with{headers} = [$operation->{token} ? browser(1)->headers('POST') : @visitor];
        }
        elsif ($operation->{token}) {
            $with{client} = $client->with(token => $member->{access});
        }

        # Without a code it is the request for one.
        $_->{required} = 0 for grep { $path eq '/api/session/login/sms' && $_->{name} eq 'code' } @{ $operation->{fields} };
        my %cases = ((map { $_->{name} => [cases_of($operation, $_, inviteCode => $tenant->{invite})] } @{ $operation->{fields} }),
            'bodies that are no object' => [other_bodies($operation)]);
        for my $name (sort keys %cases) {
            my @wrong = judge(\%with, @{ $cases{$name} });
            ok(!@wrong, "$method $path: $name") or diag(join "\n", @wrong[0 .. ($#wrong < 4 ? $#wrong : 4)], scalar(@wrong) . ' cases went wrong');
        }
    }
}

my $cases = 0;
$cases += $_ for values %statuses;
diag("\n$cases hostile bodies and queries; answers: ", join ', ', map { "$statuses{$_} x $_" } sort keys %statuses);
cmp_ok($cases, '>', 2000, 'thousands of cases');
told($client->with(token => $victim->{access})->get('/api/auth/me'), 200, undef, 'the server lives, and so does its member');
is($server->value(q(SELECT count(*) FROM cloudep.members WHERE email LIKE '%eve@example.com%' OR email ~ '[[:cntrl:][:space:]]')), 0,
    'no address with a line end was stored');
$peer->stop;
finish();
