// expect-error: runnel::flat_map: the function returns a range
// tests/compile_fail/pipeline_flat_map_of_no_range.cpp — flat_map has ranges to go over.
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::flat_map(ctx, in, [](int v) { return std::vector<int>{v}; });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::flat_map(ctx, in, [](int v) { return v; });
#endif
}
