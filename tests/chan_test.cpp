// tests/chan_test.cpp — channels: values, outcomes and handles.
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <string>
#include <thread>
#include <unordered_set>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;
using runnel::op_status;

namespace {

template <class F>
void in_run(F f) {
    test::on_workers([&] { f(); });
}

}  // namespace

TEST_CASE("a value moves at most twice through a buffer, and once to a waiting receiver", "[chan]") {
    test::expectations expect;
    in_run([&] {
        auto buffered = make_chan<test::counted>(1);
        const long before = test::counted::moves();
        buffered.send(test::counted(7));
        const auto v = buffered.recv();
        expect.check_eq(v->value, 7, "value");
        expect.check(test::counted::moves() - before <= 2, "at most two moves through the buffer");

        auto direct = make_chan<test::counted>();
        runnel::future<int> got = runnel::async([direct] { return direct.recv()->value; });
        expect.check(test::wait_parked(1, "chan receive"), "receiver parks");
        const long start = test::counted::moves();
        direct.send(test::counted(8));
        expect.check_eq(got.get(), 8, "value");
        expect.check(test::counted::moves() - start <= 1, "one move to a waiting receiver");
    });
    expect.verify();
    REQUIRE(test::counted::live() == 0);
}

TEST_CASE("move-only, over-aligned, large and default-less values pass whole", "[chan]") {
    test::expectations expect;
    in_run([&] {
        for (const std::size_t capacity : {0, 1, 3}) {
            auto pointers = make_chan<std::unique_ptr<int>>(capacity);
            auto plain = make_chan<test::move_only>(capacity);
            auto aligned = make_chan<test::over_aligned>(capacity);
            auto large = make_chan<test::big64k>(capacity);
            runnel::go([=] {
                for (int i = 0; i < 20; ++i) {
                    pointers.send(std::make_unique<int>(i));
                    plain.send(test::move_only(i));
                    aligned.send(test::over_aligned(i));
                    large.send(test::big64k(static_cast<std::uint32_t>(i)));
                }
            });
            for (int i = 0; i < 20; ++i) {
                expect.check_eq(**pointers.recv(), i, "pointer");
                expect.check_eq(plain.recv()->value, i, "move-only");
                const auto a = aligned.recv();
                expect.check(a->value == i && a->aligned(), "over-aligned");
                const auto b = large.recv();
                expect.check(b->intact() && b->value() == static_cast<std::uint32_t>(i), "64 KiB");
            }
        }
    });
    expect.verify();
}

TEST_CASE("try_send leaves a value that would block unmoved", "[chan][C-17]") {
    auto full = make_chan<std::unique_ptr<int>>(1);
    full.send(std::make_unique<int>(1));
    auto value = std::make_unique<int>(2);
    REQUIRE(full.try_send(std::move(value)) == op_status::would_block);
    REQUIRE(value != nullptr);
    REQUIRE(full.send_for(std::move(value), 1ms) == op_status::timeout);
    REQUIRE(value != nullptr);
    REQUIRE(full.send_until(std::move(value), runnel::clock::now() + 1ms) == op_status::timeout);
    REQUIRE(value != nullptr);
    auto ctx = runnel::with_timeout(runnel::background(), 1ms);
    REQUIRE(full.send(ctx, std::move(value)) == op_status::timeout);
    REQUIRE(value != nullptr);
    REQUIRE(**full.recv() == 1);
    REQUIRE(full.try_send(std::move(value)) == op_status::ok);
    REQUIRE(value == nullptr);
}

TEST_CASE("try_recv tells a value, nothing and closed apart", "[chan][C-34]") {
    auto c = make_chan<int>(2);
    REQUIRE(c.try_recv().status() == op_status::would_block);
    c.send(5);
    auto r = c.try_recv();
    REQUIRE(r);
    REQUIRE(*r == 5);
    REQUIRE(r.value() == 5);
    c.close();
    r = c.try_recv();
    REQUIRE_FALSE(r);
    REQUIRE(r.status() == op_status::closed);
    REQUIRE_THROWS_AS(r.value(), std::bad_optional_access);
}

TEST_CASE("a move that throws loses no other value and leaves the channel usable", "[chan]") {
    using value = test::throws_on_move;
    SECTION("into the buffer") {
        auto c = make_chan<value>(2);
        value v(1);
        value::arm(1);
        REQUIRE_THROWS_AS(c.send(std::move(v)), test::move_failed);
        REQUIRE(c.len() == 0);
        c.send(value(2));
        REQUIRE(c.recv()->value == 2);
    }
    SECTION("out of the buffer") {
        auto c = make_chan<value>(2);
        c.send(value(1));
        c.send(value(2));
        value::arm(1);
        REQUIRE_THROWS_AS(c.recv(), test::move_failed);
        REQUIRE(c.recv()->value == 1);
        REQUIRE(c.recv()->value == 2);
    }
    SECTION("to a waiting receiver: the sender hears of it, the receiver waits on") {
        test::expectations expect;
        in_run([&] {
            auto c = make_chan<value>();
            auto got = runnel::async([c] { return c.recv()->value; });
            expect.check(test::wait_parked(1, "chan receive"), "parks");
            value v(1);
            value::arm(1);
            bool threw = false;
            try {
                c.send(std::move(v));
            } catch (const test::move_failed&) {
                threw = true;
            }
            expect.check(threw, "send throws what the move throws");
            value::disarm();
            c.send(value(3));
            expect.check_eq(got.get(), 3, "the receiver got the next value");
        });
        expect.verify();
    }
    SECTION("to a receiver that waits in a limited time") {
        test::expectations expect;
        in_run([&] {
            auto c = make_chan<value>();
            auto got = runnel::async([c] { return c.recv_for(1h)->value; });
            expect.check(test::wait_parked(1, "chan receive"), "parks");
            value v(1);
            value::arm(1);
            bool threw = false;
            try {
                c.send(std::move(v));
            } catch (const test::move_failed&) {
                threw = true;
            }
            value::disarm();
            expect.check(threw, "send throws what the move throws");
            c.send(value(3));
            expect.check_eq(got.get(), 3, "the receiver got the next value");
        });
        expect.verify();
    }
    SECTION("from a parked sender into the room that came free: the sender hears of it") {
        test::expectations expect;
        in_run([&] {
            auto c = make_chan<value>(1);
            c.send(value(1));
            auto first = runnel::async([c] {
                try {
                    c.send(value(2));
                    return false;
                } catch (const test::move_failed&) {
                    return true;
                }
            });
            expect.check(test::wait_parked(1, "chan send"), "parks");
            value::arm(2);  // the first is the receiver's own
            expect.check_eq(c.recv()->value, 1, "the receive succeeds");
            value::disarm();
            expect.check(first.get(), "the parked sender's move failed, and it knows");
            c.send(value(4));
            expect.check_eq(c.recv()->value, 4, "usable");
        });
        expect.verify();
    }
}

TEST_CASE("values left in a channel are destroyed with its last handle", "[chan][C-11][C-12]") {
    const long before = test::counted::live();
    {
        auto c = make_chan<test::counted>(5);
        for (int i = 0; i < 5; ++i) c.send(test::counted(i));
        REQUIRE(test::counted::live() == before + 5);
        {
            const auto v = c.recv();
            REQUIRE(test::counted::live() == before + 5);
        }
        REQUIRE(test::counted::live() == before + 4);
        const runnel::recv_chan<test::counted> other = c;
        c = nullptr;
        REQUIRE(test::counted::live() == before + 4);
    }
    REQUIRE(test::counted::live() == before);
    {
        auto c = make_chan<test::counted>(runnel::unbounded);
        for (int i = 0; i < 5000; ++i) c.send(test::counted(i));
        for (int i = 0; i < 1500; ++i) c.recv();
        REQUIRE(test::counted::live() == before + 3500);
    }
    REQUIRE(test::counted::live() == before);
}

TEST_CASE("an unbounded channel never parks its senders and keeps their order", "[chan]") {
    auto c = make_chan<int>(runnel::unbounded);
    REQUIRE(c.cap() == std::numeric_limits<std::size_t>::max());
    int next_in = 0;
    int next_out = 0;
    for (int round = 0; round < 50; ++round) {
        for (int i = 0; i < 173 * (round % 7); ++i) c.send(next_in++);
        REQUIRE(c.len() == static_cast<std::size_t>(next_in - next_out));
        for (int i = 0; i < 151 * (round % 5); ++i) {
            if (c.len() == 0) break;
            REQUIRE(*c.recv() == next_out++);
        }
    }
    c.close();
    for (const int v : c) REQUIRE(v == next_out++);
    REQUIRE(next_out == next_in);
}

TEST_CASE("a channel closed with an error throws it once it is drained", "[chan][close]") {
    auto c = make_chan<int>(2);
    c.send(1);
    c.close(std::make_exception_ptr(std::runtime_error("broken")));
    REQUIRE(*c.recv() == 1);
    REQUIRE_THROWS_WITH(c.recv(), "broken");
    REQUIRE_THROWS_WITH(c.try_recv(), "broken");
    REQUIRE_THROWS_WITH(c.recv_for(1ms), "broken");
    int v = 0;
    REQUIRE_THROWS_WITH(c >> v, "broken");
    REQUIRE_THROWS_WITH([&] { for (int x : c) static_cast<void>(x); }(), "broken");
    REQUIRE_THROWS_AS(c.send(1), runnel::closed_channel);
    test::expectations expect;
    in_run([&] {
        auto d = make_chan<int>();
        auto waiting = runnel::async([d] { return d.recv().has_value(); });
        expect.check(test::wait_parked(1, "chan receive"), "parks");
        d.close(std::make_exception_ptr(std::runtime_error("late")));
        bool threw = false;
        try {
            waiting.get();
        } catch (const std::runtime_error& e) {
            threw = std::string(e.what()) == "late";
        }
        expect.check(threw, "a parked receiver throws it, too");
    });
    expect.verify();
}

TEST_CASE("handles share a channel, compare by identity and hash", "[chan][C-13]") {
    const auto a = make_chan<int>();
    const auto b = make_chan<int>();
    const auto c = a;
    REQUIRE(a == c);
    REQUIRE(a != b);
    REQUIRE(runnel::send_chan<int>(a) == runnel::send_chan<int>(c));
    REQUIRE(runnel::recv_chan<int>(a) != runnel::recv_chan<int>(b));
    std::unordered_set<runnel::chan<int>> set{a, b, c};
    REQUIRE(set.size() == 2);
    std::unordered_set<runnel::recv_chan<int>> ends{a, b, c};
    REQUIRE(ends.size() == 2);
    const runnel::chan<int> nil;
    REQUIRE_FALSE(nil);
    REQUIRE(!runnel::send_chan<int>());
    REQUIRE(a);
}

TEST_CASE("a capacity whose buffer could not exist is refused before anything is allocated",
          "[chan][C-3][C-4]") {
    REQUIRE_THROWS_AS(make_chan<int>(static_cast<std::size_t>(-1)), std::length_error);
    REQUIRE_THROWS_AS(make_chan<int>(std::size_t{1} << 62), std::length_error);
    REQUIRE_THROWS_AS((make_chan<std::array<char, 65535>>(std::size_t{1} << 60)),
                      std::length_error);
    REQUIRE_THROWS_AS(make_chan<test::big64k>(std::size_t{1} << 48), std::length_error);
    REQUIRE_THROWS_WITH(make_chan<int>(static_cast<std::size_t>(-1)), "makechan: size out of range");
}

TEST_CASE("a context that is done wins over a ready channel", "[chan][context]") {
    auto c = make_chan<int>(2);
    c.send(1);
    auto ctx = runnel::with_cancel(runnel::background());
    REQUIRE(*c.recv(ctx) == 1);
    REQUIRE(c.send(ctx, 2) == op_status::ok);
    ctx.cancel();
    REQUIRE(c.recv(ctx).status() == op_status::canceled);
    REQUIRE(c.send(ctx, 3) == op_status::canceled);
    REQUIRE(c.len() == 1);
    const auto late = runnel::with_timeout(runnel::background(), 0ms);
    REQUIRE(c.recv(late).status() == op_status::timeout);
    REQUIRE(c.send(late, 3) == op_status::timeout);
}

TEST_CASE("plain threads use both ends like goroutines do", "[chan][threads]") {
    for (const std::size_t capacity : {0, 1, 8}) {
        auto c = make_chan<int>(capacity);
        auto sums = make_chan<long>(4);
        std::vector<std::thread> threads;
        const int n = test::scale(2000);
        for (int t = 0; t < 2; ++t) {
            threads.emplace_back([=] {
                for (int i = 0; i < n; ++i) c.send(1);
            });
            runnel::go([=] {
                for (int i = 0; i < n; ++i) c.send(1);
            });
            threads.emplace_back([=] {
                long sum = 0;
                for (int v : c) sum += v;
                sums.send(sum);
            });
            runnel::go([=] {
                long sum = 0;
                while (auto v = c.recv()) sum += *v;
                sums.send(sum);
            });
        }
        threads[0].join();
        threads[2].join();
        // The goroutines' values are in once all four senders' have been counted.
        REQUIRE(test::eventually([&] { return test::parked("chan send") == 0; }));
        threads.erase(threads.begin() + 2);
        threads.erase(threads.begin());
        // Close only when the sending goroutines have ended: they are the ones that neither wait to
        // receive nor have ended.
        REQUIRE(test::eventually([&] { return runnel::num_goroutine() <= 2; }));
        c.close();
        long total = 0;
        for (int i = 0; i < 4; ++i) total += *sums.recv();
        for (auto& t : threads) t.join();
        REQUIRE(total == 4L * n);
    }
}

TEST_CASE("closing wakes threads and goroutines on either side", "[chan][threads][close]") {
    auto c = make_chan<int>();
    std::atomic<bool> ended{false};
    std::thread receiver([&] { ended = !c.recv().has_value(); });
    auto goroutine = runnel::async([c] { return c.recv().has_value(); });
    REQUIRE(test::wait_parked(1, "chan receive"));
    c.close();
    receiver.join();
    REQUIRE(ended);
    REQUIRE_FALSE(goroutine.get());

    auto d = make_chan<int>();
    std::atomic<int> thrown{0};
    std::thread sender([&] {
        try {
            d.send(1);
        } catch (const runnel::closed_channel&) {
            ++thrown;
        }
    });
    runnel::go([&, d] {
        try {
            d.send(1);
        } catch (const runnel::closed_channel&) {
            ++thrown;
        }
    });
    REQUIRE(test::wait_parked(1, "chan send"));
    d.close();
    sender.join();
    REQUIRE(test::eventually([&] { return thrown == 2; }));
}
