package CloudEP::Postgres;

# A private PostgreSQL: its own data folder, reachable only through a unix socket in a folder of its own.

use strict;
use warnings;
use CloudEP::Process qw(spawn finish signal_all children alive mine wait_until run slurp socket_folder);
use File::Path qw(make_path remove_tree);
use POSIX ();

my $DATABASE = 'cloudep';

# data => data folder, run => socket folder, log => file, template => a data folder to start from,
# durable => 1 if the data must survive a crash of the machine, settings => { name => value } that differ,
# primary => the running one that this is to be the standby of.
sub new {
    my ($class, %self) = @_;
    $self{run} = socket_folder($self{run});
    return bless \%self, $class;
}

# Where the server's programs are: Debian keeps them out of the PATH, one folder a version.
sub program {
    my ($name) = @_;
    our $folder //= do {
        my @folders = sort { ($a =~ /(\d+)/)[0] <=> ($b =~ /(\d+)/)[0] } glob '/usr/lib/postgresql/*/bin';
        @folders ? "$folders[-1]/" : '';
    };
    return "$folder$name";
}

# Makes the data folder under another name first, so that a half made one is never taken for a whole one.
sub prepare {
    my ($self) = @_;
    my $data = $self->{data};
    if (-d $data && !-f "$data/PG_VERSION") {
        remove_tree($data);
    }
    return if -d $data;
    remove_tree("$data.new");
    if ($self->{primary}) {
        run(undef, program('pg_basebackup'), '-h', $self->{primary}{run}, qw(-U postgres -R -X stream -c fast --no-sync), '-D', "$data.new");
    }
    elsif ($self->{template}) {
        run(undef, 'cp', '-a', $self->{template}, "$data.new");
    }
    else {
        run(undef, program('initdb'), '-D', "$data.new", qw(-U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync));
    }
    rename "$data.new", $data or die "$data: $!";
}

sub start {
    my ($self) = @_;
    $self->prepare;
    make_path($self->{run}, { mode => 0700 });
    if (my $pid = mine("$self->{data}/postmaster.pid", $self->{data})) {
        die "PostgreSQL already runs on $self->{data} (process $pid): end it with ./dev stop\n";
    }
    my %settings = (
        listen_addresses => '',
        unix_socket_directories => $self->{run},
        unix_socket_permissions => '0700',
        max_connections => 200,
        shared_buffers => '64MB',
        log_line_prefix => '[%m] [%p] ',
        log_checkpoints => 'off',    # kilobytes that the search for secrets could take for codes
        $self->{durable} ? () : (fsync => 'off', full_page_writes => 'off', synchronous_commit => 'off'),
        %{ $self->{settings} // {} },
    );
    $self->{pid} = spawn($self->{log}, { LC_ALL => 'C.UTF-8', TZ => 'UTC' }, program('postgres'), '-D', $self->{data},
        map { ('-c', "$_=$settings{$_}") } sort keys %settings);
    $self->wait_ready;
    return $self;
}

sub wait_ready {
    my ($self) = @_;
    my $up = wait_until(60, sub {
            alive($self->{pid}) or die 'PostgreSQL did not start: ', $self->log_tail, "\n";
            return (eval { slurp("$self->{data}/postmaster.pid") } // '') =~ /\A$self->{pid}\n.*^ready/ms;
    });
    $up or die 'PostgreSQL did not get ready: ', $self->log_tail, "\n";
}

sub log_tail {
    my ($self) = @_;
    my @lines = split /\n/, slurp($self->{log});
    return join "\n", @lines > 10 ? @lines[-10 .. -1] : @lines;
}

# A fast shutdown: connections are cut.
sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    finish($pid, 'INT', 30);
}

sub restart {
    my ($self) = @_;
    $self->stop;
    $self->start;
}

# A crash: nothing is said to anybody.
sub kill9 {
    my ($self) = @_;
    my $pid = delete $self->{pid} or die 'PostgreSQL does not run';
    kill STOP => $pid;    # it makes no more backends
    my @backends = children($pid);
    signal_all(KILL => $pid);
    waitpid $pid, 0;

    # They leave their shared memory a moment later; a start before that is refused. A zombie has left it.
    wait_until(10, sub { !grep { (eval { slurp("/proc/$_/stat") } // '') =~ /\) [^ZX] / } @backends });
}

# From standby to primary, which waits for no standby of its own: what a cluster manager does. Returns when it takes writes.
sub promote {
    my ($self) = @_;
    $self->psql('ALTER SYSTEM RESET synchronous_standby_names');
    $self->psql('SELECT pg_reload_conf()');
    $self->value('SELECT pg_promote(true, 60)') eq 't' or die "no promotion\n";
}

# Has commits wait for a standby's confirmation; returns once the one that there is gives it.
sub require_standby {
    my ($self) = @_;
    $self->psql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    $self->psql('SELECT pg_reload_conf()');
    wait_until(30, sub { $self->value("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") })
        or die "no standby\n";
}

# Stops answering without closing anything, and comes back.
sub freeze { signal_all(STOP => $_[0]{pid}) }
sub thaw { signal_all(CONT => $_[0]{pid}) }

# The connection string for a role.
sub dsn {
    my ($self, $role) = @_;
    return "host=$self->{run} dbname=$DATABASE user=$role connect_timeout=2";
}

# Makes the database and, as its administrator would, what sql/setup.sql holds.
sub setup {
    my ($self, $sql_folder) = @_;
    my $there = $self->rows_of('postgres', "SELECT 1 FROM pg_database WHERE datname = '$DATABASE'");
    $self->rows_of('postgres', "CREATE DATABASE $DATABASE") unless @$there;
    $self->psql(slurp("$sql_folder/setup.sql"));
}

# Runs SQL as the superuser; :'name' in it stands for $values{name}. Returns the rows, each an array; NULL is undef.
sub psql {
    my ($self, $sql, %values) = @_;
    return $self->rows_of($DATABASE, $sql, %values);
}

sub rows_of {
    my ($self, $database, $sql, %values) = @_;
    utf8::encode($_) for $sql, values %values;
    my $output = run($sql, program('psql'), '-h', $self->{run}, '-U', 'postgres', '-d', $database, qw(-X -q -A -t),
        '-F', "\x1f", '-R', "\x1e", '-P', "null=\x1d", '-v', 'ON_ERROR_STOP=1',
        (map { ('-v', "$_=$values{$_}") } sort keys %values), '-f', '-');
    utf8::decode($output);
    $output =~ s/\n\z// or return [];
    return [map { [map { $_ eq "\x1d" ? undef : $_ } split /\x1f/, $_, -1] } split /\x1e/, $output, -1];
}

# Runs SQL in a transaction that stays open for so many seconds, in a process of its own. Returns that process's id once
# the SQL has run, so that its locks are held.
sub hold {
    my ($self, $seconds, $sql, %values) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        eval { $self->psql("BEGIN; $sql; SELECT pg_sleep($seconds), 'held by $$.'; COMMIT", %values); 1 } or warn $@;
        POSIX::_exit(0);
    }
    wait_until(20, sub { $self->value("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%held by $pid.%'") })
        or die "the transaction did not begin: $sql\n";
    return $pid;
}

# The first cell of the first row.
sub value {
    my ($self, $sql, %values) = @_;
    my $rows = $self->psql($sql, %values);
    return @$rows ? $rows->[0][0] : undef;
}

1;
