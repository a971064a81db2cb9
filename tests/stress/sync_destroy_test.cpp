// tests/stress/sync_destroy_test.cpp — each primitive is destroyed the moment that its contract allows.
// SPDX-License-Identifier: BSL-1.0
//
//   The race that is hunted, in all of them: a waker makes its effect visible (a counter of zero, a
//   free lock, a flag); somebody returns because of it, by the fast path or woken, and frees the object;
//   then the waker, which had not finished, touches it (to release a lock, to look for more waiters).
#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <runnel/go.hpp>
#include <runnel/sync.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"
#include "sync_graveyard.hpp"

using namespace std::chrono_literals;

namespace {

constexpr int crew = 4;

/// Calls `round(i)` for a while, as the main goroutine, for each worker count.
template <class F>
void repeat(F round) {
    test::on_workers([&] {
        const auto end = runnel::clock::now() + 400ms;
        for (int i = 0; i < test::scale(20'000) && runnel::clock::now() < end; ++i) round(i);
    });
}

/// Runs `f(k)` for k in [0, crew): in goroutines, and every so often one of them in a thread.
template <class F>
void with_crew(int i, const F& f) {
    runnel::wait_group all;
    std::thread thread;
    for (int k = 0; k < crew; ++k) {
        if (k == 0 && i % 16 == 0) {
            thread = std::thread([&f] { f(0); });
        } else {
            all.go([&f, k] { f(k); });
        }
    }
    all.wait();
    if (thread.joinable()) runnel::blocking([&] { thread.join(); });
}

}  // namespace

TEST_CASE("a wait group is freed by the last waiter to return", "[stress][sync][bug-23]") {
    test::graveyard<runnel::wait_group> graves;
    repeat([&](int i) {
        // Some park, some come when the counter is zero already but its last done has not returned.
        auto* wg = graves.make();
        std::atomic<int> waiters{crew / 2};
        wg->add(crew / 2);
        with_crew(i, [&](int k) {
            if (k % 2 == 0) {
                wg->done();
                return;
            }
            if (i % 3 == 0) {
                while (!wg->wait_for(std::chrono::microseconds(i % 20))) {
                }
            } else {
                wg->wait();
            }
            if (waiters.fetch_sub(1) == 1) graves.bury(wg);
        });
    });
    CHECK(graves.touched() == 0);
}

TEST_CASE("a latch is freed by the last waiter to return", "[stress][sync]") {
    test::graveyard<runnel::latch> graves;
    repeat([&](int i) {
        auto* l = graves.make(crew);
        std::atomic<int> waiters{crew};
        with_crew(i, [&](int) {
            l->arrive_and_wait();
            if (waiters.fetch_sub(1) == 1) graves.bury(l);
        });
    });
    CHECK(graves.touched() == 0);
}

TEST_CASE("a barrier is freed by the last waiter of its last phase", "[stress][sync]") {
    test::graveyard<runnel::barrier<>> graves;
    repeat([&](int i) {
        auto* b = graves.make(crew);
        std::atomic<int> waiters{crew};
        with_crew(i, [&](int) {
            b->arrive_and_wait();
            b->arrive_and_wait();
            if (waiters.fetch_sub(1) == 1) graves.bury(b);
        });
    });
    CHECK(graves.touched() == 0);
}

TEST_CASE("a mutex is freed by the last one to unlock it", "[stress][sync]") {
    test::graveyard<runnel::mutex> graves;
    repeat([&](int i) {
        auto* m = graves.make();
        int references = crew;  // guarded by *m
        with_crew(i, [&](int k) {
            if ((i + k) % 3 == 0) {
                while (!m->try_lock_for(std::chrono::microseconds(i % 20))) {
                }
            } else {
                m->lock();
            }
            if (i % 8 == 1) runnel::yield();
            const bool last = --references == 0;
            // Another one may get it, be the last and free it before we are out of here.
            m->unlock();
            if (last) graves.bury(m);
        });
    });
    CHECK(graves.touched() == 0);
}

TEST_CASE("a shared_mutex is freed by the last one to unlock it", "[stress][sync]") {
    test::graveyard<runnel::shared_mutex> graves;
    repeat([&](int i) {
        auto* m = graves.make();
        std::atomic<int> readers{crew};
        int references = crew;  // guarded by *m
        with_crew(i, [&](int k) {
            // First as readers, so that writers find some; those leave with an unlock_shared that nobody
            // but a writer can know to be complete.
            if ((i + k) % 4 != 0 || m->try_lock_shared_for(std::chrono::microseconds(i % 20))) {
                if ((i + k) % 4 != 0) m->lock_shared();
                if (i % 8 == 1) runnel::yield();
                m->unlock_shared();
            }
            --readers;
            if ((i + k) % 3 == 0) {
                while (!m->try_lock_for(std::chrono::microseconds(i % 20))) {
                }
            } else {
                m->lock();
            }
            const bool last = --references == 0;
            m->unlock();
            if (last) graves.bury(m);
        });
        if (readers != 0) std::abort();
    });
    CHECK(graves.touched() == 0);
}

TEST_CASE("a shared_mutex is freed by a reader after the last writer", "[stress][sync]") {
    test::graveyard<runnel::shared_mutex> graves;
    repeat([&](int i) {
        auto* m = graves.make();
        bool written = false;  // guarded by *m
        std::atomic<int> gone{0};
        with_crew(i, [&](int k) {
            if (k == 1) {
                m->lock();
                // Those who give up meanwhile have made it look for them.
                while (i % 2 == 0 && gone != 2) runnel::yield();
                written = true;
                m->unlock();
            } else if (k == 2) {
                for (bool seen = false; !seen; runnel::yield()) {
                    if (i % 4 == 1) {
                        m->lock_shared();
                    } else if (!m->try_lock_shared()) {
                        continue;
                    }
                    seen = written && gone == 2;
                    m->unlock_shared();
                }
                graves.bury(m);
            } else {
                // Gives up, so that the writer looks for somebody who is not there any more.
                if (m->try_lock_shared_for(std::chrono::microseconds(i % 20))) m->unlock_shared();
                ++gone;
            }
        });
    });
    CHECK(graves.touched() == 0);
}

TEST_CASE("a once is freed by the last caller to return", "[stress][sync]") {
    test::graveyard<runnel::once> graves;
    repeat([&](int i) {
        auto* o = graves.make();
        std::atomic<int> callers{crew};
        with_crew(i, [&](int) {
            o->call([&] {
                if (i % 2 == 0) runnel::yield();
            });
            if (callers.fetch_sub(1) == 1) graves.bury(o);
        });
    });
    CHECK(graves.touched() == 0);
}

TEST_CASE("a semaphore is freed by the one that gets the last permit", "[stress][sync]") {
    test::graveyard<runnel::semaphore> graves;
    repeat([&](int i) {
        auto* s = graves.make(crew - 1);
        s->acquire(crew - 1);
        with_crew(i, [&](int k) {
            if (k != 1) {
                s->release();
                return;
            }
            if (i % 2 == 0) {
                s->acquire(crew - 1);
            } else {
                for (int n = 1; n < crew;) {
                    if (s->try_acquire_for(std::chrono::microseconds(i % 20))) ++n;
                }
            }
            graves.bury(s);
        });
    });
    CHECK(graves.touched() == 0);
}

TEST_CASE("a condition variable is freed by the waiter that was notified, or by the notifier",
          "[stress][sync]") {
    test::graveyard<runnel::condition_variable> graves;
    repeat([&](int i) {
        auto* cv = graves.make();
        runnel::mutex m;
        int waiting = 0;  // guarded by m
        const bool notifier_frees = i % 2 == 0;
        with_crew(i, [&](int k) {
            std::unique_lock held(m);
            if (k != 1) {
                ++waiting;
                // Without a predicate: the wait must not touch it once it is notified.
                if (k == 2) {
                    if (cv->wait_for(held, 1h) == std::cv_status::timeout) std::abort();
                } else {
                    cv->wait(held);
                }
                if (--waiting == 0 && !notifier_frees) graves.bury(cv);
                return;
            }
            while (waiting != crew - 1) {
                held.unlock();
                runnel::yield();
                held.lock();
            }
            if (notifier_frees) {
                cv->notify_all();
                graves.bury(cv);
            } else {
                // The last of these still runs when the last waiter frees it, if that is fast.
                held.unlock();
                for (int n = 1; n < crew; ++n) cv->notify_one();
            }
        });
    });
    CHECK(graves.touched() == 0);
}
