// tests/context_simulated_test.cpp — what deadlines and cancellations do, at which moment, in whatever order.
// SPDX-License-Identifier: BSL-1.0
//
//   In virtual time: a deadline strikes at its nanosecond, or it is wrong. On real workers, and for threads:
//   context_test.cpp.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <stop_token>
#include <system_error>
#include <utility>
#include <vector>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/simulated.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::cancel_context;
using runnel::clock;
using runnel::context;
using runnel::errc;
using runnel::op_status;
using runnel::testing::explore;
using runnel::testing::wait_idle;
using test::canceled;
using test::exceeded;
using test::is_closed;
using test::is_done;
using test::is_open;
using test::on_seeds;
using test::require;
using test::stopwatch;

constexpr auto never = std::chrono::hours(24 * 365);

// ---- 1. deadlines ----

TEST_CASE("a context is done when its deadline has come, and not a nanosecond before",
          "[context][deadline][C-264]") {
    on_seeds([] {
        const stopwatch since;
        const cancel_context timed = with_timeout(background(), 5ms);
        const cancel_context fixed = with_deadline(background(), since.start() + 5ms);
        require(timed.deadline() == since.start() + 5ms && fixed.deadline() == since.start() + 5ms,
                "both tell their deadline");
        const cancel_context child = with_cancel(timed);
        runnel::sleep_until(since.start() + 5ms - 1ns);
        require(is_open(timed) && is_open(child) && is_open(fixed),
                "all are open a nanosecond before");
        require(!child.done().recv().has_value(), "the child's channel is closed");
        require(!fixed.done().recv().has_value(), "the other one's channel is closed");
        since.require_passed(5ms, "they end at the deadline");
        for (const context& ctx : {context(timed), context(child), context(fixed)}) {
            require(is_done(ctx, exceeded) && ctx.cause() == exceeded,
                    "a timeout, seen from every side");
        }
        timed.cancel(std::make_error_code(std::errc::io_error));
        require(timed.err() == exceeded && timed.cause() == exceeded, "the first one wins");
    });
}

TEST_CASE("a context ends with the earliest deadline on its way up", "[context][deadline][C-265]") {
    on_seeds([] {
        const stopwatch since;
        const cancel_context outer = with_timeout(background(), 1h);
        const cancel_context later = with_timeout(outer, 2h);
        const cancel_context sooner = with_timeout(later, 30min);
        const cancel_context plain = with_cancel(sooner);
        const context free = without_cancel(sooner);
        runnel::wait_group wg;
        const auto ends_after = [&](const context& ctx, std::chrono::minutes d) {
            require(ctx.deadline() == since.start() + d,
                    "it tells the earliest deadline on its way up");
            wg.go([=] {
                ctx.done().recv();
                since.require_passed(d, "it ends at that deadline");
                require(is_done(ctx, exceeded), "a timeout");
            });
        };
        ends_after(outer, 1h);
        ends_after(later, 1h);
        ends_after(sooner, 30min);
        ends_after(plain, 30min);
        runnel::sleep_for(30min + 1ns);
        require(is_open(outer) && is_open(later), "a child's deadline leaves its parents open");
        wg.wait();
        runnel::sleep_for(2h);
        require(!free.err() && !free.deadline(),
                "what is cut off has neither an error nor a deadline");
    });
}

TEST_CASE("the largest timeouts are for ever", "[context][deadline]") {
    on_seeds([] {
        const cancel_context a = with_timeout(background(), std::chrono::nanoseconds::max());
        const cancel_context b = with_timeout(background(), std::chrono::hours::max());
        const cancel_context c = with_deadline(background(), clock::time_point::max());
        const cancel_context d = with_timeout(background(), std::chrono::duration<double>(1e300));
        runnel::sleep_for(200 * never);
        for (const context& ctx : {context(a), context(b), context(c), context(d)}) {
            require(is_open(ctx), "it is open after 200 years");
            require(ctx.deadline().has_value(), "it has a deadline");
        }
    });
}

TEST_CASE("a context that was cancelled in time has no deadline to come", "[context][deadline]") {
    on_seeds([] {
        const cancel_context ctx = with_timeout(background(), 1h);
        const cancel_context child = with_timeout(ctx, 30min);
        std::atomic<int> calls{0};
        runnel::after_func(child, [&] { ++calls; });
        runnel::sleep_for(30min - 1ns);
        ctx.cancel();
        require(is_done(ctx, canceled) && is_done(child, canceled), "both are cancelled");
        runnel::sleep_for(2h);
        require(is_done(ctx, canceled) && is_done(child, canceled), "both stay cancelled");
        require(calls == 1, "the function is called once");
    });
}

// ---- 2. who is woken ----

TEST_CASE("a deadline or a cancellation wakes whoever waits, at its moment", "[context][cancel]") {
    for (const bool by_deadline : {true, false}) {
        INFO("by its deadline: " << by_deadline);
        const op_status reason = by_deadline ? op_status::timeout : op_status::canceled;
        on_seeds([&] {
            const stopwatch since;
            const cancel_context root =
                by_deadline ? with_timeout(background(), 1h) : with_cancel(background());
            const cancel_context middle = with_cancel(root);
            const cancel_context leaf = with_timeout(middle, never);
            const auto silent = runnel::make_chan<int>();
            const auto unread = runnel::make_chan<int>();
            runnel::semaphore busy(1);
            busy.acquire();
            runnel::wait_group others;
            others.add();
            std::atomic<int> woken{0};
            runnel::wait_group wg;
            const auto waits = [&](auto f) {
                wg.go([&, f] {
                    require(f(), "whoever waits is told of the end");
                    since.require_passed(1h, "whoever waits is woken at that moment");
                    require(leaf.err() == (by_deadline ? exceeded : canceled),
                            "the leaf ends for the root's reason");
                    ++woken;
                });
            };
            waits([&] { return !leaf.done().recv(); });
            waits([&] { return silent.recv(leaf).status() == reason; });
            waits([&] { return unread.send(leaf, 1) == reason; });
            waits([&] { return busy.acquire(leaf) == reason; });
            waits([&] { return others.wait(leaf) == reason; });
            waits([&] {
                return runnel::select(runnel::recv(silent), runnel::done(leaf, [] {})) == 1;
            });
            runnel::sleep_for(1h - 1ns);
            require(woken == 0, "nobody is woken before");
            require(test::parked() == 6, "all six wait");
            runnel::sleep_for(1ns);
            if (!by_deadline) root.cancel();
            wg.wait();
            require(woken == 6, "all six are woken");
            others.done();
        });
    }
}

TEST_CASE("operations on a nil channel end with their context", "[context][cancel]") {
    on_seeds([] {
        const stopwatch since;
        const cancel_context ctx = with_timeout(background(), 2ms);
        runnel::wait_group wg;
        wg.go([&] {
            require(runnel::chan<int>().send(ctx, 1) == op_status::timeout, "send times out");
        });
        require(runnel::chan<int>().recv(ctx).status() == op_status::timeout, "recv times out");
        wg.wait();
        since.require_passed(2ms, "both end at the deadline");
        require(runnel::chan<int>().recv(ctx).status() == op_status::timeout,
                "recv with a context that is done times out");
        require(runnel::chan<int>().send(ctx, 1) == op_status::timeout,
                "send with a context that is done times out");
        since.require_passed(2ms, "they do so at once");
    });
}

TEST_CASE("of a deadline and a cancellation at one moment either wins, and wholly",
          "[context][cancel][cause]") {
    const auto io = std::make_error_code(std::errc::io_error);
    std::set<bool> by_deadline;
    explore(100, [&] {
        const stopwatch since;
        const cancel_context ctx = with_timeout(background(), 1s);
        const cancel_context child = with_cancel(ctx);
        const auto silent = runnel::make_chan<int>();
        runnel::wait_group wg;
        wg.go([&] {
            runnel::sleep_for(1s);
            ctx.cancel(io);
        });
        const op_status status = silent.recv(child).status();
        since.require_passed(1s, "recv ends at that moment");
        const bool timed_out = ctx.err() == exceeded;
        require(status == (timed_out ? op_status::timeout : op_status::canceled),
                "recv tells the context's reason");
        wg.wait();
        for (const context& c : {context(ctx), context(child)}) {
            require(is_done(c, timed_out ? exceeded : canceled),
                    "both contexts end for that reason");
            require(c.cause() == (timed_out ? exceeded : io), "the cause is the winner's");
        }
        by_deadline.insert(timed_out);
    });
    CHECK(by_deadline == std::set<bool>{false, true});
}

TEST_CASE("a value that is sent at the moment of the deadline is received or kept, not lost",
          "[context][cancel]") {
    std::set<bool> received;
    explore(100, [&] {
        const cancel_context ctx = with_timeout(background(), 1s);
        const auto ch = runnel::make_chan<test::move_only>();
        runnel::wait_group wg;
        op_status sent = op_status::ok;
        test::move_only v(7);
        wg.go([&] {
            runnel::sleep_for(1s);
            sent = ch.try_send(std::move(v));
        });
        const auto got = ch.recv(ctx);
        wg.wait();
        require(got.status() == op_status::ok || got.status() == op_status::timeout,
                "recv succeeds or times out");
        require(got.has_value() == (sent == op_status::ok),
                "a value is received if it was sent, and only then");
        require((got ? got->value : v.value) == 7,
                "the receiver has the value, or the sender has kept it");
        received.insert(got.has_value());
    });
    CHECK(received == std::set<bool>{false, true});
}

// ---- 3. functions that are called at the end ----

TEST_CASE("after_func calls in a goroutine of its own once the context is done",
          "[context][after_func][C-277][C-279]") {
    on_seeds([] {
        static const runnel::context_key<int> key;
        const stopwatch since;
        const cancel_context ctx = with_cancel(background());
        const auto ran = runnel::make_chan<std::uint64_t>(1);
        auto handle = runnel::after_func(with_value(ctx, key, 1), [&, ran] {
            require(ctx.err() == canceled, "the context is cancelled when the function is called");
            ran << runnel::goroutine_id();
        });
        runnel::sleep_for(100h);
        require(ran.len() == 0, "no call before the cancellation");
        ctx.cancel();
        wait_idle();
        require(ran.len() == 1, "called at once");
        require(*ran.recv() != runnel::goroutine_id(), "in a goroutine of its own");
        require(!handle.stop(), "what has been called cannot be stopped");

        // At once if it is done. A cancellation waits for none of them.
        const cancel_context parent = with_cancel(ctx);
        const auto takes_an_hour = [&, ran] {
            runnel::sleep_for(1h);
            ran << 1;
        };
        auto late = runnel::after_func(ctx, takes_an_hour);
        wait_idle();
        require(!late.stop(), "what runs cannot be stopped");
        parent.cancel();
        since.require_passed(100h, "a cancellation waits for no function");
        ran.recv();
        since.require_passed(101h, "it was called at once and took its hour");

        const cancel_context timed = with_timeout(background(), 1h);
        static_cast<void>(runnel::after_func(timed, [&, ran] {
            require(timed.err() == exceeded, "a timeout");
            since.require_passed(102h, "called at the deadline");
            ran << 2;
        }));
        require(*ran.recv() == 2, "the one with a deadline is called");
        runnel::sleep_for(100h);
        require(ran.len() == 0, "no function is called twice");
    });
}

TEST_CASE("a function that is stopped at the moment of the deadline is called or was stopped",
          "[context][after_func][C-278]") {
    std::set<bool> stopped;
    explore(100, [&] {
        std::atomic<int> calls{0};
        const cancel_context ctx = with_timeout(background(), 1s);
        auto handle = runnel::after_func(ctx, [&] { ++calls; });
        runnel::sleep_for(1s);
        const bool kept = handle.stop();
        runnel::sleep_for(1h);
        require(calls == (kept ? 0 : 1), "it is called unless it was stopped, and only then");
        require(!handle.stop(), "a second stop says no");
        stopped.insert(kept);
    });
    CHECK(stopped == std::set<bool>{false, true});
}

TEST_CASE("a cancel() that comes second finds all done, and nobody waits for ever",
          "[context][after_func][cancel]") {
    int schedules = 0;
    explore(200, [&] {
        int calls = 0;
        const cancel_context root = with_cancel(background());
        const cancel_context middle = with_cancel(root);
        const cancel_context leaf = with_cancel(middle);
        auto above = runnel::after_func(root, [&] { ++calls; });
        auto below = runnel::after_func(leaf, [&] { ++calls; });
        runnel::wait_group wg;
        for (const cancel_context* one : {&root, &middle, &root}) {
            wg.go([&, one] {
                one->cancel();
                require(is_done(leaf, canceled), "the leaf is done");
                require(!below.stop(), "its function is on its way");
                if (one == &root) require(!above.stop(), "and so is the root's");
            });
        }
        wg.wait();
        runnel::testing::wait_idle();
        require(calls == 2, "both were called");
        ++schedules;
    });
    CHECK(schedules == 200);
}

// ---- 4. stop tokens ----

TEST_CASE("after a timeout the callbacks run in a goroutine", "[context][stop_token]") {
    // It outlives its run: its destructor takes goroutines of one thread for one, and would not wait for the call.
    std::optional<std::stop_callback<std::function<void()>>> on_leaf;
    on_seeds([&] {
        const stopwatch since;
        const auto ran = runnel::make_chan<bool>(1);
        const cancel_context ctx = with_timeout(background(), 1ms);
        const cancel_context leaf = with_cancel(ctx);
        on_leaf.emplace(leaf.stop_token(), [ran] { ran << runnel::in_goroutine(); });
        require(*ran.recv(), "the callback runs in a goroutine");
        since.require_passed(1ms, "it runs at the deadline");
        require(is_done(leaf, exceeded), "a timeout");
    });
}

}  // namespace
