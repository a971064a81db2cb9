// expect-error: a_channel_is_sent_what_converts_to_its_type
// tests/compile_fail/try_send_of_another_type.cpp — what is tried to be sent is of the channel's type.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    auto ch = runnel::make_chan<int>(1);
    static_cast<void>(ch.try_send(1));
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(ch.try_send("text"));
#endif
}
