// expect-error: a_receiving_end_cannot_be_closed
// tests/compile_fail/close_a_done_channel.cpp — only the owner of a context can end it.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/context.hpp>

void use() {
    auto ctx = runnel::background();
    auto done = ctx.done();
    static_cast<void>(done.len());
#ifdef RUNNEL_EXPECT_FAIL
    done.close();
#endif
}
