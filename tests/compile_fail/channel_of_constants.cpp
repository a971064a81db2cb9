// expect-error: no matching function|constraints not satisfied
// tests/compile_fail/channel_of_constants.cpp — a channel's values move, so they are not const.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    static_cast<void>(runnel::make_chan<int>());
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(runnel::make_chan<const int>());
#endif
}
