// tests/stress/sync_timeout_test.cpp — waits that give up while they are being served: nothing is lost.
// SPDX-License-Identifier: BSL-1.0
//
//   The race that is hunted: a waker chooses a waiter that gives up at the same moment. Either the wait
//   succeeds, or what it was to get goes to another; never neither, never both.
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>
#include <vector>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::op_status;

namespace {

std::chrono::microseconds soon(int i) { return std::chrono::microseconds((i * 7) % 60); }

/// Computes a little, so that both sides of a race come near each other.
void dither(int i) {
    for (int n = (i * 13) % 300; n > 0; --n) std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

TEST_CASE("every notification wakes exactly one, though others time out",
          "[stress][sync][bug-24]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        runnel::mutex m;
        runnel::condition_variable cv;
        long notified = 0;  // all guarded by m
        long woken = 0;
        int patient = 0;
        bool stop = false;
        runnel::wait_group wg;
        // Two that always wait: whoever counts a wake-up waits again before it lets the mutex go.
        for (int k = 0; k < 2; ++k) {
            wg.go([&] {
                std::unique_lock held(m);
                ++patient;
                while (!stop) {
                    cv.wait(held);
                    ++woken;
                }
            });
        }
        // And some that give up all the time.
        for (int k = 0; k < 4; ++k) {
            wg.go([&, k] {
                std::unique_lock held(m);
                int i = k;
                while (!stop) {
                    ++i;
                    if (cv.wait_for(held, soon(i)) == std::cv_status::no_timeout) ++woken;
                    if (i % 64 == 0) {
                        held.unlock();
                        runnel::yield();
                        held.lock();
                    }
                }
            });
        }
        bool all_woken = test::eventually([&] {
            const std::lock_guard guard(m);
            return patient == 2;
        });
        for (int i = 0; i < rounds && all_woken; ++i) {
            dither(i);
            {
                const std::lock_guard guard(m);
                ++notified;
                if (i % 2 == 0) cv.notify_one();
            }
            if (i % 2 != 0) cv.notify_one();
            all_woken = test::eventually([&] {
                const std::lock_guard guard(m);
                return woken >= notified;
            });
            const std::lock_guard guard(m);
            expected.check_eq(woken, notified, "as many woken as notified");
        }
        expected.check(all_woken, "no notification is lost");
        {
            const std::lock_guard guard(m);
            stop = true;
            cv.notify_all();
        }
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("permits are conserved, however an acquire ends", "[stress][sync][bug-24]") {
    test::expectations expected;
    test::on_workers([&] {
        constexpr int size = 3;
        const int rounds = test::scale(2000);
        runnel::semaphore s(size);
        std::atomic<int> out{0};
        std::atomic<long> gave_up{0};
        const auto work = [&](int who) {
            for (int i = 0; i < rounds; ++i) {
                const int k = (i + who) % size + 1;
                bool got = true;
                switch ((i + who) % 4) {
                    case 0:
                        got = s.try_acquire_for(soon(i), k);
                        break;
                    case 1: {
                        const auto ctx = runnel::with_timeout(runnel::background(), soon(i));
                        got = s.acquire(ctx, k) == op_status::ok;
                        break;
                    }
                    case 2:
                        got = s.try_acquire(k);
                        break;
                    default:
                        s.acquire(k);
                }
                if (!got) {
                    ++gave_up;
                    continue;
                }
                expected.check(out.fetch_add(k) + k <= size, "no more than there are");
                if (i % 4 == 0) runnel::yield();
                dither(i);
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
        expected.check(gave_up > 0, "some gave up");
    });
    expected.verify();
}

TEST_CASE("a cancelled acquire and a release at once: the permit is somewhere", "[stress][sync]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        runnel::semaphore s(1);
        for (int i = 0; i < rounds; ++i) {
            s.acquire();
            runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
            runnel::wait_group wg;
            std::atomic<int> got{0};
            wg.go([&] {
                if (s.acquire(ctx) == op_status::ok) ++got;
            });
            wg.go([&] {
                if (s.try_acquire_for(soon(i))) ++got;
            });
            if (i % 2 == 0) runnel::yield();
            wg.go([&, i] {
                dither(i);
                ctx.cancel();
            });
            dither(i + 5);
            s.release();
            wg.wait();
            if (got == 0) {
                expected.check(s.try_acquire(), "nobody has it: it is free");
            } else {
                expected.check_eq(got.load(), 1, "one has it");
                expected.check(!s.try_acquire(), "one has it: it is not free");
            }
            s.release();
        }
    });
    expected.verify();
}

TEST_CASE("a mutex is never lost to those who give up", "[stress][sync]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        runnel::mutex m;
        long inside = 0;  // guarded by m
        std::atomic<long> locked{0};
        const auto work = [&](int who) {
            for (int i = 0; i < rounds; ++i) {
                if ((i + who) % 4 == 0) {
                    m.lock();
                } else if (!m.try_lock_for(soon(i))) {
                    continue;
                }
                ++inside;
                ++locked;
                dither(i);
                if (i % 16 == 0) runnel::yield();
                if (i % 512 == 0) runnel::sleep_for(1500us);  // starves those who wait
                m.unlock();
            }
        };
        std::thread thread(work, 0);
        runnel::wait_group wg;
        for (int g = 1; g <= 5; ++g) wg.go(work, g);
        wg.wait();
        runnel::blocking([&] { thread.join(); });
        expected.check_eq(inside, locked.load(), "alone each time");
        expected.check(m.try_lock(), "free at the end");
    });
    expected.verify();
}

TEST_CASE("a shared_mutex is never lost to those who give up", "[stress][sync]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        runnel::shared_mutex m;
        std::atomic<int> activity{0};
        const auto work = [&](int who) {
            for (int i = 0; i < rounds; ++i) {
                const int what = (i + who) % 8;
                if (what == 0 || (what == 1 && m.try_lock_for(soon(i)))) {
                    if (what == 0) m.lock();
                    expected.check(activity.fetch_add(10000) == 0, "a writer is alone");
                    dither(i);
                    activity.fetch_sub(10000);
                    m.unlock();
                } else if (what != 1) {
                    if (what < 4) {
                        if (!m.try_lock_shared_for(soon(i))) continue;
                    } else if (what == 4) {
                        if (!m.try_lock_shared()) continue;
                    } else {
                        m.lock_shared();
                    }
                    expected.check(activity.fetch_add(1) < 9999, "readers only");
                    if (i % 8 == 0) runnel::yield();
                    activity.fetch_sub(1);
                    m.unlock_shared();
                }
            }
        };
        std::thread thread(work, 0);
        runnel::wait_group wg;
        for (int g = 1; g <= 6; ++g) wg.go(work, g);
        wg.wait();
        runnel::blocking([&] { thread.join(); });
        expected.check(m.try_lock(), "free at the end");
        m.unlock();
        expected.check(m.try_lock_shared() && m.try_lock_shared(), "readers at the end");
    });
    expected.verify();
}

TEST_CASE("a timed wait for a group is true only when the count is zero, and the group goes on",
          "[stress][sync]") {
    test::expectations expected;
    test::on_workers([&] {
        const int rounds = test::scale(3000);
        runnel::wait_group wg;
        for (int i = 0; i < rounds; ++i) {
            std::atomic<int> done{0};
            wg.add(2);
            for (int k = 0; k < 2; ++k) {
                runnel::go([&, i, k] {
                    dither(i + k);
                    ++done;
                    wg.done();
                });
            }
            if (wg.wait_for(soon(i))) {
                expected.check_eq(done.load(), 2, "true: both are done");
            } else {
                // It may be zero at this moment: adding must be possible all the same.
                wg.add(1);
                runnel::go([&] {
                    ++done;
                    wg.done();
                });
                wg.wait();
                expected.check_eq(done.load(), 3, "all are done");
            }
        }
    });
    expected.verify();
}
