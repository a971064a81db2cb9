// tests/first_of_test.cpp — replicated requests.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/first_of.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::context;
using runnel::first_of;

using replica = std::function<int(const context&)>;

TEST_CASE("the first result wins; the others are cancelled and waited for", "[first_of]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        std::atomic<int> cancelled{0};
        std::vector<replica> fns;
        for (int i = 0; i < 5; ++i) {
            fns.emplace_back([&cancelled, i](const context& ctx) {
                if (i == 3) return i;
                ctx.done().recv();
                runnel::yield();
                ++cancelled;
                return i;
            });
        }
        expected.check_eq(first_of(background(), fns), 3, "the one that did not wait");
        expected.check_eq(cancelled.load(), 4, "all others have ended");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a failure is no answer", "[first_of]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto failed = runnel::make_chan<runnel::unit>();
        const std::vector<replica> fns{[&](const context&) -> int {
                                           failed.close();
                                           throw std::runtime_error("first");
                                       },
                                       [&](const context&) {
                                           failed.recv();
                                           return 2;
                                       }};
        expected.check_eq(first_of(background(), fns), 2, "the one that succeeds");
    });
    expected.verify();
}

TEST_CASE("if all fail the first failure is thrown", "[first_of]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        runnel::wait_group ended;
        ended.add();
        const std::vector<replica> fns{[&](const context&) -> int {
                                           ended.wait();
                                           throw std::runtime_error("second");
                                       },
                                       [&](const context& ctx) -> int {
                                           // The other one goes on when this one has failed.
                                           runnel::go([&ended, ctx] { ended.done(); });
                                           throw std::out_of_range("any");
                                       }};
        std::string said;
        try {
            first_of(background(), fns);
        } catch (const std::exception& e) {
            said = test::words_of(e);
        }
        expected.check(said == "any" || said == "second", "one of theirs");
        const std::vector<replica> one{
            [](const context&) -> int { throw std::runtime_error("only"); }};
        said.clear();
        try {
            first_of(background(), one);
        } catch (const std::runtime_error& e) {
            said = test::words_of(e);
        }
        expected.check_eq(said, "only", "the only one's");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("the functions' context is a child of the caller's", "[first_of]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        std::error_code cause;
        runnel::wait_group wg;
        wg.go([&ctx] {
            static_cast<void>(test::wait_parked(2));
            ctx.cancel(std::make_error_code(std::errc::io_error));
        });
        const std::vector<replica> fns(1, [&](const context& inner) {
            inner.done().recv();
            cause = inner.cause();
            return 1;
        });
        expected.check_eq(first_of(ctx, fns), 1, "a result all the same");
        wg.wait();
        expected.check(cause == std::errc::io_error, "cancelled with the caller's cause");
        bool called = false;
        const std::vector<replica> never{[&](const context&) {
            called = true;
            return 1;
        }};
        std::error_code thrown;
        try {
            first_of(ctx, never);
        } catch (const std::system_error& e) {
            thrown = e.code();
        }
        expected.check(thrown == std::errc::io_error, "done before: its cause is thrown");
        expected.check(!called, "and nothing is called");
    });
    expected.verify();
}

TEST_CASE("nobody to ask is a mistake", "[first_of]") {
    CHECK_THROWS_AS(first_of(background(), std::vector<replica>()), std::invalid_argument);
}

TEST_CASE("results may be move-only, or nothing", "[first_of]") {
    test::expectations expected;
    test::on_workers([&] {
        auto f = [](const context&) { return std::make_unique<int>(7); };
        const std::vector<decltype(f)> boxes(3, f);
        expected.check_eq(*first_of(background(), boxes), 7, "a box");
        std::atomic<int> calls{0};
        std::vector<std::function<void(context)>> quiet(3, [&](context) { ++calls; });
        first_of(background(), quiet);
        expected.check_eq(calls.load(), 3, "waited for all");
    });
    expected.verify();
}

TEST_CASE("goexit is neither a result nor a failure", "[first_of]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::vector<replica> fns{[](const context&) -> int { runnel::goexit(); },
                                       [](const context&) { return 4; }};
        expected.check_eq(first_of(background(), fns), 4, "the other one's");
        const std::vector<replica> none{[](const context&) -> int { runnel::goexit(); }};
        bool told = false;
        try {
            first_of(background(), none);
        } catch (const runnel::panic&) {
            told = true;
        }
        expected.check(told, "nobody answers");
    });
    expected.verify();
}

}  // namespace
