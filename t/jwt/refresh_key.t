# Refresh tokens are under a key of their own, which is in no JWKS (what others make of them: t/jwt/verify.t). 1.0's and those
# of CloudEPRefreshTokens signed stay good, and sealing keys rotate without anybody being logged out.
use strict;
use warnings;
use CloudEP::Jwt;
use CloudEP::Process qw(slurp wait_until);
use CloudEP::Test;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 qw(decode_base64url encode_base64url);

my $REFRESH = '/api/v1/auth/token/refresh';
my $json = JSON::PP->new;
my $issuer = server()->url;
my $server = own_server(values => { CloudEPIssuer => $issuer })->start;
my $signed = own_server(values => { CloudEPIssuer => $issuer, CloudEPRefreshTokens => 'signed' })->start;

sub refresh { my ($token, $at) = @_; return client(server => $at // $server)->post($REFRESH, { refresh_token => $token }) }
sub me { my ($token, $at) = @_; return client(server => $at // $server, token => $token)->get('/api/v1/members/me') }
sub header { return (CloudEP::Jwt::parts($_[0]))[0] }
sub claims { return (CloudEP::Jwt::parts($_[0]))[1] }
sub keys_of { my ($at, $file) = @_; return @{ $json->decode(slurp("$at->{keys}/$file.jwks"))->{keys} } }

# ---- the token
my $member = register_member(server => $server);
my ($seal) = keys_of($server, 'sealing');
is_deeply(header($member->{refresh}), { alg => 'HS256', kid => $seal->{kid}, typ => 'rt+jwt' }, 'a refresh token is an HMAC');
is(header($member->{access})->{alg}, 'ES256', 'an access token is signed');
my %published = map { $_->{kid} => 1 } @{ $json->decode(client()->get('/.well-known/jwks.json')->body)->{keys} };
ok(!$published{ $seal->{kid} }, 'its key is in no JWKS');

# Made here by RFC 5869 and RFC 7515 alone: extract with a salt of zeros, expand once.
sub hmac_of {
    my ($k, $label, $input) = @_;
    my $key = hmac_sha256("$label\1", hmac_sha256(decode_base64url($k), "\0" x 32));
    return encode_base64url(hmac_sha256($input, $key));
}
sub made {
    my ($header, $claims, $k, $label) = @_;
    my $input = join '.', map { encode_base64url($json->canonical->encode($_)) } $header, $claims;
    return "$input." . hmac_of($k // $seal->{k}, $label // 'refresh token', $input);
}
my ($input, $mac) = $member->{refresh} =~ /^(.*)\.(.*)$/;
is(hmac_of($seal->{k}, 'refresh token', $input), $mac, 'under HKDF-SHA-256 of the sealing key, label "refresh token"');

my $old = register_member(server => $signed);

# ---- one kind is never the other
outcome(me($member->{refresh}), 401, 29501000, 'a refresh token is no access token');
my %claims = %{ claims($member->{refresh}) };
outcome(me(made({ alg => 'HS256', kid => $seal->{kid}, typ => 'at+jwt' }, \%claims)), 401, 29501000,
    'nor is an access token under the key of refresh tokens');
my %wrong = (
    'typ at+jwt' => made({ alg => 'HS256', kid => $seal->{kid}, typ => 'at+jwt' }, \%claims),
    'the key of another purpose' => made(header($member->{refresh}), \%claims, undef, 'otp'),
    'the sealing key itself' => do { my $i = "$input"; "$i." . encode_base64url(hmac_sha256($i, decode_base64url($seal->{k}))) },
    'a MAC of zeros' => "$input." . encode_base64url("\0" x 32),
    'a MAC one byte short' => "$input." . encode_base64url(substr decode_base64url($mac), 1),
    'other claims' => do { my $other = encode_base64url($json->encode({ %claims, exp => $claims{exp} + 1 })); ($input =~ s/\..*/.$other/r) . ".$mac" },
    'a kid that is not known' => made({ alg => 'HS256', kid => 'x', typ => 'rt+jwt' }, \%claims),
    'the kid of a signing key' => made({ alg => 'HS256', kid => (keys %published)[0], typ => 'rt+jwt' }, \%claims),
    'no kid' => made({ alg => 'HS256', typ => 'rt+jwt' }, \%claims),
    'expired' => made(header($member->{refresh}), { %claims, exp => time - 600 }),
    'another audience' => made(header($member->{refresh}), { %claims, aud => 'x' }),
);
outcome(refresh($wrong{$_}), 401, 28501000, "refused: $_") for sort keys %wrong;
outcome(refresh(made(header($member->{refresh}), \%claims)), 200, 102000, 'one that is made right is taken');

# ---- 1.0's, and those of signed, stay good until they are rotated; both are read everywhere
is(header($old->{refresh})->{alg}, 'ES256', 'signed: as 1.0 does');
my $new = outcome(refresh($old->{refresh}), 200, 102000, 'taken by a node with hmac')->data;
is(header($new->{refresh_token})->{alg}, 'HS256', 'which answers its own');
my $back = outcome(refresh($new->{refresh_token}, $signed), 200, 102000, 'which a node with signed takes')->data;
is(header($back->{refresh_token})->{alg}, 'ES256', 'and answers its own');
is(claims($back->{refresh_token})->{jti}, claims($old->{refresh})->{sid} . '.3', 'of the same session');

# ---- sealing keys rotate
my $rotating = own_server(keys => undef)->start;
my @file = ('--file', "$rotating->{keys}/sealing.jwks");
sub reload {
    my %before = map { $_ => 1 } CloudEP::Process::children($rotating->pid);
    $rotating->graceful;
    wait_until(20, sub { !grep { $before{$_} } CloudEP::Process::children($rotating->pid) }) or die "old children are still there\n";
}
my ($first) = keys_of($rotating, 'sealing');
my $stays = register_member(server => $rotating);
my $late = register_member(tenant => $stays->{tenant});
my $kid = $json->decode($rotating->ctl(qw(key generate --alg A256GCM --json), @file))->{key}{kid};
$rotating->ctl(qw(key activate --kid), $kid, @file);
reload();
my $renewed = outcome(refresh($stays->{refresh}, $rotating), 200, 102000, 'one of the old sealing key is good after the new one came')->data;
is(header($renewed->{refresh_token})->{kid}, $kid, 'its successor is of the new one');
$rotating->ctl(qw(key retire --kid), $first->{kid}, @file);
reload();
outcome(refresh($renewed->{refresh_token}, $rotating), 200, 102000, 'retired: the successor is good');
outcome(refresh($late->{refresh}, $rotating), 401, 28501000, 'what was not renewed is over');
outcome(me($late->{access}, $rotating), 200, 102000, 'its access token is not of that key');

# ---- the directive
my $bare = own_server(values => { CloudEPIssuer => $issuer }, without => ['CloudEPSealingKeys'])->start;
my $third = outcome(refresh($back->{refresh_token}, $bare), 200, 102000, 'without sealing keys')->data;
is(header($third->{refresh_token})->{alg}, 'ES256', 'it is signed');
like(own_server(values => { CloudEPRefreshTokens => 'hmac' }, without => ['CloudEPSealingKeys'])->refuses_to_start // '',
    qr/CloudEPRefreshTokens hmac needs CloudEPSealingKeys/, 'hmac without them is refused at the start');
like(own_server(values => { CloudEPRefreshTokens => 'opaque' })->refuses_to_start // '',
    qr/CloudEPRefreshTokens opaque: must be hmac or signed/, 'and so is any other word');

finish();
