# The configurations in the documents work: that of README.md serves, and httpd starts with each of doc/operations.md.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Process qw(slurp spew);
use CloudEP::Test;

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
        spew("$dir/$1", "secret\n");
        chmod 0600, "$dir/$1";
        "$dir/$1";
    }gre;
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
my $member = register_member(server => $server, tenant => { %{ tenant() }, server => $server });
outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'with the configuration of README.md somebody registers');
$server->stop;

for my $section ('Mail', 'Text messages', 'ZITADEL', 'Social providers') {
    my @examples = grep { /^CloudEP/ } blocks('doc/operations.md', $section);
    ok(scalar @examples, "$section: there are examples");
    for my $example (@examples) {
        my $own = own_server(with => [split /\n/, with_secrets($example)], without => [$section eq 'Mail' ? qw(CloudEPMailTransport CloudEPMailFrom) : ()]);
        ok(eval { $own->start }, "$section: httpd starts with " . (split /\n/, $example)[0]) or diag($@);
        $own->stop;
    }
}

finish();
