// tests/broadcast_test.cpp — one publisher, many subscribers, slow ones among them.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/broadcast.hpp>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "pipeline_support.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::op_status;
using runnel::slow_subscriber;
using ints = runnel::broadcast<int>;

static_assert(!std::is_copy_constructible_v<ints>);
static_assert(!std::is_copy_constructible_v<ints::subscription>);
static_assert(std::is_nothrow_move_constructible_v<ints::subscription>);

TEST_CASE("all subscribers get all values, in one order", "[broadcast]") {
    const int n = test::scale(200);
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        ints b;
        std::vector<std::vector<int>> seen(5);
        runnel::wait_group readers;
        for (auto& mine : seen) {
            readers.go([&mine, s = b.subscribe()] { mine = test::all_of(s.chan()); });
        }
        expected.check_eq(b.subscribers(), 5, "five");
        runnel::wait_group publishers;
        for (int p = 0; p < 3; ++p) {
            publishers.go([&, p] {
                for (int i = 0; i < n; ++i) b.publish(p * n + i);
            });
        }
        publishers.wait();
        b.close();
        readers.wait();
        expected.check_eq(seen[0].size(), 3 * n, "all values");
        for (const auto& other : seen) expected.check(other == seen[0], "the same order");
        expected.check_eq(b.subscribers(), 0, "none is left");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("who comes late gets what comes later", "[broadcast]") {
    test::expectations expected;
    test::on_workers([&] {
        ints b(10);
        b.publish(1);
        const auto s = b.subscribe();
        b.publish(2);
        b.close();
        expected.check(test::all_of(s) == std::vector{2}, "from then on");
        const auto late = b.subscribe();
        expected.check(!late.chan().recv(), "closed from the start");
    });
    expected.verify();
}

TEST_CASE("a publisher waits for a slow subscriber", "[broadcast][wait]") {
    test::expectations expected;
    test::on_workers([&] {
        ints b(1);
        const auto s = b.subscribe();
        b.publish(1);
        std::atomic<bool> published{false};
        runnel::wait_group wg;
        wg.go([&] {
            b.publish(2);
            published = true;
        });
        expected.check(test::wait_parked(1, "chan send"), "it waits");
        expected.check(!published, "still");
        expected.check(s.chan().recv() == 1, "room");
        wg.wait();
        expected.check(s.chan().recv() == 2, "and there it is");
        expected.check_eq(s.dropped(), 0u, "nothing is dropped");
    });
    expected.verify();
}

TEST_CASE("a publisher that waits is set free", "[broadcast][wait]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        {  // by its context
            ints b;
            const auto s = b.subscribe();
            const auto ctx = runnel::with_cancel(background());
            op_status status = op_status::ok;
            runnel::wait_group wg;
            wg.go([&] { status = b.publish(ctx, 1); });
            expected.check(test::wait_parked(1, "chan send"), "it waits");
            ctx.cancel();
            wg.wait();
            expected.check(status == op_status::canceled, "cancelled");
            expected.check(b.publish(ctx, 1) == op_status::canceled, "done before");
        }
        {  // by the subscriber's leaving
            ints b;
            auto s = b.subscribe();
            const auto ch = s.chan();
            runnel::wait_group wg;
            wg.go([&] { b.publish(1); });
            expected.check(test::wait_parked(1, "chan send"), "it waits");
            s.unsubscribe();
            wg.wait();
            expected.check(!ch.recv(), "its channel is closed");
            expected.check_eq(b.subscribers(), 0, "it has gone");
            b.publish(2);
        }
        {  // by the end
            ints b;
            const auto s = b.subscribe();
            std::atomic<int> refused{0};
            runnel::wait_group wg;
            for (int i = 0; i < 3; ++i) {
                wg.go([&] {
                    try {
                        b.publish(1);
                    } catch (const runnel::closed_channel&) {
                        ++refused;
                    }
                });
            }
            expected.check(test::wait_parked(3), "one waits for it, two for their turn");
            b.close();
            wg.wait();
            expected.check_eq(refused.load(), 3, "closed");
            expected.check(!s.chan().recv(), "for the subscriber, too");
        }
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("the newest, or the oldest, is dropped", "[broadcast][drop]") {
    test::expectations expected;
    test::on_workers([&] {
        ints b;
        const auto newest = b.subscribe(3, slow_subscriber::drop_newest);
        const auto oldest = b.subscribe(3, slow_subscriber::drop_oldest);
        for (int i = 0; i < 10; ++i) b.publish(i);
        b.close();
        expected.check(test::all_of(newest) == std::vector{0, 1, 2}, "the first three");
        expected.check(test::all_of(oldest) == std::vector{7, 8, 9}, "the last three");
        expected.check_eq(newest.dropped(), 7u, "counted");
        expected.check_eq(oldest.dropped(), 7u, "counted");
    });
    expected.verify();
}

TEST_CASE("a slow subscriber is disconnected", "[broadcast][disconnect]") {
    test::expectations expected;
    test::on_workers([&] {
        ints b(2, slow_subscriber::disconnect);
        auto slow = b.subscribe();
        const auto fast = b.subscribe(10, slow_subscriber::wait);
        for (int i = 0; i < 4; ++i) b.publish(i);
        expected.check_eq(b.subscribers(), 1, "one is left");
        expected.check(slow.chan().recv() == 0 && slow.chan().recv() == 1, "what it had room for");
        std::error_code code;
        try {
            slow.chan().recv();
        } catch (const std::system_error& e) {
            code = e.code();
        }
        expected.check(code == std::errc::no_buffer_space, "then it is told");
        slow.unsubscribe();
        b.close();
        expected.check(test::all_of(fast) == test::count_to(4), "the other one has all");
    });
    expected.verify();
}

TEST_CASE("the exception that closes it reaches all", "[broadcast]") {
    test::expectations expected;
    test::on_workers([&] {
        std::optional<ints> b(std::in_place, 1);
        const auto s = b->subscribe();
        b->publish(1);
        b->close(std::make_exception_ptr(std::runtime_error("broken")));
        b->close();
        bool refused = false;
        try {
            b->publish(2);
        } catch (const runnel::closed_channel&) {
            refused = true;
        }
        expected.check(refused, "no more values");
        const auto late = b->subscribe();
        b.reset();
        expected.check(s.chan().recv() == 1, "first the value");
        expected.check_eq(test::error_at_end(s.chan()), "broken", "then the exception");
        expected.check_eq(test::error_at_end(late.chan()), "broken", "who comes late is told, too");
    });
    expected.verify();
}

TEST_CASE("subscribers come and go while values are published", "[broadcast]") {
    const int rounds = test::scale(200);
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        ints b;
        std::atomic<bool> stop{false};
        runnel::wait_group wg;
        runnel::wait_group publisher;
        publisher.go([&] {
            for (int i = 0; !stop; ++i) {
                b.publish(i);
                runnel::yield();
            }
        });
        for (int g = 0; g < 4; ++g) {
            wg.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    auto s = b.subscribe();
                    const auto ch = s.chan();
                    const int first = ch.recv().value_or(-1);
                    const int second = ch.recv().value_or(-1);
                    expected.check_eq(second, first + 1, "none is left out");
                    s = b.subscribe();
                    while (ch.recv()) {  // to its end
                    }
                }
            });
        }
        wg.wait();
        stop = true;
        publisher.wait();
        expected.check_eq(b.subscribers(), 0, "all have gone");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("the oldest cannot be dropped without a buffer", "[broadcast]") {
    CHECK_THROWS_AS(ints(0, slow_subscriber::drop_oldest), std::invalid_argument);
    ints b;
    CHECK_THROWS_AS(b.subscribe(0, slow_subscriber::drop_oldest), std::invalid_argument);
    const auto s = b.subscribe(0, slow_subscriber::drop_newest);
    b.publish(1);
    CHECK(s.dropped() == 1);
}

TEST_CASE("nobody needs memory to leave, or to close", "[broadcast]") {
    std::optional<ints> b(std::in_place, 2);
    auto stays = b->subscribe();
    std::optional leaves(b->subscribe());
    const auto left = leaves->chan();
    test::out_of_memory = true;
    leaves.reset();
    test::out_of_memory = false;
    CHECK(b->subscribers() == 1);
    CHECK(left.try_recv().status() == op_status::closed);
    b->publish(1);
    auto late = b->subscribe();
    CHECK(b->subscribers() == 2);
    b->publish(2);
    test::out_of_memory = true;
    b.reset();
    test::out_of_memory = false;
    CHECK(test::all_of(stays.chan()) == std::vector<int>{1, 2});
    CHECK(test::all_of(late.chan()) == std::vector<int>{2});
}

}  // namespace
