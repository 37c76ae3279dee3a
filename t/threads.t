# What threads share, under ThreadSanitizer: the programs of t/unit that use it from many threads at once, and an httpd
# whose children answer many requests at once. The whole suite can be run like this: CLOUDEP_SANITIZE=thread ./dev test
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(capture run slurp spawn spew);
use CloudEP::Test;
use File::Path qw(make_path);
use Time::HiRes qw(time);

CloudEP::Httpd::fix_addresses();
my $build = "$ENV{CLOUDEP_VAR}/build/tsan";
run(undef, qw(make -s -j2 -f apxs.mk tsan), "BUILD=$ENV{CLOUDEP_VAR}/build", 'APXS=' . ($ENV{APXS} || 'apxs'));
my $logs = CloudEP::Test::own_folder('threads');

# ---- the programs; the one that waits for most of its time goes on beside the others
sub judge {
    my ($name, $status, $said) = @_;
    like($said, qr/^1\.\.\d+$/m, "${name}_test comes to its end");
    is($status, 0, "${name}_test: everything is right, and no thread raced another") or diag($said =~ s/^ok .*\n//mgr);
}

sub program {
    my ($name, @arguments) = @_;
    return ('env', 'TSAN_OPTIONS=suppressions=t/tsan.supp', "$build/unit/${name}_test", @arguments);
}

my ($status, undef, $errors) = capture(undef, program('threads', 'race'));
$errors !~ /unexpected memory mapping/ or die "ThreadSanitizer finds no room: this kernel spreads addresses wide, and setarch may not"
    . " stop it here. Allow personality(2) in this container, or set vm.mmap_rnd_bits=28.\n";
is($status, 66, 'a race is noticed');
like($errors, qr/WARNING: ThreadSanitizer: data race.*\brace\b.*threads_test\.c/s, 'and told');
my $waiting = spawn("$logs/cache_outage", {}, program('cache_outage'));
for my $name (qw(breaker cache challenge fetched semaphore threads pools)) {
    my ($status, $output, $errors) = capture(undef, program($name));
    judge($name, $status, $output . $errors);
}

# ---- httpd
my $server = do {
    local $ENV{CLOUDEP_SANITIZE} = 'thread';
    own_server(build => $build,
        values => { CloudEPKnownGuesses => 1_000_000, CloudEPUnknownGuesses => 1_000_000,
            map { $_ => 0 } qw(CloudEPCodeCooldown CloudEPCodesPerAddress CloudEPAddressAttempts) },
        with => ['<Location /file>', 'AuthType CloudEP', 'AuthName x', 'Require valid-user', '</Location>'])->start;
};
make_path("$server->{dir}/htdocs/file");
spew("$server->{dir}/htdocs/file/a.txt", 'inside');
like(slurp('/proc/' . $server->pid . '/maps'), qr/libtsan/, 'an httpd with ThreadSanitizer');

my $client = client(server => $server);
my $tenant = tenant(server => $server);
my %statuses;

# All at once; returns the data of the answers that were a success.
sub together {
    my @answers = $client->parallel(@_);
    $statuses{ $_->status }++ for @answers;
    return map { $_->data } grep { $_->status == 200 } @answers;
}

sub auth { my ($path, %fields) = @_; return ['POST', "/api/v1/auth/$path", { tenant_slug => $tenant->{slug}, %fields }] }
sub as { my ($tokens, @request) = @_; return [@request, Authorization => "Bearer $tokens->{access_token}"] }

# Eight members from registration to logout, each step of all of them at the same instant.
sub lives {
    my @members = map { { email => fresh_email(), password => fresh_password() } } 1 .. 8;
    my %more = (invite_code => $tenant->{invite}, accept_terms_version => '1');
    my @begun = together(map { auth('register', %$_, %more) } @members);
    my @confirms = map { auth('register/confirm', challenge_id => $begun[$_]{challenge_id},
            code => $server->mail_code($members[$_]{email})) } 0 .. $#members;
    my @tokens = together(@confirms, @confirms);
    push @tokens, together(map { auth('login', %$_), auth('login', %$_, password => 'wrong one') } @members);
    my @reads = map { as($_, GET => '/file/a.txt', undef), as($_, GET => '/api/v1/members/me', undef) } @tokens;
    together(@reads);
    together(map { as($_, PATCH => '/api/v1/members/me', { display_name => 'Ann' }) } @tokens);
    together(map { auth('password/forgot', email => $_->{email}) } @members);
    my @renewed = together(map { (auth('token/refresh', refresh_token => $_->{refresh_token})) x 2 } @tokens);
    together(map { as($_, POST => '/api/v1/auth/logout', undef) } @renewed);
    together(@reads);
    return scalar @tokens;
}

my $until = time + 6;
my $tokens = 0;
while (time < $until) {
    $tokens += lives();
    $server->graceful;
}
cmp_ok($tokens, '>', 15, "$tokens sessions were opened");
is(join(' ', sort grep { !/^(?:200|401|40[49])$/ } keys %statuses), '', 'and nothing failed') or diag(explain \%statuses);

waitpid $waiting, 0;
judge('cache_outage', $?, slurp("$logs/cache_outage"));

# What the httpd found is in files that this looks at.
finish();
