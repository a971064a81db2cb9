// expect-error: a_channel_is_sent_what_converts_to_its_type
// tests/compile_fail/send_of_another_type.cpp — a value of a type that does not convert cannot be sent.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    auto ch = runnel::make_chan<int>(1);
    ch.send(1);
#ifdef RUNNEL_EXPECT_FAIL
    ch.send("text");
#endif
}
