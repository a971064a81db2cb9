// bench/rows/timer.cpp — timers that are stopped before they strike. Of the contenders only runnel and Go have them.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstddef>
#include <vector>

#include "../bench.hpp"

namespace {

// An operation is one timer, started while up to a million others are, and stopped.
template <class Start>
void start_and_stop(benchmark::State& state, Start start) {
    constexpr int timers = 1'000'000;
    long stopped = 0;
    for (auto _ : state) {
        std::vector<runnel::timer> all;
        all.reserve(timers);
        for (int i = 0; i < timers; ++i)
            all.push_back(start(std::chrono::hours(1) + std::chrono::microseconds(i)));
        for (auto& t : all) stopped += t.stop() ? 1 : 0;
    }
    bench::verify(state, stopped == state.iterations() * timers);
    state.SetItemsProcessed(state.iterations() * timers);
}

const bench::rows registered([] {
    using benchmark::State;
    bench::row("timer_after_1m", {1}, [](State& state) {
        start_and_stop(state, [](runnel::duration d) { return runnel::after_func(d, [] {}); });
    });
    bench::row("timer_newtimer_1m", {1}, [](State& state) {
        start_and_stop(state, [](runnel::duration d) { return runnel::timer(d); });
    });
});

}  // namespace
