// expect-error: deleted .*shared_mutex
// tests/compile_fail/copy_of_a_shared_mutex.cpp — a shared_mutex is where it is: waiters know its address.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/shared_mutex.hpp>

void use() {
    runnel::shared_mutex original;
    static_cast<void>(original);
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = original;
#endif
}
