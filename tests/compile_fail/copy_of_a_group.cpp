// expect-error: deleted .*group
// tests/compile_fail/copy_of_a_group.cpp — a group waits for its goroutines where it is.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/group.hpp>

void use() {
    runnel::group g;
    g.go([] {});
    g.wait();
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = g;
#endif
}
