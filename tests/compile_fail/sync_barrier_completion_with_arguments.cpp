// expect-error: runnel::barrier: the completion is called without arguments
// tests/compile_fail/sync_barrier_completion_with_arguments.cpp — the completion is called without any.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/barrier.hpp>

void use() {
    runnel::barrier good(1, []() noexcept {});
    good.arrive_and_wait();
#ifdef RUNNEL_EXPECT_FAIL
    runnel::barrier bad(1, [](int) noexcept {});
#endif
}
