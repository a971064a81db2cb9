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
using runnel::clock;
using runnel::errc;
using runnel::group;
using runnel::testing::explore;
using test::require;

TEST_CASE("the destructor cancels and waits", "[group]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
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
        require(clock::now() == start + 10h, "did not wait for the last, or not cancel at once");
        require(ended == 10, "not all have ended");
        require(kept.err() == errc::canceled, "not cancelled");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("a parent's deadline ends a group as a failure does not", "[group]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
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
        require(clock::now() == start + 1h, "not at the deadline");
        require(ended == 10, "not all were told of a timeout");
        require(g.context().cause() == errc::deadline_exceeded, "another cause");
    });
    CHECK(seen.seeds > 0);
}

}  // namespace
