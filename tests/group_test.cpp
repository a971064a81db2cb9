// tests/group_test.cpp — goroutines that belong together: failures, limits, cancellation, the end.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/group.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::errc;
using runnel::group;

static_assert(std::is_default_constructible_v<group>);
static_assert(!std::is_copy_constructible_v<group> && !std::is_move_constructible_v<group>);
static_assert(!std::is_convertible_v<runnel::context, group>);

const std::error_code io_error = std::make_error_code(std::errc::io_error);
const std::error_code broken_pipe = std::make_error_code(std::errc::broken_pipe);

/// What wait() threw: "" if nothing, what() otherwise.
std::string outcome(group& g) {
    try {
        g.wait();
        return "";
    } catch (const std::exception& e) {
        return e.what();
    }
}

TEST_CASE("wait returns when all have ended", "[group]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        std::atomic<int> ran{0};
        for (int i = 0; i < 100; ++i) {
            g.go([&] {
                runnel::yield();
                ++ran;
            });
        }
        g.wait();
        expected.check_eq(ran.load(), 100, "ran");
        expected.check(g.context().err() == errc::canceled, "wait ends the context");
        expected.check(g.context().cause() == errc::canceled, "without another cause");
    });
    expected.verify();
}

TEST_CASE("a group that nothing was started in waits for nothing", "[group][C-314]") {
    group g;
    CHECK_FALSE(g.context().err());
    g.wait();
    CHECK(g.context().err() == errc::canceled);
    g.wait();
}

TEST_CASE("the first exception is rethrown, each time", "[group][C-320]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        const auto first_failed = g.context().done();
        g.go([] { throw std::out_of_range("first"); });
        g.go([&] {
            first_failed.recv();
            throw std::runtime_error("second");
        });
        g.go([&] { first_failed.recv(); });
        for (int i = 0; i < 2; ++i) {
            bool right = false;
            try {
                g.wait();
            } catch (const std::out_of_range& e) {
                right = std::string(e.what()) == "first";
            }
            expected.check(right, "the first one, of its type");
        }
        expected.check(g.context().cause() == errc::canceled, "an exception without a code");
    });
    expected.verify();
}

TEST_CASE("a returned error code is a failure and the context's cause", "[group][C-315]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        g.go([]() -> std::error_code { return {}; });
        g.go([]() -> std::error_code { return io_error; });
        g.go([&]() -> std::error_code {
            expected.check(!g.context().done().recv(), "cancelled by the failure");
            expected.check(g.context().cause() == io_error, "the cause");
            return broken_pipe;
        });
        bool right = false;
        try {
            g.wait();
        } catch (const std::system_error& e) {
            right = e.code() == io_error;
        }
        expected.check(right, "thrown as std::system_error");
        expected.check(g.context().err() == errc::canceled, "err");
        expected.check(g.context().cause() == io_error, "the first failure's code");
    });
    expected.verify();
}

TEST_CASE("the code of a system_error is the cause; enumerations of codes count, too", "[group]") {
    test::expectations expected;
    test::on_workers([&] {
        group a;
        a.go([] { throw std::system_error(broken_pipe); });
        expected.check(!outcome(a).empty(), "fails");
        expected.check(a.context().cause() == broken_pipe, "the cause");
        group b;
        b.go([] { return errc::deadline_exceeded; });
        expected.check(!outcome(b).empty(), "fails");
        expected.check(b.context().cause() == errc::deadline_exceeded, "the cause");
        group c;
        c.go([] { return std::errc(); });
        c.go([] { return 5; });
        c.go([] { return std::string("not an error"); });
        expected.check(outcome(c).empty(), "any other result means nothing");
        group d;
        d.go([] { return std::errc::io_error; });
        expected.check(!outcome(d).empty(), "fails");
        expected.check(d.context().cause() == io_error, "the cause");
    });
    expected.verify();
}

TEST_CASE("more may be started after wait, and the first failure stays", "[group][C-313]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        std::atomic<int> ran{0};
        g.go([&] { ++ran; });
        g.wait();
        g.go([&] { ++ran; });
        g.wait();
        g.go([] { throw std::runtime_error("late"); });
        expected.check_eq(outcome(g), "late", "a failure after a wait");
        g.go([] { throw std::runtime_error("later"); });
        expected.check_eq(outcome(g), "late", "the first one stays");
        expected.check_eq(ran.load(), 2, "ran");
    });
    expected.verify();
}

TEST_CASE("a group is cancelled with its parent", "[group]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto parent = with_cancel(runnel::background());
        group g{parent};
        std::atomic<int> ended{0};
        for (int i = 0; i < 10; ++i) {
            g.go([&] {
                g.context().done().recv();
                ++ended;
            });
        }
        expected.check(test::wait_parked(10, "chan receive"), "they wait");
        parent.cancel(io_error);
        g.wait();
        expected.check_eq(ended.load(), 10, "ended");
        expected.check(g.context().cause() == io_error, "the parent's cause");
    });
    expected.verify();
}

TEST_CASE("the destructor cancels and waits", "[group]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> ended{0};
        runnel::context kept;
        {
            group g;
            kept = g.context();
            for (int i = 0; i < 10; ++i) {
                g.go([&] {
                    g.context().done().recv();
                    runnel::yield();
                    ++ended;
                });
            }
            g.go([] { throw std::runtime_error("nobody asks"); });
        }
        expected.check_eq(ended.load(), 10, "ended");
        expected.check(kept.err() == errc::canceled, "cancelled");
    });
    expected.verify();
}

TEST_CASE("goexit ends a goroutine of a group without failing it", "[group]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        g.set_limit(1);
        for (int i = 0; i < 3; ++i) g.go([] { runnel::goexit(); });
        expected.check(outcome(g).empty(), "no failure");
    });
    expected.verify();
}

TEST_CASE("a function is destroyed before its goroutine counts as ended", "[group]") {
    test::expectations expected;
    test::on_workers([&] {
        const long before = test::counted::live();
        group g;
        for (int i = 0; i < 50; ++i) {
            g.go([c = test::counted(i), own = std::make_unique<int>(i)] { (void)c.value; });
            g.go([c = test::counted(i)] { throw std::runtime_error(std::to_string(c.value)); });
        }
        expected.check(!outcome(g).empty(), "failed");
        expected.check_eq(test::counted::live(), before, "live");
    });
    expected.verify();
}

// ---- limits ----

TEST_CASE("never more goroutines than the limit, and go waits for its turn",
          "[group][limit][C-317]") {
    const int tasks = test::scale(1025);
    test::expectations expected;
    test::on_workers([&] {
        group g;
        g.set_limit(10);
        std::atomic<int> active{0};
        std::atomic<int> most{0};
        std::atomic<int> ran{0};
        for (int i = 0; i < tasks; ++i) {
            g.go([&] {
                const int now = ++active;
                int seen = most.load();
                while (seen < now && !most.compare_exchange_weak(seen, now)) {
                }
                runnel::yield();
                --active;
                ++ran;
            });
        }
        g.wait();
        expected.check(most.load() <= 10, "at most ten at once");
        expected.check_eq(ran.load(), tasks, "all ran");
    });
    expected.verify();
}

TEST_CASE("try_go is refused at the limit and accepted below it", "[group][limit][C-316]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        g.set_limit(2);
        const auto release = runnel::make_chan<runnel::unit>();
        expected.check(g.try_go([release] { release.recv(); }), "one");
        expected.check(g.try_go([release] { release.recv(); }), "two");
        auto untouched = [own = std::make_unique<int>(3)] { (void)own; };
        auto* address = &untouched;
        expected.check(!g.try_go(std::move(*address)), "three");
        auto still_good = std::move(untouched);
        runnel::wait_group parked;
        parked.go([&] { g.go([] {}); });
        expected.check(test::wait_parked(1, "semacquire"), "go parks");
        release.send();
        parked.wait();
        expected.check(test::eventually([&] { return g.try_go([] {}); }), "below the limit again");
        release.close();
        g.wait();
        expected.check(g.try_go(std::move(still_good)), "after the wait");
        g.wait();
    });
    expected.verify();
}

TEST_CASE("a limit of zero refuses all, a negative one none", "[group][limit][C-319]") {
    group g;
    g.set_limit(0);
    CHECK_FALSE(g.try_go([] {}));
    CHECK_THROWS_AS(g.go([] {}), runnel::panic);
    g.wait();
    g.set_limit(-1);
    std::atomic<int> ran{0};
    for (int i = 0; i < 100; ++i) CHECK(g.try_go([&] { ++ran; }));
    g.wait();
    CHECK(ran == 100);
}

TEST_CASE("the limit cannot be changed while goroutines are active", "[group][limit][C-318]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        const auto release = runnel::make_chan<runnel::unit>();
        for (int i = 0; i < 3; ++i) g.go([release] { release.recv(); });
        std::string said;
        try {
            g.set_limit(5);
        } catch (const runnel::panic& e) {
            said = e.what();
        }
        expected.check_eq(said, "modify limit while 3 goroutines in the group are still active",
                          "refused");
        release.close();
        g.wait();
        g.set_limit(1);
        g.go([] {});
        g.wait();
    });
    expected.verify();
}

// ---- misuse and other threads ----

TEST_CASE("an empty function is refused and nothing is counted", "[group]") {
    group g;
    g.set_limit(1);
    CHECK_THROWS_AS(g.go(std::function<void()>()), runnel::panic);
    CHECK_THROWS_AS(g.try_go(static_cast<void (*)()>(nullptr)), runnel::panic);
    CHECK(g.try_go([] {}));
    g.wait();
}

TEST_CASE("a group works on threads, and from several at once", "[group]") {
    const int n = test::scale(500);
    group g;
    g.set_limit(4);
    std::atomic<int> ran{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&] {
            for (int i = 0; i < n; ++i) g.go([&] { ++ran; });
        });
    }
    for (std::thread& t : threads) t.join();
    g.wait();
    CHECK(ran == 4 * n);
}

TEST_CASE("goroutines of a group start more of them", "[group][C-321]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        std::atomic<int> ran{0};
        std::function<void(int)> tree = [&](int depth) {
            ++ran;
            if (depth == 0) return;
            g.go([&, depth] { tree(depth - 1); });
            g.go([&, depth] { tree(depth - 1); });
        };
        g.go([&] { tree(8); });
        g.wait();
        expected.check_eq(ran.load(), 511, "ran");
    });
    expected.verify();
}

// ---- the end of the process ----

// Its member ends with main, as all goroutines do, and so never tells the group.
CHILD_SCENARIO(a_static_group_at_exit) {
    static runnel::group g;
    g.go([] { g.context().done().recv(); });
    return 3;
}
CHILD_SCENARIO(a_late_static_group_at_exit) {
    runnel::go([] {});
    static runnel::group g;
    g.go([] { g.context().done().recv(); });
    return 4;
}
TEST_CASE("a static group does not keep the process from ending", "[group][exit]") {
    CHECK(test::run_scenario("a_static_group_at_exit").status == 3);
    CHECK(test::run_scenario("a_late_static_group_at_exit").status == 4);
}

}  // namespace
