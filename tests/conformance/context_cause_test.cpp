// tests/conformance/context_cause_test.cpp — which of several cancellations says why.
// SPDX-License-Identifier: BSL-1.0
//
//   Go's table, but for WithTimeoutCause: a cause is given by who cancels, not to a deadline in advance.
#include <atomic>
#include <chrono>
#include <system_error>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::cancel_context;
using runnel::context;
using runnel::errc;

const std::error_code none;
const std::error_code canceled = make_error_code(errc::canceled);
const std::error_code exceeded = make_error_code(errc::deadline_exceeded);
const std::error_code of_parent = std::make_error_code(std::errc::io_error);
const std::error_code of_child = std::make_error_code(std::errc::broken_pipe);
const std::error_code too_slow = std::make_error_code(std::errc::stream_timeout);
constexpr auto never = std::chrono::hours(24 * 365);

struct row {
    const char* name;
    std::error_code err;
    std::error_code cause;
    context (*make)();  // the context outlives its owner, who has no more say in it by then
};

const row table[] = {
    {"background", none, none, [] { return background(); }},
    {"todo", none, none, [] { return runnel::todo(); }},
    {"with_cancel", canceled, canceled,
     [] {
         const auto ctx = with_cancel(background());
         ctx.cancel();
         return context(ctx);
     }},
    {"with_cancel, a cause", canceled, of_parent,
     [] {
         const auto ctx = with_cancel(background());
         ctx.cancel(of_parent);
         return context(ctx);
     }},
    {"with_cancel, an empty cause", canceled, canceled,
     [] {
         const auto ctx = with_cancel(background());
         ctx.cancel(none);
         return context(ctx);
     }},
    {"the parent before the child", canceled, of_parent,
     [] {
         const auto parent = with_cancel(background());
         const auto child = with_cancel(parent);
         parent.cancel(of_parent);
         child.cancel(of_child);
         return context(child);
     }},
    {"the parent after the child", canceled, of_child,
     [] {
         const auto parent = with_cancel(background());
         const auto child = with_cancel(parent);
         child.cancel(of_child);
         parent.cancel(of_parent);
         return context(child);
     }},
    {"the parent's cause, seen at the parent, after the child's", canceled, of_parent,
     [] {
         const auto parent = with_cancel(background());
         const auto child = with_cancel(parent);
         child.cancel(of_child);
         parent.cancel(of_parent);
         return context(parent);
     }},
    {"the parent without a cause before the child", canceled, canceled,
     [] {
         const auto parent = with_cancel(background());
         const auto child = with_cancel(parent);
         parent.cancel();
         child.cancel(of_child);
         return context(child);
     }},
    {"the child without a cause before the parent", canceled, canceled,
     [] {
         const auto parent = with_cancel(background());
         const auto child = with_cancel(parent);
         child.cancel();
         parent.cancel(of_parent);
         return context(child);
     }},
    {"a child made afterwards", canceled, of_parent,
     [] {
         const auto parent = with_cancel(background());
         parent.cancel(of_parent);
         return context(with_cancel(parent));
     }},
    {"a value between them", canceled, of_parent,
     [] {
         static const runnel::context_key<int> key;
         const auto parent = with_cancel(background());
         const auto child = with_cancel(with_value(parent, key, 1));
         parent.cancel(of_parent);
         return context(child);
     }},
    {"with_timeout", exceeded, exceeded,
     [] {
         auto ctx = with_timeout(background(), 1us);
         ctx.done().recv();
         return context(ctx);
     }},
    {"with_timeout of zero", exceeded, exceeded,
     [] { return context(with_timeout(background(), 0s)); }},
    {"with_timeout, cancelled in time", canceled, canceled,
     [] {
         const auto ctx = with_timeout(background(), never);
         ctx.cancel();
         return context(ctx);
     }},
    {"with_timeout, cancelled in time with a cause", canceled, too_slow,
     [] {
         const auto ctx = with_timeout(background(), never);
         ctx.cancel(too_slow);
         return context(ctx);
     }},
    {"with_timeout, its parent cancelled in time", canceled, of_parent,
     [] {
         const auto parent = with_cancel(background());
         const auto child = with_timeout(parent, never);
         parent.cancel(of_parent);
         return context(child);
     }},
    {"with_timeout, cancelled after the deadline", exceeded, exceeded,
     [] {
         const auto ctx = with_timeout(background(), 1us);
         ctx.done().recv();
         ctx.cancel(too_slow);
         return context(ctx);
     }},
    {"with_timeout, its parent cancelled after the deadline", exceeded, exceeded,
     [] {
         const auto parent = with_cancel(background());
         const auto child = with_timeout(parent, 1us);
         child.done().recv();
         parent.cancel(of_parent);
         return context(child);
     }},
    {"the parent's deadline", exceeded, exceeded,
     [] {
         const auto parent = with_timeout(background(), 1us);
         const auto child = with_timeout(parent, never);
         child.done().recv();
         child.cancel(of_child);
         return context(child);
     }},
    {"an expired child of a cancelled parent", canceled, of_parent,
     [] {
         const auto parent = with_cancel(background());
         parent.cancel(of_parent);
         return context(with_timeout(parent, -1s));
     }},
    {"without_cancel", none, none, [] { return without_cancel(background()); }},
    {"without_cancel, its parent cancelled", none, none,
     [] {
         const auto parent = with_cancel(background());
         const auto ctx = without_cancel(parent);
         parent.cancel(of_parent);
         return ctx;
     }},
    {"without_cancel, its parent's deadline over", none, none,
     [] {
         const auto parent = with_timeout(background(), 0s);
         return without_cancel(parent);
     }},
    {"a cancelled child of without_cancel", canceled, of_child,
     [] {
         const auto parent = with_cancel(background());
         parent.cancel(of_parent);
         const auto child = with_cancel(without_cancel(parent));
         child.cancel(of_child);
         return context(child);
     }},
};

}  // namespace

TEST_CASE("err and cause of each way to end", "[C-272]") {
    for (const row& r : table) {
        INFO(r.name);
        const context ctx = r.make();
        CHECK(ctx.err() == r.err);
        CHECK(ctx.cause() == r.cause);
    }
}

TEST_CASE("err and cause of each way to end, in goroutines", "[C-272]") {
    test::expectations expected;
    test::on_workers([&] {
        for (const row& r : table) {
            const context ctx = r.make();
            expected.check(ctx.err() == r.err && ctx.cause() == r.cause, r.name);
        }
    });
    expected.verify();
}

TEST_CASE("the cause may be asked for while the context is cancelled", "[C-273]") {
    const int rounds = test::scale(2000);
    test::expectations expected;
    test::on_workers([&] {
        for (int i = 0; i < rounds; ++i) {
            const cancel_context ctx = with_cancel(background());
            const cancel_context child = with_cancel(ctx);
            runnel::wait_group wg;
            for (const std::error_code& cause : {of_parent, of_child}) {
                wg.go([&ctx, cause] { ctx.cancel(cause); });
            }
            std::error_code seen;
            while (!(seen = child.cause())) runnel::yield();
            expected.check(seen == of_parent || seen == of_child, "one of them");
            wg.wait();
            expected.check(child.cause() == seen && ctx.cause() == seen, "and it stays");
        }
    });
    expected.verify();
}
