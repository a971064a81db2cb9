// tests/group_simulated_test.cpp — groups whose goroutines take their time, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <chrono>
#include <stdexcept>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/group.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::errc;
using runnel::group;
using test::on_seeds;
using test::require;
using test::stopwatch;

TEST_CASE("the destructor cancels and waits", "[group]") {
    on_seeds([] {
        const stopwatch since;
        std::atomic<int> ended{0};
        runnel::context kept;
        {
            group g;
            kept = g.context();
            for (int i = 1; i <= 10; ++i) {
                g.go([&, i] {
                    g.context().done().recv();
                    runnel::sleep_for(i * 1h);
                    ++ended;
                });
            }
            g.go([] {
                runnel::sleep_for(5h);
                throw std::runtime_error("nobody asks");
            });
        }
        since.require_passed(10h, "it cancels at once and waits for the last");
        require(ended == 10, "all ten have ended");
        require(kept.err() == errc::canceled, "the group's context is cancelled");
    });
}

TEST_CASE("a parent's deadline ends a group as a failure does not", "[group]") {
    on_seeds([] {
        const stopwatch since;
        const auto parent = runnel::with_timeout(runnel::background(), 1h);
        group g(parent);
        std::atomic<int> ended{0};
        for (int i = 0; i < 10; ++i) {
            g.go([&] {
                if (runnel::make_chan<int>().recv(g.context()).status() ==
                    runnel::op_status::timeout) {
                    ++ended;
                }
            });
        }
        g.wait();  // throws nothing
        since.require_passed(1h, "wait returns at the deadline");
        require(ended == 10, "all ten are told of a timeout");
        require(g.context().cause() == errc::deadline_exceeded, "the cause is the deadline");
    });
}

}  // namespace
