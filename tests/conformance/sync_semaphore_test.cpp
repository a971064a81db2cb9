// tests/conformance/sync_semaphore_test.cpp — weighted semaphores.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using runnel::op_status;

namespace {

constexpr const char* wait_reason = "semacquire";

}  // namespace

TEST_CASE("many take all numbers of permits, all the time", "[C-323]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int size = 8;
        const int rounds = test::scale(2000);
        runnel::semaphore s(size);
        std::atomic<int> out{0};
        runnel::wait_group wg;
        for (int k = 0; k <= size; ++k) {
            wg.go([&, k] {
                for (int i = 0; i < rounds; ++i) {
                    s.acquire(k);
                    expected.check(out.fetch_add(k) + k <= size, "no more than there are");
                    if (i % 8 == 0) runnel::yield();
                    out.fetch_sub(k);
                    s.release(k);
                }
            });
        }
        wg.wait();
        expected.check(s.try_acquire(size), "all are back");
    });
    expected.verify();
}

TEST_CASE("releasing more than is held throws", "[C-324]") {
    runnel::semaphore s(1);
    CHECK_THROWS_AS(s.release(1), runnel::panic);
    CHECK(s.try_acquire(1));
    CHECK_THROWS_AS(s.release(2), runnel::panic);
    s.release(1);
}

TEST_CASE("negative numbers throw", "[C-325]") {
    CHECK_THROWS_AS(runnel::semaphore(-1), runnel::panic);
    runnel::semaphore s(1);
    CHECK_THROWS_AS(s.acquire(-1), runnel::panic);
    CHECK_THROWS_AS(s.acquire(runnel::background(), -1), runnel::panic);
    CHECK_THROWS_AS(s.try_acquire(-1), runnel::panic);
    CHECK_THROWS_AS(s.release(-1), runnel::panic);
    CHECK(s.try_acquire(1));
}

TEST_CASE("a request beyond the size waits for its context alone, and stops nobody", "[C-327]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(2);
        runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        runnel::wait_group large;
        large.go([&] { expected.check(s.acquire(ctx, 3) == op_status::canceled, "in vain"); });
        expected.check(test::wait_parked(1, wait_reason), "waits");
        runnel::wait_group small;
        for (int i = 0; i < 10; ++i) {
            small.go([&] {
                expected.check(s.acquire(runnel::background(), 1) == op_status::ok, "not stopped");
                s.release(1);
            });
        }
        small.wait();
        ctx.cancel();
        large.wait();
    });
    expected.verify();
}

TEST_CASE("a stream of small requests does not starve a large one", "[C-328]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int size = 4;
        runnel::semaphore s(size);
        std::atomic<bool> stop{false};
        runnel::wait_group small;
        s.acquire(1);
        for (int i = 0; i < size; ++i) {
            small.go([&] {
                while (!stop) {
                    s.acquire(1);
                    runnel::yield();
                    s.release(1);
                }
            });
        }
        s.release(1);
        for (int i = 0; i < 10; ++i) {
            s.acquire(size);  // would wait for ever if small ones overtook it
            s.release(size);
        }
        stop = true;
        small.wait();
        expected.check(s.try_acquire(size), "all are back");
    });
    expected.verify();
}

TEST_CASE("when the first that waits is cancelled those behind it that fit are served", "[C-329]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(10);
        s.acquire(1);
        runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        runnel::wait_group wg;
        wg.go([&] { expected.check(s.acquire(ctx, 10) == op_status::canceled, "too large now"); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        for (int i = 0; i < 3; ++i) {
            wg.go([&] {
                expected.check(s.acquire(runnel::background(), 3) == op_status::ok, "fits");
            });
        }
        expected.check(test::wait_parked(4, wait_reason), "all park");
        ctx.cancel();
        wg.wait();
        s.release(10);
    });
    expected.verify();
}

TEST_CASE("a done context fails though permits are free, and takes none", "[C-330]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(1);
        runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
        ctx.cancel();
        expected.check(s.acquire(ctx, 1) == op_status::canceled, "done before");
        expected.check(s.try_acquire(1), "none was taken");

        // Granted and cancelled at the same time: whatever acquire says is true of the permit.
        const int rounds = test::scale(500);
        for (int i = 0; i < rounds; ++i) {
            runnel::cancel_context race = runnel::with_cancel(runnel::background());
            runnel::wait_group wg;
            std::atomic<bool> got{false};
            wg.go([&] { got = s.acquire(race, 1) == op_status::ok; });
            wg.go([&] { race.cancel(); });
            wg.go([&] { s.release(1); });
            wg.wait();
            if (got) {
                expected.check(!s.try_acquire(1), "it was given one");
            } else {
                expected.check(s.try_acquire(1), "it was given none");
            }
        }
    });
    expected.verify();
}
