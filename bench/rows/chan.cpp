// bench/rows/chan.cpp — messages between tasks.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "../bench.hpp"

namespace {

using C = bench::contender;

// An operation is one channel, made and let go.
void make(benchmark::State& state, std::size_t capacity) {
    constexpr int rounds = 1000;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            auto ch = C::make_chan<int>(capacity);
            auto* kept = &ch;
            benchmark::DoNotOptimize(kept);
        }
    }
    state.SetItemsProcessed(state.iterations() * rounds);
}

// An operation is one look into an empty channel.
void nonblocking_recv_empty(benchmark::State& state) {
    constexpr int rounds = 10'000;
    auto ch = C::make_chan<int>(8);
    long found = 0;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) found += ch.try_recv() ? 1 : 0;
    }
    bench::verify(state, found == 0);
    state.SetItemsProcessed(state.iterations() * rounds);
}

// An operation is one send and one receive by the same task: a hundred values go into the buffer, then out.
void uncontended(benchmark::State& state) {
    constexpr int burst = 100;
    constexpr int rounds = 100;
    auto ch = C::make_chan<int>(burst);
    long sum = 0;
    for (auto _ : state) {
        for (int r = 0; r < rounds; ++r) {
            for (int i = 0; i < burst; ++i) ch.send(i);
            for (int i = 0; i < burst; ++i) sum += *ch.recv();
        }
    }
    bench::verify(state, sum == state.iterations() * rounds * (burst * (burst - 1) / 2));
    state.SetItemsProcessed(state.iterations() * rounds * burst);
}

// The same by two tasks on one channel.
void contended(benchmark::State& state) {
    constexpr int tasks = 2;
    constexpr int burst = 100;
    constexpr int rounds = C::few(200);
    auto ch = C::make_chan<int>(burst * tasks);
    std::atomic<long> sum{0};
    for (auto _ : state) {
        bench::together(tasks, [&] {
            long mine = 0;
            for (int r = 0; r < rounds; ++r) {
                for (int i = 0; i < burst; ++i) ch.send(i);
                for (int i = 0; i < burst; ++i) mine += *ch.recv();
            }
            sum += mine;
        });
    }
    bench::verify(state, sum == state.iterations() * tasks * rounds * (burst * (burst - 1) / 2));
    state.SetItemsProcessed(state.iterations() * tasks * rounds * burst);
}

// One message there and one back, unbuffered; an operation is one message.
void ping_pong(benchmark::State& state) {
    constexpr int rounds = C::few(10'000);
    auto ping = C::make_chan<int>(0);
    auto pong = C::make_chan<int>(0);
    C::task_group other;
    other.go([&] {
        while (auto v = ping.recv()) pong.send(*v + 1);
    });
    long sum = 0;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            ping.send(i);
            sum += *pong.recv() - i;
        }
    }
    ping.close();
    other.wait();
    bench::verify(state, sum == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds * 2);
}

// An operation is one message from `producers` to `consumers` by one channel.
void passing(benchmark::State& state, int producers, int consumers, std::size_t capacity) {
    // Threads pass a thousand unbuffered messages in the time of ten thousand others.
    const int messages = C::few(capacity == 0 ? 20'000 : 100'000) / producers;
    std::atomic<long> sum{0};
    for (auto _ : state) {
        auto ch = C::make_chan<int>(capacity);
        C::task_group sending;
        C::task_group receiving;
        for (int p = 0; p < producers; ++p) {
            sending.go([&] {
                for (int i = 1; i <= messages; ++i) ch.send(i);
            });
        }
        for (int c = 0; c < consumers; ++c) {
            receiving.go([&] {
                long mine = 0;
                while (auto v = ch.recv()) mine += *v;
                sum += mine;
            });
        }
        sending.wait();
        ch.close();
        receiving.wait();
    }
    const std::int64_t each = std::int64_t{messages} * (messages + 1) / 2;
    bench::verify(state, sum == state.iterations() * producers * each);
    state.SetItemsProcessed(state.iterations() * producers * messages);
}

// A channel as a semaphore: an operation is one permit taken, by a send, and given back.
void semaphore(benchmark::State& state, int tasks, std::size_t permits) {
    constexpr int rounds = C::few(20'000);
    auto ch = C::make_chan<int>(permits);
    std::atomic<long> taken{0};
    for (auto _ : state) {
        bench::together(tasks, [&] {
            long mine = 0;
            for (int i = 0; i < rounds; ++i) {
                ch.send(0);
                mine += ch.recv() ? 1 : 0;
            }
            taken += mine;
        });
    }
    const auto all = state.iterations() * tasks * rounds;
    bench::verify(state, taken == all);
    state.SetItemsProcessed(all);
}

const bench::rows registered([] {
    using benchmark::State;
    bench::row("chan_make", {1}, [](State& state) { make(state, 0); });
    bench::row("chan_make_8", {1}, [](State& state) { make(state, 8); });
    bench::row("chan_nonblocking_recv_empty", {1}, nonblocking_recv_empty);
    bench::row("chan_uncontended", {1}, uncontended);
    bench::row("chan_sync", {1, 2}, ping_pong);
    bench::row("chan_prodcons_0", {1, 2}, [](State& state) { passing(state, 2, 2, 0); });
    bench::row("chan_prodcons_10", {1, 2}, [](State& state) { passing(state, 2, 2, 10); });
    bench::row("chan_prodcons_100", {1, 2}, [](State& state) { passing(state, 2, 2, 100); });
    bench::row("chan_spsc_128", {1, 2}, [](State& state) { passing(state, 1, 1, 128); });
    bench::row("chan_mpmc", {1, 2}, [](State& state) { passing(state, 4, 4, 128); });
    bench::row("chan_contended", {1, 2}, contended);
    bench::row("chan_sem", {1, 2}, [](State& state) { semaphore(state, 2, 2); });
    bench::row("chan_sem_8", {1, 2}, [](State& state) { semaphore(state, 8, 2); });
});

}  // namespace
