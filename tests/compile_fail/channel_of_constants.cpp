// expect-error: a_channel_is_of_objects_that_can_be_moved_and_are_not_const
// tests/compile_fail/channel_of_constants.cpp — a channel's values move, so they are not const.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    static_cast<void>(runnel::make_chan<int>());
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(runnel::make_chan<const int>());
#endif
}
