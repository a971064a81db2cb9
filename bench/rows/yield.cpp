// bench/rows/yield.cpp — tasks that give way to each other.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>

#include "../bench.hpp"

namespace {

using C = bench::contender;

// An operation is one yield.
void yield(benchmark::State& state, int tasks, int yields) {
    std::atomic<long> made{0};
    for (auto _ : state) {
        bench::together(tasks, [&] {
            long mine = 0;
            for (; mine < yields; ++mine) C::yield();
            made += mine;
        });
    }
    const auto expected = state.iterations() * tasks * yields;
    bench::verify(state, made == expected);
    state.SetItemsProcessed(expected);
}

const bench::rows registered([] {
    bench::row("yield", {1}, [](benchmark::State& state) { yield(state, 2, C::few(50'000)); });
    // They take turns for long enough that starting them counts little.
    bench::row("yield_1000", {1, 2}, [](benchmark::State& state) { yield(state, 1000, 200); });
});

}  // namespace
