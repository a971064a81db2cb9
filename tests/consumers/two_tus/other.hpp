// tests/consumers/two_tus/other.hpp — what main.cpp asks of other.cpp.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <runnel/chan.hpp>

/// Starts a goroutine that sends 1 … n and closes.
runnel::recv_chan<int> numbers(int n);

/// What this translation unit sees of the runtime.
std::size_t goroutines_seen_by_other();
