// bench/rows/growth.cpp — what an operation costs as there are more of them. Go's selects are reflect.Select's.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "../bench.hpp"

namespace {

using C = bench::contender;

/// Small numbers are repeated, so that there is something to measure.
int repeated(int n) { return n < 10'000 ? 10'000 / n : 1; }

// An operation is one goroutine, started, run and waited for.
void spawned(benchmark::State& state, int n) {
    std::atomic<long> ended{0};
    const int times = repeated(n);
    for (auto _ : state) {
        for (int r = 0; r < times; ++r) {
            C::task_group tasks;
            for (int i = 0; i < n; ++i)
                tasks.go([&] { ended.fetch_add(1, std::memory_order_relaxed); });
            tasks.wait();
        }
    }
    const auto all = state.iterations() * times * n;
    bench::verify(state, ended == all);
    state.SetItemsProcessed(all);
}

// An operation is one goroutine that waits on a channel among all others, and gets a value.
void waiting(benchmark::State& state, int n) {
    std::atomic<long> sum{0};
    const int times = repeated(n);
    for (auto _ : state) {
        for (int r = 0; r < times; ++r) {
            auto ch = C::make_chan<int>(0);
            C::task_group tasks;
            for (int i = 0; i < n; ++i) {
                tasks.go([&] { sum.fetch_add(*ch.recv(), std::memory_order_relaxed); });
            }
            C::yield();
            for (int i = 0; i < n; ++i) ch.send(1);
            tasks.wait();
        }
    }
    const auto all = state.iterations() * times * n;
    bench::verify(state, sum == all);
    state.SetItemsProcessed(all);
}

// An operation is one timer, started beside all others and stopped.
void timers(benchmark::State& state, int n) {
    long stopped = 0;
    const int times = repeated(n);
    for (auto _ : state) {
        for (int r = 0; r < times; ++r) {
            std::vector<runnel::timer> all;
            all.reserve(static_cast<std::size_t>(n));
            for (int i = 0; i < n; ++i)
                all.emplace_back(std::chrono::hours(1) - std::chrono::microseconds(i));
            for (auto& t : all) stopped += t.stop() ? 1 : 0;
        }
    }
    const auto all = state.iterations() * times * n;
    bench::verify(state, stopped == all);
    state.SetItemsProcessed(all);
}

// An operation is one select among so many cases, of which one is ready, and the send that made it so.
void cases(benchmark::State& state, int n) {
    constexpr int rounds = 1000;
    std::vector<runnel::chan<int>> channels;
    long sum = 0;
    for (int i = 0; i < n; ++i) channels.push_back(runnel::make_chan<int>(1));
    std::vector<runnel::select_case> all;
    for (const auto& ch : channels) all.push_back(runnel::recv(ch, [&](int v) { sum += v; }));
    std::size_t next = 0;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            channels[next].send(1);
            next = next + 1 == channels.size() ? 0 : next + 1;
            runnel::select(all);
        }
    }
    bench::verify(state, sum == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
}

template <class F>
void rows_of(const char* name, std::initializer_list<int> sizes, F f) {
    for (const int n : sizes) {
        bench::row(std::string(name) + "_" + std::to_string(n), {1},
                   [f, n](benchmark::State& state) { f(state, n); });
    }
}

const bench::rows registered([] {
    rows_of("grow_spawned", {100, 1000, 10'000, 100'000, 1'000'000}, spawned);
    rows_of("grow_waiting", {1, 10, 100, 1000, 10'000, 100'000}, waiting);
    rows_of("grow_timers", {100, 1000, 10'000, 100'000, 1'000'000}, timers);
    rows_of("grow_cases", {1, 2, 4, 8, 16, 32, 64}, cases);
});

}  // namespace
