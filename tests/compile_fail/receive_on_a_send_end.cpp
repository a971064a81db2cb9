// expect-error: a_sending_end_cannot_receive
// tests/compile_fail/receive_on_a_send_end.cpp — a send end cannot receive.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    auto ch = runnel::make_chan<int>(1);
    runnel::send_chan<int> out = ch;
    out.send(1);
#ifdef RUNNEL_EXPECT_FAIL
    out.recv();
#endif
}
