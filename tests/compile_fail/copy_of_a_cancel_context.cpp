// expect-error: deleted .*cancel_context
// tests/compile_fail/copy_of_a_cancel_context.cpp — a cancel_context is the only owner of its cancellation.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/context.hpp>
#include <utility>

void use() {
    auto ctx = runnel::with_cancel(runnel::background());
    runnel::context shared = ctx;
    static_cast<void>(shared);
    auto moved = std::move(ctx);
    moved.cancel();
#ifdef RUNNEL_EXPECT_FAIL
    auto copy = moved;
#endif
}
