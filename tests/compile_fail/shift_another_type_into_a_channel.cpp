// expect-error: a_channel_is_sent_what_converts_to_its_type
// tests/compile_fail/shift_another_type_into_a_channel.cpp — what is sent by << is of the channel's type.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    auto ch = runnel::make_chan<int>(2);
    ch << 1 << 2;
#ifdef RUNNEL_EXPECT_FAIL
    ch << "text";
#endif
}
