// tests/heartbeat_simulated_test.cpp — when a beat is overdue, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <system_error>

#include <runnel/testing.hpp>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/heartbeat.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::heartbeat;
using test::on_seeds;
using test::require;
using test::stopwatch;

TEST_CASE("the context is done so long after the last beat", "[heartbeat]") {
    on_seeds([] {
        const stopwatch since;
        heartbeat h{runnel::background(), 5s};
        for (int i = 0; i < 10; ++i) {
            runnel::sleep_for(4s);
            h.beat();
            require(!h.context().err(), "it lives");
        }
        h.context().done().recv();
        since.require_passed(45s, "five seconds after the last one");
        require(h.context().cause() == std::errc::timed_out, "overdue");
        require(h.last() == since.start() + 40s, "the last beat");
    });
}

TEST_CASE("without any beat it is the limit", "[heartbeat]") {
    on_seeds([] {
        const stopwatch since;
        const heartbeat h{runnel::background(), 5s};
        require(!h.pulses().recv(), "no pulse comes");
        since.require_passed(5s, "the limit");
    });
}

}  // namespace
