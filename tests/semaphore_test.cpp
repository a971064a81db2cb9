// tests/semaphore_test.cpp — permits, their order, contexts and time limits, misuse.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/semaphore.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <type_traits>

#include <runnel/go.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "sync_support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::op_status;

static_assert(!std::is_copy_constructible_v<runnel::semaphore>);
static_assert(!std::is_move_constructible_v<runnel::semaphore>);

constinit runnel::semaphore global_semaphore(2);

constexpr const char* wait_reason = "semacquire";

TEST_CASE("permits are taken and given back", "[semaphore]") {
    global_semaphore.acquire();
    CHECK(global_semaphore.try_acquire());
    CHECK_FALSE(global_semaphore.try_acquire());
    global_semaphore.release();
    global_semaphore.release();
    CHECK(global_semaphore.try_acquire(2));
    CHECK_FALSE(global_semaphore.try_acquire(1));
    CHECK(global_semaphore.try_acquire(0));
    global_semaphore.release(2);
}

TEST_CASE("misuse throws and changes nothing", "[semaphore]") {
    runnel::semaphore s(2);
    CHECK_THROWS_AS(s.release(), runnel::panic);
    CHECK_THROWS_WITH(s.release(), "semaphore: released more than held");
    s.acquire();
    CHECK_THROWS_AS(s.release(2), runnel::panic);
    CHECK_THROWS_AS(s.release(-1), runnel::panic);
    CHECK_THROWS_AS(s.acquire(-1), runnel::panic);
    CHECK_THROWS_AS(s.try_acquire(-1), runnel::panic);
    CHECK_THROWS_AS(s.try_acquire_for(1ms, -1), runnel::panic);
    CHECK_THROWS_AS(s.acquire(test::endless_context(), -1), runnel::panic);
    CHECK_THROWS_AS(runnel::semaphore(-1), runnel::panic);
    CHECK(s.try_acquire());
    CHECK_FALSE(s.try_acquire());
    s.release(2);
    runnel::semaphore none(0);
    CHECK_FALSE(none.try_acquire());
    CHECK(none.try_acquire(0));
    CHECK_THROWS_AS(none.release(), runnel::panic);
}

TEST_CASE("waiters are parked and served strictly in order", "[semaphore]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(3);
        runnel::wait_group wg;
        std::atomic<char> last{' '};  // who has been served last
        const auto want = [&](char name, std::ptrdiff_t k) {
            wg.go([&, name, k] {
                s.acquire(k);
                last = name;
            });
        };
        const auto served = [&](char name) {
            return test::eventually([&, name] { return last == name; });
        };
        s.acquire(3);
        want('A', 2);
        expected.check(test::wait_parked(1, wait_reason), "A parks");
        want('B', 1);
        expected.check(test::wait_parked(2, wait_reason), "B parks");
        want('C', 3);
        expected.check(test::wait_parked(3, wait_reason), "C parks");
        want('D', 1);
        expected.check(test::wait_parked(4, wait_reason), "D parks");

        s.release(1);
        expected.check_eq(test::parked(wait_reason), 4U, "A wants two, and B comes after A");
        expected.check(!s.try_acquire(1), "one that is free is not for those who come now");
        s.release(1);
        expected.check(served('A'), "A goes first");
        s.release(1);
        expected.check(served('B'), "then B");
        s.release(2);
        expected.check_eq(test::parked(wait_reason), 2U, "C wants three, and D comes after C");
        s.release(1);
        expected.check(served('C'), "then C");
        expected.check_eq(test::parked(wait_reason), 1U, "D waits for what C has");
        s.release(1);
        expected.check(served('D'), "then D");
        wg.wait();
        s.release(3);
        expected.check(s.try_acquire(3), "all are back");
    });
    expected.verify();
}

TEST_CASE("a release serves all who fit", "[semaphore]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(10);
        runnel::wait_group wg;
        s.acquire(10);
        for (int i = 1; i <= 4; ++i) wg.go([&, i] { s.acquire(i); });
        expected.check(test::wait_parked(4, wait_reason), "all park");
        s.release(10);
        wg.wait();
        expected.check(!s.try_acquire(1), "ten are taken");
        s.release(10);
    });
    expected.verify();
}

TEST_CASE("a context limits an acquire", "[semaphore]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(1);
        const test::manual_context canceled;
        canceled.cancel();
        expected.check(s.acquire(canceled) == op_status::canceled, "fails though there is room");
        const test::manual_context expired;
        expired.expire();
        expected.check(s.acquire(expired) == op_status::timeout, "likewise");
        expected.check(s.acquire(test::endless_context()) == op_status::ok, "there is room");

        const test::manual_context ctx;
        runnel::wait_group wg;
        wg.go([&] { expected.check(s.acquire(ctx) == op_status::canceled, "meanwhile"); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        ctx.cancel();
        wg.wait();

        const test::manual_context patient;
        wg.go([&] { expected.check(s.acquire(patient) == op_status::ok, "served"); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        s.release();
        wg.wait();
        expected.check(!s.try_acquire(), "taken");
        s.release();
    });
    expected.verify();
}

TEST_CASE("a timed acquire gives up, never early", "[semaphore]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(1);
        s.acquire();
        const test::stopwatch watch;
        expected.check(!s.try_acquire_for(3ms), "none free");
        expected.check(watch.elapsed() >= 3ms, "not early");
        expected.check(!s.try_acquire_for(0ms), "zero tries once");
        expected.check(!s.try_acquire_until(runnel::clock::now() + 1ms), "a time point");
        expected.check(!s.try_acquire_for(1ms, 2), "more than there are");
        runnel::wait_group wg;
        wg.go([&] { expected.check(s.try_acquire_for(1h), "in time"); });
        expected.check(test::wait_parked(1, wait_reason), "parks");
        s.release();
        wg.wait();
        s.release();
        expected.check(s.try_acquire_for(0ms), "free");
    });
    expected.verify();
}

TEST_CASE("when the first gives up, those behind it that fit go on", "[semaphore]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(2);
        runnel::wait_group wg;
        s.acquire(1);
        const test::manual_context ctx;
        wg.go([&] { expected.check(s.acquire(ctx, 2) == op_status::canceled, "cancelled"); });
        expected.check(test::wait_parked(1, wait_reason), "the large one parks");
        wg.go([&] { s.acquire(1); });
        expected.check(test::wait_parked(2, wait_reason), "the small one behind it");
        ctx.cancel();
        wg.wait();  // nothing was released
        s.release(2);
    });
    expected.verify();
}

TEST_CASE("a request beyond the size stands in nobody's way", "[semaphore]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::semaphore s(2);
        runnel::wait_group wg;
        const test::manual_context ctx;
        wg.go([&] { expected.check(s.acquire(ctx, 3) == op_status::canceled, "cancelled"); });
        expected.check(test::wait_parked(1, wait_reason), "it waits");
        expected.check(s.try_acquire(2), "the others do not");
        s.release(2);
        s.acquire(1);
        s.release(1);
        ctx.cancel();
        wg.wait();
        expected.check(!s.try_acquire(3), "never");
    });
    expected.verify();
}

TEST_CASE("never more permits out than there are", "[semaphore]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int size = 5;
        const int rounds = test::scale(1000);
        runnel::semaphore s(size);
        std::atomic<int> out{0};
        const auto work = [&](int who) {
            for (int i = 0; i < rounds; ++i) {
                const int k = (i + who) % (size + 1);
                if ((i + who) % 3 == 0) {
                    if (!s.try_acquire(k)) continue;
                } else {
                    s.acquire(k);
                }
                expected.check(out.fetch_add(k) + k <= size, "as many as there are");
                if (i % 8 == 0) runnel::yield();
                out.fetch_sub(k);
                s.release(k);
            }
        };
        std::thread thread(work, 0);
        runnel::wait_group wg;
        for (int g = 1; g <= 6; ++g) wg.go(work, g);
        wg.wait();
        runnel::blocking([&] { thread.join(); });
        expected.check(s.try_acquire(size), "all are back");
    });
    expected.verify();
}

TEST_CASE("a semaphore may be freed when its last acquire has returned", "[semaphore]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(5000);
        for (int i = 0; i < rounds; ++i) {
            auto s = std::make_unique<runnel::semaphore>(1);
            s->acquire();
            runnel::go([p = s.get()] { p->release(); });
            if (i % 3 == 0) runnel::yield();
            s->acquire();
        }
        expected.check(true, "nothing was touched afterwards");
    });
    expected.verify();
}

}  // namespace
