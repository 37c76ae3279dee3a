package CloudEP::Jwt;

# Tokens made to order, right and wrong, and the list of the known attacks on whoever verifies them.
#
#     my $forge = CloudEP::Jwt->new(key => $jwk, header => { typ => 'at+jwt' }, claims => \%claims);
#     my $right = $forge->token;
#     for my $attack ($forge->attacks) { my ($name, $token) = @$attack; ... }

use strict;
use warnings;
use CloudEP::Httpd;
use Digest::SHA qw(hmac_sha256);
use IPC::Open2 qw(open2);
use JSON::PP ();
use MIME::Base64 qw(decode_base64 decode_base64url encode_base64 encode_base64url);

my $json = JSON::PP->new->utf8->canonical->allow_nonref->allow_blessed->convert_blessed;

# The results of jobs for t/jwt/forge.js, which runs as long as we do.
sub node {
    my (@jobs) = @_;
    our ($from, $to);
    open2($from, $to, 'node', CloudEP::Httpd::top() . '/t/jwt/forge.js') if !$from;
    print {$to} $json->encode(\@jobs), "\n";
    $to->flush;
    my $line = <$from> // die "t/jwt/forge.js has ended\n";
    return @{ $json->decode($line) };
}

# A new key: { private, public, pem }.
sub generate { my ($alg) = @_; return (node({ generate => $alg }))[0] }

# Header and claims of a token, unchecked.
sub parts { map { $json->decode(decode_base64url($_)) } (split /\./, $_[0])[0, 1] }

# key => private JWK that signs, header and claims => of a token that would be right
sub new {
    my ($class, %self) = @_;
    return bless { %self, header => { alg => $self{key}{alg}, kid => $self{key}{kid}, %{ $self{header} // {} } } }, $class;
}

# The part that is signed. A string stands for itself, so what no JSON library writes can be written.
sub input {
    my ($self, %with) = @_;
    my @parts = map { my $part = $with{$_} // $self->{$_}; ref $part ? $json->encode($part) : $part } qw(header claims);
    return join '.', map { encode_base64url($_) } @parts;
}

# A token, signed with key => (ours unless told) by alg => (the key's), or with a signature => given.
sub token {
    my ($self, %with) = @_;
    my $key = $with{key} // $self->{key};
    my $input = $self->input(%with);
    my $signature = $with{signature}
        // (node({ sign => $with{alg} // $key->{alg}, key => $key, input => $input, der => $with{der} }))[0]{signature};
    return "$input.$signature";
}

sub header { my ($self, %with) = @_; return { %{ $self->{header} }, %with } }

# Claims with some others in their place; undef leaves one out.
sub claims {
    my ($self, %with) = @_;
    my %claims = (%{ $self->{claims} }, %with);
    delete @claims{ grep { !defined $claims{$_} } keys %claims };
    return \%claims;
}

sub attacks {
    my ($self) = @_;
    return ($self->on_the_signature, $self->on_the_key, $self->on_the_claims, $self->on_the_form);
}

sub on_the_signature {
    my ($self) = @_;
    my $right = $self->token;
    my ($signature) = $right =~ /([^.]*)\z/;
    my ($public) = node({ pem => $self->{key} });
    my %public = map { $_ => $self->{key}{$_} } grep { exists $self->{key}{$_} } qw(kty crv x y n e kid alg use);
    my %secret = ('PEM' => $public->{pem}, 'PEM without its last line end' => $public->{pem} =~ s/\n\z//r,
        DER => decode_base64($public->{der}), JWK => $json->encode(\%public), 'nothing' => '');
    my @attacks;
    for my $alg (qw(none None NONE nOnE)) {
        push @attacks, ["alg $alg without a signature", $self->token(header => $self->header(alg => $alg), signature => '')];
        push @attacks, ["alg $alg with a signature", $self->token(header => $self->header(alg => $alg), signature => $signature)];
    }
    for my $name (sort keys %secret) {
        my $input = $self->input(header => $self->header(alg => 'HS256'));
        push @attacks, ["HS256 with the public key as secret: $name", "$input." . encode_base64url(hmac_sha256($input, $secret{$name}))];
    }
    my $changed = $self->token(claims => $self->claims(sub => '00000000-0000-4000-8000-000000000000'), signature => $signature);
    return (
        @attacks,
        ['the signature of other claims', $changed],
        ['a signature of zeros', $self->token(signature => encode_base64url("\0" x length decode_base64url($signature)))],
        ['no signature', $self->token(signature => '')],
        ['a signature one byte short', $self->token(signature => encode_base64url(substr decode_base64url($signature), 1))],
        ['a signature with one bit more', $right . 'A'],
        ($self->{key}{kty} eq 'EC' ? ['a signature in DER', $self->token(der => JSON::PP::true)] : ()),
        ($self->{key}{kty} eq 'RSA' ? ['another alg of the same key', $self->token(header => $self->header(alg => 'RS512'), alg => 'RS512')] : ()),
    );
}

sub on_the_key {
    my ($self) = @_;
    my $other = generate($self->{key}{alg});
    my %brought = (
        jku => 'https://evil.example/jwks.json', x5u => 'https://evil.example/cert.pem', jwk => $other->{public},
        x5c => [encode_base64('not a certificate', '')], crit => ['exp'],
    );
    my @attacks;
    for my $name (sort keys %brought) {
        push @attacks, ["$name, signed by the key it brings",
            $self->token(key => $other->{private}, header => $self->header(kid => $other->{private}{kid}, $name => $brought{$name}))];
        push @attacks, ["$name, signed by our key", $self->token(header => $self->header($name => $brought{$name}))];
    }
    for my $kid ('../../../../dev/null', "' OR 1=1 --", '', 7, [$self->{key}{kid}], JSON::PP::null) {
        push @attacks, ['kid ' . $json->encode($kid), $self->token(header => $self->header(kid => $kid))];
    }
    return (
        @attacks,
        ['a key that is not known', $self->token(key => $other->{private}, header => $self->header(kid => $other->{private}{kid}))],
        ["another's key under our kid", $self->token(key => $other->{private})],
        ['alg that is no string', $self->token(header => $self->header(alg => [$self->{key}{alg}]))],
    );
}

sub on_the_claims {
    my ($self) = @_;
    my $now = time;
    my $text = $json->encode($self->{claims});
    my %wrong = (
        'another iss' => { iss => 'https://evil.example' }, 'iss with a slash more' => { iss => "$self->{claims}{iss}/" },
        'iss as a list' => { iss => [$self->{claims}{iss}] }, 'no iss' => { iss => undef },
        'another aud' => { aud => 'somebody-else' }, 'aud as a number' => { aud => 1 }, 'no aud' => { aud => undef },
        'an empty aud' => { aud => [] }, 'aud of mixed types' => { aud => [7, ref $self->{claims}{aud} ? @{ $self->{claims}{aud} } : $self->{claims}{aud}] },
        'expired' => { exp => $now - 600 }, 'no exp' => { exp => undef }, 'exp as text' => { exp => $now + 600 . '' },
        'exp true' => { exp => JSON::PP::true }, 'negative exp' => { exp => -1 }, 'exp null' => { exp => JSON::PP::null },
        'not valid yet' => { nbf => $now + 600 }, 'nbf as text' => { nbf => 'now' }, 'issued in the future' => { iat => $now + 600 },
        'no iat' => { iat => undef }, 'no sub' => { sub => undef }, 'sub as a number' => { sub => 7 }, 'an empty sub' => { sub => '' },
        'sub with a NUL' => { sub => "$self->{claims}{sub}\0" },
    );
    return (
        (map { [$_, $self->token(claims => $self->claims(%{ $wrong{$_} }))] } sort keys %wrong),
        (map { ["exp $_", $self->token(claims => $text =~ s/"exp":\d+/"exp":$_/r)] } qw(1e300 1e999 99999999999999999999 253402300800)),
        ['exp twice', $self->token(claims => $text =~ s/^\{/'{"exp":' . ($now + 99999) . ','/er)],
        ['sub twice', $self->token(claims => $text =~ s/\}\z/,"sub":"somebody-else"}/r)],
        ['alg twice', $self->token(header => $json->encode($self->{header}) =~ s/^\{/{"alg":"none",/r)],
        ['claims that are a list', $self->token(claims => "[$text]")],
        ['claims that are text', $self->token(claims => $json->encode($text))],
        ['claims that are no JSON', $self->token(claims => substr $text, 0, -1)],
        ['claims with more behind them', $self->token(claims => "$text {}")],
        ['claims nested deeply', $self->token(claims => $text =~ s/\}\z/',"x":' . '[' x 500 . ']' x 500 . '}'/er)],
        ['claims that are not UTF-8', $self->token(claims => $text =~ s/\}\z/,"x":"\xff"}/r)],
    );
}

sub on_the_form {
    my ($self) = @_;
    my $right = $self->token;
    my ($header, $claims, $signature) = split /\./, $right;
    return (
        ['a part short', "$header.$claims"], ['only a header', $header], ['two dots too many', "$right.."],
        ['a dot in front', ".$right"], ['a fourth part', "$right.$signature"], ['five parts, as if encrypted', "$right.$claims.$signature"],
        ['no header', ".$claims.$signature"], ['no claims', "$header..$signature"], ['only dots', '..'],
        ['truncated in the claims', substr $right, 0, length($header) + 20], ['truncated by one character', substr $right, 0, -1],
        ['padding', "$header=.$claims.$signature"], ['padding behind', "$right=="], ["the other alphabet's +", "$header.$claims+.$signature"],
        ['longer than a token may be', $self->token(claims => $self->claims(x => 'x' x 9000))],
    );
}

1;
