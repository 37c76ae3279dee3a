# A client that openapi-typescript and openapi-fetch make of doc/openapi.yaml compiles under "tsc --strict" and does the main
# job at a real server.
use strict;
use warnings;
use CloudEP::Httpd;
use CloudEP::Npm;
use CloudEP::Process qw(capture run slurp spew);
use CloudEP::Test;
use CloudEP::Totp;
use IPC::Open2;

my $top = CloudEP::Httpd::top();
my $modules = CloudEP::Npm::folder('contract');
my $folder = CloudEP::Test::own_folder('client');
symlink "$modules/node_modules", "$folder/node_modules" or die "$folder: $!";
spew("$folder/package.json", '{"type": "module"}');
run(undef, 'node', "$modules/node_modules/openapi-typescript/bin/cli.js", "$top/doc/openapi.yaml", '-o', "$folder/api.d.ts");

# Compiles a source; returns what the compiler said.
sub compile {
    my ($source) = @_;
    spew("$folder/job.ts", $source);
    my ($status, $said) = capture(undef, 'node', "$modules/node_modules/typescript/bin/tsc", qw(--strict --module nodenext),
        qw(--target es2022 --lib), 'es2022,dom,dom.iterable', "$folder/job.ts");
    return $status ? $said : '';
}

my $source = slurp("$top/t/contract/job.ts");
like(compile($source =~ s/^    case 'suspended':\n//mr), qr/not assignable to type 'never'/, 'a program that forgets a reason does not compile');
is(compile($source), '', 'the job compiles under --strict');

# ---- the job
my $tenant = tenant();
my ($email, $password) = (fresh_email(), fresh_password());
my $member = { slug => $tenant->{slug}, email => $email, password => $password };
my %asked = (
    mail => sub { secret(server()->mail_code($email)) },
    totp => sub {
        ($member->{uid}) = server()->value("SELECT uid FROM cloudep.members WHERE email = :'email'", email => $email);
        totp_rewind(server(), $member);
        return secret(totp_code(totp_secret($_[0])));
    },
);
my $pid = open2(my $from, my $to, 'node', "$top/t/contract/run.js", "$folder/job.js", server()->url, $tenant->{slug}, $tenant->{invite}, $email, $password);
my @steps;
while (my $line = <$from>) {
    chomp $line;
    if ($line =~ /^\? (\w+) (.*)/) {
        print {$to} $asked{$1}->($2), "\n";
        $to->flush;
        next;
    }
    push @steps, $line;
}
waitpid $pid, 0;
is($?, 0, 'the job comes to its end');
is_deeply(\@steps, ['registered', 'refused at first: resume the registration', 'confirmed', 'logged in', 'enrolled TOTP with 10 backup codes',
        'logged in with TOTP', 'read and changed the profile', 'refreshed', 'logged out'], 'step by step');

finish();
