// expect-error: no matching function|could not convert|conversion
// tests/compile_fail/context_value_of_another_type.cpp — a context key fixes the type of its value.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/context.hpp>

void use() {
    static const runnel::context_key<int> port{"port"};
    auto ctx = runnel::with_value(runnel::background(), port, 80);
    static_cast<void>(ctx.value(port));
#ifdef RUNNEL_EXPECT_FAIL
    auto wrong = runnel::with_value(runnel::background(), port, "eighty");
#endif
}
