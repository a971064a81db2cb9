// bench/chan_bench.cpp — messages between tasks.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>

#include "bench_support.hpp"

namespace {

// One message there and one back, unbuffered; an operation is one message.
const auto ping_pong = []<class C>(benchmark::State& state, C) {
    constexpr int rounds = C::few(10'000);
    auto ping = C::template make_chan<int>(0);
    auto pong = C::template make_chan<int>(0);
    typename C::task_group other;
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
};

// Two producers, two consumers, one channel; an operation is one message.
template <std::size_t Capacity>
struct producers_and_consumers {
    template <class C>
    void operator()(benchmark::State& state, C) const {
        // Threads pass a thousand unbuffered messages in the time of ten thousand others.
        constexpr int messages = C::few(Capacity == 0 ? 10'000 : 50'000);
        std::atomic<long> sum{0};
        for (auto _ : state) {
            auto ch = C::template make_chan<int>(Capacity);
            typename C::task_group producers;
            typename C::task_group consumers;
            for (int p = 0; p < 2; ++p) {
                producers.go([&] {
                    for (int i = 1; i <= messages; ++i) ch.send(i);
                });
                consumers.go([&] {
                    long mine = 0;
                    while (auto v = ch.recv()) mine += *v;
                    sum += mine;
                });
            }
            producers.wait();
            ch.close();
            consumers.wait();
        }
        const long each = long{messages} * (messages + 1);  // of both producers
        bench::verify(state, sum == state.iterations() * each);
        state.SetItemsProcessed(state.iterations() * messages * 2);
    }
};

}  // namespace

int main(int argc, char** argv) {
    bench::add("chan_sync", ping_pong, {1, 2});
    bench::add("chan_prodcons_0", producers_and_consumers<0>(), {1, 2});
    bench::add("chan_prodcons_10", producers_and_consumers<10>(), {1, 2});
    bench::add("chan_prodcons_100", producers_and_consumers<100>(), {1, 2});
    return bench::run(argc, argv);
}
