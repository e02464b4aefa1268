# SPDX-License-Identifier: Apache-2.0
#
# Shared memory of a server that a child writes over, build/preload/scribble.so:
#
#   my $scribble = TmpfsConvertTest::Scribble->new("$dir/scribble");
#   my $httpd = TmpfsConvertTest::Httpd->new(scribble => $scribble, ...);
#   $scribble->set(mode => 1);    # from now on
package TmpfsConvertTest::Scribble;

use strict;
use warnings;
use TmpfsConvertTest::Fault ();

our @ISA = qw(TmpfsConvertTest::Fault);

# In the order of the struct in t/preload/scribble.c, where each is explained.
sub names { return qw(mode seed owner rounds guarded broken hurry hurried) }

1;
