// tests/retry_test.cpp — trying again: results, failures, limits. The pauses: retry_simulated_test.cpp.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/retry.hpp>

#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::retry;
using runnel::retry_policy;

constexpr retry_policy quick{.attempts = 4, .first_delay = 1us, .max_delay = 10us};

TEST_CASE("the first result ends it", "[retry]") {
    int calls = 0;
    CHECK(retry(background(), quick, [&] { return ++calls; }) == 1);
    CHECK(retry(background(), quick, [&] {
              if (++calls < 4) throw std::runtime_error("not yet");
              return calls;
          }) == 4);
    CHECK(*retry(background(), quick, [] { return std::make_unique<int>(5); }) == 5);
    retry(background(), quick, [&] { ++calls; });
    CHECK(calls == 5);
    CHECK(retry(background(), [] { return 6; }) == 6);
}

TEST_CASE("the last failure is thrown when there were enough", "[retry]") {
    int calls = 0;
    std::string said;
    try {
        retry(background(), quick, [&] {
            ++calls;
            throw std::runtime_error(std::to_string(calls));
        });
    } catch (const std::runtime_error& e) {
        said = test::words_of(e);
    }
    CHECK(said == "4");
    CHECK(calls == 4);
    calls = 0;
    CHECK(
        retry(background(), retry_policy{.attempts = 0, .first_delay = 0us, .max_delay = 0us}, [&] {
            if (++calls < 100) throw std::runtime_error("not yet");
            return calls;
        }) == 100);
}

TEST_CASE("a failure may be final", "[retry]") {
    int calls = 0;
    const auto transient = [](const std::exception_ptr& e) {
        try {
            std::rethrow_exception(e);
        } catch (const std::logic_error&) {
            return false;
        } catch (...) {
            return true;
        }
    };
    CHECK_THROWS_AS(retry(
                        background(), quick,
                        [&] {
                            if (++calls == 2) throw std::logic_error("final");
                            throw std::runtime_error("transient");
                        },
                        transient),
                    std::logic_error);
    CHECK(calls == 2);
}

TEST_CASE("a cancellation ends a pause, with the failure nested in it", "[retry]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        runnel::wait_group wg;
        wg.go([&ctx] {
            static_cast<void>(test::wait_parked(1, "select"));
            ctx.cancel(std::make_error_code(std::errc::io_error));
        });
        std::error_code code;
        std::string nested;
        try {
            retry(ctx, retry_policy{.first_delay = 1h, .max_delay = 1h},
                  []() -> int { throw std::runtime_error("failure"); });
        } catch (const std::system_error& e) {
            code = e.code();
            try {
                std::rethrow_if_nested(e);
            } catch (const std::runtime_error& inner) {
                nested = test::words_of(inner);
            }
        }
        wg.wait();
        expected.check(code == std::errc::io_error, "the cause");
        expected.check_eq(nested, "failure", "the failure");
        int calls = 0;
        code = {};
        try {
            retry(ctx, quick, [&] { return ++calls; });
        } catch (const std::system_error& e) {
            code = e.code();
        }
        expected.check(code == std::errc::io_error && calls == 0, "not called when done before");
    });
    expected.verify();
}

TEST_CASE("the function may take the context", "[retry]") {
    const auto ctx = runnel::with_cancel(background());
    bool same = false;
    retry(ctx, quick, [&](const runnel::context& given) { same = given == ctx; });
    CHECK(same);
}

TEST_CASE("goexit is not tried again", "[retry]") {
    test::expectations expected;
    test::on_workers([&] {
        int calls = 0;
        runnel::wait_group wg;
        wg.go([&] {
            retry(background(), quick, [&] {
                ++calls;
                runnel::goexit();
            });
        });
        wg.wait();
        expected.check_eq(calls, 1, "calls");
    });
    expected.verify();
}

TEST_CASE("policies that make no sense are refused", "[retry]") {
    const auto refused = [](const retry_policy& p) {
        CHECK_THROWS_AS(retry(background(), p, [] { return 1; }), std::invalid_argument);
    };
    refused({.first_delay = -1s});
    refused({.first_delay = 2s, .max_delay = 1s});
    refused({.factor = 0.5});
    refused({.jitter = -0.1});
    refused({.jitter = 1.1});
}

TEST_CASE("pauses stay within what the policy says, and differ", "[retry][backoff]") {
    runnel::backoff b({.first_delay = 100ms, .max_delay = 1s, .factor = 2, .jitter = 0.5});
    runnel::duration nominal = 100ms;
    int different = 0;
    runnel::duration before{};
    for (int i = 0; i < 200; ++i) {
        const runnel::duration pause = b.next();
        CHECK(pause >= nominal / 2);
        CHECK(pause <= nominal);
        if (pause != before) ++different;
        before = pause;
        nominal = std::min<runnel::duration>(nominal * 2, 1s);
    }
    CHECK(different > 190);
    b.reset();
    CHECK(b.next() <= 100ms);
    runnel::backoff exact({.first_delay = 100ms, .max_delay = 350ms, .factor = 2, .jitter = 0});
    CHECK(exact.next() == 100ms);
    CHECK(exact.next() == 200ms);
    CHECK(exact.next() == 350ms);
    CHECK(exact.next() == 350ms);
}

}  // namespace
