// expect-error: a_pipeline_that_has_a_name_is_continued_with_std_move
// tests/compile_fail/pipeline_continued_by_its_name.cpp — a pipeline is used up when it is continued.
// SPDX-License-Identifier: BSL-1.0
#include <utility>

#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    auto p = runnel::from(ctx, in);
    auto q = std::move(p) | runnel::take(3);
    static_cast<void>(q);
#ifdef RUNNEL_EXPECT_FAIL
    auto r = q | runnel::take(3);
#endif
}
