// expect-error: recv_takes_a_channel_or_its_receiving_end_and_a_handler_of_its_values
// tests/compile_fail/select_receives_on_no_channel.cpp — only channels are received from.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/select.hpp>

void use() {
    auto ch = runnel::make_chan<int>(1);
    runnel::select(runnel::recv(ch, [](int) {}));
#ifdef RUNNEL_EXPECT_FAIL
    int number = 1;
    runnel::select(runnel::recv(number, [](int) {}));
#endif
}
