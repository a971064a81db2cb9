// expect-error: deleted .*thread_lock
// tests/compile_fail/go_copies_a_thread_lock.cpp — a pin belongs to its goroutine.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/thread_lock.hpp>

void use() {
    const runnel::thread_lock pin;
#ifdef RUNNEL_EXPECT_FAIL
    const runnel::thread_lock copy(pin);
#endif
}
