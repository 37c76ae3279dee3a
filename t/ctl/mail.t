# cloudepctl mail: what waits and why, again, and a test mail that goes the way of every other.
use strict;
use warnings;
use utf8;
use CloudEP::Ctl;
use CloudEP::Process qw(wait_until);
use CloudEP::Test;

my $pg = own_postgres();
my $smtp = own_smtp();
my $server = own_server(pg => $pg, smtp => $smtp);
my $ctl = CloudEP::Ctl->new(database => $pg->dsn('cloudep_owner'));
my $where = $smtp->address;

# ---- usage
$ctl->fails(2, qr/--to is missing/, 'a test without an address', qw(mail test));
$ctl->fails(2, qr/--to must be an email address/, "the address $_", qw(mail test --to), $_) for 'nobody', "a\@b\r\nRCPT TO:<c\@d>", '';
$ctl->fails(2, qr/--language must be/, 'no language', qw(mail test --to a@example.com --language), 'not a tag');
$ctl->fails(2, qr/--wait must be/, "--wait $_", qw(mail test --to a@example.com --wait), $_) for 0, 601, 'x';
$ctl->fails(2, qr/give one of --id and --all/, 'retry of nothing', qw(mail retry));
$ctl->fails(2, qr/give one of --id and --all/, 'retry of both', qw(mail retry --all --id 00000000-0000-0000-0000-000000000000));
$ctl->fails(2, qr/--id must be/, 'an id that is none', qw(mail retry --id 1));
$ctl->fails(1, qr/no message 0{8}/, 'an unknown message', qw(mail retry --id 00000000-0000-0000-0000-000000000000));
$ctl->fails(2, qr/--after must be/, 'a page behind nothing', qw(mail list --after 1));
$ctl->fails(1, qr/no tenant nobody/, 'an unknown tenant', qw(mail list --tenant nobody));
$ctl->fails(1, qr/no httpd with the outbox nowhere has been there/, 'a name that nobody goes by', qw(mail test --to a@example.com --outbox nowhere));
is($pg->value('SELECT count(*) FROM cloudep.outbox'), 0, 'nothing of that wrote anything');

# ---- nobody there to send
$ctl->fails(1, qr/was not delivered within 1 seconds: no worker has tried it; is an httpd of this outbox running\?/, 'no httpd', qw(mail test --to early@example.com --wait 1));
$server->start;
is(scalar($server->mails('early@example.com', 2)), 2, 'what was written early is sent later');

# ---- a test mail
for my $case ([[], 'en', 'Test mail'], [['--language', 'zh-TW'], 'zh-TW', '測試郵件']) {
    my ($options, $language, $subject) = @$case;
    my $to = fresh_email();
    like($ctl->done("a test mail, $language", qw(mail test --wait 60 --to), $to, @$options), qr/^mail \S+ to \Q$to\E was taken by the mail server$/, 'is told of');
    my ($mail) = $server->mails($to);
    is($mail->{headers}{subject}, $subject, 'its subject');
    is($mail->{headers}{'content-language'}, $language, 'its language');
    like($mail->{text}, qr/\Q$to\E/, 'its text');
}
my $to = fresh_email();
my $message = $ctl->json('without waiting', qw(mail test --to), $to)->{message};
is_deeply([@{$message}{qw(channel template target state attempts outbox)}], ['mail', 'test', $to, 'waiting', 0, undef], 'is written');
$server->mails($to);

# ---- one that is refused, and one that is put off
$smtp->rules('RCPT refused@example.com 550 5.1.1 no such user', 'RCPT later@example.com 450 4.2.1 busy');
$ctl->fails(1, qr/was given up: \Q$where\E: RCPT TO was answered 550 5\.1\.1$/, 'a refused address', qw(mail test --wait 60 --to refused@example.com));
$ctl->json('a busy one', qw(mail test --to later@example.com));
sub row_of {
    my ($target, @options) = @_;
    return (grep { $_->{target} eq $target } @{ $ctl->json('list', qw(mail list), @options)->{messages} })[0] // {};
}
ok(wait_until(30, sub { $pg->value("SELECT 1 FROM cloudep.outbox WHERE target = 'later\@example.com' AND last_error IS NOT NULL") }), 'is put off');
my $later = row_of('later@example.com');
is_deeply([@{$later}{qw(state last_error)}], ['put off', "$where: RCPT TO was answered 450 4.2.1"], 'the list says why');
cmp_ok($later->{attempts}, '>=', 1, 'how often it was tried');
cmp_ok($later->{age_seconds}, '>=', 0, 'and how old it is');
my $refused = row_of('refused@example.com');
is($refused->{state}, 'given up', 'the refused one is there, too');
is(row_of($to)->{state}, undef, 'a delivered one is not');
is(row_of($to, '--all')->{state}, 'delivered', 'unless all are asked for');
is(row_of('later@example.com', qw(--outbox elsewhere))->{state}, undef, 'nor is another outbox\'s');
like($ctl->done('for people', qw(mail list)), qr/^\Q$later->{id}\E +mail +test +later\@example\.com +put off +\d+ +\d+ +\Q$where\E/m, 'as a table');
my $page = $ctl->json('a page', qw(mail list --all --limit 1));
my $next = $ctl->json('the next page', qw(mail list --all --limit 1 --after), $page->{next});
isnt($next->{messages}[0]{id}, $page->{messages}[0]{id}, 'goes on behind the first');

# ---- again
$ctl->fails(1, qr/was given up and its content erased/, 'what was given up', qw(mail retry --id), $refused->{id});
$ctl->fails(1, qr/is delivered$/, 'what is delivered', qw(mail retry --id), $message->{id});
$smtp->rules;
my $far = "UPDATE cloudep.outbox SET next_attempt_at = now() + interval '8 minutes' WHERE id = '$later->{id}'";
$pg->psql($far);
is($ctl->json('of another outbox', qw(mail retry --all --outbox elsewhere))->{outbox}{messages_hurried}, 0, 'none');
like($ctl->done('one', qw(mail retry --id), $later->{id}), qr/^1 message made due now/, 'is made due');
is(scalar($server->mails('later@example.com')), 1, 'and goes out');

# A lease must not be taken from the worker that has it.
$pg->psql("UPDATE cloudep.outbox SET delivered_at = NULL, next_attempt_at = now() + interval '59 seconds' WHERE id = '$later->{id}'");
is($ctl->json('what may be in hand', qw(mail retry --all))->{outbox}{messages_hurried}, 0, 'is left alone');
$pg->psql($far);
is($ctl->json('all', qw(mail retry --all))->{outbox}{messages_hurried}, 1, 'what is due later is not');
is(scalar($server->mails('later@example.com', 2)), 2, 'and goes out');

finish();
