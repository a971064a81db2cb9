// expect-error: a_capacity_is_a_whole_number
// tests/compile_fail/channel_capacity_of_a_fraction.cpp — a capacity is counted.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    static_cast<void>(runnel::make_chan<int>(3));
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(runnel::make_chan<int>(2.5));
#endif
}
