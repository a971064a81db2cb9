// expect-error: a_receiving_end_cannot_be_closed
// tests/compile_fail/close_a_receive_end.cpp — a receive end cannot close its channel.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    auto ch = runnel::make_chan<int>();
    runnel::recv_chan<int> in = ch;
    ch.close();
#ifdef RUNNEL_EXPECT_FAIL
    in.close();
#endif
}
