// tests/detail/waiter_test.cpp — the one way in which everything waits: claims, limits, destroyed objects.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/waiter.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using namespace runnel::detail;

/// The smallest thing that can be waited for: permits, handed to waiters in order.
class permits {
public:
    wait_outcome take(time_point deadline = no_deadline, done_source* done = nullptr) {
        wait_lock guard(lock_, done);
        if (count_ > 0) {
            --count_;
            return wait_outcome::ok;
        }
        waiter me;
        return wait(waiters_, guard, me, wait_reason::semaphore, this, deadline);
    }
    void give() {
        lock_.lock();
        waiter* w = waiters_.claim_front();
        if (w != nullptr) {
            w->outcome = wait_outcome::ok;
        } else {
            ++count_;
        }
        lock_.unlock();
        if (w != nullptr) w->who->wake();
    }
    long left() {
        const spin_guard guard(lock_);
        return count_;
    }

private:
    spin_lock lock_;
    long count_ = 0;        // guarded by lock_
    waiter_queue waiters_;  // guarded by lock_
};

/// A done channel without a channel.
class done_flag : public done_source {
public:
    void close() {
        wake_list woken;
        lock.lock();
        closed.store(true);
        while (waiter* w = receivers.claim_front()) {
            w->outcome = wait_outcome::closed;
            woken.push(w);
        }
        lock.unlock();
        woken.wake_all();
    }
};

TEST_CASE("waiters are served in the order of their arrival", "[waiter]") {
    test::expectations expected;
    test::on_workers([&] {
        permits p;
        std::vector<int> order;
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i) {
            wg.go([&, i] {
                p.take();
                order.push_back(i);
                p.give();
            });
            test::wait_parked(static_cast<std::size_t>(i) + 1, "semacquire");
        }
        p.give();
        wg.wait();
        expected.check(order == std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, "order");
    });
    expected.verify();
}

TEST_CASE("a wait that has run out of time leaves the queue", "[waiter]") {
    test::expectations expected;
    test::on_workers([&] {
        permits p;
        expected.check(p.take(deadline_after(1ms)) == wait_outcome::timed_out, "timed out");
        expected.check(p.take(time_point::min()) == wait_outcome::timed_out, "in the past");
        p.give();
        expected.check_eq(p.left(), 1, "not given to one who has left");
        expected.check(p.take(time_point::min()) == wait_outcome::ok, "at once");
    });
    expected.verify();
    permits p;
    CHECK(p.take(deadline_after(1ms)) == wait_outcome::timed_out);
    p.give();
    CHECK(p.take() == wait_outcome::ok);
}

TEST_CASE("a wait ends with its done channel", "[waiter]") {
    test::expectations expected;
    test::on_workers([&] {
        permits p;
        done_flag done;
        std::atomic<int> canceled{0};
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i) {
            wg.go([&, i] {
                if (p.take(i % 2 == 0 ? no_deadline : deadline_after(1h), &done) ==
                    wait_outcome::canceled) {
                    ++canceled;
                }
            });
        }
        test::wait_parked(10, "semacquire");
        p.give();
        done.close();
        wg.wait();
        expected.check_eq(canceled.load(), 9, "all but the one who was served");
        expected.check(p.take(no_deadline, &done) == wait_outcome::canceled, "closed before");
        expected.check_eq(p.left(), 0, "nothing is left");
    });
    expected.verify();
}

// Deadlines and done channels strike while permits are handed out: none may be lost, none be doubled.
TEST_CASE("limits that strike at any moment lose no permit", "[waiter]") {
    test::expectations expected;
    test::on_workers([&] {
        permits p;
        const int rounds = test::scale(20'000);
        std::atomic<long> taken{0};
        std::atomic<long> given{0};
        std::atomic<int> takers{4};
        runnel::wait_group wg;
        for (int t = 0; t < 4; ++t) {
            wg.go([&, t] {
                for (int i = 0; i < rounds; ++i) {
                    done_flag done;
                    const auto deadline =
                        t % 2 == 0 ? now() + std::chrono::nanoseconds(i % 5000) : no_deadline;
                    runnel::wait_group closer;
                    if (t >= 2) closer.go([&] { done.close(); });
                    const wait_outcome o = p.take(deadline, t >= 2 ? &done : nullptr);
                    if (o == wait_outcome::ok) ++taken;
                    if (t < 2 && o == wait_outcome::canceled) ++given;  // cannot be
                    closer.wait();
                }
                --takers;
            });
        }
        for (int g = 0; g < 2; ++g) {
            wg.go([&] {
                while (takers != 0) {
                    p.give();
                    ++given;
                    runnel::yield();
                    // With a limit: the takers may have been faster, and the other giver waits, too.
                    if (p.left() > 100 && p.take(now()) == wait_outcome::ok) ++taken;
                }
            });
        }
        // t == 1 has no limit at all: it ends since permits never run out.
        wg.wait();
        expected.check_eq(taken + p.left(), given.load(), "conserved");
    });
    expected.verify();
}

TEST_CASE("goroutines, threads and pinned goroutines wait together", "[waiter]") {
    permits here;
    permits there;
    const int rounds = test::scale(3'000);
    std::atomic<int> turns{0};
    std::thread thread([&] {
        for (int i = 0; i < rounds; ++i) {
            here.take();
            ++turns;
            there.give();
        }
    });
    runnel::run([&] {
        runnel::wait_group wg;
        wg.go([&] {
            for (int i = 0; i < rounds; ++i) {
                here.take();
                ++turns;
                there.give();
            }
        });
        wg.go([&] {
            const runnel::thread_lock pin;
            for (int i = 0; i < rounds; ++i) {
                here.take(deadline_after(1h));
                ++turns;
                there.give();
            }
        });
        for (int i = 0; i < 3 * rounds; ++i) {
            here.give();
            there.take();
        }
        wg.wait();
    });
    thread.join();
    CHECK(turns == 3 * rounds);
    CHECK(here.left() == 0);
    CHECK(there.left() == 0);
}

// The object goes away as soon as the waiter has what it wanted: the waker is not to touch it any more.
TEST_CASE("an object may be destroyed by whoever was woken", "[waiter]") {
    test::on_workers([] {
        const int rounds = test::scale(5'000);
        for (int i = 0; i < rounds; ++i) {
            auto p = std::make_unique<permits>();
            permits* raw = p.get();
            runnel::go([raw] { raw->give(); });
            const auto o = i % 3 == 0 ? p->take(deadline_after(1h)) : p->take();
            if (o != wait_outcome::ok) std::abort();
            p.reset();
        }
    });
    SUCCEED("nothing was touched after its end");
}

TEST_CASE("of several who claim a sleeper one succeeds", "[waiter][bug-40]") {
    const int rounds = test::scale(20'000);
    int wrong = 0;
    std::atomic<sleeper*> current{nullptr};
    std::atomic<int> round{0};
    std::atomic<int> claims{0};
    std::atomic<int> arrived{0};
    std::atomic<std::uint32_t> winner{0};
    std::vector<std::thread> claimers;
    for (std::uint32_t t = 1; t <= 2; ++t) {
        claimers.emplace_back([&, t] {
            for (int i = 1; i <= rounds; ++i) {
                while (round < i) std::this_thread::yield();
                if (current.load()->claim(t)) {
                    ++claims;
                    winner = t;
                }
                ++arrived;
            }
        });
    }
    for (int i = 1; i <= rounds; ++i) {
        sleeper s(wait_reason::none, nullptr, true);
        claims = 0;
        current = &s;
        round = i;
        while (arrived < 2 * i) std::this_thread::yield();
        // Whoever comes later changes nothing of what the first has said.
        if (claims != 1 || s.claimed() != winner) ++wrong;
    }
    for (auto& t : claimers) t.join();
    CHECK(wrong == 0);
}

}  // namespace
