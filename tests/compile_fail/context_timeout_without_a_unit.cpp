// expect-error: a_time_needs_a_unit_as_in_5ms
// tests/compile_fail/context_timeout_without_a_unit.cpp — a context's time says of what.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <runnel/context.hpp>

void use(const runnel::context& ctx) {
    const auto limited = runnel::with_timeout(ctx, std::chrono::milliseconds(5));
#ifdef RUNNEL_EXPECT_FAIL
    const auto unlimited = runnel::with_timeout(ctx, 5);
#endif
}
