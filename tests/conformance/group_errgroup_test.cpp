// tests/conformance/group_errgroup_test.cpp — groups of goroutines, as errgroup has them.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <numeric>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/group.hpp>

#include "conformance/group_helpers.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::errc;
using runnel::group;
using test::first_error;
using test::second_error;
using test::wait_for;

}  // namespace

TEST_CASE("a group of one's own: each wait gives the first error so far", "[C-313]") {
    struct row {
        std::vector<std::error_code> errors;
        std::error_code expected;
    };
    const std::vector<row> table{
        {{}, {}},
        {{{}}, {}},
        {{{}, {}, {}}, {}},
        {{first_error}, first_error},
        {{first_error, {}}, first_error},
        {{{}, first_error, second_error}, first_error},
    };
    test::expectations expected;
    test::on_workers([&] {
        for (const row& r : table) {
            group g;
            std::error_code so_far;
            for (const std::error_code& e : r.errors) {
                g.go([e] { return e; });
                if (!so_far) so_far = e;
                expected.check(wait_for(g) == so_far, "after one more");
            }
            expected.check(wait_for(g) == r.expected, "at the end");
            expected.check(wait_for(g) == r.expected, "and again");
        }
    });
    expected.verify();
}

TEST_CASE("the cause is the first error, or that it was cancelled", "[C-315]") {
    test::expectations expected;
    test::on_workers([&] {
        group failed;
        failed.go([] { return first_error; });
        failed.context().done().recv();
        failed.go([] { return second_error; });
        static_cast<void>(wait_for(failed));
        expected.check(failed.context().cause() == first_error, "the first error");
        expected.check(failed.context().err() == errc::canceled, "err is a cancellation");
        group well;
        well.go([] { return std::error_code(); });
        well.wait();
        expected.check(well.context().cause() == errc::canceled, "no error");
    });
    expected.verify();
}

TEST_CASE("try_go is refused beyond the limit and goes again below it", "[C-316]") {
    test::expectations expected;
    test::on_workers([&] {
        const int n = 42;
        group g;
        g.set_limit(n);
        const auto release = runnel::make_chan<runnel::unit>();
        std::atomic<int> ran{0};
        const auto task = [&, release] {
            release.recv();
            ++ran;
        };
        for (int i = 0; i < n; ++i) expected.check(g.try_go(task), "within the limit");
        for (int i = 0; i < n; ++i) expected.check(!g.try_go(task), "beyond it");
        release.close();
        g.wait();
        expected.check_eq(ran.load(), n, "ran");
        expected.check(g.try_go(task), "after they ended");
        g.wait();
        expected.check_eq(ran.load(), n + 1, "ran");

        g.set_limit(1);
        expected.check(g.try_go([] {}), "another limit");
        g.wait();
        g.set_limit(0);
        expected.check(!g.try_go([] {}), "zero refuses all");
        g.wait();
    });
    expected.verify();
}

TEST_CASE("no more than ten of 1025 run at once, and go waits", "[C-317]") {
    test::expectations expected;
    test::on_workers([&] {
        group g;
        g.set_limit(10);
        std::atomic<int> active{0};
        std::atomic<bool> exceeded{false};
        for (int i = 0; i <= 1 << 10; ++i) {
            g.go([&] {
                if (++active > 10) exceeded = true;
                if (runnel::goroutine_id() % 16 == 0) runnel::yield();
                --active;
                return std::error_code();
            });
        }
        g.wait();
        expected.check(!exceeded, "within the limit");
    });
    expected.verify();
}

TEST_CASE("rules for the limit", "[C-318][C-319]") {
    group g;
    g.set_limit(-5);
    const auto release = runnel::make_chan<runnel::unit>();
    for (int i = 0; i < 7; ++i) CHECK(g.try_go([release] { release.recv(); }));
    CHECK_THROWS_WITH(g.set_limit(3),
                      "modify limit while 7 goroutines in the group are still active");
    release.close();
    g.wait();
    g.set_limit(0);
    CHECK_THROWS_AS(g.go([] {}), runnel::panic);  // in Go it would wait for ever
    g.set_limit(1);
    g.go([] {});
    g.wait();
}

TEST_CASE("an exception of a goroutine is thrown by wait", "[C-320]") {
    // Unlike in Go, where it ends the program: an exception is an error here.
    test::expectations expected;
    test::on_workers([&] {
        group g;
        g.go([] { throw std::out_of_range("too far"); });
        g.go([&] { g.context().done().recv(); });
        std::string said;
        try {
            g.wait();
        } catch (const std::out_of_range& e) {
            said = e.what();
        }
        expected.check_eq(said, "too far", "the original one");
    });
    expected.verify();
}

TEST_CASE("searches in parallel, and a pipeline in three stages", "[C-321]") {
    test::expectations expected;
    test::on_workers([&] {
        {
            const std::vector<std::string> kinds{"web", "image", "video"};
            std::vector<std::string> results(kinds.size());
            group g;
            for (std::size_t i = 0; i < kinds.size(); ++i) {
                g.go([&, i] { results[i] = kinds[i] + " result"; });
            }
            g.wait();
            expected.check_eq(results[2], "video result", "each its own");
        }
        {
            group g;
            const auto numbers = runnel::make_chan<int>();
            const auto squares = runnel::make_chan<int>(4);
            g.go([&, numbers] {
                for (int i = 1; i <= 100; ++i) {
                    if (numbers.send(g.context(), i) != runnel::op_status::ok) break;
                }
                numbers.close();
            });
            runnel::wait_group workers;
            workers.add(5);
            for (int w = 0; w < 5; ++w) {
                g.go([&, numbers, squares] {
                    for (int n : numbers) {
                        if (squares.send(g.context(), n * n) != runnel::op_status::ok) break;
                    }
                    workers.done();
                });
            }
            g.go([&, squares] {
                workers.wait();
                squares.close();
            });
            int sum = 0;
            for (int s : squares) sum += s;
            g.wait();
            expected.check_eq(sum, 338'350, "all have passed");
        }
    });
    expected.verify();
}
