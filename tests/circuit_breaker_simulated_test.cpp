// tests/circuit_breaker_simulated_test.cpp — cooling down and trying again, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <chrono>
#include <stdexcept>

#include <runnel/testing.hpp>

#include <runnel/circuit_breaker.hpp>
#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::circuit_breaker;
using runnel::circuit_open;
using runnel::circuit_state;
using test::on_seeds;
using test::require;

bool succeeds(circuit_breaker& b) {
    b.run([] {});
    return true;
}
void fails(circuit_breaker& b) {
    try {
        b.run([] { throw std::runtime_error("failure"); });
    } catch (const circuit_open&) {
        throw;
    } catch (const std::runtime_error&) {
        return;
    }
}
bool refuses(circuit_breaker& b) {
    try {
        b.run([] {});
        return false;
    } catch (const circuit_open&) {
        return true;
    }
}

TEST_CASE("after the cool-down one call is tried, and closes it or not", "[circuit_breaker]") {
    on_seeds([] {
        circuit_breaker b({.failures = 2, .cool_down = 10s});
        fails(b);
        fails(b);
        runnel::sleep_for(10s - 1ns);
        require(b.state() == circuit_state::open && refuses(b), "open so long");
        runnel::sleep_for(1ns);
        require(b.state() == circuit_state::half_open, "then half open");
        fails(b);
        require(b.state() == circuit_state::open && refuses(b), "one failure opens it again");
        runnel::sleep_for(10s);
        require(succeeds(b) && b.state() == circuit_state::closed, "one success closes it");
        fails(b);
        require(succeeds(b), "which takes two failures to open again");
    });
}

TEST_CASE("no more than the probes are tried at once", "[circuit_breaker]") {
    on_seeds([] {
        circuit_breaker b({.failures = 1, .cool_down = 10s, .probes = 2});
        fails(b);
        runnel::sleep_for(10s);
        std::atomic<int> inside{0};
        std::atomic<int> refused{0};
        runnel::wait_group wg;
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                try {
                    b.run([&] {
                        ++inside;
                        runnel::sleep_for(1s);
                    });
                } catch (const circuit_open&) {
                    ++refused;
                }
            });
        }
        wg.wait();
        require(inside == 2 && refused == 3, "two of five");
        require(b.state() == circuit_state::closed, "both have succeeded");
    });
}

TEST_CASE("a probe that calls goexit makes room for another", "[circuit_breaker]") {
    on_seeds([] {
        circuit_breaker b({.failures = 1, .cool_down = 10s});
        fails(b);
        runnel::sleep_for(10s);
        runnel::wait_group wg;
        wg.go([&] { b.run([] { runnel::goexit(); }); });
        wg.wait();
        require(b.state() == circuit_state::half_open, "it said nothing");
        require(succeeds(b) && b.state() == circuit_state::closed, "the next one does");
    });
}

}  // namespace
