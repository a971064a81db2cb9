// expect-error: conversion from .*recv_chan<int>.* to .*[ :]chan<int>
// tests/compile_fail/chan_from_a_receive_end.cpp — a receive end does not convert back to the channel.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    runnel::chan<int> ch;
    runnel::recv_chan<int> in = ch;
    static_cast<void>(in);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::chan<int> back = in;
#endif
}
