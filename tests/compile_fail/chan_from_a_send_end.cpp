// expect-error: conversion from .*send_chan<int>.* to .*[ :]chan<int>
// tests/compile_fail/chan_from_a_send_end.cpp — a send end does not convert back to the channel.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    runnel::chan<int> ch;
    runnel::send_chan<int> out = ch;
    static_cast<void>(out);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::chan<int> back = out;
#endif
}
