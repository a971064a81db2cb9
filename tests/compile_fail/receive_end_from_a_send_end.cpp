// expect-error: conversion from .*send_chan<int>.* to .*recv_chan<int>
// tests/compile_fail/receive_end_from_a_send_end.cpp — one half of a channel is not the other.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>

void use() {
    runnel::send_chan<int> out;
    static_cast<void>(out);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::recv_chan<int> in = out;
#endif
}
