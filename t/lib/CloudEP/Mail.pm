package CloudEP::Mail;

# Reads a mail the way a mail program does: headers, the text and the HTML part, decoded. Only as much MIME as
# httpd's mails may contain; anything else dies.

use strict;
use warnings;
use Encode qw(decode);
use MIME::Base64 qw(decode_base64);
use MIME::QuotedPrint qw(decode_qp);

# Returns { headers => { lower-case name => text }, raw, parts => [ { type, text } ], text, html }.
sub parse {
    my ($raw) = @_;
    my %mail = (raw => $raw);
    my ($headers, $body) = divide($raw);
    $mail{headers} = $headers;
    $mail{parts} = [parts($headers, $body)];
    for my $part (@{ $mail{parts} }) {
        $mail{text} //= $part->{text} if $part->{type} eq 'text/plain';
        $mail{html} //= $part->{text} if $part->{type} eq 'text/html';
    }
    return \%mail;
}

sub divide {
    my ($raw) = @_;
    my ($head, $body) = split /\r?\n\r?\n/, $raw, 2;
    $head =~ s/\r?\n[ \t]+/ /g;
    my %headers;
    for my $line (split /\r?\n/, $head) {
        my ($name, $value) = $line =~ /^([!-9;-~]+):[ \t]*(.*)$/ or die "not a header line: $line\n";
        $headers{ lc $name } = decode('MIME-Header', $value);
    }
    return (\%headers, $body // '');
}

sub parts {
    my ($headers, $body) = @_;
    my $type = $headers->{'content-type'} // 'text/plain; charset=us-ascii';
    if ($type =~ m{^multipart/}i) {
        my ($boundary) = $type =~ /boundary="?([^";]+)"?/i or die "no boundary: $type\n";
        my (undef, @inside) = split /^--\Q$boundary\E(?:--)?[ \t]*\r?\n?/m, $body;
        pop @inside;
        return map { parts(divide($_)) } @inside;
    }
    my $encoding = lc($headers->{'content-transfer-encoding'} // '7bit');
    my $bytes = $encoding eq 'base64' ? decode_base64($body)
        : $encoding eq 'quoted-printable' ? decode_qp($body)
        : $encoding =~ /^[78]bit$/ ? $body
        : die "unknown encoding: $encoding\n";
    my ($charset) = $type =~ /charset="?([^";]+)"?/i;
    return { type => lc(($type =~ m{^([^;\s]+)})[0]), text => decode($charset // 'us-ascii', $bytes) };
}

# The code of six digits in a mail's text: a word of its own, as names and addresses may have six digits in them.
sub code {
    my ($mail) = @_;
    my ($code) = ($mail->{text} // '') =~ /(?<!\w)(\d{6})(?!\w)/ or die "no code in the mail: $mail->{raw}\n";
    return $code;
}

1;
