// tests/conformance/chan_programs_test.cpp — whole programs of goroutines and channels, and what they yield.
// SPDX-License-Identifier: BSL-1.0

#include <array>
#include <atomic>
#include <queue>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <string>
#include <vector>

#include "conformance/chan_helpers.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::chan;
using runnel::make_chan;
using runnel::recv_chan;

TEST_CASE("every message comes once, after it was sent, to one of ten receivers", "[C-24]") {
    // Each message goes from unsent to sent to received; any other step is a fault.
    enum : int { unsent, sent, received };
    test::expectations expect;
    test::on_workers([&] {
        const std::size_t messages = 1000;
        for (std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{10}}) {
            std::vector<std::atomic<int>> state(messages);
            const auto ch = make_chan<std::size_t>(capacity);
            std::atomic<std::size_t> next{0};
            std::atomic<int> faults{0};
            test::crew crew;
            for (int s = 0; s < 10; ++s) {
                crew.go([&] {
                    for (std::size_t i = next++; i < messages; i = next++) {
                        int expected = unsent;
                        if (!state[i].compare_exchange_strong(expected, sent)) ++faults;
                        ch.send(i);
                    }
                });
                crew.go([&] {
                    for (;;) {
                        const std::size_t i = *ch.recv();
                        if (i == messages) return;
                        int expected = sent;
                        if (!state[i].compare_exchange_strong(expected, received)) ++faults;
                        if (i % 7 == 0) runnel::yield();
                    }
                });
            }
            crew.go([&] {
                test::eventually([&] {
                    for (const auto& s : state) {
                        if (s != received) return false;
                    }
                    return true;
                });
                for (int r = 0; r < 10; ++r) ch.send(messages);
            });
            crew.join();
            for (const auto& s : state) faults += s == received ? 0 : 1;
            expect.check_eq(faults.load(), 0, "capacity " + std::to_string(capacity));
        }
    });
    expect.verify();
}

TEST_CASE("a hundred thousand goroutines in a chain add up", "[C-25]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::under_tsan ? 500 : test::scale(100'000);
        const auto leftmost = make_chan<int>();
        auto left = leftmost;
        for (int i = 0; i < n; ++i) {
            auto right = make_chan<int>();
            runnel::go([left, right] { left.send(1 + *right.recv()); });
            left = std::move(right);
        }
        runnel::go([left] { left.send(1); });
        expect.check_eq(leftmost.recv().value_or(0), n + 1, "each has added one");
    });
    expect.verify();
}

namespace {

/// 2, 3, 5, …: each prime found puts a filter of its own into the stream.
recv_chan<int> sieve_of_filters() {
    const auto primes = make_chan<int>();
    runnel::go([primes] {
        auto numbers = make_chan<int>();
        runnel::go([numbers] {
            for (int i = 2;; ++i) numbers.send(i);
        });
        for (;;) {
            const int prime = *numbers.recv();
            primes.send(prime);
            const auto rest = make_chan<int>();
            runnel::go([numbers, rest, prime] {
                for (int v : numbers) {
                    if (v % prime != 0) rest.send(v);
                }
            });
            numbers = rest;
        }
    });
    return primes;
}

/// The odd multiples of a prime from its square on, as a stream whose next value can be looked at.
struct multiples {
    int head = 0;
    recv_chan<int> rest;

    explicit multiples(int prime) {
        const auto ch = make_chan<int>(3);
        runnel::go([ch, prime] {
            for (int v = prime * prime;; v += 2 * prime) ch.send(v);
        });
        rest = ch;
        head = *rest.recv();
    }
    bool operator<(const multiples& other) const { return head > other.head; }
};

/// The same primes from merged streams: the odd numbers that are in no stream of multiples. The sieve
/// feeds on its own primes, which it hears a little later than the world does.
recv_chan<int> sieve_of_streams() {
    const auto primes = make_chan<int>(10);
    primes.send(2);
    primes.send(3);
    const auto composites = make_chan<int>(20);
    // Unbounded: far more primes are found than have come to their squares.
    const auto feedback = make_chan<int>(runnel::unbounded);
    // Composites in order: the smallest head of all streams whose prime's square has been reached.
    runnel::go([composites, feedback] {
        std::priority_queue<multiples> streams;
        int smallest_outside = 15;  // of the next prime's multiples none comes before its square
        composites.send(9);
        multiples threes(3);
        threes.head = *threes.rest.recv();
        streams.push(std::move(threes));
        for (;;) {
            multiples next(*feedback.recv());
            smallest_outside = next.head;
            for (;;) {
                multiples first = streams.top();
                if (first.head >= smallest_outside) break;
                composites.send(first.head);
                first.head = *first.rest.recv();
                streams.pop();
                streams.push(std::move(first));
            }
            composites.send(smallest_outside);
            next.head = *next.rest.recv();
            streams.push(std::move(next));
        }
    });
    // Primes are the odd numbers in between.
    runnel::go([composites, feedback, primes] {
        int odd = 5;
        for (int composite : composites) {
            for (; odd < composite; odd += 2) {
                feedback.send(odd);
                primes.send(odd);
            }
            while (odd <= composite) odd += 2;
        }
    });
    return primes;
}

bool is_prime(int n) {
    for (int d = 2; d * d <= n; ++d) {
        if (n % d == 0) return false;
    }
    return n > 1;
}

}  // namespace

TEST_CASE("a sieve of filters and one of merged streams yield the same primes", "[C-26]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::under_tsan ? 30 : 120;
        const auto filtered = sieve_of_filters();
        const auto merged = sieve_of_streams();
        int number = 1;
        for (int i = 0; i < n; ++i) {
            do {
                ++number;
            } while (!is_prime(number));
            expect.check_eq(filtered.recv().value_or(0), number, "by filters");
            expect.check_eq(merged.recv().value_or(0), number, "by streams");
        }
    });
    expect.verify();
}

TEST_CASE("a selecting sender's values come through a multiplexer once each", "[C-80]") {
    // One select over four outputs, four pumps into one channel, and a close that runs behind the values.
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::scale(50'000) + 100;
        const std::array<chan<int>, 4> c{make_chan<int>(), make_chan<int>(), make_chan<int>(),
                                         make_chan<int>()};
        const auto merged = make_chan<int>();
        const auto pump_ended = make_chan<runnel::unit>(4);
        test::crew crew;
        crew.go([&] {
            for (int i = 0; i < n; ++i) {
                runnel::select(runnel::send(c[0], i), runnel::send(c[1], i), runnel::send(c[2], i),
                               runnel::send(c[3], i));
            }
            for (const auto& x : c) x.close();
        });
        for (std::size_t p = 0; p < 4; ++p) {
            crew.start(p == 3 ? test::place::thread : test::place::goroutine, [&, p] {
                for (int v : c[p]) merged.send(v);
                pump_ended.send();
            });
        }
        crew.go([&] {
            for (int i = 0; i < 4; ++i) pump_ended.recv();
            merged.close();
        });
        std::vector<int> seen(static_cast<std::size_t>(n), 0);
        for (int v : merged) ++seen[static_cast<std::size_t>(v)];
        crew.join();
        int wrong = 0;
        for (int times : seen) wrong += times == 1 ? 0 : 1;
        expect.check_eq(wrong, 0, "values lost or doubled");
    });
    expect.verify();
}

TEST_CASE("a goroutine parked deep in its stack finds all its frames as it left them", "[C-29]") {
    // While some wait at many depths, others come, use their stacks to the bottom, and go.
    struct frame {
        static int wait_at(int depth, const chan<int>& ch, int salt) {
            volatile int guard = depth * 31 + salt;
            int got = 0;
            if (depth == 0) {
                runnel::select(runnel::recv(ch, [&](int v) { got = v; }));
            } else {
                got = wait_at(depth - 1, ch, salt);
            }
            return guard == depth * 31 + salt ? got : -1;
        }
        static int deep(int depth) {
            volatile unsigned char area[1024];
            for (auto& byte : area) byte = static_cast<unsigned char>(depth);
            const int below = depth > 0 ? deep(depth - 1) : 0;
            return below + (area[17] == static_cast<unsigned char>(depth) ? 0 : 1);
        }
    };
    test::expectations expect;
    test::on_workers([&] {
        const int waiting = test::under_tsan ? 40 : 200;
        const auto ch = make_chan<int>();
        std::atomic<int> wrong{0};
        test::crew parked;
        for (int i = 0; i < waiting; ++i) {
            parked.go([&, i] {
                if (frame::wait_at(i % 300, ch, i) != 7) ++wrong;
            });
        }
        expect.check(test::wait_parked(static_cast<std::size_t>(waiting), "select"), "all parked");
        for (int round = 0; round < 5; ++round) {
            test::crew passing;
            for (int i = 0; i < 50; ++i) {
                passing.go([&] {
                    wrong += frame::deep(100);
                    runnel::yield();
                    wrong += frame::deep(100);
                });
            }
            passing.join();
        }
        for (int i = 0; i < waiting; ++i) ch.send(7);
        parked.join();
        expect.check_eq(wrong.load(), 0, "frames that changed");
    });
    expect.verify();
}
