# SPDX-License-Identifier: Apache-2.0
#
# Converters that break, build/preload/wreck.so:
#
#   my $wreck = TmpfsConvertTest::Wreck->new("$dir/wreck");
#   my $httpd = TmpfsConvertTest::Httpd->new(wreck => $wreck, ...);
#   $wreck->set(mode => 1, every => 10);    # from now on
package TmpfsConvertTest::Wreck;

use strict;
use warnings;
use TmpfsConvertTest::Fault ();

our @ISA = qw(TmpfsConvertTest::Fault);

# In the order of the struct in t/preload/wreck.c, where each is explained.
sub names { return qw(mode every jobs hit bytes) }

1;
