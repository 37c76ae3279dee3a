package CloudEP::Challenge;

# Challenges as memcached holds them: for a test that has one expire, or changes it as somebody might who gets there.

use strict;
use warnings;
use CloudEP::Process qw(slurp);
use Digest::SHA qw(hmac_sha256 sha256_hex);
use Exporter 'import';
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(decode_base64url encode_base64url);

our @EXPORT = qw(challenge_read challenge_write challenge_sign challenge_edit challenge_expire);

sub key { return 'cloudep:' . sha256_hex("challenge\0$_[0]\0") }

# The parts of a record: its keyed hash, and its JSON.
sub challenge_read {
    my ($server, $id) = @_;
    my ($record) = $server->memcached->command('get ' . key($id)) =~ /^VALUE \S+ \d+ \d+\r\n(.*?)\r\n/s or die "no challenge $id\n";
    return split /\n/, $record, 2;
}

# Puts a record in the place of a challenge's.
sub challenge_write {
    my ($server, $id, $mac, $json) = @_;
    my $text = "$mac\n$json";
    my $answer = $server->memcached->command('set ' . key($id) . ' 0 600 ' . length($text) . "\r\n$text");
    $answer =~ /^STORED/ or die "memcached: $answer";
    return;
}

# The keyed hash that the server would write, under the key derived for that (RFC 5869).
sub challenge_sign {
    my ($server, $id, $json) = @_;
    my ($sealing) = grep { $_->{use} eq 'enc' } @{ decode_json(slurp("$server->{keys}/sealing.jwks"))->{keys} };
    my $derived = hmac_sha256("cloudep challenge\x01", hmac_sha256(decode_base64url($sealing->{k}), "\0" x 32));
    return "$sealing->{kid}." . encode_base64url(hmac_sha256("$id\n$json", $derived));
}

# Changes a challenge as the server itself could: $change->(\%record).
sub challenge_edit {
    my ($server, $id, $change) = @_;
    my (undef, $json) = challenge_read($server, $id);
    my $record = decode_json($json);
    $change->($record);
    $json = encode_json($record);
    challenge_write($server, $id, challenge_sign($server, $id, $json), $json);
    return;
}

# Its time is over; nothing has removed it yet.
sub challenge_expire {
    my ($server, $id) = @_;
    challenge_edit($server, $id, sub { $_[0]{expires} = time() * 1_000_000 - 1 });
    return;
}

1;
