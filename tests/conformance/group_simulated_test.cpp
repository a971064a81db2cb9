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

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::clock;
using runnel::errc;
using runnel::group;
using runnel::testing::explore;
using test::require;

using flights = runnel::singleflight<std::string, std::string>;

const std::error_code first_error = std::make_error_code(std::errc::io_error);
const std::error_code second_error = std::make_error_code(std::errc::broken_pipe);

std::error_code wait_for(group& g) {
    try {
        g.wait();
        return {};
    } catch (const std::system_error& e) {
        return e.code();
    }
}

}  // namespace

TEST_CASE("the context ends with the first error or when wait returns", "[C-314]") {
    const auto seen = explore(50, [] {
        const auto start = clock::now();
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
            require(clock::now() == start + 1h, "not with the first error");
            require(wait_for(g) == first_error, "another error");
            require(clock::now() == start + 2h, "not waited for the last");
        }
        {
            group g{runnel::background()};
            g.go([] { return std::error_code(); });
            require(!g.context().done().recv_for(100h), "ended without an error");
            require(g.context().done().try_recv().status() == runnel::op_status::would_block,
                    "not open");
            require(!wait_for(g), "an error");
            require(!g.context().done().recv().has_value(), "not done");
        }
        {
            group g{runnel::background()};
            require(!g.context().err(), "not open");
            g.wait();
            require(g.context().err() == errc::canceled, "not done, without any goroutine");
        }
        require(clock::now() == start + 102h, "time was lost");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("no more than ten of 1025 run at once, and go waits", "[C-317]") {
    const auto seen = explore(6, [] {
        const auto start = clock::now();
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
        require(clock::now() == start + 102h, "go did not wait for a place");
        g.wait();
        require(most == 10, "another number at once");
        require(clock::now() == start + 103h, "ten at once take another time");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("callers that come while a call runs share it", "[C-332]") {
    const auto seen = explore(100, [] {
        const int n = 10;
        const auto start = clock::now();
        flights sf;
        std::atomic<int> calls{0};
        std::atomic<int> shared{0};
        const auto call = [&] {
            const auto r = sf.run("key", [&] {
                ++calls;
                runnel::sleep_for(1h);
                return std::string("bar");
            });
            require(r.value == "bar", "another value");
            require(clock::now() == start + 1h, "not at the end of the first call");
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
        require(calls == 1, "not one call");
        require(shared == n + 1, "not all say that they shared");
        require(sf.run("key", [] { return "next"; }).value == "next", "the call is not over");
    });
    CHECK(seen.seeds > 0);
}

TEST_CASE("an exception reaches all callers, and none of them hangs", "[C-335]") {
    const auto seen = explore(100, [] {
        const int n = 5;
        const auto start = clock::now();
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
                require(clock::now() == start + 1h, "not at the end of the call");
            });
        }
        wg.wait();
        require(calls == 1, "not one call");
        require(caught == n, "not caught by all");
    });
    CHECK(seen.seeds > 0);
}
