// tests/worker_pool_test.cpp — jobs, outcomes, cancellation, the end.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/worker_pool.hpp>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::op_status;
using runnel::outcome;
using runnel::worker_pool;

using int_pool = worker_pool<int, int>;
static_assert(std::is_same_v<decltype(std::declval<int_pool&>().jobs()), runnel::send_chan<int>>);
static_assert(
    std::is_same_v<decltype(std::declval<int_pool&>().results()), runnel::recv_chan<outcome<int>>>);
static_assert(!std::is_copy_constructible_v<int_pool> && !std::is_move_constructible_v<int_pool>);

TEST_CASE("each job has its outcome", "[worker_pool]") {
    const int n = test::scale(500);
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        int workers = 4;  // an int in braces is as good as a size_t
        worker_pool<int, int> p{background(), workers, [](int v) { return 2 * v; }};
        // Sender, waiter and reader in one: nobody waits for a reader.
        for (int i = 0; i < n; ++i) p.jobs().send(i);
        p.close();
        p.wait();
        std::vector<int> seen;
        for (auto& r : p.results()) {
            expected.check(r.has_value() && r.error() == nullptr, "a value");
            seen.push_back(r.value());
        }
        std::sort(seen.begin(), seen.end());
        bool each = static_cast<int>(seen.size()) == n;
        for (int i = 0; each && i < n; ++i) each = seen[static_cast<unsigned>(i)] == 2 * i;
        expected.check(each, "of each job");
        expected.check(left.holds(), "nothing left after close");
    });
    expected.verify();
}

TEST_CASE("so many jobs at once, and a sender waits for a worker", "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto go_on = runnel::make_chan<runnel::unit>();
        std::atomic<int> inside{0};
        int_pool p{background(), 3, [&](int v) {
                       ++inside;
                       go_on.recv();
                       return v;
                   }};
        for (int i = 0; i < 3; ++i) p.jobs().send(i);
        expected.check(test::eventually([&] { return inside == 3; }), "three at once");
        for (int i = 0; i < 100; ++i) runnel::yield();
        expected.check(p.jobs().try_send(3) == op_status::would_block, "the fourth waits");
        go_on.close();
        p.jobs().send(3);
        p.close();
        expected.check_eq(test::all_of(p.results()).size(), 4, "all four");
        expected.check_eq(inside.load(), 4, "were called");
    });
    expected.verify();
}

TEST_CASE("a job that throws is an outcome, and its worker goes on", "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        int_pool p{background(), 1, [](int v) {
                       if (v == 1) throw std::domain_error("one");
                       return v;
                   }};
        for (int i = 0; i < 3; ++i) p.jobs().send(i);
        p.close();
        std::vector<std::string> seen;
        for (auto& r : p.results()) {
            try {
                seen.push_back(std::to_string(r.value()));
            } catch (const std::domain_error& e) {
                expected.check(!r && r.error() != nullptr, "it has an error");
                seen.emplace_back(test::words_of(e));
            }
        }
        expected.check(seen == std::vector<std::string>{"0", "one", "2"},
                       "in the order of the ends");
    });
    expected.verify();
}

TEST_CASE("a job that calls goexit is an outcome, and another worker takes the place",
          "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        {
            int_pool p{background(), 1, [](int v) {
                           if (v == 1) runnel::goexit();
                           return v;
                       }};
            for (int i = 0; i < 3; ++i) p.jobs().send(i);
            p.close();
            std::vector<int> seen;
            int panics = 0;
            for (auto& r : p.results()) {
                try {
                    seen.push_back(r.value());
                } catch (const runnel::panic&) {
                    ++panics;
                }
            }
            expected.check(seen == std::vector{0, 2}, "the others");
            expected.check_eq(panics, 1, "and it");
        }
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("after a cancellation no job is begun and no sender left waiting", "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        {
            const auto ctx = runnel::with_cancel(background());
            std::atomic<int> calls{0};
            const auto go_on = runnel::make_chan<runnel::unit>();
            int_pool p{ctx, 2, [&](int v) {
                           ++calls;
                           go_on.recv();
                           return v;
                       }};
            runnel::wait_group senders;
            for (int i = 0; i < 10; ++i) {
                senders.go([&, jobs = p.jobs(), i] { jobs.send(i); });
            }
            expected.check(test::eventually([&] { return calls == 2; }), "two are begun");
            expected.check(test::wait_parked(8, "chan send"), "the others wait");
            ctx.cancel(std::make_error_code(std::errc::io_error));
            go_on.close();
            senders.wait();
            p.wait();
            p.jobs().send(99);
            expected.check(p.jobs().send(ctx, 99) == op_status::canceled, "or is told");
            std::vector<int> seen;
            for (auto& r : p.results()) seen.push_back(r.value());
            expected.check_eq(seen.size(), 2, "the outcomes of those that were begun");
            expected.check_eq(calls.load(), 2, "no other was");
            p.close();
            bool refused = false;
            try {
                p.jobs().send(1);
            } catch (const runnel::closed_channel&) {
                refused = true;
            }
            expected.check(refused, "closed is closed");
        }
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a context that is done lets no job begin", "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        ctx.cancel();
        std::atomic<int> calls{0};
        int_pool p{ctx, 3, [&](int v) { return calls += v; }};
        p.jobs().send(1);
        p.wait();
        expected.check(!p.results().recv(), "closed");
        expected.check_eq(calls.load(), 0, "calls");
    });
    expected.verify();
}

TEST_CASE("the destructor lets go of senders, drops what was not begun, and waits",
          "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        std::atomic<int> ended{0};
        std::atomic<int> begun{0};
        runnel::wait_group senders;
        const auto go_on = runnel::make_chan<runnel::unit>();
        {
            int_pool p{background(), 2, [&](int v) {
                           ++begun;
                           go_on.recv();
                           ++ended;
                           return v;
                       }};
            for (int i = 0; i < 5; ++i) senders.go([jobs = p.jobs(), i] { jobs.send(i); });
            expected.check(test::eventually([&] { return begun == 2; }), "two are begun");
            expected.check(test::wait_parked(3, "chan send"), "the others wait");
            runnel::go([go_on] {
                // The pool's own goroutine, and the destructor: it has cancelled by then.
                static_cast<void>(test::wait_parked(2, "sync.WaitGroup.Wait"));
                go_on.close();
            });
        }
        expected.check_eq(ended.load(), 2, "waited for");
        senders.wait();
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("with a capacity, workers wait for the reader", "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        {
            const auto ctx = runnel::with_cancel(background());
            int_pool p{ctx, 2, [](int v) { return v; }, 3};
            int sent = 0;
            while (p.jobs().send_for(sent, std::chrono::milliseconds(0)) == op_status::ok ||
                   test::parked("chan send") < 2) {
                ++sent;
                runnel::yield();
            }
            expected.check(p.jobs().try_send(1) == op_status::would_block, "nobody is free");
            expected.check_eq(p.results().len(), 3, "three outcomes");
            ctx.cancel();
            p.wait();
            expected.check_eq(test::all_of(p.results()).size(), 3, "what there was room for");
        }
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("an exception that closes the jobs closes the results", "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        int_pool p{background(), 2, [](int v) { return v; }};
        p.jobs().send(1);
        p.jobs().close(std::make_exception_ptr(std::runtime_error("broken")));
        p.close();
        p.wait();
        expected.check(p.results().recv()->value() == 1, "what came before");
        expected.check_eq(test::error_at_end(p.results()), "broken", "then the exception");
    });
    expected.verify();
}

TEST_CASE("jobs, results and the function may be move-only; a result may be nothing",
          "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        worker_pool<std::unique_ptr<int>, std::unique_ptr<int>> boxes{
            background(), 2, [own = std::make_unique<int>(1)](std::unique_ptr<int> p) {
                *p += *own;
                return p;
            }};
        boxes.jobs().send(std::make_unique<int>(4));
        boxes.close();
        expected.check_eq(*boxes.results().recv()->value(), 5, "a box");
        std::atomic<int> sum{0};
        worker_pool<int, void> quiet{background(), 2, [&](int v) { sum += v; }};
        for (int i = 0; i < 5; ++i) quiet.jobs().send(i);
        quiet.close();
        for (auto& r : quiet.results()) r.value();
        expected.check_eq(sum.load(), 10, "sum");
    });
    expected.verify();
}

TEST_CASE("a pool without workers is refused", "[worker_pool]") {
    const auto f = [](int v) { return v; };
    CHECK_THROWS_AS((int_pool{background(), 0, f}), std::invalid_argument);
    CHECK_THROWS_AS((int_pool{background(), -1, f}), std::invalid_argument);
    CHECK_THROWS_AS((int_pool{background(), 0u, f, 3}), std::invalid_argument);
}

TEST_CASE("a pool that nobody uses ends", "[worker_pool]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        {
            int_pool p{background(), 3, [](int v) { return v; }};
        }
        expected.check(left.holds(), "nothing left");
        int_pool p{background(), 3, [](int v) { return v; }};
        p.close();
        p.close();
        expected.check(!p.results().recv(), "closed");
    });
    expected.verify();
}

// Its workers end with main, as all goroutines do, and so never tell the pool.
CHILD_SCENARIO(a_static_worker_pool_at_exit) {
    static int_pool p{background(), 2, [](int v) { return v; }};
    p.jobs().send(3);
    return p.results().recv()->value();
}
TEST_CASE("a static pool does not keep the process from ending", "[worker_pool][exit]") {
    CHECK(test::run_scenario("a_static_worker_pool_at_exit").status == 3);
}

}  // namespace
