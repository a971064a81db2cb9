// expect-error: runnel::first_of: the functions are called with a context
// tests/compile_fail/first_of_functions_without_a_context.cpp — who loses is told by the context.
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include <runnel/first_of.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::first_of(ctx, std::vector{+[](const runnel::context&) { return 1; }});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::first_of(ctx, std::vector{+[](int v) { return v; }});
#endif
}
