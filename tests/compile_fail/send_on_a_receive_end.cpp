// expect-error: a_receiving_end_cannot_send
// tests/compile_fail/send_on_a_receive_end.cpp — a receive end cannot send.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    auto ch = runnel::make_chan<int>(1);
    runnel::recv_chan<int> in = ch;
    ch.send(1);
#ifdef RUNNEL_EXPECT_FAIL
    in.send(1);
#endif
}
