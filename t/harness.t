# The parts that tests stop, kill and freeze do stop, die and freeze, and come back with what they held; the SMTP server
# keeps mails and fails when told to.
use strict;
use warnings;
use CloudEP::Test;
use MIME::Base64 qw(encode_base64);
use Net::SMTP;

# ---- PostgreSQL
my $pg = own_postgres();
$pg->psql('CREATE TABLE public.kept (note text); INSERT INTO public.kept VALUES (:\'note\')', note => "it's \x{e9}");
is_deeply($pg->psql('SELECT note, NULL, 1 FROM public.kept'), [["it's \x{e9}", undef, 1]], 'rows come back as they are');
$pg->restart;
is($pg->value('SELECT count(*) FROM public.kept'), 1, 'a restart keeps the data');
$pg->kill9;
ok(!eval { $pg->value('SELECT 1') }, 'a killed PostgreSQL does not answer');
$pg->start;
is($pg->value('SELECT count(*) FROM public.kept'), 1, 'a crash keeps the data');
like(eval { $pg->psql('SELECT nonsense'); '' } // $@, qr/nonsense/, 'an SQL error is told');

# ---- memcached
my $memcached = own_memcached();
my $port = $memcached->port;
is($memcached->command("set k 0 0 5\r\nhello"), "STORED\r\n", 'memcached stores');
like($memcached->dump, qr/hello/, 'and shows what it holds');
$memcached->restart;
is($memcached->port, $port, 'a restart keeps the port');
unlike($memcached->dump, qr/hello/, 'and nothing else');

# ---- mail
my $smtp = own_smtp(tls => 1, login => 'user:pass');

# Sends one mail; returns the status of the first command that was refused, or 250.
sub deliver {
    my ($to, %how) = @_;
    my $client = Net::SMTP->new('127.0.0.1', Port => $smtp->port, Timeout => 5) or return 'no connection';
    if ($how{tls}) {
        $client->starttls(SSL_ca_file => $smtp->certificate) or return 'no TLS';
    }
    if ($how{login}) {
        my $plain = encode_base64("\0" . $how{login} =~ s/:/\0/r, '');
        $client->command('AUTH', 'PLAIN', $plain)->response;
        return $client->code if $client->code != 235;
    }
    $client->mail('from@example.com') && $client->to($to)
        && $client->data("To: $to\r\nSubject: hello\r\n\r\nThe code is 123456.\r\n");
    return $client->code;
}
is(deliver('a@example.com'), 530, 'nothing goes without STARTTLS');
is(deliver('a@example.com', tls => 1), 530, 'nothing goes without a login');
is(deliver('a@example.com', tls => 1, login => 'user:wrong'), 535, 'a wrong login is refused');
my %right = (tls => 1, login => 'user:pass');
is(deliver('a@example.com', %right), 250, 'the right one is not');
my $server = own_server(smtp => $smtp);
my ($mail) = $server->mails('a@example.com');
is($mail->{headers}{subject}, 'hello', 'the mail is kept');
is(CloudEP::Mail::code($mail), '123456', 'with its code');
$smtp->behave('451 later');
is(deliver('b@example.com', %right), 451, 'told to defer, it defers');
$smtp->behave('550 no');
is(deliver('b@example.com', %right), 550, 'told to refuse, it refuses');
is(scalar($server->mails_now('b@example.com')), 0, 'and keeps nothing');

finish();
