package CloudEP::Edge;

# A web server (nginx, HAProxy) that asks us who may pass, run with the very text of doc/guard.md in front of an
# application, and what must hold of each of them.
#
#     my $edge = CloudEP::Test::keep(CloudEP::Edge->new(program => 'nginx', arguments => [...], port => $port, dir => $dir));
#     guards($edge, $tenant);

use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Httpd;
use CloudEP::Process qw(spawn alive wait_until slurp);
use CloudEP::Test;
use Exporter 'import';
use IO::Socket::INET;

our @EXPORT = qw(example guards @IDENTITY);

# The headers that tell an application who it is.
our @IDENTITY = qw(X-CloudEP-UID X-CloudEP-Tenant X-CloudEP-Session X-CloudEP-AMR);

# The first example of doc/guard.md in that language that has all these texts, with them replaced.
sub example {
    my ($language, %replaced) = @_;
    for my $text (slurp(CloudEP::Httpd::top() . '/doc/guard.md') =~ /^```$language\n(.*?)^```$/msg) {
        next if grep { index($text, $_) < 0 } keys %replaced;
        $text =~ s/\Q$_\E/$replaced{$_}/g for sort keys %replaced;
        return $text;
    }
    die "doc/guard.md has no example in $language with ", join(', ', sort keys %replaced), "\n";
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
    is($edge->page(register_member(tenant => tenant()), 'GET')->status, 403, 'another tenant');
    preflights($edge, $member, @forged);
    is(client(token => $member->{access})->post('/api/v1/auth/logout', undef)->status, 200, 'after a logout');
    is($edge->page($member, 'GET')->status, 401, 'the next request is refused');
}

1;
