// bench/rows/patterns.cpp — many tasks, each with little to do.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <cstddef>
#include <utility>
#include <vector>

#include "../bench.hpp"
#include "../shared_chan.hpp"

namespace {

using C = bench::contender;
using bench::shared_chan;

struct link {
    C::wait_group& end;
    std::atomic<long>& started;
    int left;

    void operator()() const {
        started.fetch_add(1, std::memory_order_relaxed);
        if (left == 0) {
            end.done();
        } else {
            C::go(link{end, started, left - 1});
        }
    }
};

// An operation is one task, whose last act is to start the next.
void spawn_chain(benchmark::State& state) {
    constexpr int length = C::few(10'000);
    std::atomic<long> started{0};
    C::wait_group end;
    for (auto _ : state) {
        end.add(1);
        C::go(link{end, started, length - 1});
        end.wait();
    }
    bench::verify(state, started == state.iterations() * length);
    state.SetItemsProcessed(state.iterations() * length);
}

// A tree of tasks, ten children each; the leaves send their numbers up. An operation is one leaf.
void skynet_node(shared_chan<long> up, long number, long leaves) {
    if (leaves == 1) {
        up.send(number);
        return;
    }
    auto here = bench::make_shared_chan<long>(0);
    for (int i = 0; i < 10; ++i) {
        C::go([here, number, leaves, i] {
            skynet_node(here, number + i * (leaves / 10), leaves / 10);
        });
    }
    long sum = 0;
    for (int i = 0; i < 10; ++i) sum += *here.recv();
    up.send(sum);
}

void skynet(benchmark::State& state) {
    // A power of ten.
    constexpr long leaves = C::most_tasks >= 1'000'000 ? 1'000'000
                            : C::most_tasks >= 100'000 ? 10'000
                                                       : 100;
    long sum = 0;
    for (auto _ : state) {
        auto root = bench::make_shared_chan<long>(0);
        C::go([root] { skynet_node(root, 0, leaves); });
        sum += *root.recv();
    }
    bench::verify(state, sum == state.iterations() * (leaves * (leaves - 1) / 2));
    state.SetItemsProcessed(state.iterations() * leaves);
}

// A token goes round a ring of a thousand tasks; an operation is one hop.
void ring(benchmark::State& state) {
    constexpr int tasks = C::few(1000);
    constexpr int rounds = 10;
    std::vector<shared_chan<long>> links;
    for (int i = 0; i <= tasks; ++i) links.push_back(bench::make_shared_chan<long>(0));
    C::task_group group;
    for (int i = 0; i < tasks; ++i) {
        group.go([in = links[static_cast<std::size_t>(i)],
                  out = links[static_cast<std::size_t>(i) + 1]] {
            while (auto v = in.recv()) out.send(*v + 1);
            out.close();
        });
    }
    const shared_chan<long>& first = links.front();
    const shared_chan<long>& last = links.back();
    long token = 0;
    for (auto _ : state) {
        for (int r = 0; r < rounds; ++r) {
            first.send(token);
            token = *last.recv();
        }
    }
    first.close();
    group.wait();
    bench::verify(state, token == state.iterations() * rounds * tasks);
    state.SetItemsProcessed(state.iterations() * rounds * tasks);
}

// Each prime found becomes a task that drops its multiples; an operation is one message.
void filter(shared_chan<long> in, shared_chan<long> out, long prime) {
    while (auto n = in.recv()) {
        if (*n % prime != 0) out.send(*n);
    }
    out.close();
}

long nth_prime(int n) {
    std::vector<long> found;
    for (long candidate = 2; found.size() < static_cast<std::size_t>(n); ++candidate) {
        bool prime = true;
        for (const long p : found) {
            if (p * p > candidate) break;
            prime = prime && candidate % p != 0;
        }
        if (prime) found.push_back(candidate);
    }
    return found.back();
}

// How many messages it takes to sift 2 … last through `primes` filters.
long messages_of_sieve(long last) {
    long messages = 0;
    std::vector<long> primes;
    for (long n = 2; n <= last; ++n) {
        ++messages;
        bool dropped = false;
        for (const long p : primes) {
            if (n % p == 0) {
                dropped = true;
                break;
            }
            ++messages;
        }
        if (!dropped) primes.push_back(n);
    }
    return messages;
}

void prime_sieve(benchmark::State& state) {
    constexpr int primes = C::few(2000);
    const long last = nth_prime(primes);
    const long messages = messages_of_sieve(last);
    bool right = true;
    for (auto _ : state) {
        C::task_group group;
        shared_chan<long> in = bench::make_shared_chan<long>(0);
        group.go([out = in, last] {
            for (long n = 2; n <= last; ++n) out.send(n);
            out.close();
        });
        long prime = 0;
        for (int i = 0; i < primes; ++i) {
            prime = *in.recv();
            shared_chan<long> out = bench::make_shared_chan<long>(0);
            group.go([in, out, prime] { filter(in, out, prime); });
            in = std::move(out);
        }
        right = right && prime == last && !in.recv();
        group.wait();
    }
    bench::verify(state, right);
    state.SetItemsProcessed(state.iterations() * messages);
}

// One task sends a million numbers to four, which send theirs to the first's caller; an operation is one number.
void fanout_fanin(benchmark::State& state) {
    constexpr long numbers = C::few(1'000'000);
    constexpr int workers = 4;
    constexpr std::size_t capacity = 128;
    long sum = 0;
    for (auto _ : state) {
        auto in = C::make_chan<long>(capacity);
        auto out = C::make_chan<long>(capacity);
        C::task_group source;
        C::task_group group;
        source.go([&] {
            for (long n = 0; n < numbers; ++n) in.send(n);
            in.close();
        });
        for (int w = 0; w < workers; ++w) {
            group.go([&] {
                while (auto n = in.recv()) out.send(*n * 2);
            });
        }
        source.go([&] {
            group.wait();
            out.close();
        });
        while (auto n = out.recv()) sum += *n;
        source.wait();
    }
    bench::verify(state, sum == state.iterations() * (numbers * (numbers - 1)));
    state.SetItemsProcessed(state.iterations() * numbers);
}

const bench::rows registered([] {
    bench::row("spawn_chain", {1, 2}, spawn_chain);
    bench::row("skynet_1m", {1, 2}, skynet);
    bench::row("ring_1000", {1, 2}, ring);
    bench::row("prime_sieve_2000", {1, 2}, prime_sieve);
    bench::row("fanout_fanin", {1, 2}, fanout_fanin);
});

}  // namespace
