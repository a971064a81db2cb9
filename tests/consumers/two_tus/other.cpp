// tests/consumers/two_tus/other.cpp — the second translation unit.
// SPDX-License-Identifier: BSL-1.0
#include "other.hpp"

#include "all_headers.hpp"

runnel::recv_chan<int> numbers(int n) {
    auto out = runnel::make_chan<int>();
    runnel::go([out, n] {
        for (int i = 1; i <= n; ++i) out.send(i);
        out.close();
    });
    return out;
}

std::size_t goroutines_seen_by_other() { return runnel::num_goroutine(); }
