// tests/chan_simulated_test.cpp — time limits of channel operations, to the nanosecond and in every order.
// SPDX-License-Identifier: BSL-1.0
//
//   By threads, and on real workers: chan_test.cpp.
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::chan;
using runnel::clock;
using runnel::make_chan;
using runnel::op_status;
using runnel::testing::explore;
using runnel::testing::wait_idle;
using test::require;

constexpr auto forty_years = std::chrono::hours(24 * 365 * 40);

TEST_CASE("a time limit is kept to the nanosecond, and the value stays with its sender",
          "[chan][timed]") {
    const auto seen = explore(50, [] {
        const auto full = make_chan<std::unique_ptr<int>>(1);
        full.send(nullptr);
        for (const auto& ch :
             {make_chan<std::unique_ptr<int>>(), full, chan<std::unique_ptr<int>>{}}) {
            auto p = std::make_unique<int>(9);
            const auto start = clock::now();
            require(ch.send_for(std::move(p), 20ms) == op_status::timeout, "send_for: sent");
            require(clock::now() == start + 20ms, "send_for: at another moment");
            require(p && *p == 9, "send_for: the value was moved");
            require(ch.send_until(std::move(p), start + 21ms) == op_status::timeout,
                    "send_until: sent");
            require(clock::now() == start + 21ms, "send_until: at another moment");
            require(p && *p == 9, "send_until: the value was moved");
        }
        require(full.len() == 1, "something was added");
        for (const auto& ch : {make_chan<int>(), make_chan<int>(1), chan<int>{}}) {
            const auto start = clock::now();
            require(ch.recv_for(20ms).status() == op_status::timeout, "recv_for: received");
            require(clock::now() == start + 20ms, "recv_for: at another moment");
            require(ch.recv_until(start + 21ms).status() == op_status::timeout,
                    "recv_until: received");
            require(clock::now() == start + 21ms, "recv_until: at another moment");
        }
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("the longest time limit there is does not end in forty years", "[chan][timed]") {
    const auto seen = explore(20, [] {
        const auto ch = make_chan<int>();
        const auto served = [&](auto receive) {
            runnel::wait_group wg;
            wg.go([&] { require(receive() == op_status::ok, "gave up"); });
            runnel::sleep_for(forty_years);
            require(ch.try_send(1) == op_status::ok, "nobody waits any more");
            wg.wait();
        };
        served([&] { return ch.recv_for(std::chrono::hours::max()).status(); });
        served([&] { return ch.recv_for(std::chrono::nanoseconds::max()).status(); });
        served([&] { return ch.recv_until(clock::time_point::max()).status(); });
        runnel::wait_group wg;
        wg.go([&] {
            require(ch.send_for(1, std::chrono::duration<double>::max()) == op_status::ok,
                    "gave up");
        });
        runnel::sleep_for(forty_years);
        require(ch.try_recv().has_value(), "nobody waits any more");
        wg.wait();
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("a timed operation is served until its limit, and at that moment either way",
          "[chan][timed]") {
    for (const auto early : {1ns, 0ns}) {
        std::set<bool> served;
        explore(100, [&] {
            const auto start = clock::now();
            const auto ch = make_chan<int>();
            const auto meets = [&](auto timed, auto untimed) {
                runnel::wait_group wg;
                op_status first = op_status::canceled;
                wg.go([&] { first = timed(); });
                runnel::sleep_for(1h - early);
                const op_status second = untimed();
                wg.wait();
                const bool both = first == op_status::ok && second == op_status::ok;
                const bool none = first == op_status::timeout && second == op_status::would_block;
                require(both || none, "the two do not agree");
                require(both || early == 0ns, "gave up early");
                served.insert(both);
            };
            meets([&] { return ch.recv_for(1h).status(); }, [&] { return ch.try_send(3); });
            require(clock::now() <= start + 1h, "late");
            meets([&] { return ch.send_for(4, 1h); }, [&] { return ch.try_recv().status(); });
            require(clock::now() <= start + 2h, "late");
        });
        CHECK(served == (early == 0ns ? std::set<bool>{false, true} : std::set<bool>{true}));
    }
}

TEST_CASE("a waiter that timed out is not served any more", "[chan][timed]") {
    const auto seen = explore(100, [] {
        const auto ch = make_chan<int>();
        require(ch.recv_for(1ms).status() == op_status::timeout, "received");
        require(ch.try_send(1) == op_status::would_block, "somebody is there to take it");
        require(ch.send_for(2, 1ms) == op_status::timeout, "sent");
        require(ch.try_recv().status() == op_status::would_block, "somebody is there to give");

        // Given up in the middle of a queue: those before and behind are served in order.
        const auto start = clock::now();
        std::atomic<int> first{0};
        std::atomic<int> last{0};
        runnel::wait_group wg;
        wg.go([&] { first = *ch.recv(); });
        wait_idle();
        wg.go([&] {
            require(ch.recv_for(30ms).status() == op_status::timeout, "the middle was served");
            require(clock::now() == start + 30ms, "the middle gave up at another moment");
        });
        wait_idle();
        wg.go([&] { last = *ch.recv(); });
        runnel::sleep_for(30ms - 1ns);
        require(test::parked("chan receive") == 3, "three do not wait");
        runnel::sleep_for(2ns);
        require(test::parked("chan receive") == 2, "two do not wait");
        ch.send(10);
        ch.send(30);
        wg.wait();
        require(first == 10 && last == 30, "not in order");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("a context ends an operation that waits, and the value stays with its sender",
          "[chan][context]") {
    for (const bool by_deadline : {true, false}) {
        INFO("by its deadline: " << by_deadline);
        const op_status reason = by_deadline ? op_status::timeout : op_status::canceled;
        const auto seen = explore(50, [&] {
            for (const auto& ch :
                 {make_chan<std::unique_ptr<int>>(), chan<std::unique_ptr<int>>{}}) {
                const auto start = clock::now();
                const auto ctx = by_deadline ? runnel::with_timeout(runnel::background(), 20ms)
                                             : runnel::with_cancel(runnel::background());
                runnel::wait_group wg;
                // One at a time, or they would serve one another.
                wg.go([&] {
                    auto p = std::make_unique<int>(7);
                    require(ch.send(ctx, std::move(p)) == reason, "another outcome of send");
                    require(clock::now() == start + 20ms, "send ended at another moment");
                    require(p && *p == 7, "the value was moved");
                    require(ch.recv(ctx).status() == reason, "another outcome of recv");
                });
                runnel::sleep_for(20ms);
                if (!by_deadline) ctx.cancel();
                wg.wait();
                const auto again = by_deadline ? runnel::with_timeout(runnel::background(), 20ms)
                                               : runnel::with_cancel(runnel::background());
                wg.go([&] {
                    require(ch.recv(again).status() == reason, "another outcome of recv");
                    require(clock::now() == start + 40ms, "recv ended at another moment");
                });
                runnel::sleep_for(20ms);
                if (!by_deadline) again.cancel();
                wg.wait();
            }
        });
        CHECK(seen.seeds > 0);
    }
}

}  // namespace
