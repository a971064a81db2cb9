// tests/conformance/context_deadline_test.cpp — contexts that end by themselves.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <system_error>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/contexts.hpp"
#include "support/support.hpp"
#include "support/timers.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::cancel_context;
using runnel::clock;
using runnel::context;
using test::armed_timers;
using test::canceled;
using test::exceeded;

constexpr auto never = std::chrono::hours(24 * 365);

}  // namespace

TEST_CASE("a deadline now or in the past ends a context at its birth", "[C-264]") {
    for (const auto d : {0ns, -1ns, std::chrono::nanoseconds::min()}) {
        const cancel_context ctx = with_timeout(background(), d);
        CHECK(ctx.err() == exceeded);
        CHECK(ctx.done().try_recv().status() == runnel::op_status::closed);
    }
    const cancel_context now = with_deadline(background(), clock::now());
    CHECK(now.err() == exceeded);
    const cancel_context past = with_deadline(background(), clock::time_point::min());
    CHECK(past.err() == exceeded);
    // Its parent's deadline may be over, and not have struck yet.
    const cancel_context parent = with_deadline(background(), clock::now() + 1us);
    while (clock::now() <= *parent.deadline()) {
    }
    const cancel_context child = with_timeout(parent, never);
    CHECK(child.err() == exceeded);
}

TEST_CASE("no sum of now and a timeout overflows", "[C-264]") {
    for (const auto d : {std::chrono::nanoseconds::max(), std::chrono::nanoseconds::max() - 1h}) {
        const cancel_context ctx = with_timeout(background(), d);
        CHECK_FALSE(ctx.err());
        CHECK(*ctx.deadline() > clock::now() + never);
    }
}

TEST_CASE("cancelled in time it is a cancellation, and the timer goes", "[C-266]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t before = armed_timers();
        const cancel_context timed = with_timeout(background(), never);
        const cancel_context child = with_cancel(timed);
        expected.check_eq(armed_timers(), before + 1, "a timer");
        timed.cancel();
        expected.check(timed.err() == canceled && child.err() == canceled, "cancelled");
        expected.check_eq(armed_timers(), before, "no timer");
    });
    expected.verify();
}

TEST_CASE("a deadline's error says that it is a timeout", "[C-267]") {
    CHECK(exceeded == std::errc::timed_out);
    CHECK(exceeded.message() == "context deadline exceeded");
    CHECK(canceled != std::errc::timed_out);
    CHECK(canceled.message() == "context canceled");
    CHECK(exceeded.category() == canceled.category());
}
