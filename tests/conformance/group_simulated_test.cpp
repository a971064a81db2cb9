// tests/conformance/group_simulated_test.cpp — groups and shared calls that take their time, in virtual time.
// SPDX-License-Identifier: BSL-1.0
#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <system_error>

#include <runnel/testing.hpp>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/group.hpp>
#include <runnel/singleflight.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "conformance/group_helpers.hpp"
#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::errc;
using runnel::group;
using runnel::testing::explore;
using test::first_error;
using test::on_seeds;
using test::require;
using test::second_error;
using test::stopwatch;
using test::wait_for;

using flights = runnel::singleflight<std::string, std::string>;

}  // namespace

TEST_CASE("the context ends with the first error or when wait returns", "[C-314]") {
    on_seeds([] {
        const stopwatch since;
        {
            group g{runnel::background()};
            g.go([] {
                runnel::sleep_for(1h);
                return first_error;
            });
            g.go([] {
                runnel::sleep_for(2h);
                return second_error;
            });
            g.context().done().recv();  // before anybody waits
            since.require_passed(1h, "the context ends with the first error");
            require(wait_for(g) == first_error, "wait throws the first error");
            since.require_passed(2h, "wait returns with the last");
        }
        {
            group g{runnel::background()};
            g.go([] { return std::error_code(); });
            require(!g.context().done().recv_for(100h), "nothing is received");
            require(g.context().done().try_recv().status() == runnel::op_status::would_block,
                    "without an error the context stays open");
            require(!wait_for(g), "wait throws nothing");
            require(!g.context().done().recv().has_value(),
                    "the context is done once wait has returned");
        }
        {
            group g{runnel::background()};
            require(!g.context().err(), "a new group's context is open");
            g.wait();
            require(g.context().err() == errc::canceled,
                    "wait cancels the context, also without any goroutine");
        }
        since.require_passed(102h, "nothing else takes time");
    });
}

TEST_CASE("no more than ten of 1025 run at once, and go waits", "[C-317]") {
    const auto seen = explore(6, [] {
        const stopwatch since;
        group g;
        g.set_limit(10);
        std::atomic<int> active{0};
        std::atomic<int> most{0};
        for (int i = 0; i <= 1 << 10; ++i) {
            g.go([&] {
                most = std::max(most.load(), ++active);
                runnel::sleep_for(1h);
                --active;
                return std::error_code();
            });
        }
        since.require_passed(102h, "go waits for a place");
        g.wait();
        require(most == 10, "the most at once are ten");
        since.require_passed(103h, "1025 by tens take 103 hours");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("callers that come while a call runs share it", "[C-332]") {
    const auto seen = explore(100, [] {
        const int n = 10;
        const stopwatch since;
        flights sf;
        std::atomic<int> calls{0};
        std::atomic<int> shared{0};
        const auto call = [&] {
            const auto r = sf.run("key", [&] {
                ++calls;
                runnel::sleep_for(1h);
                return std::string("bar");
            });
            require(r.value == "bar", "all get the value of the one call");
            since.require_passed(1h, "all return at the end of the first call");
            if (r.shared) ++shared;
        };
        runnel::wait_group wg;
        wg.go(call);
        for (int i = 1; i <= n; ++i) {
            wg.go([&, i] {
                // The last of them a nanosecond before it is over.
                runnel::sleep_for(i * 6min - 1ns);
                call();
            });
        }
        wg.wait();
        require(calls == 1, "the function is called once");
        require(shared == n + 1, "all say that they shared");
        require(sf.run("key", [] { return "next"; }).value == "next",
                "whoever comes afterwards makes a new call");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("an exception reaches all callers, and none of them hangs", "[C-335]") {
    const auto seen = explore(100, [] {
        const int n = 5;
        const stopwatch since;
        flights sf;
        std::atomic<int> calls{0};
        std::atomic<int> caught{0};
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) {
            wg.go([&, i] {
                runnel::sleep_for(i * 10min);
                try {
                    sf.run("key", [&]() -> std::string {
                        ++calls;
                        runnel::sleep_for(1h);
                        throw std::out_of_range("invalid memory address");
                    });
                } catch (const std::out_of_range& e) {
                    if (std::string(e.what()) == "invalid memory address") ++caught;
                }
                since.require_passed(1h, "all return at the end of the call");
            });
        }
        wg.wait();
        require(calls == 1, "the function is called once");
        require(caught == n, "all catch the exception");
    });
    CHECK(seen.seeds > 0);
}
