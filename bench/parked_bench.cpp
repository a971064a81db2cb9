// bench/parked_bench.cpp — a hundred thousand tasks that wait: what one costs in time and in memory.
// SPDX-License-Identifier: BSL-1.0
//
//   A program for each contender, since memory is the process's: RUNNEL_BENCH_CONTENDER says whose.
//   Threads are fewer, 2,000: so many a machine has. RUNNEL_BENCH_MILLION=1 in the environment adds a
//   million goroutines, some 5 GB.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>

#include "bench_support.hpp"

namespace {

double nanoseconds_since(std::chrono::steady_clock::time_point t) {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - t).count();
}

// An operation is one task: started, parked on a channel, woken by its close, and ended.
template <int Tasks>
struct parked {
    template <class C>
    void operator()(benchmark::State& state, C) const {
        constexpr int tasks = C::few(Tasks);
        // What the first round took: later ones use its stacks again.
        static double bytes = 0;
        double starting = 0;
        double waking = 0;
        std::atomic<long> woken{0};
        for (auto _ : state) {
            const double before = bench::resident_bytes();
            const auto began = std::chrono::steady_clock::now();
            auto gate = C::template make_chan<int>(0);
            typename C::task_group group;
            std::atomic<int> here{0};
            for (int i = 0; i < tasks; ++i) {
                group.go([&] {
                    here.fetch_add(1, std::memory_order_relaxed);
                    if (!gate.recv()) woken.fetch_add(1, std::memory_order_relaxed);
                });
            }
            while (here.load(std::memory_order_relaxed) != tasks) C::yield();
            starting += nanoseconds_since(began);
            bytes = std::max(bytes, (bench::resident_bytes() - before) / tasks);
            const auto opened = std::chrono::steady_clock::now();
            gate.close();
            group.wait();
            waking += nanoseconds_since(opened);
        }
        const auto all = state.iterations() * tasks;
        bench::verify(state, woken == all);
        state.counters["bytes_each"] = bytes;
        state.counters["start_ns"] = starting / static_cast<double>(all);
        state.counters["wake_ns"] = waking / static_cast<double>(all);
        state.SetItemsProcessed(all);
    }
};

}  // namespace

int main(int argc, char** argv) {
    using contender = bench::RUNNEL_BENCH_CONTENDER;
    bench::add_row<contender>("parked_100k", parked<100'000>(), {1, 2});
    if constexpr (contender::few(1'000'000) == 1'000'000) {
        if (std::getenv("RUNNEL_BENCH_MILLION") != nullptr) {
            bench::add_row<contender>("parked_1m", parked<1'000'000>(), {1, 2});
        }
    }
    return bench::run(argc, argv);
}
