// bench/bench.hpp — what all rows share: how one is registered, run and verified.
// SPDX-License-Identifier: BSL-1.0
//
//   A row is one workload, written once for all contenders of C++, against `bench::contender`. Which one that is,
//   RUNNEL_BENCH_CONTENDER says when a program is compiled: there is a program for each. In go/ stand the same
//   rows in Go, file by file and function by function.
//
//   A contender is a type with (those that cannot do a thing lack it, and the rows that need it)
//     name               as it stands in the table
//     few(n)             how many operations it does where the fastest one does n
//     most_tasks         so many may wait at once
//     most_workers       rows are run with up to so many
//     run(workers, f)    calls f where tasks run on so many workers; one number of workers a process
//     go(f), yield(), sleep_for(d)
//     task_group         go(f) starts a task, wait() waits for all
//     wait_group, mutex, condition_variable; shared_mutex, once, thread_lock (rows/locks.cpp)
//     counters()         a map of what its workers count, by name; goes into the report
//     make_chan<T>(capacity) → send(v), recv() → optional<T>, try_recv() → optional<T> or alike, close()
//
//   A row is named <row>/<workers>. One iteration does many operations, which SetItemsProcessed counts; real time
//   is what counts. Results are verified after the timed loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include <benchmark/benchmark.h>

#include RUNNEL_BENCH_HEADER

namespace bench {

using contender = RUNNEL_BENCH_CONTENDER;

/// Calls f(), and adds what the contender's workers did meanwhile beside the work, for a thousand operations.
template <class Contender, class F>
void run_counted([[maybe_unused]] benchmark::State& state, F f) {
    if constexpr (requires { Contender::counters(); }) {
        const auto before = Contender::counters();
        f();
        const auto thousands = static_cast<double>(state.items_processed()) / 1000;
        for (const auto& [name, count] : Contender::counters()) {
            state.counters[name] = static_cast<double>(count - before.at(name)) / thousands;
        }
    } else {
        f();
    }
}

template <class Workload>
benchmark::internal::Benchmark* register_row(const std::string& name,
                                             std::initializer_list<int> workers,
                                             Workload workload) {
    auto* registered =
        benchmark::RegisterBenchmark(name.c_str(), [workload](benchmark::State& state) {
            run_counted<contender>(state, [&] {
                contender::run(static_cast<std::size_t>(state.range(0)), [&] { workload(state); });
            });
        });
    for (const int n : workers) registered->Arg(n);
    return registered;
}

/// Registers `workload` at each of these numbers of workers; more than one of them means any number.
template <class Workload>
void row(const std::string& name, std::initializer_list<int> workers, Workload workload) {
    auto* registered = register_row(name, workers, workload)->UseRealTime();
    for (int n = 4; workers.size() > 1 && n <= contender::most_workers; n *= 2) registered->Arg(n);
}

/// The same for a workload that measures something else than how long it takes, once.
template <class Workload>
void row_of_figures(const std::string& name, std::initializer_list<int> workers,
                    Workload workload) {
    register_row(name, workers, workload)->UseManualTime()->Iterations(1);
}

/// A file's rows, registered before main.
struct rows {
    template <class F>
    explicit rows(F registers) {
        registers();
    }
};

/// So many tasks do that; waits for all.
template <class F>
void together(int tasks, F f) {
    contender::task_group group;
    for (int t = 0; t < tasks; ++t) group.go([&f] { f(); });
    group.wait();
}

inline void verify(benchmark::State& state, bool right) {
    if (!right) state.SkipWithError("wrong result");
}

}  // namespace bench
