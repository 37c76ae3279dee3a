# The configurations in the documents work: that of README.md serves, and httpd starts with each of doc/operations.md and
# doc/social.md.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(run slurp spew);
use CloudEP::Test;
use JSON::PP ();

# The indented blocks of a section, without their indentation.
sub blocks {
    my ($file, $section) = @_;
    my ($text) = slurp(CloudEP::Httpd::top() . "/$file") =~ /^##+ \Q$section\E\n(.*?)(?=^##? |\z)/ms or die "$file: no $section";
    return map { s/^ {4,7}//mgr =~ s/\A\n+//r } $text =~ /((?:^(?: {4,}.*)?\n)+)/mg;
}

# Secrets that the examples name.
my $dir = CloudEP::Test::own_folder('secrets');
sub with_secrets {
    my ($text) = @_;
    return $text =~ s{/etc/cloudep/([\w.-]+)}{
        spew("$dir/$1", secret_for($1) . "\n");
        chmod 0600, "$dir/$1";
        "$dir/$1";
    }gre;
}

# A key for Apple's file, else a word that is long enough to sign with.
sub secret_for {
    my ($name) = @_;
    return $name =~ /\.p8$/ ? run(undef, qw(openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256)) : 'secret' x 8;
}

my ($minimal) = grep { /^LoadModule/ } blocks('README.md', 'A minimal httpd configuration');
$minimal =~ s/^LoadModule .*\n//mg;
my $server = own_server();
my %values = $server->directives;
for my $name (qw(DBDParams CloudEPMemcacheServer CloudEPSigningKeys CloudEPSealingKeys CloudEPIssuer CloudEPMailTransport)) {
    $minimal =~ s/^\Q$name\E .*\n/$name $values{$name}\n/m or die "README.md: no $name";
}
$server->prepare;
$server->httpd->configure(CloudEP::Httpd::load_modules(build => $server->{build}), "${minimal}CloudEPTemplateDir $values{CloudEPTemplateDir}\n");
$server->httpd->start;
my $client = client(server => $server);
my $member = register_member(server => $server, tenant => { %{ tenant() }, server => $server });
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'with the configuration of README.md somebody registers');

# ---- the request of README.md, with its answer
my ($request, @answers) = map { grep { /^curl|^\{/ } split /\n(?=\n?\{)/ } blocks('README.md', 'Try it');
my ($path, $body) = $request =~ m{^curl http://\S+?(/\S+) .*?-d '(.+?)'}s or die 'README.md: no request';
my ($answer, $refusal) = map { JSON::PP::decode_json($_) } @answers;
my %sent = (%{ JSON::PP::decode_json($body) }, tenant_slug => $member->{slug}, invite_code => $member->{tenant}{invite});
secret($sent{password});
sub shape { my ($data) = @_; return ref $data eq 'HASH' ? { map { $_ => shape($data->{$_}) } keys %$data } : 'a value' }
my $given = outcome($client->post($path, \%sent), 200, 102000, 'the request of README.md succeeds');
is_deeply(shape($given->json), shape($answer), 'its answer has the members that README.md shows');
my $again = outcome($client->post($path, \%sent), 409, $refusal->{code}, 'again it is refused with the code of README.md');
is_deeply([@{ $again->json }{qw(reason message)}], [@{$refusal}{qw(reason message)}], 'and with its reason and message');
$server->stop;

for my $place ((map { ['doc/operations.md', $_] } 'Mail', 'ZITADEL'), ['doc/sms.md', 'Recipes'], ['doc/social.md', 'Recipes']) {
    my $section = $place->[1];
    my @examples = grep { /^CloudEP/ } blocks(@$place);
    ok(scalar @examples, "$section: there are examples");
    for my $example (@examples) {
        my $own = own_server(with => [split /\n/, with_secrets($example)], without => [$section eq 'Mail' ? qw(CloudEPMailTransport CloudEPMailFrom) : ()]);
        ok(eval { $own->start }, "$section: httpd starts with " . (split /\n/, $example)[0]) or diag($@);
        $own->stop;
    }
}

finish();
