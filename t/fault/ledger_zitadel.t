# The ledger test with passwords kept by a ZITADEL that is slow, fails and cuts connections: afterwards its users are our
# members, no more and no less.
use strict;
use warnings;
use CloudEP::Soak::Run;
use CloudEP::Test;

keeps_promises(1, '--provider', 'zitadel', '--seconds', 35, '--clients', 5, '--pause', 0.4, '--hold', 0.7);

finish();
