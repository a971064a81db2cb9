// bench/chan_bench.cpp — messages between tasks.
// SPDX-License-Identifier: BSL-1.0
#include "bench_support.hpp"

namespace {

// One message there and one back, unbuffered; an operation is one message.
void ping_pong_runnel(benchmark::State& state) {
    constexpr int rounds = 50'000;
    long sum = 0;
    for (auto _ : state) {
        bench::run_with_workers(state, [&] {
            auto ping = runnel::make_chan<int>();
            auto pong = runnel::make_chan<int>();
            runnel::go([=] {
                for (int v : ping) pong.send(v);
            });
            for (int i = 0; i < rounds; ++i) {
                ping.send(1);
                sum += *pong.recv();
            }
            ping.close();
        });
    }
    bench::verify(state, sum == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds * 2);
}

void ping_pong_threads(benchmark::State& state) {
    constexpr int rounds = 1'000;
    long sum = 0;
    for (auto _ : state) {
        bench::blocking_queue<int> ping(0);
        bench::blocking_queue<int> pong(0);
        std::thread other([&] {
            for (int i = 0; i < rounds; ++i) pong.push(ping.pop());
        });
        for (int i = 0; i < rounds; ++i) {
            ping.push(1);
            sum += pong.pop();
        }
        other.join();
    }
    bench::verify(state, sum == state.iterations() * rounds);
    state.SetItemsProcessed(state.iterations() * rounds * 2);
}

// Two producers, two consumers, one channel; an operation is one message.
void producer_consumer_runnel(benchmark::State& state, std::size_t capacity) {
    constexpr int messages = 50'000;
    std::atomic<long> sum{0};
    for (auto _ : state) {
        bench::run_with_workers(state, [&] {
            auto c = runnel::make_chan<int>(capacity);
            runnel::wait_group producers;
            runnel::wait_group consumers;
            for (int p = 0; p < 2; ++p) {
                producers.go([=] {
                    for (int i = 0; i < messages; ++i) c.send(1);
                });
                consumers.go([&, c] {
                    long mine = 0;
                    for (int v : c) mine += v;
                    sum += mine;
                });
            }
            producers.wait();
            c.close();
            consumers.wait();
        });
    }
    bench::verify(state, sum == state.iterations() * messages * 2);
    state.SetItemsProcessed(state.iterations() * messages * 2);
}

void producer_consumer_threads(benchmark::State& state, std::size_t capacity) {
    const int messages = capacity == 0 ? 1'000 : 10'000;
    std::atomic<long> sum{0};
    for (auto _ : state) {
        bench::blocking_queue<int> queue(capacity);
        std::vector<std::thread> threads;
        for (int p = 0; p < 2; ++p) {
            threads.emplace_back([&] {
                for (int i = 0; i < messages; ++i) queue.push(1);
            });
            threads.emplace_back([&] {
                long mine = 0;
                for (int i = 0; i < messages; ++i) mine += queue.pop();
                sum += mine;
            });
        }
        for (auto& t : threads) t.join();
    }
    bench::verify(state, sum == state.iterations() * messages * 2);
    state.SetItemsProcessed(state.iterations() * messages * 2);
}

const int registered = [] {
    benchmark::RegisterBenchmark("chan_sync/runnel", ping_pong_runnel)->Arg(1)->Arg(2)->UseRealTime();
    benchmark::RegisterBenchmark("chan_sync/std_thread", ping_pong_threads)->Arg(2)->UseRealTime();
    for (const std::size_t capacity : {0, 10, 100}) {
        const std::string name = "chan_prodcons_" + std::to_string(capacity);
        benchmark::RegisterBenchmark(
            (name + "/runnel").c_str(),
            [capacity](benchmark::State& s) { producer_consumer_runnel(s, capacity); })
            ->Arg(1)
            ->Arg(2)
            ->UseRealTime();
        benchmark::RegisterBenchmark(
            (name + "/std_thread").c_str(),
            [capacity](benchmark::State& s) { producer_consumer_threads(s, capacity); })
            ->Arg(2)
            ->UseRealTime();
    }
    return 0;
}();

}  // namespace
