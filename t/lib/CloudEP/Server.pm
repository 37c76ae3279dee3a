package CloudEP::Server;

# A whole CloudEP: httpd with our modules, PostgreSQL, memcached, SMTP and keys, put together in one folder. It is what
# "./dev run" serves, what the suite shares, and what a test that breaks things starts for itself.

use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Httpd;
use CloudEP::Mail;
use CloudEP::Memcached;
use CloudEP::Postgres;
use CloudEP::Process qw(run wait_until free_port slurp spew);
use CloudEP::Smtp;
use File::Path qw(make_path);
use JSON::PP ();

# dir => its folder, build => folder of the modules and cloudepctl, and the parts it uses: pg, memcached, smtp (objects
# that already run; smtp undef: mails go to dir/spool). values => { directive => text }, without => [directive names],
# with => [lines]. portal => 1: with the account pages (httpd.conf.d/cloudep-api.conf) for the tenant "demo", or of that name.
# styles => 1: with the API styles "account" and "session", which stand there as comments, for the same tenant.
# served => 0: the main server serves no API.
sub new {
    my ($class, %self) = @_;
    my $self = bless \%self, $class;
    $self->{build} //= $ENV{CLOUDEP_BUILD} // die 'CLOUDEP_BUILD says where the modules are';
    $self->{port} //= free_port();
    $self->{mail} //= $self->{smtp} ? $self->{smtp}{mail} : "$self->{dir}/spool/mail";
    $self->{keys} //= "$self->{dir}/keys";
    $self->{httpd} //= CloudEP::Httpd->new(dir => $self->{dir}, port => $self->{port});
    return $self;
}

sub pg { $_[0]{pg} }
sub memcached { $_[0]{memcached} }
sub smtp { $_[0]{smtp} }
sub httpd { $_[0]{httpd} }
sub port { $_[0]{port} }
sub pid { $_[0]{httpd}->pid }
sub url { "http://127.0.0.1:$_[0]{port}" . ($_[1] // '') }
sub client { my ($self, %values) = @_; CloudEP::Client->new(port => $self->{port}, %values) }
sub psql { my ($self, @query) = @_; $self->{pg}->psql(@query) }
sub value { my ($self, @query) = @_; $self->{pg}->value(@query) }

# The folders and, where they are not there yet, the keys.
sub prepare {
    my ($self) = @_;
    make_path("$self->{dir}/spool/mail", "$self->{dir}/spool/sms", { mode => 0700 });
    make_path($self->{keys}, { mode => 0700 });
    my %keys = ('signing.jwks' => 'ES256', 'sealing.jwks' => 'A256GCM');
    for my $file (sort keys %keys) {
        $self->ctl(qw(key generate --file), "$self->{keys}/$file", '--alg', $keys{$file}) unless -s "$self->{keys}/$file";
    }
}

# The directives that differ from server to server.
sub directives {
    my ($self) = @_;
    return (
        DBDParams => '"' . $self->{pg}->dsn('cloudep_app') . '"',
        CloudEPMemcacheServer => $self->{memcached}->address,
        CloudEPSigningKeys => "\"$self->{keys}/signing.jwks\"",
        CloudEPSealingKeys => "\"$self->{keys}/sealing.jwks\"",
        CloudEPIssuer => $self->url,
        CloudEPPasskeyDomain => 'localhost', CloudEPPasskeyOrigin => "http://localhost:$self->{port}",
        $self->{portal} ? (CloudEPAccountURL => $self->url('/account/')) : (),
        CloudEPTemplateDir => '"' . CloudEP::Httpd::top() . '/common/templates"',
        CloudEPMailTransport => $self->{smtp} ? 'smtp://' . $self->{smtp}->address : "\"spool:$self->{dir}/spool/mail\"",
    );
}

# CloudEP's own configuration: the file an administrator would drop in, what the tests set apart (unless tests => 0),
# and in place of the examples in there the values of this server; with => [lines] comes last.
sub configuration {
    my ($self) = @_;
    my $top = CloudEP::Httpd::top();
    my ($api) = served();
    my $text = slurp("$top/httpd.conf.d/cloudep.conf");
    $text .= $api if $self->{served} // 1;
    $text .= slurp("$top/t/conf/extra.conf.in") if $self->{tests} // 1;
    $text .= $self->styles if $self->{styles};
    $text .= $self->portal if $self->{portal};
    my %values = ($self->directives, %{ $self->{values} // {} });
    my @without = @{ $self->{without} // [] };
    delete @values{@without};
    $text = set_directive($text, $_, undef) for @without;
    $text = set_directive($text, $_, $values{$_}) for sort keys %values;
    return $text . join '', map { "$_\n" } @{ $self->{with} // [] };
}

# The two halves of what an administrator would include in a virtual host: the API, and the account pages.
sub served { return split /^(?=# ---- The account pages)/m, slurp(CloudEP::Httpd::top() . '/httpd.conf.d/cloudep-api.conf') }

# Where an operator's own files of the pages are.
sub custom { "$_[0]{dir}/portal" }

# The account pages as they lie in the source, and the operator's files in the folder of this server.
sub portal {
    my ($self) = @_;
    my $top = CloudEP::Httpd::top();
    make_path($self->custom);
    for my $file (glob "$top/portal/custom/*") {
        my $own = $self->custom . '/' . $file =~ s{.*/}{}r;
        spew($own, slurp($file) =~ s/("passkeys": )false/$1true/r) unless -e $own;
    }
    my %places = ('/usr/local/share/cloudep/portal' => "$top/portal", '/etc/cloudep/portal' => $self->custom);
    return (served())[1] =~ s/^#.*\n//mgr =~ s{(/usr/local/share/cloudep/portal|/etc/cloudep/portal)}{$places{$1}}gr
        =~ s/^( +CloudEPTenant ).*/$1 . tenant_of($self->{portal})/mgre;
}

sub tenant_of { my ($option) = @_; return $option =~ /[a-z]/ ? $option : 'demo' }

# The Locations of the other API styles as they stand in the source, without the signs that make comments of them.
sub styles {
    my ($self) = @_;
    my @places = map { s/^#//mgr } (served())[0] =~ m{^(#<Location /api/(?:auth|session)>\n(?:#.*\n)+?#</Location>\n)}mg;
    return join '', map { s/^( +CloudEPTenant ).*/$1 . tenant_of($self->{styles})/mgre } @places;
}

sub set_directive {
    my ($text, $name, $value) = @_;
    $text =~ s/^[ \t]*\Q$name\E[ \t].*\n//mgi;
    return defined $value ? "$text$name $value\n" : $text;
}

sub start {
    my ($self) = @_;
    $self->prepare;
    $self->{httpd}->configure(CloudEP::Httpd::load_modules(build => $self->{build}, bare => $self->{bare}, portal => $self->{portal}),
        $self->configuration);
    $self->{httpd}->start;
    return $self;
}

sub stop { $_[0]{httpd}->stop }
sub graceful { $_[0]{httpd}->graceful }
sub kill9 { $_[0]{httpd}->kill9 }
sub restart { my ($self) = @_; $self->stop; $self->start }

# Starts httpd, which must refuse; returns what it said.
sub refuses_to_start {
    my ($self) = @_;
    return eval { $self->start; $self->stop; 1 } ? undef : $@;
}

# What it says when it must not start, also where it dies after its configuration was read.
sub refusal {
    my ($self) = @_;
    return $self->refuses_to_start // $self->httpd->complaints;
}

# Runs cloudepctl as an operator would; dies when it fails. Returns what it printed.
sub ctl {
    my ($self, @arguments) = @_;
    my @environment = $self->{pg} ? 'CLOUDEP_DATABASE=' . $self->{pg}->dsn('cloudep_owner') : ();
    return run(undef, 'env', @environment, "$self->{build}/cloudepctl", @arguments);
}

sub migrate {
    my ($self) = @_;
    my $sql = CloudEP::Httpd::top() . '/sql';
    $self->{pg}->setup($sql);
    $self->ctl('migrate', '--sql-dir', $sql);
}

# The mails for an address, oldest first, once there are $count of them; dies at the deadline. A child that had no time to
# hand a mail back before its end keeps it from the others for a minute.
sub mails {
    my ($self, $address, $count, $timeout) = @_;
    my @mails;
    $timeout //= 90;
    wait_until($timeout, sub { (@mails = $self->mails_now($address)) >= ($count // 1) })
        or die 'only ' . @mails . " mails for $address after $timeout s\n";
    return @mails;
}

# Those that are there.
sub mails_now {
    my ($self, $address) = @_;
    return map { CloudEP::Mail::parse(slurp($_)) } sort glob "$self->{mail}/\Q$address\E/*.eml" if $self->{smtp};
    return grep { ($_->{headers}{to} // '') =~ /(?<![\w.+-])\Q$address\E(?![\w.-])/i }
        map { CloudEP::Mail::parse(slurp($_)) } sort glob "$self->{mail}/*.eml";
}

# The code in the newest mail for an address, once there are $count mails.
sub mail_code {
    my ($self, $address, $count) = @_;
    return CloudEP::Mail::code(($self->mails($address, $count))[-1]);
}

# The code in the mail of that number among those for an address that have one: notices do not count. The first is 1.
sub nth_code {
    my ($self, $address, $nth) = @_;
    my @codes;
    wait_until(90, sub { (@codes = map { eval { CloudEP::Mail::code($_) } // () } $self->mails_now($address)) >= $nth }) or die 'only ' . @codes . " codes for $address\n";
    return $codes[$nth - 1];
}

# All of the error log, or what came after an earlier log_size().
sub log {
    my ($self, $from) = @_;
    my $text = eval { slurp($self->{httpd}->error_log) } // '';
    return substr $text, $from // 0;
}

sub log_size { -s $_[0]{httpd}->error_log || 0 }

# To hand a running server to the test programs, and to take it up there. The copy can use everything and stop nothing.
sub describe {
    my ($self) = @_;
    return JSON::PP->new->canonical->pretty->encode({
            dir => $self->{dir}, build => $self->{build}, port => $self->{port}, mail => $self->{mail}, keys => $self->{keys},
            pg => { %{ $self->{pg} }{qw(run data log)} },
            memcached => { port => $self->{memcached}->port }, smtp => { %{ $self->{smtp} }{qw(port mail run)} },
            values => $self->{values}, organizations => $self->{organizations},
    });
}

sub attach {
    my ($class, $description) = @_;
    my $known = JSON::PP->new->decode($description);
    $known->{pg} = CloudEP::Postgres->new(%{ $known->{pg} });
    $known->{memcached} = CloudEP::Memcached->new(%{ $known->{memcached} });
    $known->{smtp} = CloudEP::Smtp->new(%{ $known->{smtp} });
    return $class->new(%$known);
}

1;
