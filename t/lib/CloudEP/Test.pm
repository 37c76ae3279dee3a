package CloudEP::Test;

# What a test file uses: Test::More, the shared server, members and tenants of its own, the check of an answer, and at
# the end the check of what httpd logged meanwhile.
#
#     use CloudEP::Test;
#     my $member = register_member();
#     outcome($member->{client}->get('/api/v1/members/me'), 200, 102000, 'the own profile');
#     finish();

use strict;
use warnings;
use CloudEP::Test::Answers;
use CloudEP::Test::Logs;
use CloudEP::Test::Members;
use CloudEP::Test::Servers;
use Exporter 'import';
use File::Path qw(remove_tree);
use Test::More;

our @EXPORT = (@Test::More::EXPORT, qw(server client own_server own_postgres own_memcached own_smtp tenant fresh_email
        fresh_password register register_member login provider outcome told replied account_faults session_faults check_success stay_within expect_log secret
        finish));

$| = 1;

# Ends a test file: stops what it started, judges the logs, prints the plan.
sub finish {
    server();
    my @wrong = CloudEP::Test::Logs::shared_faults();
    for my $stopped (CloudEP::Test::Servers::stop_own()) {
        my ($part, $status) = @$stopped;
        push @wrong, CloudEP::Test::Logs::own_faults($part, $status) if $part->isa('CloudEP::Server');
    }
    push @wrong, CloudEP::Test::Logs::sanitizer_faults();
    ok(!@wrong, 'httpd logged no crash and no unexpected error') or diag(join "\n", @wrong);
    my $passed = Test::More->builder->is_passing;
    done_testing();
    remove_tree(glob "$ENV{CLOUDEP_VAR}/test/own/$$.*") if $passed;
}

# A test that dies leaves nothing running; the exit status stays.
END {
    local ($?, $@);
    eval { CloudEP::Test::Servers::stop_own() };
}

1;
