package CloudEP::Httpd;

# An httpd as a child process: where its programs are, how its configuration is put together, start and stop.

use strict;
use warnings;
use CloudEP::Process qw(capture spawn finish alive wait_until run slurp spew);
use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Path qw(make_path);

# What CloudEP needs, then what tests put beside it.
my @MODULES = qw(unixd log_config mpm_event authn_core authz_core authz_host dbd reqtimeout);
my @PORTAL = qw(alias dir filter headers mime deflate);
my @MORE = qw(authz_user auth_basic authn_file alias headers env setenvif rewrite mime dir proxy proxy_http
    http2 status);

# The top of the project.
sub top {
    our $top //= abs_path(dirname(__FILE__) . '/../../..');
    return $top;
}

# One of apxs's variables (SBINDIR, PROGNAME, LIBEXECDIR, ...).
sub apxs {
    my ($name) = @_;
    our %known;
    return $known{$name} //= do {
        chomp(my $value = run(undef, $ENV{APXS} || 'apxs', '-q', $name));
        $value;
    };
}

sub program {
    return apxs('SBINDIR') . '/' . apxs('PROGNAME');
}

# The LoadModule lines for what httpd has not built in, our own modules last.
sub load_modules {
    my (%options) = @_;
    my %built_in = map { $_ => 1 } run(undef, program(), '-l') =~ /^\s+(?:mod_)?(\w+)\.c$/mg;
    my $folder = apxs('LIBEXECDIR');
    my @lines;
    my %wanted = map { $_ => 1 } $options{portal} ? @PORTAL : (), $options{bare} ? () : @MORE;
    for my $name (@MODULES, sort keys %wanted) {
        next if $built_in{$name} || $name =~ /^mpm_/ && grep { /^(?:event|worker|prefork)$/ } keys %built_in;
        push @lines, "LoadModule ${name}_module \"$folder/mod_$name.so\"" if -e "$folder/mod_$name.so";
    }
    for my $name (qw(cloudep cloudep_auth cloudep_member)) {
        push @lines, "LoadModule ${name}_module \"$options{build}/mod_$name.so\"";
    }
    return join '', map { "$_\n" } @lines;
}

# The lines that load a module beside those of all tests, where it is not built in.
sub module {
    my ($name) = @_;
    return ("<IfModule !mod_$name.c>", "LoadModule ${name}_module " . apxs('LIBEXECDIR') . "/mod_$name.so", '</IfModule>');
}

# Fills the @words@ of a template as Apache::Test does.
sub fill {
    my ($file, %values) = @_;
    my $text = slurp($file);
    $text =~ s/^#.*\n//mg;
    $text =~ s/@(\w+)@/$values{lc $1} \/\/ die "$file: no value for \@$1\@\n"/ge;
    return $text;
}

# What a sanitized module needs in httpd's environment: the sanitizer's run time before anything else.
sub environment {
    my $library = { 1 => 'libasan.so', thread => 'libtsan.so' }->{ $ENV{CLOUDEP_SANITIZE} // '' } or return {};
    chomp(my $file = run(undef, 'gcc', "-print-file-name=$library"));
    return { LD_PRELOAD => $file };
}

# What runs httpd: nothing, or valgrind.
sub launcher {
    require CloudEP::Valgrind;
    return CloudEP::Valgrind::command();
}

# ThreadSanitizer finds no room for itself where a kernel spreads addresses wide: starts this program again, if that is
# allowed here, so that they are always the same in it and in what it starts.
sub fix_addresses {
    return if $ENV{CLOUDEP_ADDRESSES_FIXED}++ || system 'setarch --addr-no-randomize true 2>/dev/null';
    exec 'setarch', '--addr-no-randomize', $^X, (map { "-I$_" } grep { !ref } @INC), $0, @ARGV or die "setarch: $!";
}

# dir => folder of the configuration and logs, port => where it listens
sub new {
    my ($class, %self) = @_;
    return bless \%self, $class;
}

sub conf { "$_[0]{dir}/httpd.conf" }
sub error_log { "$_[0]{dir}/logs/error_log" }
sub pid { $_[0]{pid} }

# Writes httpd.conf: the wrapper, then $cloudep, the text of CloudEP's own directives.
sub configure {
    my ($self, $modules, $cloudep) = @_;
    my $dir = $self->{dir};
    make_path("$dir/logs", "$dir/htdocs");
    my $wrapper = fill(top() . '/t/conf/httpd.conf.in', serverroot => $dir, t_logs => "$dir/logs",
        t_pid_file => "$dir/httpd.pid", documentroot => "$dir/htdocs", port => $self->{port});
    spew($self->conf, "$modules\n$wrapper\n$cloudep");
}

# How often it said that it is up. It listens before it has read its configuration, so connecting proves nothing.
sub resumed {
    my ($self) = @_;
    return scalar(() = (eval { slurp($self->error_log) } // '') =~ /resuming normal operations/g);
}

# Starts it; dies with what it said if it does not listen.
sub start {
    my ($self) = @_;
    my $from = -s $self->error_log || 0;
    unlink "$self->{dir}/httpd.pid";
    unlink "$self->{dir}/logs/console";
    my $pid = $self->{pid} = spawn("$self->{dir}/logs/console", environment(), launcher(), program(), '-DFOREGROUND',
        '-f', $self->conf);

    # The pid file is there once it has its port: the port alone could be a stranger's.
    my $up = wait_until(60, sub {
            if (!alive($pid)) {
                delete $self->{pid};
                my $said = $self->complaints($from);

                # It is told to the caller, who judges it; what stays in the log is judged at the end of a test.
                truncate $self->error_log, $from;
                die "httpd did not start: $said\n";
            }
            return (eval { slurp("$self->{dir}/httpd.pid") } // '') eq "$pid\n";
    });
    $up or die 'httpd does not listen: ', $self->complaints($from), "\n";
    return $self;
}

# What "apachectl configtest" is: exit status, standard output, standard error.
sub configtest {
    my ($self, @more) = @_;
    my %environment = %{ environment() };
    return capture(undef, 'env', (map { "$_=$environment{$_}" } sort keys %environment), program(), '-t', '-f', $self->conf, @more);
}

# What it said that is more than information, from that place of the log on.
sub complaints {
    my ($self, $from) = @_;
    $from //= 0;
    my $console = eval { slurp("$self->{dir}/logs/console") } // '';
    my $log = substr((eval { slurp($self->error_log) } // ''), $from);
    return join "\n", grep { !/:(?:info|debug|notice)\]/ } split /\n/, $console . $log;
}

# Returns the wait status of the parent process. The children end gracefully before httpd is told to end: at SIGTERM the
# event MPM (2.4.71) aborts sockets that its workers may be giving back at that moment, and now and then a child crashes there.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    kill WINCH => $pid;
    wait_until(5, sub { !grep { (eval { slurp("/proc/$_/stat") } // ') Z') !~ /\) Z/ } CloudEP::Process::children($pid) });
    return finish($pid, 'TERM', 30);
}

# Starts a new generation of children; returns once it has read its configuration again.
sub graceful {
    my ($self) = @_;
    my $before = $self->resumed;
    kill USR1 => $self->{pid};
    wait_until(30, sub { $self->resumed > $before }) or die "httpd did not restart gracefully\n";
}

sub kill9 {
    my ($self) = @_;
    CloudEP::Process::signal_all(KILL => $self->{pid});
    waitpid delete $self->{pid}, 0;
}

1;
