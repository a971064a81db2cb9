// expect-error: runnel::filter: the predicate is called with a const element, and returns a bool
// tests/compile_fail/pipeline_predicate_of_another_element.cpp — a predicate looks at the element.
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::filter(ctx, in, [](int v) { return v > 0; });
#ifdef RUNNEL_EXPECT_FAIL
    runnel::filter(ctx, in, [](const std::string& s) { return s.empty(); });
#endif
}
