// expect-error: recv_takes_a_channel_or_its_receiving_end_and_a_handler_of_its_values
// tests/compile_fail/select_receives_on_a_send_end.cpp — select receives only on what can be received from.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>
#include <runnel/select.hpp>

void use() {
    auto ch = runnel::make_chan<int>(1);
    runnel::send_chan<int> out = ch;
    runnel::select(runnel::send(out, 1));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::recv(out));
#endif
}
