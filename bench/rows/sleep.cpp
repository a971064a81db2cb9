// bench/rows/sleep.cpp — sleeping: many at once, and how late one wakes.
// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <vector>

#include "../bench.hpp"

namespace {

using C = bench::contender;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using seconds = std::chrono::duration<double>;

// Ten thousand tasks sleep for ten milliseconds; an operation is all of it.
void sleep_10k(benchmark::State& state) {
    constexpr int tasks = std::min(10'000, C::most_tasks);
    std::atomic<long> woken{0};
    for (auto _ : state) {
        bench::together(tasks, [&] {
            C::sleep_for(milliseconds(10));
            woken.fetch_add(1, std::memory_order_relaxed);
        });
    }
    bench::verify(state, woken == state.iterations() * tasks);
    state.SetItemsProcessed(state.iterations());
}

// Nothing runs but one task that sleeps: by how much it wakes too late, the median of many.
void sleep_late(benchmark::State& state, microseconds d) {
    constexpr std::size_t sleeps = 51;
    bool early = false;
    for (auto _ : state) {
        std::vector<double> late;
        for (std::size_t i = 0; i < sleeps; ++i) {
            const auto due = std::chrono::steady_clock::now() + d;
            C::sleep_for(d);
            late.push_back(seconds(std::chrono::steady_clock::now() - due).count());
        }
        const auto middle = late.begin() + sleeps / 2;
        std::nth_element(late.begin(), middle, late.end());
        early = early || *std::min_element(late.begin(), late.end()) < 0;
        state.SetIterationTime(*middle);
    }
    bench::verify(state, !early);
    state.SetItemsProcessed(state.iterations());
}

const bench::rows registered([] {
    using benchmark::State;
    bench::row("sleep_10k", {1, 2}, sleep_10k);
    bench::row_of_figures("sleep_late_100us", {2},
                          [](State& state) { sleep_late(state, microseconds(100)); });
    bench::row_of_figures("sleep_late_1ms", {2},
                          [](State& state) { sleep_late(state, milliseconds(1)); });
    bench::row_of_figures("sleep_late_1500us", {2},
                          [](State& state) { sleep_late(state, microseconds(1500)); });
});

}  // namespace
