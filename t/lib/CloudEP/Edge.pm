package CloudEP::Edge;

# A web server (nginx, HAProxy) that asks us who may pass, run with the very text of doc/guard.md in front of an
# application, and what must hold of each of them.
#
#     my $tenant = tenant(server => my $node = asked_node());
#     my $edge = CloudEP::Test::keep(CloudEP::Edge->new(program => 'nginx', arguments => [...], port => $port, dir => $dir));
#     guards($edge, $tenant);
#     leads_people($edge, $tenant);

use strict;
use warnings;
use CloudEP::Browser;
use CloudEP::Client;
use CloudEP::Examples;
use CloudEP::Process qw(spawn alive wait_until slurp);
use CloudEP::Test;
use Exporter 'import';
use IO::Socket::INET;

our @EXPORT = qw(example asked_node guards leads_people @IDENTITY);

# The headers that tell an application who it is.
our @IDENTITY = qw(X-CloudEP-UID X-CloudEP-Tenant X-CloudEP-Session X-CloudEP-AMR);

# An example of doc/guard.md.
sub example { return example_of('guard', @_) }

# https://id.example.com, which these servers ask from 127.0.0.1, set up by the document's text: running.
sub asked_node {
    return own_server(values => { CloudEPIssuer => 'https://id.example.com' }, with => [
            'CloudEPTLSProxy 127.0.0.0/8', 'RequestHeader set X-Forwarded-Proto https early',
            '<Location /account/api/auth>', 'CloudEPServe auth', 'CloudEPTokenDelivery cookie', 'Require all granted', '</Location>',
            split(/\n/, example('apache', '10.0.0.0/24' => '127.0.0.1/32')),
    ])->start;
}

# program and arguments => its command, port => where it will listen, dir => folder for what it says
sub new {
    my ($class, %self) = @_;
    return bless \%self, $class;
}

sub start {
    my ($self) = @_;
    my ($program) = grep { -x } map { "$_/$self->{program}" } qw(/usr/sbin /usr/local/sbin /usr/bin);
    my $said = "$self->{dir}/$self->{program}.console";
    $self->{pid} = spawn($said, {}, $program // $self->{program}, @{ $self->{arguments} });
    wait_until(20, sub {
            alive($self->{pid}) or die "$self->{program} did not start: ", slurp($said), "\n";
            return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $self->{port});
    }) or die "$self->{program} does not listen\n";
    return $self;
}

sub stop {
    my ($self) = @_;
    CloudEP::Process::finish(delete $self->{pid}, 'TERM') if $self->{pid};
}

# A request for a page of the application, with a member's token or nobody's.
sub page {
    my ($self, $who, $method, @headers) = @_;
    return CloudEP::Client->new(port => $self->{port}, token => $who ? $who->{access} : undef)
        ->request($method, '/some/page', $method eq 'POST' ? { a => 1 } : undef, @headers);
}

# A browser's question before a request from another origin gets through without a token, and nothing that looks like it.
sub preflights {
    my ($edge, $member, @forged) = @_;
    my @preflight = (Origin => 'https://app.example', 'Access-Control-Request-Method' => 'PUT');
    my $passed = $edge->page(undef, 'OPTIONS', @preflight, @forged);
    is($passed->status, 200, 'a preflight gets through without a token');
    like($passed->body, qr{^OPTIONS /some/page }, 'as it is');
    unlike($passed->body, qr/x.cloudep.+\S/i, 'as nobody');
    is($edge->page(undef, 'OPTIONS')->status, 401, 'a bare OPTIONS does not');
    is($edge->page(undef, 'OPTIONS', @preflight[$_, $_ + 1])->status, 401, "nor half a preflight: $preflight[$_]") for 0, 2;
    for my $method (qw(GET POST)) {
        is($edge->page(undef, $method, @preflight, map { $_ => 'OPTIONS' } qw(X-Original-Method X-Forwarded-Method X-HTTP-Method-Override))->status,
            401, "nor $method that says it is one");
    }
    is($edge->page($member, 'OPTIONS')->status, 200, "a member's bare OPTIONS does");
}

# Who gets past it, and as whom: it asks for members of that tenant.
sub guards {
    my ($edge, $tenant) = @_;
    my $member = register_member(tenant => $tenant);
    my @forged = map { $_ => 'admin' } @IDENTITY, (map { s/-/_/gr } @IDENTITY), (map { lc s/-/./gr } @IDENTITY), 'X_CloudEP-UID', 'X-Cloudep_Uid';
    my $through = $edge->page($member, 'GET', @forged);
    is($through->status, 200, 'a live session gets through');
    like($through->body, qr{^GET /some/page }, 'to the page it asked for');
    like($through->body, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/mi, 'the backend learns the uid');
    like($through->body, qr/^X-CloudEP-Tenant: \Q$tenant->{slug}\E\r$/mi, 'the tenant');
    like($through->body, qr/^X-CloudEP-Session: [0-9a-f-]{36}\r$/mi, 'the session');
    like($through->body, qr/^X-CloudEP-AMR: otp\r$/mi, 'and how it was authenticated');
    unlike($through->body, qr/admin/, 'what the client says of itself is gone, however it is spelt');
    like($edge->page($member, 'GET', Connection => 'close, X-CloudEP-UID')->body, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/mi,
        'nor can it take the uid away');
    is($edge->page($member, 'POST')->status, 200, 'another method gets through, body and all');

    my $nobody = $edge->page(undef, 'GET', @forged);
    is($nobody->status, 401, 'no token');
    is($nobody->header('WWW-Authenticate'), 'Bearer realm="CloudEP"', 'is challenged');
    my $bad = $edge->page({ access => 'x.y.z' }, 'GET');
    is($bad->status, 401, 'a bad token');
    like($bad->header('WWW-Authenticate') // '', qr/error="invalid_token"/, 'is challenged');
    is($edge->page(register_member(tenant => tenant(server => $tenant->{server})), 'GET')->status, 403, 'another tenant');
    preflights($edge, $member, @forged);
    is($member->{client}->post('/api/v1/auth/logout', undef)->status, 200, 'after a logout');
    is($edge->page($member, 'GET')->status, 401, 'the next request is refused');
}

# ---- people

my @NAVIGATION = ('Sec-Fetch-Mode' => 'navigate', 'Sec-Fetch-Dest' => 'document', Accept => 'text/html');
my $AUTH = '/account/api/auth';

# A browser with a jar for the application's host, in front of the edge, and one for the login page's.
sub person {
    my ($edge, $node) = @_;
    return {
        app => CloudEP::Browser->new(client => CloudEP::Client->new(port => $edge->{port}), host => 'app.example.com', scheme => 'https'),
        id => CloudEP::Browser->new(client => client(server => $node, watch => undef), host => 'id.example.com', scheme => 'https'),
    };
}

sub visit { my ($person, @headers) = @_; return $person->{app}->get('/some/page?a=b', @NAVIGATION, @headers) }
sub fetched { my ($person, @headers) = @_; return $person->{app}->get('/some/page', Accept => '*/*', 'Sec-Fetch-Mode' => 'cors', @headers) }

# What a login page does: takes the address that a guard sent along, logs in, and asks where to go.
sub log_in {
    my ($person, $member, $sent) = @_;
    my ($return_to, $enter) = map { $sent->header('Location') =~ /[?&]$_=([^&]*)/ ? $1 =~ s/%(..)/chr hex $1/ger : undef } qw(return_to enter);
    $person->{id}->get("$AUTH/xsrf");
    $person->{id}->post("$AUTH/login", { tenant_slug => $member->{slug}, email => $member->{email}, password => $member->{password} });
    my $answer = $person->{id}->post("$AUTH/handoff", { return_to => $return_to, enter => $enter });
    $answer->status == 200 or die $answer->raw;
    return $answer->data->{url} =~ s{^https://app\.example\.com}{}r;
}

# From a guarded page to the login page and back, in a browser; who is led there and who is not.
sub leads_people {
    my ($edge, $tenant) = @_;
    my $member = register_member(tenant => $tenant);
    my $person = person($edge, $tenant->{server});
    my $sent = visit($person);
    is($sent->status, 303, 'a navigation without a session is sent to the login page');
    like($sent->header('Location') // '', qr{^https://id\.example\.com/account/\?return_to=https%3A%2F%2Fapp\.example\.com%2Fsome%2Fpage%3Fa%3Db&enter=[\w-]{43}$},
        'with the address, and what to enter by');
    is($sent->header('Cache-Control'), 'no-store', 'which nobody keeps');
    like($sent->header('Set-Cookie') // '', qr/^__Host-cloudep-enter=[\w-]{22}; Path=\/; Max-Age=600; Secure; HttpOnly; SameSite=Lax$/, 'and a cookie of its own host');
    my $refused = fetched($person);
    is($refused->status, 401, 'a fetch is refused');
    is($refused->header('Location'), undef, 'and sent nowhere');
    is($refused->header('WWW-Authenticate'), 'Bearer realm="CloudEP"', 'but challenged');

    my $enter = log_in($person, $member, $sent);
    my $back = $person->{app}->get($enter, @NAVIGATION);
    is($back->status, 303, 'the way back is taken');
    is($back->header('Location'), 'https://app.example.com/some/page?a=b', 'and leads to the very page');
    my $page = visit($person);
    is($page->status, 200, 'where the session cookie lets in');
    like($page->body, qr/^X-CloudEP-UID: \Q$member->{uid}\E\r$/mi, 'the backend learns the uid');
    unlike($page->body, qr/^Cookie:/mi, 'and gets no cookie of ours');
    $person->{app}{jar}{theme} = 'dark';
    like(visit($person)->body, qr/^Cookie: theme=dark\r$/mi, 'those of its own it does');
    is(fetched($person)->status, 200, 'a fetch gets through as well');
    is($person->{app}->get($enter, @NAVIGATION)->status, 400, 'the way back serves once');
    by_cookie_from_elsewhere($edge, $person);

    my $stranger = person($edge, $tenant->{server});
    my $other = register_member(tenant => tenant(server => $tenant->{server}));
    $stranger->{app}->get(log_in($stranger, $other, visit($stranger)), @NAVIGATION);
    my $wrong = visit($stranger);
    is($wrong->status, 403, 'another tenant');
    is($wrong->header('Location'), undef, 'is not sent to log in again and again');

    is($person->{id}->post("$AUTH/logout")->status, 200, 'after a logout at the login page');
    is(visit($person)->status, 303, 'the next click leads there');
    is(fetched($person)->status, 401, 'and a fetch is refused');
    is(client(server => $tenant->{server}, watch => undef, token => $other->{access})->get('/api/v1/auth/verify')->status, 403, 'who is no such server may not ask');
    expect_log(qr/AH01630/);
}

# What another site makes a browser send, and what a client says of itself.
sub by_cookie_from_elsewhere {
    my ($edge, $person) = @_;
    my $post = sub { my (@headers) = @_; return $person->{app}->post('/some/page', { a => 1 }, @headers)->status };
    my @forged = (map { ("X-$_-Method" => 'GET', "X-$_-Host" => 'app.example.com', "X-$_-Uri" => '/other') } qw(Original Forwarded));
    is($post->(), 200, 'a form of the own host');
    is($post->(Origin => 'https://evil.example', 'Sec-Fetch-Site' => 'cross-site'), 401, 'one of another site has no session');
    is($post->(Origin => undef, 'Sec-Fetch-Site' => undef), 401, 'nor one that says nothing');
    is($post->(Origin => undef, 'Sec-Fetch-Site' => undef, @forged), 401, 'nor one that says it were a GET');
    is(fetched($person, Host => 'other.example.com', @forged)->status, 401, 'on another host the cookie is none, whatever is said of it');
    my @websocket = (Upgrade => 'websocket', Connection => 'Upgrade', 'Sec-WebSocket-Version' => 13, 'Sec-WebSocket-Key' => 'AAAAAAAAAAAAAAAAAAAAAA==');
    is($person->{app}->get('/some/page', @websocket, Origin => 'https://evil.example', Connection => 'close')->status, 401, 'a WebSocket of another site is refused');
    is($person->{app}->get('/some/page', @websocket, Origin => 'https://app.example.com', Connection => 'close')->status, 200, 'one of the own host is not');
}

1;
