// expect-error: a_time_needs_a_unit_as_in_5ms
// tests/compile_fail/pipeline_batch_without_a_unit.cpp — a time to wait has a unit.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>

#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::batch(ctx, in, 10, std::chrono::milliseconds(5));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::batch(ctx, in, 10, 5);
#endif
}
