package CloudEP::Chromium;

# A real browser: Debian's Chromium, driven by its chromedriver over WebDriver, with virtual authenticators.
#
#     my $browser = CloudEP::Chromium->new(dir => $folder)->start;
#     $browser->authenticator(transport => 'internal');
#     $browser->open("http://localhost:$port/page.html");
#     my $text = $browser->run('return document.title');
#
# A script that throws dies with "Name: message", where Name is that of a DOMException.

use strict;
use warnings;
use CloudEP::Process qw(spawn finish alive wait_until free_port slurp);
use Cpanel::JSON::XS ();
use File::Path qw(make_path remove_tree);
use JSON::PP ();
use LWP::UserAgent;

my @SWITCHES = qw(--headless=new --disable-gpu --disable-dev-shm-usage --disable-background-networking
    --disable-component-update --disable-sync --no-first-run --no-sandbox);
my $json = Cpanel::JSON::XS->new->utf8->canonical->allow_nonref;    # pictures are megabytes

# dir => a folder of its own, for the browser's profile and chromedriver's log; with => [switches of Chromium]
sub new {
    my ($class, %self) = @_;
    return bless \%self, $class;
}

# Starts both; dies where one of them is not there.
sub start {
    my ($self) = @_;
    make_path("$self->{dir}/profile", "$self->{dir}/home");
    for my $program (qw(chromium chromedriver)) {
        -x "/usr/bin/$program" or die "there is no /usr/bin/$program: ./dev test installs what support/packages lists\n";
    }
    my $port = free_port();
    my $log = "$self->{dir}/chromedriver.log";
    $self->{pid} = spawn($log, { HOME => "$self->{dir}/home" }, '/usr/bin/chromedriver', "--port=$port");
    $self->{agent} = LWP::UserAgent->new(timeout => 120, keep_alive => 1);
    $self->{url} = "http://127.0.0.1:$port";
    wait_until(60, sub {
            alive($self->{pid}) or die 'chromedriver did not start: ', slurp($log), "\n";
            return $self->{agent}->get("$self->{url}/status")->is_success;
    }) or die "chromedriver does not answer\n";
    my $session = $self->command(POST => '/session', { capabilities => { alwaysMatch => {
                    browserName => 'chrome', 'goog:chromeOptions' => { binary => '/usr/bin/chromium',
                        args => [@SWITCHES, "--user-data-dir=$self->{dir}/profile", @{ $self->{with} // [] }] },
    } } });
    $self->{session} = "/session/$session->{sessionId}";
    $self->in_session(POST => '/timeouts', { script => 60_000, pageLoad => 60_000 });
    return $self;
}

# Ends both and what they kept.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return 0;
    my $session = delete $self->{session};
    eval { $self->command(DELETE => $session) } if $session;    # one that crashed is gone already
    my $status = finish($pid, 'TERM');
    remove_tree("$self->{dir}/profile");
    return $status;
}

# One WebDriver command; returns its value, dies with what went wrong.
sub command {
    my ($self, $method, $path, $data) = @_;
    my $request = HTTP::Request->new($method, "$self->{url}$path");
    if ($method eq 'POST') {
        $request->header('Content-Type' => 'application/json');
        $request->content($json->encode($data // {}));
    }
    my $response = $self->{agent}->request($request);
    my $value = (eval { $json->decode($response->content) } // {})->{value};
    return $value if $response->is_success;
    die "$method $path: ", ref $value eq 'HASH' ? "$value->{error}: $value->{message}" : $response->status_line, "\n";
}

sub in_session {
    my ($self, $method, $path, $data) = @_;
    return $self->command($method, "$self->{session}$path", $data);
}

# Goes to an address and waits until the page is there.
sub open {
    my ($self, $url) = @_;
    return $self->in_session(POST => '/url', { url => $url });
}

# Runs a script in the page as the body of an async function of its arguments; returns what it returns.
sub run {
    my ($self, $script, @arguments) = @_;
    my $answer = $self->in_session(POST => '/execute/async', { args => \@arguments, script => <<"SCRIPT" });
const done = arguments[arguments.length - 1];
(async (...args) => { $script })(...[...arguments].slice(0, -1)).then(
    value => done({ value: value === undefined ? null : value }), error => done({ error: error.name + ': ' + error.message }));
SCRIPT
    die "$answer->{error}\n" if defined $answer->{error};
    return $answer->{value};
}

# ---- virtual authenticators (WebAuthn Level 3 section 11)

# Adds one; it has and verifies the user unless told otherwise. transport => internal, usb, nfc, ble, hybrid; synced => 1:
# its passkeys are backed up. Returns its id.
sub authenticator {
    my ($self, %options) = @_;
    my $synced = delete $options{synced} ? JSON::PP::true : JSON::PP::false;
    my %asked = (protocol => 'ctap2_1', transport => 'internal', hasResidentKey => JSON::PP::true,
        hasUserVerification => JSON::PP::true, isUserVerified => JSON::PP::true,
        defaultBackupEligibility => $synced, defaultBackupState => $synced, %options);
    return $self->in_session(POST => '/webauthn/authenticator', \%asked);
}

sub remove_authenticator { my ($self, $id) = @_; return $self->in_session(DELETE => "/webauthn/authenticator/$id") }

# The passkeys that an authenticator has, as WebDriver tells them: credentialId, isResidentCredential, signCount, ...
sub credentials { my ($self, $id) = @_; return @{ $self->in_session(GET => "/webauthn/authenticator/$id/credentials") } }

# Puts a passkey there; privateKey and ids are base64url.
sub add_credential {
    my ($self, $id, %credential) = @_;
    return $self->in_session(POST => "/webauthn/authenticator/$id/credential", \%credential);
}

# Whether it will find that it is the user.
sub user_verified {
    my ($self, $id, $is) = @_;
    return $self->in_session(POST => "/webauthn/authenticator/$id/uv", { isUserVerified => $is ? JSON::PP::true : JSON::PP::false });
}

1;
