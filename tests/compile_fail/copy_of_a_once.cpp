// expect-error: deleted .*once
// tests/compile_fail/copy_of_a_once.cpp — a once is where it is: waiters know its address.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/once.hpp>

void use() {
    runnel::once original;
    static_cast<void>(original);
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = original;
#endif
}
