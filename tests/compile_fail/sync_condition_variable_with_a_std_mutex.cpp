// expect-error: a_condition_variable_waits_with_a_unique_lock_of_a_runnel_mutex
// tests/compile_fail/sync_condition_variable_with_a_std_mutex.cpp — it would block the thread.
// SPDX-License-Identifier: BSL-1.0
#include <mutex>
#include <runnel/condition_variable.hpp>

void use() {
    runnel::condition_variable cv;
    runnel::mutex ours;
    std::unique_lock held(ours);
    cv.wait(held);
#ifdef RUNNEL_EXPECT_FAIL
    std::mutex theirs;
    std::unique_lock other(theirs);
    cv.wait(other);
#endif
}
