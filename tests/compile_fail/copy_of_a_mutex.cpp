// expect-error: deleted .*runnel::(v0::)?mutex
// tests/compile_fail/copy_of_a_mutex.cpp — a mutex is where it is: waiters know its address.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/mutex.hpp>

void use() {
    runnel::mutex original;
    static_cast<void>(original);
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = original;
#endif
}
