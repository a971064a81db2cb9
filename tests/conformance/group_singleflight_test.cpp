// tests/conformance/group_singleflight_test.cpp — one call for many callers.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <exception>
#include <stdexcept>
#include <string>
#include <system_error>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/singleflight.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using flights = runnel::singleflight<std::string, std::string>;
constexpr const char* waits = "sync.WaitGroup.Wait";

}  // namespace

TEST_CASE("value and error pass through", "[C-331]") {
    flights sf;
    const auto r = sf.run("key", [] { return "bar"; });
    CHECK(r.value == "bar");
    CHECK_FALSE(r.shared);
    try {
        sf.run("key", []() -> std::string {
            throw std::system_error(std::make_error_code(std::errc::io_error));
        });
        FAIL("no exception");
    } catch (const std::system_error& e) {
        CHECK(e.code() == std::errc::io_error);
    }
}

TEST_CASE("callers that come while a call runs share it", "[C-332]") {
    test::expectations expected;
    test::on_workers([&] {
        const int n = 10;
        flights sf;
        std::atomic<int> calls{0};
        const auto value = runnel::make_chan<std::string>(1);
        const auto call = [&, value] {
            const auto r = sf.run("key", [&] {
                ++calls;
                const std::string v = *value.recv();
                value << v;
                return v;
            });
            expected.check_eq(r.value, "bar", "value");
            return r.shared;
        };
        std::atomic<int> shared{0};
        runnel::wait_group first;
        runnel::wait_group rest;
        first.go([&] { shared += call() ? 1 : 0; });
        expected.check(test::wait_parked(1, "chan receive"), "the call runs");
        for (int i = 0; i < n; ++i) rest.go([&] { shared += call() ? 1 : 0; });
        expected.check(test::wait_parked(n, waits), "the others wait");
        value << "bar";
        first.wait();
        rest.wait();
        expected.check_eq(calls.load(), 1, "calls");
        expected.check_eq(shared.load(), n + 1, "all say that they shared");
    });
    expected.verify();
}

TEST_CASE("after forget a new call starts, and the end of the old one does not end it", "[C-333]") {
    test::expectations expected;
    test::on_workers([&] {
        flights sf;
        const auto release_first = runnel::make_chan<int>();
        const auto release_second = runnel::make_chan<int>();
        runnel::wait_group first;
        runnel::wait_group second;
        first.go([&] {
            sf.run("key", [&] {
                release_first.recv();
                return "1";
            });
        });
        expected.check(test::wait_parked(1, "chan receive"), "the first call runs");
        sf.forget("key");
        second.go([&] {
            expected.check_eq(sf.run("key",
                                     [&] {
                                         release_second.recv();
                                         return "2";
                                     })
                                  .value,
                              "2", "the second call");
        });
        expected.check(test::wait_parked(2, "chan receive"), "the second call runs");
        release_first.close();
        first.wait();
        second.go([&] {
            expected.check_eq(sf.run("key", [] { return "3"; }).value, "2",
                              "a third caller shares the second call");
        });
        expected.check(test::wait_parked(1, waits), "it waits");
        release_second.close();
        second.wait();
    });
    expected.verify();
}

TEST_CASE("an exception reaches all callers, and none of them hangs", "[C-335]") {
    test::expectations expected;
    test::on_workers([&] {
        const int n = 5;
        flights sf;
        std::atomic<int> caught{0};
        const auto release = runnel::make_chan<int>();
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) {
            wg.go([&, release] {
                try {
                    sf.run("key", [&]() -> std::string {
                        release.recv();
                        throw std::out_of_range("invalid memory address");
                    });
                } catch (const std::out_of_range& e) {
                    if (std::string(e.what()) == "invalid memory address") ++caught;
                }
            });
        }
        expected.check(test::wait_parked(n - 1, waits), "all but one share the call");
        release.close();
        wg.wait();
        expected.check_eq(caught.load(), n, "caught");
    });
    expected.verify();
}

TEST_CASE("what is nested in an exception is there for all callers", "[C-336]") {
    flights sf;
    bool inner = false;
    try {
        sf.run("key", []() -> std::string {
            try {
                throw std::system_error(std::make_error_code(std::errc::timed_out));
            } catch (...) {
                std::throw_with_nested(std::runtime_error("outer"));
            }
        });
    } catch (const std::runtime_error& e) {
        CHECK(std::string(e.what()) == "outer");
        try {
            std::rethrow_if_nested(e);
        } catch (const std::system_error& nested) {
            inner = nested.code() == std::errc::timed_out;
        }
    }
    CHECK(inner);
}

TEST_CASE("goexit in a call ends the goroutines of all who wait", "[C-337]") {
    test::expectations expected;
    test::on_workers([&] {
        const int n = 5;
        flights sf;
        std::atomic<int> ended{0};
        std::atomic<int> gone_on{0};
        const auto release = runnel::make_chan<int>();
        for (int i = 0; i < n; ++i) {
            runnel::go([&, release] {
                struct at_end {
                    std::atomic<int>& n;
                    ~at_end() { ++n; }
                } const count{ended};
                try {
                    sf.run("key", [&]() -> std::string {
                        release.recv();
                        runnel::goexit();
                    });
                    ++gone_on;
                } catch (const std::exception&) {
                    ++gone_on;
                }
            });
        }
        expected.check(test::wait_parked(n - 1, waits), "they wait");
        release.close();
        expected.check(test::eventually([&] { return ended == n; }), "all end");
        expected.check_eq(gone_on.load(), 0, "none goes on");
    });
    expected.verify();
}
