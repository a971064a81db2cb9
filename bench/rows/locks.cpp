// bench/rows/locks.cpp — what Boost.Fiber lacks: shared mutexes, once, and tasks that stay on their threads.
// SPDX-License-Identifier: BSL-1.0
#include <mutex>
#include <shared_mutex>

#include "../bench.hpp"

namespace {

using C = bench::contender;

// Four tasks, each of which writes every hundredth time and reads else; an operation is one lock and unlock.
void read_mostly(benchmark::State& state) {
    constexpr int tasks = 4;
    constexpr int rounds = C::few(100'000);
    C::shared_mutex mutex;
    long value = 0;
    for (auto _ : state) {
        bench::together(tasks, [&] {
            for (int i = 0; i < rounds; ++i) {
                if (i % 100 == 0) {
                    const std::lock_guard lock(mutex);
                    ++value;
                } else {
                    const std::shared_lock lock(mutex);
                    benchmark::DoNotOptimize(value);
                }
            }
        });
    }
    const auto all = state.iterations() * tasks;
    bench::verify(state, value == all * ((rounds + 99) / 100));
    state.SetItemsProcessed(all * rounds);
}

// An operation is one call of what has been called before.
void once_hot(benchmark::State& state) {
    constexpr int rounds = 100'000;
    C::once once;
    long called = 0;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            once.call([&] { ++called; });
            benchmark::ClobberMemory();
        }
    }
    bench::verify(state, called == 1);
    state.SetItemsProcessed(state.iterations() * rounds);
}

// One message there and one back, unbuffered, between two tasks that stay each on a thread of its own: every message
// wakes a thread. An operation is one message.
void ping_pong_locked(benchmark::State& state) {
    constexpr int rounds = 100;
    auto ping = C::make_chan<int>(0);
    auto pong = C::make_chan<int>(0);
    C::task_group other;
    other.go([&] {
        [[maybe_unused]] C::thread_lock here;
        while (auto v = ping.recv()) pong.send(*v + 1);
    });
    long sum = 0;
    {
        [[maybe_unused]] C::thread_lock here;
        for (auto _ : state) {
            for (int i = 0; i < rounds; ++i) {
                ping.send(i);
                sum += *pong.recv() - i;
            }
        }
    }
    ping.close();
    other.wait();
    bench::verify(state, sum == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds * 2);
}

const bench::rows registered([] {
    bench::row("rwmutex_read_mostly", {1, 2}, read_mostly);
    bench::row("once_hot", {1}, once_hot);
    bench::row("chan_sync_locked", {2}, ping_pong_locked);
});

}  // namespace
