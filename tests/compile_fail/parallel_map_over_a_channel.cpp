// expect-error: runnel::parallel_map: the range can be gone over twice
// tests/compile_fail/parallel_map_over_a_channel.cpp — a map has a size.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/parallel.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::parallel_for(ctx, in, 2, [](int) {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::parallel_map(ctx, in, 2, [](int v) { return v; });
#endif
}
