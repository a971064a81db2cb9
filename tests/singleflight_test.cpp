// tests/singleflight_test.cpp — one call for many callers: sharing, errors, forgetting, goexit.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/singleflight.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/chan.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using flights = runnel::singleflight<std::string, int>;
static_assert(std::is_default_constructible_v<flights>);
static_assert(!std::is_copy_constructible_v<flights>);
static_assert(std::is_same_v<decltype(flights::result::value), int>);
static_assert(std::is_same_v<decltype(flights::result::shared), bool>);

constexpr const char* waits = "sync.WaitGroup.Wait";

TEST_CASE("a call's value passes through", "[singleflight][C-331]") {
    flights sf;
    const auto r = sf.run("key", [] { return 7; });
    CHECK(r.value == 7);
    CHECK_FALSE(r.shared);
    const auto again = sf.run("key", [] { return 8; });
    CHECK(again.value == 8);
}

TEST_CASE("an exception passes through and leaves nothing behind", "[singleflight]") {
    flights sf;
    CHECK_THROWS_AS(sf.run("key", []() -> int { throw std::out_of_range("no"); }),
                    std::out_of_range);
    CHECK(sf.run("key", [] { return 1; }).value == 1);
}

TEST_CASE("callers of one key share one call, those of others do not", "[singleflight][C-332]") {
    const int n = 20;
    test::expectations expected;
    test::on_workers([&] {
        flights sf;
        std::atomic<int> calls{0};
        const auto release = runnel::make_chan<runnel::unit>();
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) {
            wg.go([&] {
                const auto r = sf.run("key", [&] {
                    ++calls;
                    release.recv();
                    return 42;
                });
                expected.check_eq(r.value, 42, "value");
                expected.check(r.shared, "shared, the first caller included");
            });
        }
        expected.check(test::wait_parked(n - 1, waits), "all but one wait");
        expected.check_eq(sf.run("other", [] { return 3; }).value, 3, "another key");
        release.close();
        wg.wait();
        expected.check_eq(calls.load(), 1, "calls");
        expected.check(!sf.run("key", [] { return 1; }).shared, "a new call");
    });
    expected.verify();
}

TEST_CASE("an exception reaches every caller", "[singleflight][C-335]") {
    const int n = 10;
    test::expectations expected;
    test::on_workers([&] {
        flights sf;
        std::atomic<int> caught{0};
        const auto release = runnel::make_chan<runnel::unit>();
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) {
            wg.go([&] {
                try {
                    sf.run("key", [&]() -> int {
                        release.recv();
                        throw std::runtime_error("broken");
                    });
                } catch (const std::runtime_error& e) {
                    if (std::string(e.what()) == "broken") ++caught;
                }
            });
        }
        expected.check(test::wait_parked(n - 1, waits), "all but one wait");
        release.close();
        wg.wait();
        expected.check_eq(caught.load(), n, "caught");
    });
    expected.verify();
}

struct noted_hash {
    inline static std::atomic<int> calls{0};
    std::size_t operator()(const std::string& s) const {
        ++calls;
        return std::hash<std::string>()(s);
    }
};

TEST_CASE("goexit in a call ends all who share it and hangs nobody", "[singleflight][C-337]") {
    const int n = 10;
    test::expectations expected;
    test::on_workers([&] {
        runnel::singleflight<std::string, int, noted_hash> sf;
        noted_hash::calls = 0;
        std::atomic<int> ended{0};
        std::atomic<int> returned{0};
        const auto release = runnel::make_chan<runnel::unit>();
        runnel::wait_group wg;
        for (int i = 0; i < n; ++i) {
            wg.go([&] {
                struct at_end {
                    std::atomic<int>& count;
                    ~at_end() { ++count; }
                } const count{ended};
                sf.run("key", [&]() -> int {
                    release.recv();
                    runnel::goexit();
                });
                ++returned;
            });
        }
        expected.check(test::wait_parked(n - 1, waits), "all but one wait");
        std::thread foreign([&] {
            try {
                sf.run("key", [] { return 1; });
            } catch (const runnel::panic&) {
                ++ended;
            }
        });
        // Once a caller has looked its key up it shares the call.
        expected.check(test::eventually([&] { return noted_hash::calls == n + 1; }), "looked up");
        release.close();
        wg.wait();
        foreign.join();
        expected.check_eq(ended.load(), n + 1, "ended");
        expected.check_eq(returned.load(), 0, "returned");
        expected.check_eq(sf.run("key", [] { return 5; }).value, 5, "the key is free again");
    });
    expected.verify();
}

TEST_CASE("after forget the next caller starts a call of its own", "[singleflight][C-333]") {
    test::expectations expected;
    test::on_workers([&] {
        flights sf;
        const auto release_first = runnel::make_chan<runnel::unit>();
        const auto release_second = runnel::make_chan<runnel::unit>();
        const auto started = runnel::make_chan<int>();
        runnel::wait_group first;
        runnel::wait_group others;
        first.go([&] {
            const auto r = sf.run("key", [&] {
                started << 1;
                release_first.recv();
                return 1;
            });
            expected.check(r.value == 1 && !r.shared, "the forgotten call");
        });
        started.recv();
        sf.forget("key");
        others.go([&] {
            const auto r = sf.run("key", [&] {
                started << 2;
                release_second.recv();
                return 2;
            });
            expected.check(r.value == 2 && r.shared, "the second call");
        });
        expected.check_eq(*started.recv(), 2, "it starts though the first one runs");
        release_first.close();
        first.wait();
        // The end of the forgotten call does not remove the entry of the second.
        others.go([&] {
            const auto r = sf.run("key", [] { return 3; });
            expected.check(r.value == 2 && r.shared, "shares the second call");
        });
        expected.check(test::wait_parked(1, waits), "it waits");
        release_second.close();
        others.wait();
        sf.forget("key");
        sf.forget("never heard of");
    });
    expected.verify();
}

TEST_CASE("a call may use other keys", "[singleflight]") {
    runnel::singleflight<int, long> fib;
    struct compute {
        static long of(runnel::singleflight<int, long>& sf, int n) {
            if (n < 2) return n;
            return sf.run(n, [&] { return of(sf, n - 1) + of(sf, n - 2); }).value;
        }
    };
    CHECK(compute::of(fib, 15) == 610);
}

TEST_CASE("each caller gets a copy, and the call keeps none", "[singleflight]") {
    const long before = test::counted::live();
    test::expectations expected;
    test::on_workers([&] {
        runnel::singleflight<int, test::counted> sf;
        const auto release = runnel::make_chan<runnel::unit>();
        runnel::wait_group wg;
        for (int i = 0; i < 5; ++i) {
            wg.go([&] {
                const auto r = sf.run(1, [&] {
                    release.recv();
                    return test::counted(9);
                });
                expected.check_eq(r.value.value, 9, "value");
            });
        }
        expected.check(test::wait_parked(4, waits), "they wait");
        release.close();
        wg.wait();
    });
    expected.verify();
    CHECK(test::counted::live() == before);
}

TEST_CASE("a type of one's own is a key with its hash", "[singleflight]") {
    struct point {
        int x;
        int y;
        bool operator==(const point& o) const { return x == o.x && y == o.y; }
    };
    struct hash {
        std::size_t operator()(const point& p) const {
            return static_cast<std::size_t>(p.x * 31 + p.y);
        }
    };
    runnel::singleflight<point, std::string, hash> sf;
    CHECK(sf.run({1, 2}, [] { return "text"; }).value == "text");
}

TEST_CASE("threads and goroutines hammer a few keys", "[singleflight]") {
    const int rounds = test::scale(2000);
    test::expectations expected;
    test::on_workers([&] {
        runnel::singleflight<int, int> sf;
        std::atomic<int> running[3] = {};
        std::atomic<int> overlaps{0};
        const auto hammer = [&] {
            for (int i = 0; i < rounds; ++i) {
                const int key = i % 3;
                const auto r = sf.run(key, [&] {
                    if (++running[key] != 1) ++overlaps;
                    runnel::yield();
                    --running[key];
                    return key;
                });
                if (r.value != key) ++overlaps;
            }
        };
        runnel::wait_group wg;
        for (int i = 0; i < 6; ++i) wg.go(hammer);
        std::thread foreign(hammer);
        wg.wait();
        foreign.join();
        expected.check_eq(overlaps.load(), 0, "never two calls of one key at once");
    });
    expected.verify();
}

}  // namespace
