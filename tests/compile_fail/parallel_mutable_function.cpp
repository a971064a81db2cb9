// expect-error: the function is called by several goroutines at once: as const, so it cannot be mutable
// tests/compile_fail/parallel_mutable_function.cpp — what several call at once has no state of its own.
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include <runnel/parallel.hpp>

void use(const runnel::context& ctx, const std::vector<int>& numbers) {
    runnel::parallel_for(ctx, numbers, 2, [](int) {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::parallel_for(ctx, numbers, 2, [n = 0](int v) mutable { return v + n++; });
#endif
}
