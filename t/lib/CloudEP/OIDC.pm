package CloudEP::OIDC;

# The peers of the identity tests: t/zitadel (a ZITADEL stand-in) and t/oidc (npm's oidc-provider). Starts and stops
# either, sets its switches, and logs in at its pages as a browser would.

use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Jwt;
use CloudEP::Npm;
use CloudEP::Process qw(spawn finish alive wait_until free_port slurp);
use Digest::SHA qw(sha256);
use HTML::Form;
use HTTP::Cookies;
use HTTP::Request;
use JSON::PP ();
use LWP::UserAgent;
use MIME::Base64 qw(encode_base64url);
use URI;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $MOST_STEPS = 12;    # pages and redirects of one login
my $number = 0;

# peer => "zitadel" or "oidc", run => folder for its files, log => file, options => [of its server.js],
# node => the node to use, certificate => authority to trust when it serves TLS
sub new {
    my ($class, %self) = @_;
    my $self = bless { node => 'node', options => [], timeout => 30, %self }, $class;
    $self->{ready_file} = "$self->{run}/$self->{peer}-$$-" . ++$number . '.json';
    return $self;
}

sub start {
    my ($self) = @_;
    my $program = CloudEP::Httpd::top() . "/t/$self->{peer}/server.js";
    my @options = ('--ready-file', $self->{ready_file}, '--port', $self->{port} //= free_port(), @{ $self->{options} });
    push @options, '--modules', CloudEP::Npm::folder('oidc') if $self->{peer} eq 'oidc';
    unlink $self->{ready_file};
    $self->{pid} = spawn($self->{log}, {}, $self->{node}, $program, @options);
    wait_until(20, sub {
            alive($self->{pid}) or die "$self->{peer} did not start: ", slurp($self->{log}), "\n";
            return -s $self->{ready_file};
    }) or die "$self->{peer} did not get ready\n";
    $self->{ready} = $json->decode(slurp($self->{ready_file}));
    return $self;
}

sub stop {
    my ($self) = @_;
    finish(delete $self->{pid}, 'TERM') if $self->{pid};
}

sub kill9 {
    my ($self) = @_;
    finish(delete $self->{pid}, 'KILL');
}

# Stops answering without closing anything, and comes back.
sub freeze { kill STOP => $_[0]{pid} }
sub thaw { kill CONT => $_[0]{pid} }

sub ready { $_[0]{ready} }    # what it said at its start: pat, orgs, clients, ...
sub issuer { $_[0]{ready}{issuer} }
sub port { $_[0]{port} }

sub agent {
    my ($self, %options) = @_;
    my $agent = LWP::UserAgent->new(timeout => $self->{timeout}, env_proxy => 0, keep_alive => 4, %options);
    $agent->ssl_opts(SSL_ca_file => $self->{certificate}) if $self->{certificate};
    return $agent;
}

# ---- its API and its test door

# One request. $data: a structure becomes JSON, a string is sent as it is (a form). Returns a hash with status, json,
# body and headers (an HTTP::Headers); status 599 or 500 with no headers of the peer: there was no answer.
sub call {
    my ($self, $method, $path, $data, %headers) = @_;
    my $request = HTTP::Request->new($method, $self->{ready}{base_url} . $path, [%headers]);
    if (defined $data) {
        my $type = ref $data ? 'application/json' : 'application/x-www-form-urlencoded';
        $request->content_type($type) if !$request->content_type;
        $request->content(ref $data ? $json->encode($data) : $data);
    }
    my $answer = ($self->{agent} //= $self->agent)->simple_request($request);
    return {
        status => $answer->header('Client-Warning') ? 0 : $answer->code,
        body => $answer->content,
        json => scalar eval { $json->decode($answer->content) },
        headers => $answer->headers,
    };
}

# One request of ZITADEL's API with the service account's token, or another: token => ...
sub api {
    my ($self, $method, $path, $data, %options) = @_;
    my $token = delete $options{token} // $self->{ready}{pat};
    return $self->call($method, $path, $data, Authorization => "Bearer $token", %options);
}

# The test door; dies when the peer does not take it. Returns the data.
sub door {
    my ($self, $method, $path, $data) = @_;
    my $answer = $self->call($method, "/_test/$path", $data);
    $answer->{status} == 200 or die "$self->{peer} /_test/$path: $answer->{status} $answer->{body}\n";
    return $answer->{json};
}

sub state { my ($self, %switches) = @_; $self->door(POST => 'state', \%switches) }
sub account { my ($self, %account) = @_; $self->door(POST => 'accounts', \%account) }
sub rotate { my ($self, %how) = @_; $self->door(POST => 'rotate', \%how) }
sub fault { my ($self, %rule) = @_; $self->door(POST => 'faults', \%rule)->{id} }
sub clear_faults { $_[0]->door(DELETE => 'faults') }
sub requests { $_[0]->door(GET => 'requests') }
sub users { @{ $_[0]->door(GET => 'users')->{users} } }
sub outage { my ($self, $ms) = @_; $self->door(POST => 'outage', { ms => $ms }) }

# ---- a browser

# A fresh verifier and its S256 challenge.
sub pkce {
    open my $random, '<:raw', '/dev/urandom' or die "urandom: $!";
    read $random, my $bytes, 32;
    my $verifier = encode_base64url($bytes);
    return ($verifier, encode_base64url(sha256($verifier)));
}

# The address of the authorization endpoint with these query fields over the usual ones; paths come from discovery.
sub authorize_url {
    my ($self, %fields) = @_;
    my $discovery = $self->call(GET => '/.well-known/openid-configuration')->{json};
    my $url = URI->new($discovery->{authorization_endpoint});
    my %query = (response_type => 'code', scope => 'openid email profile', code_challenge_method => 'S256', %fields);
    $url->query_form(map { $_ => $query{$_} } sort keys %query);
    return "$url";
}

# Opens an authorization address and does what a person would: follows redirects, keeps cookies, fills in the form.
# account => who logs in, cancel => 1 to press that button instead, cookies => a jar to go on with. Returns the query
# fields of the redirect back to the client, which is not fetched, with its address as "location"; or the fields of a
# form that would be posted back, with its address as "posted"; else status and body of the page it ended on.
sub login {
    my ($self, $url, %options) = @_;
    my $agent = $self->agent(cookie_jar => $options{cookies} // HTTP::Cookies->new(ignore_discard => 1));
    my $home = URI->new($self->{ready}{base_url});
    my $request = HTTP::Request->new(GET => $url);
    my $filled = 0;
    for (1 .. $MOST_STEPS) {
        my $answer = $agent->simple_request($request);
        if ($answer->is_redirect) {
            my $next = URI->new_abs($answer->header('Location'), $request->uri);
            return { $next->query_form, location => "$next" } if $next->scheme ne $home->scheme || $next->host_port ne $home->host_port;
            $request = HTTP::Request->new(GET => $next);
            next;
        }
        my $form = HTML::Form->parse($answer);
        if ($form && $form->action->host_port ne $home->host_port) {
            return { posted => $form->action->as_string, map { $_->name => $_->value } grep { defined $_->name } $form->inputs };
        }
        return { status => $answer->code, body => $answer->decoded_content } if !$form || $filled++;
        $form->value(account => $options{account}) if defined $options{account};
        $request = $options{cancel} ? $form->click('cancel') : $form->click;
    }
    die "the login at $url does not end\n";
}

# The claims of a JWT, unverified.
sub claims { (CloudEP::Jwt::parts($_[-1]))[1] }
sub jwt_header { (CloudEP::Jwt::parts($_[-1]))[0] }

1;
