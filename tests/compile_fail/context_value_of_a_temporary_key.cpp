// expect-error: deleted function .*with_value
// tests/compile_fail/context_value_of_a_temporary_key.cpp — nobody could ask for its value.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/context.hpp>

void use() {
    static const runnel::context_key<int> port{"port"};
    auto ctx = runnel::with_value(runnel::background(), port, 80);
#ifdef RUNNEL_EXPECT_FAIL
    ctx = runnel::with_value(ctx, runnel::context_key<int>{"port"}, 80);
#endif
}
