// expect-error: send_takes_a_channel_or_its_sending_end_and_a_value_of_its_type
// tests/compile_fail/select_sends_another_type.cpp — what a case sends is of the channel's type.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/select.hpp>

void use() {
    auto ch = runnel::make_chan<int>(1);
    runnel::select(runnel::send(ch, 1));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::send(ch, "text"));
#endif
}
