// expect-error: a_sending_end_cannot_be_iterated
// tests/compile_fail/iterate_a_send_end.cpp — a send end cannot be iterated.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    auto ch = runnel::make_chan<int>();
    runnel::send_chan<int> out = ch;
    for (int v : ch) static_cast<void>(v);
#ifdef RUNNEL_EXPECT_FAIL
    for (int v : out) static_cast<void>(v);
#endif
}
