// bench/rows/parked.cpp — a hundred thousand tasks that wait: what one costs in time and in memory.
// SPDX-License-Identifier: BSL-1.0
//
//   Memory is the process's, and later rounds use the stacks of the first: so it is measured in the first round
//   of a process that does nothing else. RUNNEL_BENCH_MILLION=1 in the environment adds a million, some 5 GB.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include <unistd.h>

#include "../bench.hpp"

namespace {

using C = bench::contender;

double nanoseconds_since(std::chrono::steady_clock::time_point t) {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - t).count();
}

/// Resident memory of this process in bytes.
double resident_bytes() {
    long total = 0;
    long pages = 0;
    if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(f, "%ld %ld", &total, &pages) != 2) pages = 0;
        std::fclose(f);
    }
    return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

// An operation is one task: started, parked on a channel, woken by its close, and ended.
void parked(benchmark::State& state, int tasks) {
    static double bytes = 0;
    double starting = 0;
    double waking = 0;
    std::atomic<long> woken{0};
    for (auto _ : state) {
        const double before = resident_bytes();
        const auto began = std::chrono::steady_clock::now();
        auto gate = C::make_chan<int>(0);
        C::task_group group;
        std::atomic<int> here{0};
        for (int i = 0; i < tasks; ++i) {
            group.go([&] {
                here.fetch_add(1, std::memory_order_relaxed);
                if (!gate.recv()) woken.fetch_add(1, std::memory_order_relaxed);
            });
        }
        while (here.load(std::memory_order_relaxed) != tasks) C::yield();
        starting += nanoseconds_since(began);
        bytes = std::max(bytes, (resident_bytes() - before) / tasks);
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

const bench::rows registered([] {
    using benchmark::State;
    bench::row("parked_100k", {1, 2},
               [](State& state) { parked(state, std::min(100'000, C::most_tasks)); });
    if (C::most_tasks >= 1'000'000 && std::getenv("RUNNEL_BENCH_MILLION") != nullptr) {
        bench::row("parked_1m", {1, 2}, [](State& state) { parked(state, 1'000'000); });
    }
});

}  // namespace
