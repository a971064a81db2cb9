// expect-error: a_channel_is_of_objects_that_can_be_moved_and_are_not_const
// tests/compile_fail/channel_of_references.cpp — a channel carries objects, not references.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    static_cast<void>(runnel::make_chan<int*>());
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(runnel::make_chan<int&>());
#endif
}
