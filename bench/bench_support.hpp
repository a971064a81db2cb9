// bench/bench_support.hpp — what all benchmarks share: how a workload is registered and verified.
// SPDX-License-Identifier: BSL-1.0
//
//   A workload is written once, as a function object over a contender: (benchmark::State&, Contender).
//   A contender is a type with
//     name              as it stands in the table
//     few(n)            how many operations it does where the fastest one does n
//     run(workers, f)   calls f where tasks run on so many workers
//     task_group        go(f) starts a task, wait() waits for all
//     wait_group, mutex, yield(), make_chan<T>(capacity) → send(v), recv() → optional<T>, close()
//   A row is named <workload>/<contender>/<workers>. One iteration does many operations, which
//   SetItemsProcessed counts; real time is what counts. Results are verified after the timed loop.
#pragma once

#include <cstddef>
#include <cstdio>
#include <initializer_list>
#include <string>

#include <benchmark/benchmark.h>
#include <unistd.h>

#include "contenders/runnel.hpp"
#include "contenders/std_thread.hpp"

namespace bench {

template <class Contender, class Workload>
void add_row(const char* name, Workload workload, std::initializer_list<int> workers) {
    const std::string row = std::string(name) + "/" + Contender::name;
    auto* registered =
        benchmark::RegisterBenchmark(row.c_str(), [workload](benchmark::State& state) {
            Contender::run(static_cast<std::size_t>(state.range(0)),
                           [&] { workload(state, Contender()); });
        });
    for (const int n : workers) registered->Arg(n);
    // The processor time of all threads: a waiter that spins pays for it there.
    registered->UseRealTime()->MeasureProcessCPUTime();
}

/// Registers `workload` for every contender, at each of these numbers of workers.
template <class Workload>
void add(const char* name, Workload workload, std::initializer_list<int> workers) {
    add_row<with_runnel>(name, workload, workers);
    add_row<with_std_thread>(name, workload, workers);
}

inline void verify(benchmark::State& state, bool right) {
    if (!right) state.SkipWithError("wrong result");
}

/// What main does once the workloads are registered.
inline int run(int argc, char** argv) {
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    const bool some = benchmark::RunSpecifiedBenchmarks() > 0;
    benchmark::Shutdown();
    return some ? 0 : 1;
}

/// Resident memory of this process in bytes.
inline double resident_bytes() {
    long total = 0;
    long pages = 0;
    if (std::FILE* f = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(f, "%ld %ld", &total, &pages) != 2) pages = 0;
        std::fclose(f);
    }
    return static_cast<double>(pages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace bench
