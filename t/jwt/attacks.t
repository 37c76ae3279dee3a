# The known attacks on JSON Web Tokens, against our own access and refresh tokens: each is 401, whatever else is right.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Process qw(slurp);
use CloudEP::Test;

my $ME = '/api/v1/members/me';
my $REFRESH = '/api/v1/auth/token/refresh';
my $LOGOUT = '/api/v1/auth/logout';
my $anybody = client;
my $member = register_member();
my ($key) = grep { $_->{use} ne 'enc' } @{ JSON::PP->new->decode(slurp(server()->{keys} . '/signing.jwks'))->{keys} };

sub forge {
    my ($token) = @_;
    my ($header, $claims) = CloudEP::Jwt::parts($token);
    return CloudEP::Jwt->new(key => $key, header => { typ => $header->{typ} }, claims => $claims);
}

sub access { my ($token, $method, $path) = @_; return $anybody->with(token => $token)->request($method // 'GET', $path // $ME) }
sub refresh { my ($token) = @_; return $anybody->post($REFRESH, { refresh_token => $token }) }

my $access = forge($member->{access});
my $refresh = forge($member->{refresh});
outcome(access($access->token), 200, 102000, 'a token that we make as the server does is taken');

for my $attack ($access->attacks) {
    my ($name, $token) = @$attack;
    if (length $token > 8000) {    # httpd itself takes no header field of that length
        outcome(access($token), 400, 10101000, "access: $name");
        next;
    }
    my $answer = outcome(access($token), 401, 29501000, "access: $name");
    like($answer->header('WWW-Authenticate'), qr/^Bearer realm="CloudEP", error="invalid_token"$/, 'says that it is the token');
}

# What the route's fields refuse before anybody reads a token is 400: longer than any token.
for my $attack ($refresh->attacks) {
    my ($name, $token) = @$attack;
    my ($status, $code) = length $token > 8192 ? (400, 10101000) : (401, 28501000);
    outcome(refresh($token), $status, $code, "refresh: $name");
}

# ---- one kind is never the other, nor anything else that the same key might sign
my %kinds = (access => [$access, \&access, 29501000], refresh => [$refresh, \&refresh, 28501000]);
for my $kind (sort keys %kinds) {
    my ($forge, $try, $code) = @{ $kinds{$kind} };
    my $other = $kind eq 'access' ? 'rt+jwt' : 'at+jwt';
    outcome($try->($kind eq 'access' ? $member->{refresh} : $member->{access}), 401, $code, "$kind: the other kind");
    outcome($try->($forge->token(header => $forge->header(typ => $_))), 401, $code, "$kind: typ " . ($_ eq '' ? 'empty' : $_))
        for $other, 'JWT', 'logout+jwt', 'application/' . $other, '';
    my $untyped = $forge->header;
    delete $untyped->{typ};
    outcome($try->($forge->token(header => $untyped)), 401, $code, "$kind: no typ");
    for my $claim (qw(tid sid jti auth_time amr nbf)) {
        outcome($try->($forge->token(claims => $forge->claims($claim => undef))), 401, $code, "$kind: no $claim");
    }
    my $stranger = register_member(tenant => tenant());
    my (undef, $theirs) = CloudEP::Jwt::parts($stranger->{access});
    outcome($try->($forge->token(claims => $forge->claims($_ => $theirs->{$_}))), 401, $code, "$kind: $_ of another tenant's member")
        for qw(tid sub sid);
    outcome($try->($forge->token(claims => $forge->claims(sub => uc $forge->{claims}{sub}))), 401, $code, "$kind: sub in capitals");
}
outcome(refresh($refresh->token(claims => $refresh->claims(jti => $refresh->{claims}{sid} . ".$_"))), 401, 28501000, "refresh: generation $_")
    for 0, 2, -1, 2147483648, 'x';

# ---- the same holds wherever a token is asked for
for my $attack (($access->on_the_signature)[0, 8, -3], ($access->on_the_form)[2]) {
    my ($name, $token) = @$attack;
    outcome(access($token, POST => $LOGOUT), 401, 28501000, "logout: $name");
    outcome(access($token, GET => '/api/v1/auth/verify'), 401, 28501000, "verify: $name");
}
my $bytes = "GET $ME HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n";
for my $line ('Authorization: Bearer', 'Authorization: Bearer ' . 'A' x 7000, "Authorization: Basic $member->{access}",
    "Authorization: $member->{access}", "Authorization: Bearer $member->{access} x", "Authorization: Bearer $member->{access}, Bearer x",
    "X-Access-Token: $member->{access}", "Cookie: access_token=$member->{access}") {
    my ($name) = $line =~ /^([\w-]+: \w{0,6})/;
    like($anybody->raw("$bytes$line\r\n\r\n"), qr{^HTTP/1\.1 401 }, "no token in the right place: $name");
}
like($anybody->raw("GET $ME?access_token=$member->{access} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"), qr{^HTTP/1\.1 401 },
    'nor in the query');
outcome(access($member->{access}), 200, 102000, 'after all this the right token is as good as before');
outcome(refresh($member->{refresh}), 200, 102000, 'and so is the refresh token');

finish();
