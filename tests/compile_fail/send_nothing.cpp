// expect-error: a_channel_is_sent_what_converts_to_its_type
// tests/compile_fail/send_nothing.cpp — only a channel of unit sends without a value.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    auto ch = runnel::make_chan<runnel::unit>(1);
    ch.send();
    auto numbers = runnel::make_chan<int>(1);
    numbers.send(1);
#ifdef RUNNEL_EXPECT_FAIL
    numbers.send();
#endif
}
