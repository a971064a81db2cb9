// expect-error: a_channel_is_sent_what_converts_to_its_type
// tests/compile_fail/send_with_a_context_of_another_type.cpp — what is sent while a context allows it is of the channel's type.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/context.hpp>

void use(const runnel::context& ctx) {
    auto ch = runnel::make_chan<int>(1);
    static_cast<void>(ch.send(ctx, 1));
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(ch.send(ctx, "text"));
#endif
}
