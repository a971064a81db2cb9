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
using test::on_seeds;
using test::require;
using test::stopwatch;

constexpr auto forty_years = std::chrono::hours(24 * 365 * 40);

TEST_CASE("a time limit is kept to the nanosecond, and the value stays with its sender",
          "[chan][timed]") {
    on_seeds([] {
        const auto full = make_chan<std::unique_ptr<int>>(1);
        full.send(nullptr);
        for (const auto& ch :
             {make_chan<std::unique_ptr<int>>(), full, chan<std::unique_ptr<int>>{}}) {
            auto p = std::make_unique<int>(9);
            const stopwatch since;
            require(ch.send_for(std::move(p), 20ms) == op_status::timeout, "send_for times out");
            since.require_passed(20ms, "send_for gives up at its limit");
            require(p && *p == 9, "send_for leaves the value with its sender");
            require(ch.send_until(std::move(p), since.start() + 21ms) == op_status::timeout,
                    "send_until times out");
            since.require_passed(21ms, "send_until gives up at its limit");
            require(p && *p == 9, "send_until leaves the value with its sender");
        }
        require(full.len() == 1, "the full channel holds one value still");
        for (const auto& ch : {make_chan<int>(), make_chan<int>(1), chan<int>{}}) {
            const stopwatch since;
            require(ch.recv_for(20ms).status() == op_status::timeout, "recv_for times out");
            since.require_passed(20ms, "recv_for gives up at its limit");
            require(ch.recv_until(since.start() + 21ms).status() == op_status::timeout,
                    "recv_until times out");
            since.require_passed(21ms, "recv_until gives up at its limit");
        }
    });
}

TEST_CASE("the longest time limit there is does not end in forty years", "[chan][timed]") {
    on_seeds([] {
        const auto ch = make_chan<int>();
        const auto served = [&](auto receive) {
            runnel::wait_group wg;
            wg.go([&] { require(receive() == op_status::ok, "the receiver is served"); });
            runnel::sleep_for(forty_years);
            require(ch.try_send(1) == op_status::ok, "the receiver still waits");
            wg.wait();
        };
        served([&] { return ch.recv_for(std::chrono::hours::max()).status(); });
        served([&] { return ch.recv_for(std::chrono::nanoseconds::max()).status(); });
        served([&] { return ch.recv_until(clock::time_point::max()).status(); });
        runnel::wait_group wg;
        wg.go([&] {
            require(ch.send_for(1, std::chrono::duration<double>::max()) == op_status::ok,
                    "the sender is served");
        });
        runnel::sleep_for(forty_years);
        require(ch.try_recv().has_value(), "the sender still waits");
        wg.wait();
    });
}

TEST_CASE("a timed operation is served until its limit, and at that moment either way",
          "[chan][timed]") {
    for (const auto early : {1ns, 0ns}) {
        std::set<bool> served;
        explore(100, [&] {
            const stopwatch since;
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
                require(both || none, "both succeed, or neither does");
                require(both || early == 0ns, "before the limit both succeed");
                served.insert(both);
            };
            meets([&] { return ch.recv_for(1h).status(); }, [&] { return ch.try_send(3); });
            require(since.passed() <= 1h, "receiving takes an hour at most");
            meets([&] { return ch.send_for(4, 1h); }, [&] { return ch.try_recv().status(); });
            require(since.passed() <= 2h, "receiving and sending take two hours at most");
        });
        CHECK(served == (early == 0ns ? std::set<bool>{false, true} : std::set<bool>{true}));
    }
}

TEST_CASE("a waiter that timed out is not served any more", "[chan][timed]") {
    const auto seen = explore(100, [] {
        const auto ch = make_chan<int>();
        require(ch.recv_for(1ms).status() == op_status::timeout, "recv_for times out");
        require(ch.try_send(1) == op_status::would_block, "nobody is left to receive");
        require(ch.send_for(2, 1ms) == op_status::timeout, "send_for times out");
        require(ch.try_recv().status() == op_status::would_block, "nobody is left to send");

        // Given up in the middle of a queue: those before and behind are served in order.
        const stopwatch since;
        std::atomic<int> first{0};
        std::atomic<int> last{0};
        runnel::wait_group wg;
        wg.go([&] { first = *ch.recv(); });
        wait_idle();
        wg.go([&] {
            require(ch.recv_for(30ms).status() == op_status::timeout, "the middle one times out");
            since.require_passed(30ms, "the middle one gives up at its limit");
        });
        wait_idle();
        wg.go([&] { last = *ch.recv(); });
        runnel::sleep_for(30ms - 1ns);
        require(test::parked("chan receive") == 3, "three wait just before the limit");
        runnel::sleep_for(2ns);
        require(test::parked("chan receive") == 2, "two wait just after the limit");
        ch.send(10);
        ch.send(30);
        wg.wait();
        require(first == 10 && last == 30, "the first and the last are served in order");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("a context ends an operation that waits, and the value stays with its sender",
          "[chan][context]") {
    for (const bool by_deadline : {true, false}) {
        INFO("by its deadline: " << by_deadline);
        const op_status reason = by_deadline ? op_status::timeout : op_status::canceled;
        on_seeds([&] {
            for (const auto& ch :
                 {make_chan<std::unique_ptr<int>>(), chan<std::unique_ptr<int>>{}}) {
                const stopwatch since;
                const auto ctx = by_deadline ? runnel::with_timeout(runnel::background(), 20ms)
                                             : runnel::with_cancel(runnel::background());
                runnel::wait_group wg;
                // One at a time, or they would serve one another.
                wg.go([&] {
                    auto p = std::make_unique<int>(7);
                    require(ch.send(ctx, std::move(p)) == reason,
                            "send tells the context's reason");
                    since.require_passed(20ms, "send ends with its context");
                    require(p && *p == 7, "the value stays with its sender");
                    require(ch.recv(ctx).status() == reason,
                            "recv with a context that is done tells its reason");
                });
                runnel::sleep_for(20ms);
                if (!by_deadline) ctx.cancel();
                wg.wait();
                const auto again = by_deadline ? runnel::with_timeout(runnel::background(), 20ms)
                                               : runnel::with_cancel(runnel::background());
                wg.go([&] {
                    require(ch.recv(again).status() == reason, "recv tells the context's reason");
                    since.require_passed(40ms, "recv ends with its context");
                });
                runnel::sleep_for(20ms);
                if (!by_deadline) again.cancel();
                wg.wait();
            }
        });
    }
}

}  // namespace
