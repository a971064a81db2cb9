// bench/rows/sync.cpp — locks, and what waits for others.
// SPDX-License-Identifier: BSL-1.0
#include <mutex>

#include "../bench.hpp"

namespace {

using C = bench::contender;

// An operation is one lock and unlock, by the only task there is.
void mutex_uncontended(benchmark::State& state) {
    constexpr int rounds = 10'000;
    C::mutex mutex;
    long count = 0;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            const std::lock_guard lock(mutex);
            benchmark::DoNotOptimize(++count);
        }
    }
    bench::verify(state, count == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
}

// The same by four tasks at once, which do nothing else. On one worker each ends its rounds before the next
// one comes.
void mutex_contended(benchmark::State& state) {
    constexpr int tasks = 4;
    constexpr int rounds = C::few(100'000);
    C::mutex mutex;
    long count = 0;
    for (auto _ : state) {
        bench::together(tasks, [&] {
            for (int i = 0; i < rounds; ++i) {
                const std::lock_guard lock(mutex);
                benchmark::DoNotOptimize(++count);
            }
        });
    }
    const auto all = state.iterations() * tasks * rounds;
    bench::verify(state, count == all);
    state.SetItemsProcessed(all);
}

// The same, but in every tenth round a task gives way while it holds the lock, and again when it has let go:
// the others find it taken, and wait.
void mutex_waited_for(benchmark::State& state) {
    constexpr int tasks = 4;
    constexpr int rounds = C::few(20'000);
    C::mutex mutex;
    long count = 0;
    for (auto _ : state) {
        bench::together(tasks, [&] {
            for (int i = 0; i < rounds; ++i) {
                const bool give_way = i % 10 == 0;
                mutex.lock();
                benchmark::DoNotOptimize(++count);
                if (give_way) C::yield();
                mutex.unlock();
                if (give_way) C::yield();
            }
        });
    }
    const auto all = state.iterations() * tasks * rounds;
    bench::verify(state, count == all);
    state.SetItemsProcessed(all);
}

// An operation is one add, done and wait, by the only task there is.
void waitgroup(benchmark::State& state) {
    constexpr int rounds = 10'000;
    C::wait_group wg;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            wg.add(1);
            wg.done();
            wg.wait();
        }
    }
    state.SetItemsProcessed(state.iterations() * rounds);
}

// An operation is one add and done, by four tasks at once on the same counter.
void waitgroup_contended(benchmark::State& state) {
    constexpr int tasks = 4;
    constexpr int rounds = 20'000;
    int ended = 0;
    for (auto _ : state) {
        C::wait_group wg;
        wg.add(1);
        bench::together(tasks, [&] {
            for (int i = 0; i < rounds; ++i) {
                wg.add(1);
                wg.done();
            }
        });
        wg.done();
        wg.wait();  // goes on only if the counter is right
        ++ended;
    }
    bench::verify(state, ended == state.iterations());
    state.SetItemsProcessed(state.iterations() * tasks * rounds);
}

// Two tasks take turns, by one condition variable each; an operation is one turn.
void cond_pingpong(benchmark::State& state) {
    constexpr int rounds = C::few(10'000);
    long turns = 0;
    for (auto _ : state) {
        C::mutex mutex;
        C::condition_variable changed[2];
        int turn = 0;
        C::task_group group;
        for (int me = 0; me < 2; ++me) {
            group.go([&, me] {
                std::unique_lock lock(mutex);
                for (int i = 0; i < rounds; ++i) {
                    changed[me].wait(lock, [&] { return turn == me; });
                    turn = 1 - me;
                    ++turns;
                    changed[1 - me].notify_one();
                }
            });
        }
        group.wait();
    }
    bench::verify(state, turns == state.iterations() * rounds * 2);
    state.SetItemsProcessed(state.iterations() * rounds * 2);
}

const bench::rows registered([] {
    bench::row("mutex_uncontended", {1}, mutex_uncontended);
    bench::row("mutex_contended", {1, 2}, mutex_contended);
    bench::row("mutex_waited_for", {1, 2}, mutex_waited_for);
    bench::row("waitgroup", {1}, waitgroup);
    bench::row("waitgroup_contended", {1, 2}, waitgroup_contended);
    bench::row("cond_pingpong", {1, 2}, cond_pingpong);
});

}  // namespace
