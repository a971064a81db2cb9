// tests/context_test.cpp — cancellation, deadlines, values, callbacks and stop tokens of contexts.
// SPDX-License-Identifier: BSL-1.0
//
//   What a deadline does at its moment: context_simulated_test.cpp. Here the clock, workers and threads are real.
#include <runnel/context.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/select.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

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
using runnel::errc;
using runnel::op_status;
using test::armed_timers;
using test::canceled;
using test::exceeded;
using test::is_closed;
using test::is_done;
using test::is_open;

static_assert(std::is_copy_constructible_v<context> && std::is_copy_assignable_v<context>);
static_assert(std::is_nothrow_move_constructible_v<context>);
static_assert(std::is_nothrow_default_constructible_v<context>);
static_assert(!std::is_copy_constructible_v<cancel_context>);
static_assert(!std::is_copy_assignable_v<cancel_context>);
static_assert(std::is_nothrow_move_constructible_v<cancel_context>);
static_assert(std::is_nothrow_move_assignable_v<cancel_context>);
static_assert(std::is_convertible_v<cancel_context&, context>);
static_assert(sizeof(context) == sizeof(void*) && sizeof(cancel_context) == sizeof(void*));
static_assert(runnel::context_like<context> && runnel::context_like<cancel_context>);
static_assert(!std::is_copy_constructible_v<runnel::context_key<int>>);
inline constexpr runnel::context_key<int> constant_key{"constant"};
static_assert(constant_key.name() == std::string_view("constant"));
static_assert(!std::is_copy_constructible_v<runnel::stop_handle>);
static_assert(
    std::is_same_v<decltype(std::declval<context>().done()), runnel::recv_chan<runnel::unit>>);

constexpr auto never = std::chrono::hours(24 * 365);

const std::error_code none;

// ---- 1. roots ----

TEST_CASE("background is never done and has nothing", "[context][C-253]") {
    for (const context& ctx : {background(), runnel::todo(), context()}) {
        CHECK_FALSE(ctx.err());
        CHECK_FALSE(ctx.cause());
        CHECK_FALSE(ctx.done());  // nil: never ready
        CHECK_FALSE(ctx.deadline());
        CHECK_FALSE(ctx.stop_token().stop_possible());
        CHECK(ctx == background());
        static const runnel::context_key<int> key;
        CHECK(ctx.value(key) == nullptr);
        CHECK(to_string(ctx) == "background");
    }
    const std::size_t chosen = runnel::select(runnel::done(background()), runnel::otherwise());
    CHECK(chosen == 1);
}

// ---- 2. cancelling ----

TEST_CASE("a context is open until it is cancelled, then done for good",
          "[context][cancel][C-254][C-281]") {
    const cancel_context ctx = with_cancel(background());
    CHECK(is_open(ctx));
    const auto done = ctx.done();
    const auto token = ctx.stop_token();
    ctx.cancel();
    CHECK(is_done(ctx, canceled));
    CHECK(ctx.cause() == canceled);
    CHECK(is_closed(done));
    CHECK(token.stop_requested());
    ctx.cancel();
    CHECK(is_done(ctx, canceled));
}

TEST_CASE("a context that nobody looked at before it was cancelled is done all the same",
          "[context][cancel]") {
    const cancel_context a = with_cancel(background());
    a.cancel();
    CHECK(is_closed(a.done()));
    const cancel_context b = with_cancel(background());
    b.cancel();
    CHECK(b.stop_token().stop_requested());
    const cancel_context c = with_cancel(background());
    c.cancel();
    CHECK(c.err() == canceled);
}

TEST_CASE("a cancellation reaches every descendant before cancel returns",
          "[context][cancel][C-256]") {
    static const runnel::context_key<int> key;
    const cancel_context root = with_cancel(background());
    const cancel_context child = with_cancel(root);
    const context valued = with_value(child, key, 3);
    const cancel_context timed = with_timeout(valued, never);
    const cancel_context leaf = with_cancel(timed);
    const cancel_context sibling = with_cancel(root);
    CHECK(is_open(leaf));
    child.cancel();
    CHECK(is_done(child, canceled));
    CHECK(is_done(valued, canceled));
    CHECK(is_done(timed, canceled));
    CHECK(is_done(leaf, canceled));
    CHECK(is_open(root));
    CHECK(is_open(sibling));
    root.cancel();
    CHECK(is_done(sibling, canceled));
}

TEST_CASE("a child of a context that is done is born done, for the same reason",
          "[context][cancel][C-259]") {
    const cancel_context parent = with_cancel(background());
    parent.cancel(std::make_error_code(std::errc::io_error));
    const cancel_context child = with_cancel(parent);
    CHECK(is_done(child, canceled));
    CHECK(child.cause() == std::errc::io_error);
    const cancel_context timed = with_timeout(parent, never);
    CHECK(is_done(timed, canceled));
    const cancel_context late = with_timeout(parent, -1s);
    CHECK(is_done(late, canceled));
}

TEST_CASE("the owner cancels at the end of its scope", "[context][cancel]") {
    context kept;
    std::stop_token token;
    {
        const cancel_context owner = with_cancel(background());
        kept = owner;
        token = kept.stop_token();
        CHECK(is_open(kept));
        CHECK(kept == owner);
    }
    CHECK(is_done(kept, canceled));
    CHECK(token.stop_requested());
}

TEST_CASE("ownership moves, and what was moved from does nothing", "[context][cancel]") {
    cancel_context first = with_cancel(background());
    const context shared = first;
    {
        cancel_context second = std::move(first);
        first.cancel();  // NOLINT(bugprone-use-after-move): that is the question
        CHECK_FALSE(first.done());
        CHECK_FALSE(first.err());
        CHECK(is_open(shared));
        first = std::move(second);
        second.cancel();  // NOLINT(bugprone-use-after-move)
    }
    CHECK(is_open(shared));

    const cancel_context other = with_cancel(background());
    first = with_cancel(other);
    CHECK(is_done(shared, canceled));  // assignment ends what was owned before
    CHECK(is_open(first));

    // Moved into a plain context it has no owner any more.
    const context plain = std::move(first);
    CHECK(is_open(plain));
    other.cancel();
    CHECK(is_done(plain, canceled));
}

TEST_CASE("a cancellation wakes whoever waits", "[context][cancel]") {
    test::expectations expected;
    test::on_workers([&] {
        const cancel_context root = with_cancel(background());
        const cancel_context middle = with_cancel(root);
        const cancel_context leaf = with_timeout(middle, never);
        const auto silent = runnel::make_chan<int>();
        const auto unread = runnel::make_chan<int>();
        runnel::semaphore busy(1);
        busy.acquire();
        std::atomic<int> woken{0};
        runnel::wait_group wg;
        const auto waits = [&](auto f) {
            wg.go([&, f] {
                if (f()) ++woken;
            });
        };
        waits([&] { return !leaf.done().recv(); });
        waits([&] { return silent.recv(leaf).status() == op_status::canceled; });
        waits([&] { return unread.send(leaf, 1) == op_status::canceled; });
        waits([&] { return busy.acquire(leaf) == op_status::canceled; });
        waits([&] { return wg.wait(leaf) == op_status::canceled; });
        waits([&] { return runnel::select(runnel::recv(silent), runnel::done(leaf, [] {})) == 1; });
        std::thread foreign([&] {
            if (silent.recv(leaf).status() == op_status::canceled) ++woken;
        });
        expected.check(test::wait_parked(6), "they wait");
        root.cancel();
        wg.wait();
        foreign.join();
        expected.check_eq(woken.load(), 7, "all have been cancelled");
    });
    expected.verify();
}

TEST_CASE("a context that is done wins over a ready channel", "[context][cancel]") {
    const auto ch = runnel::make_chan<int>(2);
    ch << 1;
    const cancel_context ctx = with_cancel(background());
    CHECK(ch.recv(ctx).value() == 1);
    CHECK(ch.send(ctx, 2) == op_status::ok);
    ctx.cancel();
    CHECK(ch.recv(ctx).status() == op_status::canceled);
    CHECK(ch.send(ctx, 3) == op_status::canceled);
    const cancel_context late = with_timeout(background(), 0s);
    CHECK(ch.recv(late).status() == op_status::timeout);
    CHECK(ch.len() == 1);
}

// ---- 3. causes ----

TEST_CASE("the cause is that of the first cancellation", "[context][cause][C-272]") {
    const auto io = std::make_error_code(std::errc::io_error);
    const auto pipe = std::make_error_code(std::errc::broken_pipe);
    const cancel_context parent = with_cancel(background());
    const cancel_context child = with_cancel(parent);
    child.cancel(io);
    parent.cancel(pipe);
    CHECK(child.err() == canceled);
    CHECK(child.cause() == io);
    CHECK(parent.cause() == pipe);
    parent.cancel(io);
    CHECK(parent.cause() == pipe);

    const cancel_context plain = with_cancel(background());
    plain.cancel();
    plain.cancel(io);
    CHECK(plain.cause() == canceled);
    const cancel_context empty = with_cancel(background());
    empty.cancel(std::error_code());
    CHECK(empty.cause() == canceled);
}

TEST_CASE("errors have a category, a condition and Go's words", "[context][cause][C-267]") {
    CHECK(canceled.message() == "context canceled");
    CHECK(exceeded.message() == "context deadline exceeded");
    CHECK(canceled == std::errc::operation_canceled);
    CHECK(exceeded == std::errc::timed_out);  // Go's Timeout() bool
    CHECK(canceled != std::errc::timed_out);
}

// ---- 4. deadlines ----

TEST_CASE("a context is done when its deadline has come, not before",
          "[context][deadline][C-264]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto start = clock::now();
        const cancel_context ctx = with_timeout(background(), 5ms);
        expected.check(ctx.deadline() && *ctx.deadline() >= start + 5ms &&
                           *ctx.deadline() <= clock::now() + 5ms,
                       "the deadline is known");
        const cancel_context child = with_cancel(ctx);
        expected.check(!child.done().recv().has_value(), "closed");
        expected.check(clock::now() - start >= 5ms, "not early");
        expected.check(is_done(child, exceeded), "child");
        expected.check(is_done(ctx, exceeded), "itself");
        const auto later = clock::now() + 1ms;
        const cancel_context fixed = with_deadline(background(), later);
        expected.check(fixed.deadline() == later, "the deadline is as given");
        expected.check(!fixed.done().recv().has_value(), "closed");
        expected.check(clock::now() >= later, "not early");
        expected.check(is_done(fixed, exceeded), "of with_deadline");
        expected.check(ctx.cause() == exceeded, "cause");
        ctx.cancel(std::make_error_code(std::errc::io_error));
        expected.check(ctx.err() == exceeded && ctx.cause() == exceeded, "the first one wins");
    });
    expected.verify();
}

TEST_CASE("a context whose time is over is born done", "[context][deadline][C-264]") {
    for (const auto d : {std::chrono::nanoseconds(0), std::chrono::nanoseconds(-1),
                         std::chrono::nanoseconds::min()}) {
        const cancel_context ctx = with_timeout(background(), d);
        CHECK(is_done(ctx, exceeded));
        CHECK(ctx.deadline());
        const cancel_context child = with_cancel(ctx);
        CHECK(is_done(child, exceeded));
        const cancel_context grandchild = with_timeout(ctx, never);
        CHECK(is_done(grandchild, exceeded));
    }
    const cancel_context past = with_deadline(background(), clock::now() - 1h);
    CHECK(is_done(past, exceeded));
    const cancel_context least = with_deadline(background(), clock::time_point::min());
    CHECK(is_done(least, exceeded));
}

TEST_CASE("a child's deadline is never later than its parent's, and needs no timer then",
          "[context][deadline][C-265]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t before = armed_timers();
        const cancel_context outer = with_timeout(background(), 1h);
        expected.check_eq(armed_timers(), before + 1, "its timer");
        const cancel_context later = with_timeout(outer, 2h);
        expected.check(later.deadline() == outer.deadline(), "the parent's");
        expected.check_eq(armed_timers(), before + 1, "no timer");
        const cancel_context sooner = with_timeout(later, 30min);
        expected.check(*sooner.deadline() < *outer.deadline(), "its own");
        expected.check_eq(armed_timers(), before + 2, "its timer");
        const cancel_context plain = with_cancel(sooner);
        expected.check(plain.deadline() == sooner.deadline(), "inherited");
        expected.check(!without_cancel(sooner).deadline(), "cut off");
        sooner.cancel();
        expected.check_eq(armed_timers(), before + 1, "cancelled: no timer any more");
        outer.cancel();
        expected.check_eq(armed_timers(), before, "none");
        expected.check(is_done(later, canceled), "a cancellation, not a timeout");
    });
    expected.verify();
}

TEST_CASE("timers go with their contexts", "[context][deadline][C-266]") {
    const int n = test::scale(100'000);
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t before = armed_timers();
        const cancel_context root = with_cancel(background());
        for (int i = 0; i < n; ++i) {
            const cancel_context dropped = with_timeout(root, never);
            if (i % 2 == 0) dropped.cancel();
        }
        expected.check_eq(armed_timers(), before, "armed");
        std::vector<cancel_context> many;
        for (int i = 0; i < 1000; ++i) many.push_back(with_timeout(root, never));
        expected.check_eq(armed_timers(), before + 1000, "armed");
        root.cancel();
        expected.check_eq(armed_timers(), before, "armed");
    });
    expected.verify();
}

TEST_CASE("deadlines strike for whoever waits on a thread", "[context][deadline]") {
    const auto start = clock::now();
    const cancel_context ctx = with_timeout(background(), 3ms);
    CHECK(runnel::make_chan<int>().recv(ctx).status() == op_status::timeout);
    CHECK(clock::now() - start >= 3ms);
    CHECK(is_done(ctx, exceeded));
}

// ---- 5. values ----

const runnel::context_key<std::string> name_key{"name"};
const runnel::context_key<std::string> other_key{"name"};
const runnel::context_key<int> number_key{"number"};

TEST_CASE("deadlines strike after the runtime that they were set in was destroyed",
          "[context][deadline]") {
    std::optional<cancel_context> ctx;
    std::optional<cancel_context> forgotten;
    std::atomic<bool> told{false};
    std::stop_token token;
    {
        runnel::runtime rt;
        rt.run([&] {
            ctx = with_timeout(background(), 20ms);
            forgotten = with_timeout(background(), never);
            token = ctx->stop_token();
        });
    }
    const std::stop_callback on_stop(token, [&] { told = true; });
    CHECK(ctx->done().recv_for(10s).status() == op_status::closed);
    CHECK(ctx->err() == exceeded);
    CHECK(test::eventually([&] { return told.load(); }));
    forgotten->cancel();
    CHECK(forgotten->err() == canceled);
}

TEST_CASE("the nearest value of a key is found, keys compare by identity",
          "[context][value][C-268][C-269]") {
    const context a = with_value(background(), name_key, "a");
    const cancel_context b = with_cancel(a);
    const context c = with_value(b, number_key, 7);
    const context d = with_value(c, name_key, "d");
    const context e = with_value(d, number_key, 8);

    REQUIRE(a.value(name_key) != nullptr);
    CHECK(*a.value(name_key) == "a");
    CHECK(a.value(number_key) == nullptr);
    CHECK(*b.value(name_key) == "a");
    CHECK(*c.value(number_key) == 7);
    CHECK(*d.value(name_key) == "d");
    CHECK(*d.value(number_key) == 7);
    CHECK(*e.value(number_key) == 8);
    CHECK(e.value(other_key) == nullptr);

    b.cancel();
    CHECK(*e.value(name_key) == "d");
    CHECK(is_done(e, canceled));
}

TEST_CASE("values live as long as a context that sees them", "[context][value]") {
    static const runnel::context_key<test::counted> key;
    const long before = test::counted::live();
    {
        cancel_context leaf = [] {
            const context valued = with_value(background(), key, test::counted(5));
            return with_cancel(valued);
        }();
        REQUIRE(leaf.value(key) != nullptr);
        CHECK(leaf.value(key)->value == 5);
        CHECK(test::counted::live() == before + 1);
    }
    CHECK(test::counted::live() == before);
}

TEST_CASE("a value may be of any kind", "[context][value]") {
    static const runnel::context_key<std::unique_ptr<int>> owner_key;
    static const runnel::context_key<const char*> text_key;
    static const runnel::context_key<std::nullptr_t> null_key;
    context ctx = with_value(background(), owner_key, std::make_unique<int>(3));
    ctx = with_value(ctx, text_key, nullptr);
    ctx = with_value(ctx, null_key, nullptr);
    CHECK(**ctx.value(owner_key) == 3);
    REQUIRE(ctx.value(text_key) != nullptr);  // a null value is a value
    CHECK(*ctx.value(text_key) == nullptr);
    CHECK(ctx.value(null_key) != nullptr);
}

TEST_CASE("without_cancel keeps the values and nothing else", "[context][value][C-276]") {
    const cancel_context parent = with_timeout(with_value(background(), name_key, "kept"), 1h);
    const context free = without_cancel(parent);
    CHECK(*free.value(name_key) == "kept");
    CHECK_FALSE(free.done());
    CHECK_FALSE(free.deadline());
    parent.cancel();
    CHECK_FALSE(free.err());
    CHECK_FALSE(free.cause());
    const cancel_context child = with_cancel(free);
    CHECK(is_open(child));
    CHECK(*child.value(name_key) == "kept");
    child.cancel();
    CHECK(is_done(child, canceled));
    CHECK(without_cancel(background()) == background());
}

TEST_CASE("a context describes itself", "[context][C-280]") {
    const cancel_context a = with_cancel(background());
    const context b = with_value(a, name_key, "text");
    const context c = with_value(b, number_key, 3);
    const cancel_context d = with_timeout(c, 1h);
    CHECK(to_string(d) ==
          "background.with_cancel.with_value(name, text).with_value(number).with_deadline");
    CHECK(to_string(without_cancel(a)) == "background.with_cancel.without_cancel");
}

// ---- 6. after_func ----

TEST_CASE("after_func calls in a goroutine of its own once the context is done",
          "[context][after_func][C-277][C-279]") {
    test::expectations expected;
    test::on_workers([&] {
        const cancel_context ctx = with_cancel(background());
        const auto ran = runnel::make_chan<std::uint64_t>(1);
        int plain = 1;
        auto handle = runnel::after_func(with_value(ctx, number_key, 1), [&, ran] {
            expected.check(ctx.err() == canceled, "done before");
            expected.check_eq(plain, 2, "what precedes the cancellation is seen");
            ran << runnel::goroutine_id();
        });
        runnel::yield();
        expected.check_eq(ran.len(), 0U, "not before");
        plain = 2;
        ctx.cancel();
        const auto id = *ran.recv();
        expected.check(id != 0 && id != runnel::goroutine_id(), "its own goroutine");
        expected.check(!handle.stop(), "too late");

        // At once if it is done, and cancel does not wait for it.
        const auto release = runnel::make_chan<runnel::unit>();
        auto late = runnel::after_func(ctx, [release, ran] {
            release.recv();
            ran << 1;
        });
        expected.check(!late.stop(), "too late, though it still runs");
        release.close();
        ran.recv();

        const cancel_context timed = with_timeout(background(), 1ms);
        static_cast<void>(runnel::after_func(timed, [&, ran] {
            expected.check(timed.err() == exceeded, "timed out");
            ran << 2;
        }));
        expected.check_eq(*ran.recv(), 2U, "after a timeout");
    });
    expected.verify();
}

TEST_CASE("a stopped function is not called, and leaves the tree",
          "[context][after_func][C-278][C-258]") {
    test::expectations expected;
    test::on_workers([&] {
        const long before = test::counted::live();
        std::atomic<int> calls{0};
        const cancel_context ctx = with_cancel(background());
        {
            auto handle =
                runnel::after_func(ctx, [&calls, c = test::counted(1)] { calls += c.value; });
            expected.check(handle.stop(), "stopped");
            expected.check_eq(test::counted::live(), before, "the function has gone");
            expected.check(!handle.stop(), "once");
            auto moved = std::move(handle);
            expected.check(!moved.stop(), "moved");
            expected.check(!handle.stop(), "moved from");  // NOLINT(bugprone-use-after-move)
        }
        const auto ran = runnel::make_chan<runnel::unit>();
        const auto kept = runnel::after_func(ctx, [ran, c = test::counted(1)] { ran.send(); });
        ctx.cancel();
        ran.recv();
        expected.check_eq(calls.load(), 0, "calls");
        expected.check(test::eventually([&] { return test::counted::live() == before; }),
                       "a function that was called goes, too");
    });
    expected.verify();
}

TEST_CASE("a function for a context that is never done can be stopped once",
          "[context][after_func]") {
    auto handle = runnel::after_func(background(), [] {});
    CHECK(handle.stop());
    CHECK_FALSE(handle.stop());
    auto free = runnel::after_func(without_cancel(background()), [] {});
    CHECK(free.stop());
    CHECK_FALSE(runnel::stop_handle().stop());
    CHECK_THROWS_AS(runnel::after_func(background(), std::function<void()>()), runnel::panic);
}

// ---- 7. stop tokens ----

TEST_CASE("the callbacks of a stop token run when the context is cancelled",
          "[context][stop_token]") {
    const cancel_context root = with_cancel(background());
    const cancel_context leaf = with_cancel(root);
    int calls = 0;
    const std::stop_callback on_root(root.stop_token(), [&] { ++calls; });
    const std::stop_callback on_leaf(leaf.stop_token(), [&] {
        ++calls;
        // All of the tree is done by now, and the callback may use it.
        CHECK(root.err() == canceled);
        CHECK(leaf.err() == canceled);
        leaf.cancel();
        root.cancel();
    });
    CHECK(leaf.stop_token() == leaf.stop_token());
    root.cancel();
    CHECK(calls == 2);
    const std::stop_callback at_once(leaf.stop_token(), [&] { ++calls; });
    CHECK(calls == 3);
}

TEST_CASE("a jthread that works for a context ends with it", "[context][stop_token]") {
    std::atomic<int> rounds{0};
    const cancel_context ctx = with_cancel(background());
    std::jthread worker([&rounds, token = ctx.stop_token()] {
        while (!token.stop_requested()) {
            ++rounds;
            std::this_thread::yield();
        }
    });
    CHECK(test::eventually([&] { return rounds > 0; }));
    ctx.cancel();
    worker.join();
}

// ---- 8. shapes and sizes ----

TEST_CASE("a chain of a million contexts is cancelled and released without recursion",
          "[context][tree]") {
    const int depth = test::scale(1'000'000);
    test::expectations expected;
    test::on_workers([&] {
        const cancel_context root = with_cancel(background());
        context leaf = root;
        for (int i = 0; i < depth; ++i) {
            // Without an owner; of every kind.
            switch (i % 4) {
                case 0:
                    leaf = with_cancel(leaf);
                    break;
                case 1:
                    leaf = with_value(leaf, number_key, i);
                    break;
                case 2:
                    leaf = with_timeout(leaf, never);
                    break;
                default:
                    leaf = with_cancel(leaf);
            }
        }
        expected.check(leaf.deadline().has_value(), "a deadline");
        expected.check(leaf.value(number_key) != nullptr, "a value");
        expected.check(leaf.value(name_key) == nullptr, "the lookup goes all the way");
        expected.check(to_string(leaf).size() > static_cast<std::size_t>(depth), "a description");
        const auto done = leaf.done();
        expected.check(!leaf.err(), "open");
        root.cancel();
        expected.check(is_closed(done), "cancelled");
        expected.check(leaf.err() == canceled, "cancelled");
    });
    expected.verify();
}

TEST_CASE("a chain that is dropped before it is cancelled is released without recursion",
          "[context][tree]") {
    const int depth = test::scale(1'000'000);
    const long before = test::counted::live();
    static const runnel::context_key<test::counted> key;
    {
        context leaf = with_value(background(), key, test::counted(1));
        for (int i = 0; i < depth; ++i) leaf = with_cancel(leaf);
        CHECK(test::counted::live() == before + 1);
    }
    CHECK(test::counted::live() == before);
}

TEST_CASE("a context with a hundred thousand children cancels them all", "[context][tree]") {
    const int n = test::scale(100'000);
    const cancel_context root = with_cancel(background());
    std::vector<context> children;
    children.reserve(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) children.push_back(with_cancel(root));
    // Gone in any order, each in constant time.
    for (std::size_t i = 0; i < children.size(); i += 3) children[i] = context();
    root.cancel();
    int open = 0;
    for (std::size_t i = 0; i < children.size(); ++i) {
        if (i % 3 != 0 && children[i].err() != canceled) ++open;
    }
    CHECK(open == 0);
}

}  // namespace
