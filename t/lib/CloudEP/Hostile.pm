package CloudEP::Hostile;

# Hostile requests, made from the tables in the C sources: every operation that is served and every field it takes is
# attacked, also those that are added later.

use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::OIDC;
use CloudEP::Source qw(described);
use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(server_and_peer operations good_body cases_of other_bodies judge hostile_bodies hostile_queries faults responses);

# ---- the server

# A running server that has every part, so that no operation is off, and no throttle, which would answer before anybody
# looks; and the OpenID provider it uses. with => [lines] of configuration.
sub server_and_peer {
    my (%options) = @_;
    my $folder = CloudEP::Test::own_folder('peer');
    my $peer = CloudEP::OIDC->new(peer => 'zitadel', run => $folder, log => "$folder/log")->start;
    my %unlimited = map { $_ => 0 } qw(CloudEPCodesPerTarget CloudEPCodesPerAddress CloudEPCodesPerTenant CloudEPCodeCooldown
        CloudEPSocialStartsPerAddress CloudEPPasskeyStartsPerAddress CloudEPAddressAttempts);
    my $server = CloudEP::Test::own_server(%options, values => {
            %unlimited, CloudEPKnownGuesses => 1_000_000, CloudEPUnknownGuesses => 1_000_000, CloudEPCodeAttempts => 20,
            CloudEPSocialProvider => 'google ' . $peer->issuer . ' 281 none',
            CloudEPExchangeIssuer => $peer->issuer, CloudEPExchangeAudience => 281,
    });
    $server->{values}{CloudEPSMSTransport} = "\"spool:$server->{dir}/spool/sms\"";
    return ($server->start, $peer);
}

# ---- the tables

# What stands for an id in a path: nobody's.
my $ID = '00000000-0000-4000-8000-000000000000';

# All operations of an API ("account operations"; v1's), each { method, path, token, query, form, fields => [{ name, type, required, clear, min, max }] }; one of two
# shapes is there twice.
sub operations {
    my ($section) = @_;
    return map {
        my $operation = $_;
        map { {
                method => $operation->{method}, path => "$operation->{prefix}$operation->{path}" =~ s/\{id\}/$ID/r,
                token => $operation->{member} ? 1 : 0, query => $operation->{query} ? 1 : 0,
                form => $operation->{form} ? 1 : 0, fields => $_,
        } } $operation->{fields}, defined $operation->{when} ? $operation->{instead} : ()
    } described($section // 'operations');
}

# ---- values

# How long a value may be by its type, where the table sets no limit; the other types take words of a list.
my %LIMIT = (SLUG => 63, EMAIL => 254, ID => 128, URL => 2048, PHONE => 16, TOKEN => 8192);

# A value of a type that nobody would refuse for its form.
sub good {
    my ($field) = @_;
    my %value = (
        SLUG => 'hostile', EMAIL => word(12) . '@example.com', PASSWORD => 'Horse-' . word(14), CODE => '000000', NUMBER => '0',
        TOKEN => word(30),
        ID => word(22), URL => 'https://app.example/' . word(5), LANGUAGE => 'en', CURRENCY => 'EUR',
        PHONE => '+88691' . int(1_000_000 + rand 8_999_999), BOOL => JSON::PP::true(), TEXT => word(10), CHOICE => 'google', WORDS => ['usb'],
    );
    return $value{ $field->{type} } // die "no value of type $field->{type}\n";
}

sub word {
    my ($length) = @_;
    return join '', map { ('a' .. 'z', 0 .. 9)[rand 36] } 1 .. $length;
}

# What an operation takes, with values that are fine; %given in place of them.
sub good_body {
    my ($operation, %given) = @_;
    my $body = {};
    put($body, $_->{name}, $given{ $_->{name} } // good($_)) for @{ $operation->{fields} };
    return $body;
}

# Sets a field of a body: "a.b" is the member b of the object a.
sub put {
    my ($body, $name, $value) = @_;
    my ($last, @path) = reverse split /\./, $name;
    $body = $body->{$_} //= {} for reverse @path;
    $body->{$last} = $value;
}

# Texts that have broken other programs, as raw bytes of a JSON string.
my %TEXTS = (
    'a control character' => 'a\u0001b', escape => 'a\u001b[2Jb', DEL => "a\x7fb",
    'C1 control' => 'a\u0085b', NUL => 'a\u0000b',
    'raw NUL' => "a\0b", 'raw control character' => "a\x01b", 'raw line end' => "a\nb",
    'invalid UTF-8' => "a\xff\xfe", 'cut UTF-8' => "a\xe7\x8e", 'overlong UTF-8' => "\xc0\xaf..\xc0\xaf",
    'overlong NUL' => "\xc0\x80",
    'UTF-8 surrogate' => "\xed\xa0\x80", 'beyond Unicode' => "\xf4\x90\x80\x80", 'lone surrogate' => '\ud800',
    'reversed pair' => '\udc00\ud800',
    'right to left' => 'a\u202eb', 'line separator' => 'a\u2028b', BOM => '\ufeffa', noncharacter => 'a\uffff',
    'zero width' => 'a\u200bb',
    'homoglyph' => "\xd0\xb0dmin\@\xd0\xb5xample.com", fullwidth => "\xef\xbc\x91" x 6, 'Arabic digits' => "\xd9\xa1" x 6,
    'combining' => 'a' . '\u0301' x 60, emoji => "\xf0\x9f\x92\xa9" x 10, 'only spaces' => '   ',
    'wide space' => '\u3000', spaces => '  a  ',
    'CR LF mail header' => 'ada@example.com\r\nBcc: eve@example.com', 'LF log line' => 'x\n[error] forged',
    'bare CR' => 'a\rb',
    'SQL' => "' OR 1=1 --", 'SQL statement' => "'; DROP TABLE cloudep.members; --", 'SQL parameter' => '$1',
    'SQL quote' => '\\\\\'',
    'LIKE' => '%_%', 'format string' => '%s%s%n%n%x', 'template' => '{{code}}{{{{', 'JNDI' => '${jndi:ldap://x.example/a}',
    'path' => '../../../../etc/passwd', 'shell' => '`id`;$(id)|id', 'HTML' => '<script>alert(1)</script>',
    'XML' => '<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]>',
    'JSON in it' => '{\"uid\":\"x\"}', 'memcached' => 'a\r\nflush_all\r\n', 'negative' => '-1',
    'huge number' => '9' x 60, exponent => '1e308', 'nan' => 'NaN',
    'nil UUID' => '00000000-0000-0000-0000-000000000000', 'null word' => 'null', 'true word' => 'true',
    'undefined' => 'undefined',
    'javascript URL' => 'javascript:alert(1)', 'file URL' => 'file:///etc/passwd',
    'user in URL' => 'https://a:b@x.example/', 'metadata URL' => 'http://169.254.169.254/',
    'a token' => 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.', 'escaped letter' => '\u0061', 'bad escape' => '\x61',
    'cut escape' => '\u12',
    'mail group' => 'a:b@x.example,c@y.example;', 'quoted local part' => '\"a b\"@x.example',
    'IP literal' => 'a@[127.0.0.1]', 'two @' => 'a@b@x.example',
);

# Values that are no strings, as JSON.
my %OTHERS = (
    null => 'null', true => 'true', false => 'false', zero => '0', 'minus one' => '-1', 'a fraction' => '0.5',
    'a huge number' => '9' x 400, 'an exponent' => '1e400',
    'a negative exponent' => '-1e-400', 'a large integer' => '9223372036854775808', 'a code as a number' => '123456',
    'an array' => '[]', 'an array of strings' => '["a","b"]',
    'an object' => '{}', 'an object with operators' => '{"$ne":null}', 'a nested array' => '[' x 10_000 . ']' x 10_000,
    'a nested object' => '{"a":' x 10_000 . '1' . '}' x 10_000,
    'ten thousand deep' => '[' x 10_000, 'nested within limits' => '[' x 12 . ']' x 12, 'a leading zero' => '0123',
    'hexadecimal' => '0x1f', infinity => 'Infinity', 'single quotes' => "'a'", 'nothing' => '',
);

# What every wrong type of a field is answered with, if it is not what the field takes.
sub expected {
    my ($field, $json) = @_;
    return 400 if $json eq '' || $json =~ /^(?:0123|0x1f|Infinity|')/;
    return if $field->{type} eq 'WORDS' && $json =~ /^\[(?!\[)/;
    return if $json eq 'null' || $field->{type} eq 'BOOL' && $json =~ /^(?:true|false)$/;
    return length $json > 16_000 ? undef : 400;
}

# The bodies that attack one field of an operation, the other fields being fine: [name, bytes, status or undef].
sub hostile_bodies {
    my ($operation, $field, %given) = @_;
    my $name = $field->{name} =~ s/.*\.//r;

    # The body with other members in place of the field: any text, or none.
    my $around = sub {
        my ($members) = @_;
        my $body = good_body($operation, %given);
        put($body, $field->{name}, 'the field');
        return JSON::PP->new->utf8->canonical->encode($body)
            =~ s/(,?)"\Q$name\E":"the field"(,?)/length $members ? "$1$members$2" : $1 && $2 ? ',' : ''/er;
    };
    my $with = sub {
        my ($json, $key) = @_;
        return $around->(sprintf '"%s":%s', $key // $name, $json);
    };
    my $missing = $field->{required} ? 400 : undef;
    my $limit = $field->{max} || $LIMIT{ $field->{type} } || 40;
    my $open = !$field->{max} && $field->{type} eq 'TOKEN';    # somebody else's token: as long as the body may be
    my $value = JSON::PP->new->utf8->allow_nonref->encode($given{$name} // good($field));
    return (
        ['missing', $around->(''), $missing],
        ['null', $with->('null'), $missing], ['empty', $with->('""'), $missing],
        (map { my $length = $_; map { ["$length of '$_'", $with->('"' . $_ x $length . '"'),
                        $length > $limit && $length > 16 && !$open ? 400 : undef] } 'a', '1' }
                1, 2, $limit - 1, $limit, $limit + 1),
        ["$limit wide characters", $with->('"' . "\xe7\x8e\x8b" x ($limit > 4000 ? 4000 : $limit) . '"')],
        ['a long address', $with->('"' . 'a' x 64 . '@' . join('.', ('b' x 60) x 3) . '.example"')],
        ['1 MiB', $with->('"' . 'a' x 2**20 . '"'), 413],
        (map { [$_, $with->("\"$TEXTS{$_}\"")] } sort keys %TEXTS),
        (map { [$_, $with->($OTHERS{$_}), expected($field, $OTHERS{$_})] } sort keys %OTHERS),
        ['twice', $around->(join ',', ("\"$name\":$value") x 2), 400],
        ['twice, once escaped', $around->(join ',', "\"$name\":$value", sprintf('"\\u%04x%s":%s', ord $name, substr($name, 1), $value)), 400],
        ['in capitals', $with->($value, uc $name), $missing], ['with a space', $with->($value, "$name "), $missing],
        ['with a NUL behind', $with->($value, $name . '\u0000'), 400], ['with a prefix', $with->($value, "data.$name"),
            $missing],
        ['as a list', $with->("[$value]"), 400], ['__proto__', $with->('{"a":1}', '__proto__'), $missing],
        ['cut', substr($with->($value), 0, -1), 400], ['with more behind', $with->($value) . '{}', 400],
        ['with a comma', $with->($value) =~ s/\}\z/,}/r, 400],
        ['in an array', '[' . $with->($value) . ']', 400], ['UTF-16', $with->($value) =~ s/(.)/$1\0/gsr, 400],
        ['BOM', "\xef\xbb\xbf" . $with->($value), 400],
        ['a comment', '/**/' . $with->($value), 400], ['many keys', '{' . join(',',
                map { "\"k$_\":0" } 1 .. 1000) . ',' . substr($with->($value), 1)],
    );
}

# The same for a field of the query string or of a form: [name, query, status or undef].
sub hostile_queries {
    my ($operation, $field, %given) = @_;
    my $name = $field->{name};
    my $escape = sub { $_[0] =~ s/([^\w.~-])/sprintf '%%%02X', ord $1/ger };
    my $value = $escape->($given{$name} // good($field));
    my %texts = (%TEXTS, map { $_ => 'a' x $_ } 1, 63, 64, 254, 255, 4000);
    return (
        (map { [$_, "$name=" . $escape->($texts{$_})] } sort keys %texts),
        (map { [$_, "$name=" . $escape->(substr $OTHERS{$_}, 0, 2000)] } sort keys %OTHERS),
        ['twice', "$name=$value&$name=$value", 400], ['%00', "$name=a%00b", 400], ['%zz', "$name=%zz", 400],
        ['a lone %', "$name=%", 400], ['%u0061', "$name=%u0061", 400],
        ['no value', $name], ['as an array', "${name}[]=$value"], ['a thousand', join '&', map { "k$_=1" } 1 .. 1000],
        ['only &', '&&&===&'], ['semicolons', "$name=$value;$name=$value"],
        ['invalid UTF-8', "$name=%ff%fe"], ['plus', "$name=+++"], ['raw bytes', "$name=\xe7\x8e\x8b"],
    );
}

# ---- cases

# The cases that attack one field, for judge().
sub cases_of {
    my ($operation, $field, %given) = @_;
    my ($method, $path) = @{$operation}{qw(method path)};
    my @form = $operation->{form} ? ('Content-Type' => 'application/x-www-form-urlencoded') : ();
    return map { { name => $_->[0], status => $_->[2], request => [$method, "$path?$_->[1]", undef] } } hostile_queries($operation, $field, %given)
        if $operation->{query};
    return map { { name => $_->[0], status => $_->[2], request => [$method, $path, $_->[1], @form] } }
        @form ? hostile_queries($operation, $field, %given) : hostile_bodies($operation, $field, %given);
}

# Bodies that are no object, for operations that read one and for those that do not.
sub other_bodies {
    my ($operation) = @_;
    my @bodies = ('', ' ', 'null', 'true', '0', '"x"', '[]', '[{}]', '{', '{}{}', "\0", "\xff", '[' x 15_000,
        '{"a":' x 3000, 'a=b&c=d', '<a/>', "\x1f\x8b\x08", '{"a":1' . ' ' x 16_000);
    return map { { name => substr($_, 0, 30), status => $operation->{form} ? 415 : @{ $operation->{fields} } && !$operation->{query} ? 400 : undef,
            request => [@{$operation}{qw(method path)}, $_] } } @bodies;
}

# Sends cases of { name, status or undef, request }, some at a time. %$with: client, headers (of every request), never (texts
# that no answer may have), check (what is wrong with an answer of the style), seen (counts the statuses). Returns what
# went wrong, a text each.
sub judge {
    my ($with, @cases) = @_;
    my @wrong;
    while (my @some = splice @cases, 0, 24) {
        my @answers = $with->{client}->parallel(map { my ($method, $path, $body, @more) = @{ $_->{request} };
                [$method, $path, $body, @{ $with->{headers} // [] }, @more] } @some);
        for my $i (0 .. $#some) {
            my @faults = faults_by($with->{check} // \&CloudEP::Test::envelope_faults, $answers[$i], $some[$i]{status}, @{ $with->{never} });
            push @wrong, "$some[$i]{name}: @faults: " . substr($answers[$i]->raw, 0, 600) if @faults;
            $with->{seen}{ $answers[$i]->status }++;
        }
    }
    return @wrong;
}

# ---- answers

# The answers in the bytes of one connection, interim ones left out. The path is that of the first; what came after it was
# asked of another one.
sub responses {
    my ($raw, $method, $path) = @_;
    my @answers;
    while (length $raw) {
        my ($head, $rest) = split /\r\n\r\n/, $raw, 2;
        my ($length) = $head =~ /^Content-Length: (\d+)/mi;
        my $none = $method eq 'HEAD' || $head =~ m{^HTTP/1\.1 (?:1\d\d|204)};
        my $size = $none ? 0 : $length // length($rest // '');
        my $body = substr $rest // '', 0, $size, '';
        push @answers, CloudEP::Client::Response->new($method, @answers ? '-' : $path, "$head\r\n\r\n$body") if $head !~ m{^HTTP/1\.1 1\d\d};
        $raw = $rest // '';
    }
    return @answers;
}

# What is wrong with an answer, whatever was asked: [] of sentences. @never: texts of others that must not be in it.
sub faults { my (@answer) = @_; return faults_by(\&CloudEP::Test::envelope_faults, @answer) }

# The same with the check of another style.
sub faults_by {
    my ($check, $response, $status, @never) = @_;
    my @wrong;
    my $got = $response->status;
    return 'no answer' if !$got;
    push @wrong, "status $got" if $got >= 500 && $got != 501 && $got != 503;
    push @wrong, "status $got instead of $status" if $status && $got != $status && $got != 429;
    push @wrong, 'HTML' if $response->body =~ /^\s*</ || ($response->header('content-type') // '') =~ m{text/html};
    push @wrong, $check->($response) unless $got == 204 || $response->method eq 'HEAD';
    push @wrong, 'it tells about another' if grep { index($response->raw, $_) >= 0 } @never;
    return @wrong;
}

1;
