// expect-error: send_takes_a_channel_or_its_sending_end_and_a_value_of_its_type
// tests/compile_fail/select_sends_on_a_receive_end.cpp — select sends only on what can be sent on.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>
#include <runnel/select.hpp>

void use() {
    auto ch = runnel::make_chan<int>(1);
    runnel::recv_chan<int> in = ch;
    runnel::select(runnel::recv(in), runnel::otherwise());
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::send(in, 1));
#endif
}
