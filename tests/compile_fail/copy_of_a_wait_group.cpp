// expect-error: deleted .*wait_group
// tests/compile_fail/copy_of_a_wait_group.cpp — a wait_group is where it is: waiters know its address.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/wait_group.hpp>

void use() {
    runnel::wait_group original;
    static_cast<void>(original);
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = original;
#endif
}
