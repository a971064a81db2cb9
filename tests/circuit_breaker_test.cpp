// tests/circuit_breaker_test.cpp — refused calls. Cooling down: circuit_breaker_simulated_test.cpp.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/circuit_breaker.hpp>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <type_traits>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::circuit_breaker;
using runnel::circuit_open;
using runnel::circuit_state;

static_assert(!std::is_copy_constructible_v<circuit_breaker>);

void fail() { throw std::runtime_error("failure"); }

TEST_CASE("so many failures in a row open it", "[circuit_breaker]") {
    circuit_breaker b({.failures = 3, .cool_down = 1h});
    for (int i = 0; i < 2; ++i) CHECK_THROWS_AS(b.run(fail), std::runtime_error);
    CHECK(b.run([] { return 7; }) == 7);  // counts from zero again
    for (int i = 0; i < 2; ++i) CHECK_THROWS_AS(b.run(fail), std::runtime_error);
    CHECK(b.state() == circuit_state::closed);
    CHECK_THROWS_AS(b.run(fail), std::runtime_error);
    CHECK(b.state() == circuit_state::open);
    bool called = false;
    CHECK_THROWS_AS(b.run([&] { called = true; }), circuit_open);
    CHECK_FALSE(called);
    b.reset();
    b.run([&] { called = true; });
    CHECK(called);
}

TEST_CASE("some failures are not the fault of what is called", "[circuit_breaker]") {
    circuit_breaker b({.failures = 1, .cool_down = 1h});
    const auto counts = [](const std::exception_ptr& e) {
        try {
            std::rethrow_exception(e);
        } catch (const std::invalid_argument&) {
            return false;
        } catch (...) {
            return true;
        }
    };
    CHECK_THROWS_AS(b.run([] { throw std::invalid_argument("mine"); }, counts),
                    std::invalid_argument);
    CHECK(b.state() == circuit_state::closed);
    CHECK_THROWS_AS(b.run(fail, counts), std::runtime_error);
    CHECK(b.state() == circuit_state::open);
}

TEST_CASE("results may be move-only", "[circuit_breaker]") {
    circuit_breaker b;
    CHECK(*b.run([own = std::make_unique<int>(2)]() mutable { return std::move(own); }) == 2);
}

TEST_CASE("calls that began before it opened change nothing when they end", "[circuit_breaker]") {
    test::expectations expected;
    test::on_workers([&] {
        circuit_breaker b({.failures = 2, .cool_down = 1h});
        const auto go_on = runnel::make_chan<runnel::unit>();
        runnel::wait_group wg;
        std::atomic<int> inside{0};
        for (int i = 0; i < 4; ++i) {
            wg.go([&, i] {
                try {
                    b.run([&] {
                        ++inside;
                        go_on.recv();
                        if (i % 2 == 0) fail();
                    });
                } catch (const std::runtime_error&) {
                    return;
                }
            });
        }
        expected.check(test::eventually([&] { return inside == 4; }), "all are inside");
        for (int i = 0; i < 2; ++i) {
            try {
                b.run(fail);
            } catch (const std::runtime_error&) {
                continue;
            }
        }
        expected.check(b.state() == circuit_state::open, "open");
        go_on.close();
        wg.wait();
        expected.check(b.state() == circuit_state::open, "a late success does not close it");
    });
    expected.verify();
}

TEST_CASE("policies that make no sense are refused", "[circuit_breaker]") {
    CHECK_THROWS_AS(circuit_breaker({.failures = 0}), std::invalid_argument);
    CHECK_THROWS_AS(circuit_breaker({.probes = 0}), std::invalid_argument);
    CHECK_THROWS_AS(circuit_breaker({.cool_down = 0s}), std::invalid_argument);
}

}  // namespace
