// bench/rows/select.cpp — waiting for one of several channels. Of the contenders only runnel and Go have it.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <cstddef>
#include <optional>
#include <vector>

#include "../bench.hpp"

namespace {

using C = bench::contender;
using runnel::chan;
using runnel::make_chan;

// An operation is one select with `Cases` empty channels and a default.
template <int Cases>
void nonblock(benchmark::State& state) {
    constexpr int rounds = 10'000;
    auto a = make_chan<int>(8);
    auto b = make_chan<int>(8);
    auto c = make_chan<int>(8);
    long defaults = 0;
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            if constexpr (Cases == 1) {
                runnel::select(runnel::recv(a), runnel::otherwise([&] { ++defaults; }));
            } else {
                runnel::select(runnel::recv(a), runnel::recv(b), runnel::recv(c),
                               runnel::otherwise([&] { ++defaults; }));
            }
        }
    }
    bench::verify(state, defaults == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
}

// A value goes to and fro between two buffered channels; an operation is one select, and the send it leads to.
void uncontended_2(benchmark::State& state) {
    constexpr int rounds = 10'000;
    auto a = make_chan<int>(1);
    auto b = make_chan<int>(1);
    long sum = 0;
    a.send(1);
    for (auto _ : state) {
        for (int i = 0; i < rounds; ++i) {
            runnel::select(runnel::recv(a,
                                        [&](int v) {
                                            sum += v;
                                            b.send(v);
                                        }),
                           runnel::recv(b, [&](int v) {
                               sum += v;
                               a.send(v);
                           }));
        }
    }
    bench::verify(state, sum == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds);
}

// Two tasks offer on each of three unbuffered channels, two others take; an operation is one value.
void sync_contended(benchmark::State& state) {
    constexpr int pairs = 2;
    constexpr int rounds = 20'000;
    std::atomic<long> sum{0};
    for (auto _ : state) {
        auto a = make_chan<int>();
        auto b = make_chan<int>();
        auto c = make_chan<int>();
        auto done = make_chan<runnel::unit>();
        C::task_group senders;
        C::task_group receivers;
        for (int p = 0; p < pairs; ++p) {
            senders.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    runnel::select(runnel::send(a, 1), runnel::send(b, 1), runnel::send(c, 1),
                                   runnel::recv(done));
                }
            });
            receivers.go([&] {
                long mine = 0;
                for (bool more = true; more;) {
                    const auto add = [&](int v) { mine += v; };
                    runnel::select(runnel::recv(a, add), runnel::recv(b, add), runnel::recv(c, add),
                                   runnel::recv(done, [&] { more = false; }));
                }
                sum += mine;
            });
        }
        senders.wait();
        done.close();
        receivers.wait();
    }
    const auto all = state.iterations() * pairs * rounds;
    bench::verify(state, sum == all);
    state.SetItemsProcessed(all);
}

// Two tasks move values to and fro between two buffered channels; an operation is one select and one send.
void async_contended(benchmark::State& state) {
    constexpr int tasks = 2;
    constexpr int rounds = 20'000;
    auto done = make_chan<runnel::unit>();
    std::atomic<long> sum{0};
    for (auto _ : state) {
        auto a = make_chan<int>(tasks);
        auto b = make_chan<int>(tasks);
        bench::together(tasks, [&] {
            long mine = 0;
            a.send(1);
            for (int i = 0; i < rounds; ++i) {
                runnel::select(runnel::recv(a,
                                            [&](int v) {
                                                mine += v;
                                                b.send(v);
                                            }),
                               runnel::recv(b,
                                            [&](int v) {
                                                mine += v;
                                                a.send(v);
                                            }),
                               runnel::recv(done));
            }
            sum += mine;
        });
    }
    const auto all = state.iterations() * tasks * rounds;
    bench::verify(state, sum == all);
    state.SetItemsProcessed(all);
}

// Four producers with an unbuffered channel each, one consumer; an operation is one value.
void fan4(benchmark::State& state) {
    constexpr int producers = 4;
    constexpr int rounds = 10'000;
    long sum = 0;
    for (auto _ : state) {
        chan<int> in[producers];
        C::task_group group;
        for (auto& ch : in) {
            ch = make_chan<int>();
            group.go([ch] {
                for (int i = 0; i < rounds; ++i) ch.send(1);
            });
        }
        const auto add = [&](int v) { sum += v; };
        for (int i = 0; i < producers * rounds; ++i) {
            runnel::select(runnel::recv(in[0], add), runnel::recv(in[1], add),
                           runnel::recv(in[2], add), runnel::recv(in[3], add));
        }
        group.wait();
    }
    const auto all = state.iterations() * producers * rounds;
    bench::verify(state, sum == all);
    state.SetItemsProcessed(all);
}

// Two tasks with a channel each that is ready, and one to stop them all, which never is; an operation is one
// select and the send before it.
void shared(benchmark::State& state) {
    constexpr int tasks = 2;
    constexpr int rounds = 20'000;
    auto stop = make_chan<runnel::unit>();
    std::atomic<long> sum{0};
    for (auto _ : state) {
        bench::together(tasks, [&] {
            auto mine = make_chan<int>(1);
            long received = 0;
            for (int i = 0; i < rounds; ++i) {
                mine.send(1);
                runnel::select(runnel::recv(mine, [&](int v) { received += v; }),
                               runnel::recv(stop));
            }
            sum += received;
        });
    }
    const auto all = state.iterations() * tasks * rounds;
    bench::verify(state, sum == all);
    state.SetItemsProcessed(all);
}

// A thousand tasks wait each for a channel of its own or a common one; an operation is one value sent to one.
void popular(benchmark::State& state) {
    constexpr int tasks = 1000;
    auto common = make_chan<runnel::unit>();
    std::vector<chan<int>> own;
    std::atomic<long> sum{0};
    C::task_group group;
    for (int t = 0; t < tasks; ++t) {
        own.push_back(make_chan<int>());
        group.go([&, mine = own.back()] {
            long received = 0;
            for (bool more = true; more;) {
                runnel::select(runnel::recv(common, [&] { more = false; }),
                               runnel::recv(mine, [&](int v) { received += v; }));
            }
            sum += received;
        });
    }
    for (auto _ : state) {
        for (const auto& ch : own) ch.send(1);
    }
    common.close();
    group.wait();
    bench::verify(state, sum == state.iterations() * tasks);
    state.SetItemsProcessed(state.iterations() * tasks);
}

const bench::rows registered([] {
    bench::row("select_nonblock", {1}, nonblock<1>);
    bench::row("select_nonblock_3", {1}, nonblock<3>);
    bench::row("select_uncontended_2", {1}, uncontended_2);
    bench::row("select_sync_contended", {1, 2}, sync_contended);
    bench::row("select_async_contended", {1, 2}, async_contended);
    bench::row("select_fan4", {1, 2}, fan4);
    bench::row("select_shared", {1, 2}, shared);
    bench::row("chan_popular", {1, 2}, popular);
});

}  // namespace
