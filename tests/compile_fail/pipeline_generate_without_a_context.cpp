// expect-error: a_source_is_given_a_context_and_a_range_or_a_function
// tests/compile_fail/pipeline_generate_without_a_context.cpp — a source has a context.
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::generate(ctx, std::vector<int>{1});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::generate(std::vector<int>{1});
#endif
}
