# SPDX-License-Identifier: Apache-2.0
# As root: shared memory that a child, which is another user, writes over, under a parent
# that is root.
use TmpfsConvertTest;

plan(skip_all => 'not root') if $>;
my $test = "$TmpfsConvertTest::Site::ROOT/t/http/94-scribble.t";
defined do $test or die $@ || "$test: $!";
