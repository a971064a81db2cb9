// expect-error: no matching function|constraints not satisfied
// tests/compile_fail/channel_of_references.cpp — a channel carries objects, not references.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    static_cast<void>(runnel::make_chan<int*>());
#ifdef RUNNEL_EXPECT_FAIL
    static_cast<void>(runnel::make_chan<int&>());
#endif
}
