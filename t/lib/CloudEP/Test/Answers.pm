package CloudEP::Test::Answers;

# The check of an answer, and what is noted of every answer: its outcome, and the secrets in it.

use strict;
use warnings;
use CloudEP::Contract;
use CloudEP::Matrix;
use CloudEP::Reasons;
use CloudEP::Secrets;
use Exporter 'import';
use JSON::PP ();
use Test::More;

our @EXPORT = qw(outcome told replied envelope_faults account_faults session_faults secret);

# Checks status, code and everything that design holds for every answer of the two prefixes, and records the outcome.
sub outcome {
    my ($response, $status, $code, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @wrong;
    push @wrong, 'status ' . $response->status . " instead of $status" if $response->status != $status;
    push @wrong, 'code ' . ($response->code // 'none') . " instead of $code" if ($response->code // -1) != $code;
    push @wrong, envelope_faults($response);
    ok(!@wrong, $name) or diag(join("\n", @wrong, $response->method . ' ' . $response->path . ': ' . $response->raw));
    return $response;
}

# The same for an answer of the style "account": status, and the reason of a refusal (undef: a success).
sub told {
    my ($response, $status, $reason, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $json = ref $response->json eq 'HASH' ? $response->json : {};
    my @wrong;
    push @wrong, 'status ' . $response->status . " instead of $status" if $response->status != $status;
    push @wrong, 'reason ' . ($json->{reason} // 'none') . ' instead of ' . ($reason // 'none') if ($json->{reason} // '') ne ($reason // '');
    push @wrong, account_faults($response);
    ok(!@wrong, $name) or diag(join("\n", @wrong, $response->method . ' ' . $response->path . ': ' . $response->raw));
    return $response;
}

# What is wrong with an answer of that style whatever it says.
sub account_faults {
    my ($response) = @_;
    my $json = $response->json;
    ref $json eq 'HASH' or return 'the body is not a JSON object';
    my $refused = $response->status != 200;
    my @wrong = header_faults($response);
    my %allowed = map { $_ => 1 } $refused ? qw(ok error reason field) : qw(ok data);
    push @wrong, "member $_ does not belong here" for grep { !$allowed{$_} } sort keys %$json;
    push @wrong, 'ok is wrong' if !JSON::PP::is_bool($json->{ok}) || $json->{ok} != !$refused;
    push @wrong, 'error is no sentence' if $refused && ($json->{error} // '') !~ /^\S.*\S$/;
    push @wrong, 'no data' if !$refused && ref $json->{data} ne 'HASH';
    push @wrong, CloudEP::Reasons::faults($response->method, $response->path, $response->status, $json->{reason} // '', 'doc/openapi-account.yaml') if $refused;
    return @wrong;
}

# The same for an answer of the style "session": 200 and 204 have no reason.
sub replied {
    my ($response, $status, $reason, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $json = ref $response->json eq 'HASH' ? $response->json : {};
    my $word = $response->status == 401 ? 'code' : 'reason';
    my @wrong;
    push @wrong, 'status ' . $response->status . " instead of $status" if $response->status != $status;
    push @wrong, "reason " . ($json->{$word} // 'none') . " instead of $reason" if defined $reason && ($json->{$word} // '') ne $reason;
    push @wrong, session_faults($response);
    ok(!@wrong, $name) or diag(join("\n", @wrong, $response->method . ' ' . $response->path . ': ' . $response->raw));
    return $response;
}

# What is wrong with an answer of that style whatever it says.
sub session_faults {
    my ($response) = @_;
    my $status = $response->status;
    return (length $response->body ? 'a body' : (), grep { !/content-type/ } header_faults($response)) if $status == 204;
    my $json = $response->json;
    ref $json eq 'HASH' or return 'the body is not a JSON object';
    my @wrong = header_faults($response);
    return @wrong if $status == 200;
    my $word = $status == 401 ? 'code' : 'reason';
    push @wrong, 'no message' if !length($json->{message} // '');
    push @wrong, 'members ' . join ' ', sort keys %$json if join(' ', sort keys %$json) ne join(' ', sort 'message', $word);
    push @wrong, CloudEP::Reasons::faults($response->method, session_path($response->path), $status, $json->{$word} // '', 'doc/openapi-session.yaml');
    return @wrong;
}

sub session_path { return $_[0] =~ s{^(/api/session/user)/(?:phone|totp|lark|other)\z}{$1/{key}}r }

# A login by a challenge is an operation of the MFA API on the path of another one.
sub record {
    my ($data, $response) = @_;
    my $path = $response->path;
    $path .= ' challenge_id' if $path eq '/api/v1/auth/login' && ref $data eq 'HASH' && length($data->{challenge_id} // '');
    $path =~ s{^(/api/session/user)/(?:phone|totp|lark)\z}{$1/:key} if $response->method eq 'DELETE';
    my $code = $path =~ m{^/api/(?:auth|session)/} && $response->header('X-Request-Id') ? '-' : $response->code;
    CloudEP::Matrix::record("$ENV{CLOUDEP_VAR}/test/seen.tsv", $response->method, $path, $response->status, $code) if defined $code;
}

my %NEEDS_HEADER = (
    401 => ['www-authenticate', qr/^Bearer\b/], 405 => ['allow', qr/\b[A-Z]+\b/],
    map { $_ => ['retry-after', qr/^[1-9]\d*$/] } 423, 429, 503,
);

# What is wrong with the headers of an answer.
sub header_faults {
    my ($response) = @_;
    my $needs = $NEEDS_HEADER{ $response->status };
    my %header = (
        'content-type' => qr{^application/json(?:;|$)}, 'cache-control' => qr/^no-store$/,
        'x-content-type-options' => qr/^nosniff$/, 'x-request-id' => qr/^[\w.-]+$/,
        $needs && (($response->json // {})->{reason} // '') ne 'invite_used_up' ? @$needs : (),
    );
    return map { "header $_: " . ($response->header($_) // 'missing') }
        grep { ($response->header($_) // '') !~ $header{$_} } sort keys %header;
}

# What is wrong with an answer whatever it says.
sub envelope_faults {
    my ($response) = @_;
    my $json = $response->json;
    ref $json eq 'HASH' or return 'the body is not a JSON object';
    my $status = $response->status;
    my $failed = $status != 200;
    my @wrong = header_faults($response);
    my %allowed = map { $_ => 1 } $failed ? qw(code reason message request_id errors) : qw(code message data);
    push @wrong, "member $_ does not belong here" for grep { !$allowed{$_} } sort keys %$json;
    push @wrong, 'no message' unless length($json->{message} // '');
    push @wrong, 'message is not SUCCESS' if !$failed && ($json->{message} // '') ne 'SUCCESS';
    push @wrong, 'request_id is not X-Request-Id' if $failed && ($json->{request_id} // '') ne ($response->header('x-request-id') // '-');
    push @wrong, 'reason is not a word' if $failed && ($json->{reason} // '') !~ /^[a-z]+(?:_[a-z]+)*$/;
    push @wrong, CloudEP::Reasons::faults($response->method, $response->path, $status, $json->{reason} // '') if $failed;
    push @wrong, "errors at $status" if $json->{errors} && $status != 400;
    push @wrong, map { 'not a field error: ' . JSON::PP::encode_json([$_]) }
        grep { ref ne 'HASH' || join(',', sort keys %$_) ne 'field,reason,rule' } @{ $json->{errors} // [] };
    return @wrong;
}

# Notes a text that must never be found in a log, in memcached or in the database. Returns it.
sub secret {
    my ($text) = @_;
    CloudEP::Secrets::note("$ENV{CLOUDEP_VAR}/test/secrets", $text) if length($text // '');
    return $text;
}

my $SECRET_NAMES = qr/^(?:password|new_password|code|mfa_code|secret|refresh_token|access_token|id_token|backup_codes|token|refreshToken|newPassword|totpCode|mailedCode|backupCodes|old|mailed_code|tss|key)$/;

# Sees every request and answer of this file's clients.
sub watch {
    my ($request, $response) = @_;
    my $data = $request->[2];
    record($data, $response);
    CloudEP::Contract::record($request, $response);
    my $bare = $response->path =~ m{^/api/session/} && $response->status == 200 ? $response->json : undef;
    for my $part (grep { ref eq 'HASH' } $data, $response->data, $bare) {
        secret($_) for map { ref eq 'ARRAY' ? @$_ : ref() ? () : $_ } @{$part}{ grep { /$SECRET_NAMES/ } keys %$part };
    }
}

1;
