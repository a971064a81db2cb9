// tests/conformance/context_values_test.cpp — values, functions called at the end, descriptions.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <system_error>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::cancel_context;
using runnel::context;

constexpr auto never = std::chrono::hours(24 * 365);

const runnel::context_key<std::string> key1{"key"};
const runnel::context_key<std::string> key2{"key"};
const runnel::context_key<std::shared_ptr<int>> key3{"key"};

/// What each key gives: "-" for nothing.
std::string values_of(const context& ctx) {
    const auto text = [](const std::string* v) { return v != nullptr ? *v : std::string("-"); };
    const std::shared_ptr<int>* third = ctx.value(key3);
    return text(ctx.value(key1)) + " " + text(ctx.value(key2)) + " " +
           (third == nullptr    ? "-"
            : *third == nullptr ? "null"
                                : std::to_string(**third));
}

/// A context that is not one of ours.
class foreign_context {
public:
    runnel::recv_chan<runnel::unit> done() const { return done_; }
    std::error_code err() const {
        return done_.try_recv().status() == runnel::op_status::closed
                   ? std::make_error_code(std::errc::io_error)
                   : std::error_code();
    }
    void end() const { done_.close(); }

private:
    runnel::chan<runnel::unit> done_ = runnel::make_chan<runnel::unit>();
};

}  // namespace

TEST_CASE("values are looked up from the leaf to the root", "[C-268]") {
    const context c0 = background();
    const context c1 = with_value(c0, key1, "one");
    const context c2 = with_value(c1, key2, "two");
    const context c3 = with_value(c2, key3, std::make_shared<int>(3));
    const context shadowed = with_value(c3, key1, "");
    const context null = with_value(c3, key3, nullptr);
    CHECK(values_of(c0) == "- - -");
    CHECK(values_of(c1) == "one - -");
    CHECK(values_of(c2) == "one two -");
    CHECK(values_of(c3) == "one two 3");
    CHECK(values_of(shadowed) == " two 3");
    CHECK(values_of(null) == "one two null");  // a null value hides what is above
    const context other = with_value(c1, key1, "other");
    CHECK(values_of(other) == "other - -");
    CHECK(values_of(c1) == "one - -");
}

TEST_CASE("keys of one name and type, or of one name and another type, differ", "[C-268][C-269]") {
    const runnel::context_key<int> number{"key"};
    const context ctx = with_value(background(), key1, "text");
    CHECK(ctx.value(key2) == nullptr);
    CHECK(ctx.value(number) == nullptr);
    CHECK(ctx.value(key3) == nullptr);
}

TEST_CASE("without_cancel keeps values and nothing else", "[C-276]") {
    const cancel_context timed = with_timeout(with_value(background(), key1, "kept"), never);
    const context free = without_cancel(timed);
    CHECK(values_of(free) == "kept - -");
    CHECK_FALSE(free.deadline());
    CHECK_FALSE(free.done());
    CHECK_FALSE(free.err());
    timed.cancel();
    CHECK_FALSE(free.err());
    CHECK(values_of(with_value(free, key2, "more")) == "kept more -");
}

TEST_CASE("after_func: not after a stop, whose answer is yes once", "[C-278]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> calls{0};
        const cancel_context ctx = with_cancel(background());
        auto stopped = runnel::after_func(ctx, [&] { ++calls; });
        expected.check(stopped.stop(), "kept from being called");
        ctx.cancel();
        expected.check(!stopped.stop(), "no more to stop");
        const auto started = runnel::make_chan<bool>();
        const auto release = runnel::make_chan<bool>();
        auto running = runnel::after_func(ctx, [&, started, release] {
            started << true;
            release.recv();
            ++calls;
        });
        started.recv();
        expected.check(!running.stop(), "it runs: stop neither prevents it nor waits");
        expected.check_eq(calls.load(), 0, "calls");
        release << true;
        expected.check(test::eventually([&] { return calls == 1; }), "it goes on");
    });
    expected.verify();
}

TEST_CASE("what is used like a context limits operations as one does", "[C-274]") {
    static_assert(runnel::context_like<foreign_context>);
    test::expectations expected;
    test::on_workers([&] {
        const foreign_context ctx;
        const auto silent = runnel::make_chan<int>();
        std::atomic<int> ended{0};
        runnel::semaphore busy(1);
        busy.acquire();
        runnel::wait_group wg;
        wg.go([&] {
            if (silent.recv(ctx).status() == runnel::op_status::canceled) ++ended;
        });
        wg.go([&] {
            if (busy.acquire(ctx) == runnel::op_status::canceled) ++ended;
        });
        expected.check(test::wait_parked(2), "they wait");
        ctx.end();
        wg.wait();
        expected.check_eq(ended.load(), 2, "ended");
        expected.check(silent.recv(ctx).status() == runnel::op_status::canceled, "done wins");
    });
    expected.verify();
}

TEST_CASE("a context describes its way from the root", "[C-280]") {
    const cancel_context a = with_cancel(background());
    CHECK(to_string(a) == "background.with_cancel");
    const context b = with_value(a, key1, "text");
    CHECK(to_string(b) == "background.with_cancel.with_value(key, text)");
    const context c = with_value(b, key3, nullptr);
    CHECK(to_string(c) == "background.with_cancel.with_value(key, text).with_value(key)");
    const cancel_context d = with_timeout(background(), never);
    CHECK(to_string(d) == "background.with_deadline");
    CHECK(to_string(runnel::todo()) == "background");
}
