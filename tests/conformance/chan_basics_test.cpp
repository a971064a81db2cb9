// tests/conformance/chan_basics_test.cpp — making channels, sending, receiving, nil.
// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <set>
#include <thread>
#include <type_traits>
#include <variant>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/debug.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;
using runnel::op_status;

TEST_CASE("len follows each send and receive, cap stays", "[C-1][C-2][C-386]") {
    auto ten = make_chan<int>(10);
    REQUIRE((ten.len() == 0 && ten.cap() == 10));
    for (int i = 0; i < 3; ++i) ten.send(i);
    REQUIRE((ten.len() == 3 && ten.cap() == 10));
    for (int i = 3; i < 10; ++i) ten.send(i);
    REQUIRE(ten.len() == 10);
    for (std::size_t n = 0; n < 200; ++n) {
        auto c = make_chan<int>(n);
        for (std::size_t i = 0; i < n; ++i) c.send(1);
        REQUIRE((c.len() == n && c.cap() == n));
        REQUIRE(c.try_send(1) == op_status::would_block);
    }
    test::expectations expect;
    test::on_workers([&] {
        auto none = make_chan<int>();
        runnel::go([none] { none.send(1); });
        expect.check(test::wait_parked(1, "chan send"), "parks");
        expect.check(none.len() == 0 && none.cap() == 0, "a parked sender does not count");
        none.recv();
        auto two = make_chan<int>(2);
        two.send(1);
        two.send(2);
        runnel::go([two] { two.send(3); });
        expect.check(test::wait_parked(1, "chan send"), "parks");
        expect.check_eq(two.len(), 2U, "the buffer only");
        two.recv();
        expect.check_eq(two.len(), 2U, "the parked sender's value has moved up");
    });
    expect.verify();
}

TEST_CASE("a capacity is a count: fractions and too large ones are refused", "[C-3][C-4][C-5]") {
    constexpr auto makes = [](auto n) { return requires { make_chan<int>(n); }; };
    STATIC_REQUIRE(makes(3));
    STATIC_REQUIRE_FALSE(makes(3.5));
    REQUIRE_THROWS_AS(make_chan<int>(static_cast<std::size_t>(-1)), std::length_error);
    REQUIRE_THROWS_AS(make_chan<int>(std::size_t{1} << 61), std::length_error);
    REQUIRE_THROWS_AS((make_chan<std::array<char, 65536>>(std::size_t{1} << 48)),
                      std::length_error);
}

TEST_CASE("values of no size count against the capacity", "[C-6]") {
    test::expectations expect;
    test::on_workers([&] {
        auto c = make_chan<std::monostate>(2);
        auto d = make_chan<runnel::unit>(2);
        for (int i = 0; i < 2; ++i) {
            c.send({});
            d.send();
        }
        expect.check(c.try_send({}) == op_status::would_block, "the third would block");
        expect.check(d.try_send() == op_status::would_block, "the third would block");
    });
    expect.verify();
}

namespace {
template <class C>
concept can_send = requires(const C& c) { c.send(1); };
template <class C>
concept can_receive = requires(const C& c) { c.recv(); };
template <class C>
concept can_close = requires(const C& c) { c.close(); };
template <class C>
concept can_iterate = requires(const C& c) { c.begin(); };
}  // namespace

TEST_CASE("a channel turns into one of its ends and never back", "[C-7][C-8]") {
    using both = runnel::chan<int>;
    using in = runnel::send_chan<int>;
    using out = runnel::recv_chan<int>;
    STATIC_REQUIRE(std::is_convertible_v<both, in>);
    STATIC_REQUIRE(std::is_convertible_v<both, out>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<both, in>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<both, out>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<in, out>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<out, in>);
    STATIC_REQUIRE((can_send<both> && can_send<in> && !can_send<out>));
    STATIC_REQUIRE((can_receive<both> && !can_receive<in> && can_receive<out>));
    STATIC_REQUIRE((can_close<both> && can_close<in> && !can_close<out>));
    STATIC_REQUIRE((can_iterate<both> && !can_iterate<in> && can_iterate<out>));
}

TEST_CASE("channels travel through channels", "[C-9]") {
    auto outer = make_chan<runnel::chan<int>>(1);
    auto inner = make_chan<int>(1);
    outer.send(inner);
    inner.send(42);
    REQUIRE(*outer.recv()->recv() == 42);
}

TEST_CASE("a receive from an empty channel parks until there is a value", "[C-15][C-16]") {
    test::expectations expect;
    test::on_workers([&] {
        for (const std::size_t capacity : {0U, 1U, 7U}) {
            auto c = make_chan<int>(capacity);
            std::atomic<int> sum{0};
            auto a = runnel::async([&] { sum += *c.recv(); });
            auto b = runnel::async([&] {
                int v = 0;
                if (c >> v) sum += v;
            });
            expect.check(test::wait_parked(2, "chan receive"), "both park");
            // A receive that may not park takes nothing while others wait.
            expect.check(c.try_recv().status() == op_status::would_block, "empty");
            c.send(10);
            c.send(20);
            a.get();
            b.get();
            expect.check_eq(sum.load(), 30, "both got theirs");
        }
    });
    expect.verify();
}

TEST_CASE("a send to a full channel parks until there is room", "[C-17][C-21]") {
    test::expectations expect;
    test::on_workers([&] {
        for (const std::size_t capacity : {0U, 1U, 7U}) {
            auto c = make_chan<int>(capacity);
            for (std::size_t i = 0; i < capacity; ++i) c.send(0);
            std::atomic<bool> sent{false};
            auto s = runnel::async([&] {
                c.send(1);
                sent = true;
            });
            expect.check(test::wait_parked(1, "chan send"), "parks");
            expect.check(!sent, "not sent yet");
            expect.check(c.try_send(9) == op_status::would_block, "full");
            c.recv();
            s.get();
            expect.check(sent.load(), "sent");
        }
    });
    expect.verify();
}

TEST_CASE("values arrive in the order in which they were sent", "[C-18][C-20]") {
    test::expectations expect;
    test::on_workers([&] {
        for (std::size_t capacity = 0; capacity < 200; capacity += test::under_sanitizer ? 23 : 1) {
            auto c = make_chan<int>(capacity);
            runnel::go([c] {
                for (int i = 0; i < 100; ++i) c.send(i);
            });
            for (int i = 0; i < 100; ++i) {
                if (i % 2 == 0) {
                    if (*c.recv() != i) expect.check(false, "order");
                } else {
                    int v = -1;
                    c >> v;
                    if (v != i) expect.check(false, "order");
                }
            }
        }
        // A chain: each takes its turn when its predecessor has gone.
        auto values = make_chan<int>();
        auto turn = make_chan<runnel::unit>(1);
        auto first = turn;
        auto results = make_chan<int>(100);
        for (int i = 0; i < 50; ++i) {
            auto mine = turn;
            turn = make_chan<runnel::unit>(1);
            runnel::go([=, next = turn] {
                mine.recv();
                results.send(*values.recv() * 100 + i);
                next.send();
            });
        }
        first.send();
        for (int i = 0; i < 50; ++i) values.send(i);
        turn.recv();
        for (int i = 0; i < 50; ++i) expect.check_eq(*results.recv(), i * 101, "chain");
    });
    expect.verify();
}

TEST_CASE("four senders and four receivers lose nothing and double nothing", "[C-19][C-24]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::scale(1000);
        for (const std::size_t capacity : {0U, 1U, 3U, 16U, 199U}) {
            auto c = make_chan<int>(capacity);
            std::vector<std::atomic<int>> seen(static_cast<std::size_t>(4 * n));
            runnel::wait_group senders;
            runnel::wait_group receivers;
            for (int s = 0; s < 4; ++s) {
                senders.go([=] {
                    for (int i = 0; i < n; ++i) c.send(s * n + i);
                });
                receivers.go([&] {
                    for (int i = 0; i < n; ++i) ++seen[static_cast<std::size_t>(*c.recv())];
                });
            }
            senders.wait();
            receivers.wait();
            bool once = true;
            for (const auto& count : seen) once = once && count == 1;
            expect.check(once, "each exactly once");
        }
    });
    expect.verify();
}

TEST_CASE("a call in between is virtual, or a function's, and the value still comes", "[C-22]") {
    struct sender {
        virtual ~sender() = default;
        virtual void run(const runnel::chan<int>& c) { c.send(1); }
    };
    struct other final : sender {
        void run(const runnel::chan<int>& c) override { c.send(2); }
    };
    test::expectations expect;
    test::on_workers([&] {
        auto c = make_chan<int>();
        other o;
        sender& s = o;
        runnel::go([&] { s.run(c); });
        expect.check_eq(*c.recv(), 2, "virtual");
    });
    expect.verify();
}

namespace {
template <std::size_t N>
struct sized {
    std::array<unsigned char, N> bytes{};
};

template <std::size_t N>
void check_nonblocking(test::expectations& expect) {
    for (const std::size_t capacity : {0U, 1U}) {
        auto c = make_chan<sized<N>>(capacity);
        sized<N> v;
        v.bytes.fill(0x5a);
        auto receiver = runnel::async([c] { return c.recv()->bytes[N - 1]; });
        expect.check(test::wait_parked(1, "chan receive"), "parks");
        expect.check(c.try_send(v) == op_status::ok, "a receiver waits: the send goes on");
        expect.check_eq(static_cast<int>(receiver.get()), 0x5a, "its value");
        if (capacity == 1) c.send(v);
        auto sender = runnel::async([c, v] { c.send(v); });
        expect.check(test::wait_parked(1, "chan send"), "parks");
        expect.check_eq(static_cast<int>(c.try_recv()->bytes[0]), 0x5a, "a sender waits");
        sender.get();
    }
}
}  // namespace

TEST_CASE("operations that may not park succeed as soon as the other side waits", "[C-23]") {
    test::expectations expect;
    test::on_workers([&] {
        check_nonblocking<1>(expect);
        check_nonblocking<4>(expect);
        check_nonblocking<8>(expect);
        check_nonblocking<16>(expect);
    });
    expect.verify();
}

TEST_CASE("ten thousand goroutines pass a value along", "[C-25]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::under_tsan ? 300 : test::scale(10000);
        auto left = make_chan<int>();
        auto c = left;
        for (int i = 0; i < n; ++i) {
            auto right = make_chan<int>();
            runnel::go([=] { c.send(*right.recv() + 1); });
            c = right;
        }
        c.send(0);
        expect.check_eq(*left.recv(), n, "each added one");
    });
    expect.verify();
}

TEST_CASE("a sieve of filters yields the primes", "[C-26]") {
    test::expectations expect;
    test::on_workers([&] {
        auto numbers = make_chan<int>();
        runnel::go([numbers] {
            for (int i = 2;; ++i) numbers.send(i);
        });
        std::vector<int> primes;
        auto c = numbers;
        for (int i = 0; i < 60; ++i) {
            const int p = *c.recv();
            primes.push_back(p);
            auto filtered = make_chan<int>();
            runnel::go([=] {
                for (;;) {
                    const int v = *c.recv();
                    if (v % p != 0) filtered.send(v);
                }
            });
            c = filtered;
        }
        expect.check_eq(primes[0], 2, "first");
        expect.check_eq(primes[9], 29, "tenth");
        expect.check_eq(primes[59], 281, "sixtieth");
    });
    expect.verify();
}

TEST_CASE("many consumers share one stream that ends by close", "[C-28]") {
    test::expectations expect;
    test::on_workers([&] {
        const int items = test::under_sanitizer ? 20000 : 271828;
        const int workers = 23;
        auto queue = make_chan<int>(static_cast<std::size_t>(workers));
        auto results = make_chan<int>(32);
        runnel::wait_group wg;
        for (int i = 0; i < workers; ++i) {
            wg.go([=] {
                for (int v : queue) {
                    if (v % 64 == 0) runnel::yield();
                    results.send(v);
                }
            });
        }
        runnel::go([=] {
            for (int i = 0; i < items; ++i) queue.send(i % 300);
            queue.close();
        });
        runnel::go([&] {
            wg.wait();
            results.close();
        });
        long count = 0;
        long sum = 0;
        for (int v : results) {
            ++count;
            sum += v;
        }
        long wanted = 0;
        for (int i = 0; i < items; ++i) wanted += i % 300;
        expect.check_eq(count, static_cast<long>(items), "count");
        expect.check_eq(sum, wanted, "sum");
    });
    expect.verify();
}

namespace {
RUNNEL_NOINLINE int use_stack(int depth) {
    volatile char frame[512];
    frame[0] = static_cast<char>(depth);
    return depth == 0 ? frame[0] : use_stack(depth - 1) + (frame[0] != 0 ? 1 : 0);
}
}  // namespace

TEST_CASE(
    "a parked goroutine's values stay where they are while stacks around are used and recycled",
    "[C-29][C-30]") {
    test::expectations expect;
    test::on_workers([&] {
        const int rounds = test::scale(200);
        auto c = make_chan<std::unique_ptr<std::vector<int>>>();
        runnel::wait_group wg;
        for (int pair = 0; pair < 20; ++pair) {
            wg.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    auto p = std::make_unique<std::vector<int>>(10, i);
                    use_stack(i % 50);
                    if (i % 2 == 0) {
                        c.send(std::move(p));
                    } else {
                        runnel::select(runnel::send(c, std::move(p)), runnel::timeout(1h));
                    }
                }
            });
            wg.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    use_stack((i * 7) % 60);
                    const auto p = *c.recv();
                    for (const int v : *p) {
                        if (v != p->front()) expect.check(false, "torn");
                    }
                }
            });
        }
        wg.wait();
        expect.check(true, "done");
    });
    expect.verify();
}

TEST_CASE("a receive converts into a wider variable", "[C-32]") {
    auto c = make_chan<int>(2);
    c.send(3);
    double d = 0;
    REQUIRE(c >> d);
    REQUIRE(d == 3.0);
    c.send(4);
    runnel::select(runnel::recv(c, [&](double v) { d = v; }));
    REQUIRE(d == 4.0);
}

TEST_CASE("who parked first is served first, on either side", "[C-35][C-36][C-385]") {
    test::expectations expect;
    test::on_workers([&] {
        auto c = make_chan<int>();
        std::vector<runnel::future<int>> receivers;
        for (int i = 0; i < 5; ++i) {
            receivers.push_back(runnel::async([c] { return *c.recv(); }));
            expect.check(test::wait_parked(static_cast<std::size_t>(i + 1), "chan receive"),
                         "parks");
        }
        for (int i = 0; i < 5; ++i) c.send(i);
        for (int i = 0; i < 5; ++i) {
            expect.check_eq(receivers[static_cast<std::size_t>(i)].get(), i, "receivers in order");
        }
        auto b = make_chan<int>(2);
        b.send(1);
        b.send(2);
        std::vector<runnel::future<void>> senders;
        for (int i = 3; i <= 5; ++i) {
            senders.push_back(runnel::async([b, i] { b.send(i); }));
            expect.check(test::wait_parked(static_cast<std::size_t>(i - 2), "chan send"), "parks");
        }
        for (int i = 1; i <= 3; ++i) {
            expect.check_eq(*b.recv(), i, "buffer, then parked senders");
            expect.check_eq(b.len(), 2U, "the oldest parked sender fills the room");
            expect.check(b.try_send(99) == op_status::would_block, "no newcomer gets it");
        }
        expect.check_eq(*b.recv(), 4, "order");
        expect.check_eq(*b.recv(), 5, "order");
        for (auto& s : senders) s.get();
    });
    expect.verify();
}

// ---- nil ----

TEST_CASE("operations on nil park for ever and say so", "[C-49][C-55]") {
    test::expectations expect;
    test::on_workers([&] {
        const runnel::chan<int> nil;
        runnel::go([nil] { nil.send(1); });
        runnel::go([nil] { nil.recv(); });
        runnel::go([nil] {
            for (int v : nil) static_cast<void>(v);
        });
        expect.check(test::wait_parked(1, "chan send (nil chan)"), "send");
        expect.check(test::wait_parked(2, "chan receive (nil chan)"), "receive and range");
        expect.check(nil.send_for(1, 1ms) == op_status::timeout, "within a time");
        expect.check(nil.recv_for(1ms).status() == op_status::timeout, "within a time");
        expect.check(nil.try_send(1) == op_status::would_block, "try");
        expect.check(nil.try_recv().status() == op_status::would_block, "try");
    });
    expect.verify();
}

TEST_CASE("len and cap of nil are 0, closing it is misuse", "[C-53][C-40]") {
    const runnel::chan<int> nil;
    REQUIRE(nil.len() == 0);
    REQUIRE(nil.cap() == 0);
    REQUIRE_THROWS_AS(nil.close(), runnel::nil_channel);
    REQUIRE_THROWS_WITH(nil.close(), "close of nil channel");
    REQUIRE_THROWS_AS(runnel::send_chan<int>().close(), runnel::nil_channel);
}

TEST_CASE("a nil case is never chosen", "[C-50][C-51]") {
    const runnel::chan<int> nil;
    REQUIRE(runnel::select(runnel::recv(nil), runnel::otherwise()) == 1);
    REQUIRE(runnel::select(runnel::send(nil, 1), runnel::recv(nil), runnel::otherwise()) == 2);
    auto a = make_chan<int>(1);
    for (int i = 0; i < 100; ++i) {
        a.send(1);
        REQUIRE(runnel::select(runnel::recv(nil), runnel::recv(a), runnel::send(nil, 1)) == 1);
    }
    test::expectations expect;
    test::on_workers([&] {
        runnel::go([nil] { runnel::select(runnel::recv(nil), runnel::send(nil, 1)); });
        expect.check(test::wait_parked(1, "select"), "only nil cases park for ever");
        // Each case is switched off when it has been used.
        auto x = make_chan<int>();
        auto y = make_chan<int>();
        runnel::go([x] { x.send(1); });
        runnel::go([y] { y.send(1); });
        for (int i = 0; i < 2; ++i) {
            runnel::select(runnel::recv(x, [&](int) { x = nullptr; }),
                           runnel::recv(y, [&](int) { y = nullptr; }));
        }
        expect.check(!x && !y, "both used once");
    });
    expect.verify();
}

TEST_CASE("a case keeps the channel that it was made with", "[C-54]") {
    test::expectations expect;
    test::on_workers([&] {
        auto c = make_chan<int>();
        runnel::go([c]() mutable {
            test::wait_parked(1, "select");
            c.send(5);
        });
        int got = 0;
        auto receive = runnel::recv(c, [&](int v) { got = v; });
        c = nullptr;
        runnel::select(receive);
        expect.check_eq(got, 5, "the channel read on entry");
    });
    expect.verify();
}
