// expect-error: deleted .*condition_variable
// tests/compile_fail/copy_of_a_condition_variable.cpp — a condition_variable is where it is: waiters know its address.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/condition_variable.hpp>

void use() {
    runnel::condition_variable original;
    static_cast<void>(original);
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = original;
#endif
}
