# The rules and the dashboard of examples/prometheus on a run: Debian's Prometheus loads them, and each expression has a result.
#
#     CLOUDEP_PROMETHEUS=/usr/bin/prometheus ./dev test t/operate/prometheus.t     (.ci/long prometheus brings it)
use strict;
use warnings;
use CloudEP::Client;
use CloudEP::Httpd;
use CloudEP::Process qw(alive free_port run slurp spawn spew wait_until);
use CloudEP::Test;
use File::Path qw(make_path);
use JSON::PP ();
use YAML::XS ();

my $program = $ENV{CLOUDEP_PROMETHEUS};
my $examples = CloudEP::Httpd::top() . '/examples/prometheus';
my $rules = YAML::XS::LoadFile("$examples/alerts.yml");
my $dashboard = JSON::PP::decode_json(slurp("$examples/dashboard.json"));
my %expressions = (
    (map { ("alert $_->{alert}" => $_->{expr} =~ s/\s*[<>] [\d.]+\s*\z//r) } map { @{ $_->{rules} } } @{ $rules->{groups} }),
    (map { my $title = $_->{title}; map { ("panel $title" => $_->{expr}) } @{ $_->{targets} } } @{ $dashboard->{panels} }));
cmp_ok(scalar keys %expressions, '>', 15, 'there are expressions');

# Every metric that they name is one that is served.
my $memcached = own_memcached();
my $server = own_server(memcached => $memcached, values => { CloudEPSessionsPerMember => 1 },
    with => ['<Location /guarded>', 'AuthType CloudEP', 'AuthName x', 'Require valid-user', '</Location>',
        'StartServers 1', 'ServerLimit 1', 'MaxRequestWorkers 32', 'MinSpareThreads 1', 'MaxSpareThreads 32'])->start;    # one child finds memcached back
make_path("$server->{dir}/htdocs/guarded");
spew("$server->{dir}/htdocs/guarded/page", 'page');
my $client = client(server => $server, watch => undef);

sub use_it {
    my $tenant = tenant(server => $server);
    my $member = register_member(tenant => $tenant);
    login({ %$member, password => 'wrong wrong' });
    my $session = login($member)->data;
    $client->with(token => $session->{access_token})->get('/guarded/page');
    $client->get('/guarded/page');
    my ($pending) = register(client => $client, tenant => $tenant);
    $client->post('/api/v1/auth/register/resend', { tenant_slug => $tenant->{slug}, challenge_id => $pending->data->{challenge_id} });
}

# Something fails, once.
sub registers { return (register(client => $client, tenant => tenant(server => $server)))[0]->status == 200 }
$memcached->stop;
ok(!registers(), 'an operation fails');
$memcached->start;
ok(wait_until(30, \&registers), 'and not any more');
use_it();
my %served = map { $_ => 1 } $client->get('/metrics')->body =~ /^(cloudep_\w+)/mg;
my %named = map { $_ => 1 } map { /\b(cloudep_\w+)/g } values %expressions;
is_deeply([grep { !$served{$_} } sort keys %named], [], 'each metric that they name is served');

SKIP: {
    skip 'CLOUDEP_PROMETHEUS names no Prometheus: .ci/long prometheus', 1 if !$program;
    my ($dir, $port) = (CloudEP::Test::own_folder('prometheus'), free_port());
    spew("$dir/prometheus.yml", <<"YAML");
global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [ "$examples/alerts.yml" ]
scrape_configs:
  - job_name: cloudep
    static_configs: [ { targets: [ "127.0.0.1:@{[$server->port]}" ] } ]
YAML
    my $pid = spawn("$dir/console", {}, $program, "--config.file=$dir/prometheus.yml", "--storage.tsdb.path=$dir/data", "--web.listen-address=127.0.0.1:$port");
    my $prometheus = CloudEP::Client->new(port => $port);
    ok(wait_until(60, sub { alive($pid) or die slurp("$dir/console"); (eval { $prometheus->get('/-/ready')->status } // 0) == 200 }), 'Prometheus takes the rules');
    for my $name (sort keys %expressions) {
        my $encoded = $expressions{$name} =~ s/([^\w.])/sprintf '%%%02X', ord $1/ger;
        my $answer;
        ok(wait_until(60, sub {
                    use_it() if $answer;
                    $answer = JSON::PP::decode_json($prometheus->get("/api/v1/query?query=$encoded")->body);
                    return $answer->{status} eq 'success' && @{ $answer->{data}{result} };
        }), "$name has a result") or diag(JSON::PP::encode_json($answer));
    }
    my $loaded = JSON::PP::decode_json($prometheus->get('/api/v1/rules')->body)->{data}{groups}[0]{rules};
    is_deeply([grep { $_->{health} ne 'ok' } @$loaded], [], 'every rule is evaluated');
    CloudEP::Process::finish($pid, 'TERM');
}

expect_log(qr/CE\d+: /);
finish();
