// tests/detail/timer_queue_test.cpp — deadlines in order, against a multimap.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/timer_queue.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include <runnel/detail/goroutine.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::detail::goroutine;
using runnel::detail::no_deadline;
using runnel::detail::time_point;
using runnel::detail::timer_node;
using runnel::detail::timer_queue;

time_point at(long t) { return time_point(std::chrono::nanoseconds(t)); }

struct timer : timer_node {
    long when = 0;
    int fired = 0;
    bool by_run = false;
    goroutine* wakes = nullptr;

    timer() {
        expire = [](timer_node* n) noexcept -> goroutine* {
            auto* self = static_cast<timer*>(n);
            if (self->by_run) {
                self->deferred = true;
                return nullptr;
            }
            ++self->fired;
            return self->wakes;
        };
        run = [](timer_node* n) noexcept { ++static_cast<timer*>(n)->fired; };
    }
};

std::size_t run_until(timer_queue& q, long t) {
    return q.run_due(at(t), [](goroutine*) {});
}

TEST_CASE("an empty queue has no deadline", "[timer_queue]") {
    timer_queue q;
    CHECK(q.empty());
    CHECK(q.size() == 0);
    CHECK(q.earliest() == no_deadline);
    CHECK(run_until(q, 1'000'000) == 0);
}

TEST_CASE("arm tells whether the deadline is the earliest", "[timer_queue]") {
    timer_queue q;
    timer a;
    timer b;
    timer c;
    timer d;
    CHECK(q.arm(&a, at(100)));
    CHECK_FALSE(q.arm(&b, at(200)));
    CHECK(q.arm(&c, at(50)));
    CHECK_FALSE(q.arm(&d, at(50)));
    CHECK(q.earliest() == at(50));
    CHECK(q.size() == 4);
    CHECK(q.cancel(&c));
    CHECK(q.cancel(&d));
    CHECK(q.earliest() == at(100));
    CHECK_FALSE(q.cancel(&d));
    CHECK(q.cancel(&a));
    CHECK(q.cancel(&b));
    CHECK(q.empty());
}

TEST_CASE("timers expire at their deadline, not before, and once", "[timer_queue]") {
    timer_queue q;
    timer a;
    timer b;
    q.arm(&a, at(100));
    q.arm(&b, at(101));
    CHECK(run_until(q, 99) == 0);
    CHECK(run_until(q, 100) == 1);
    CHECK(a.fired == 1);
    CHECK(b.fired == 0);
    CHECK_FALSE(q.cancel(&a));
    CHECK(run_until(q, 1000) == 1);
    CHECK(b.fired == 1);
    CHECK(run_until(q, 1000) == 0);
    // And may be armed again.
    q.arm(&a, at(2000));
    CHECK(run_until(q, 2000) == 1);
    CHECK(a.fired == 2);
}

TEST_CASE("whoever is woken is handed on, in the order of deadlines", "[timer_queue]") {
    timer_queue q;
    constexpr std::size_t n = 100;
    const auto blocks = std::make_unique<goroutine[]>(n);
    std::vector<timer> timers(n);
    std::vector<std::size_t> order(n);
    for (std::size_t i = 0; i < n; ++i) order[i] = i;
    std::mt19937_64 random(test::seed());
    std::shuffle(order.begin(), order.end(), random);
    for (const std::size_t i : order) {
        timers[i].wakes = &blocks[i];
        q.arm(&timers[i], at(static_cast<long>(i)));
    }
    std::vector<goroutine*> woken;
    CHECK(q.run_due(at(1000), [&](goroutine* g) { woken.push_back(g); }) == n);
    REQUIRE(woken.size() == n);
    for (std::size_t i = 0; i < n; ++i) CHECK(woken[i] == &blocks[i]);
}

TEST_CASE("a deferred timer runs without the lock, and may arm itself", "[timer_queue]") {
    timer_queue q;
    struct again : timer_node {
        timer_queue* q = nullptr;
        int left = 3;
    } a;
    a.q = &q;
    a.expire = [](timer_node* n) noexcept -> goroutine* {
        n->deferred = true;
        return nullptr;
    };
    a.run = [](timer_node* n) noexcept {
        auto* self = static_cast<again*>(n);
        if (--self->left > 0) self->q->arm(self, at(10));
    };
    q.arm(&a, at(1));
    CHECK(run_until(q, 100) == 3);
    CHECK(a.left == 0);
    CHECK(q.empty());
}

TEST_CASE("random operations agree with a multimap", "[timer_queue]") {
    std::mt19937_64 random(test::seed());
    timer_queue q;
    std::multimap<long, timer*> model;
    std::vector<timer> timers(500);
    std::vector<int> fired(timers.size());
    long now = 0;
    int wrong = 0;
    int early = 0;
    const int steps = test::scale(200'000);
    for (int i = 0; i < steps; ++i) {
        const std::size_t which = random() % timers.size();
        timer& t = timers[which];
        const auto place = std::find_if(model.lower_bound(t.when), model.upper_bound(t.when),
                                        [&](const auto& e) { return e.second == &t; });
        const bool armed = t.position != timer_node::none;
        if (armed !=
            (place != model.upper_bound(t.when) && place != model.end() && place->second == &t)) {
            ++wrong;
        }
        switch (random() % 3) {
            case 0:
                if (!armed) {
                    // Often on the very tick, or already past.
                    t.when = now + static_cast<long>(random() % 20) - 2;
                    t.by_run = random() % 2 == 0;
                    // Of a large queue the earliest may be one that was cancelled.
                    const bool earliest = at(t.when) < q.earliest();
                    if (q.arm(&t, at(t.when)) != earliest) ++wrong;
                    model.emplace(t.when, &t);
                }
                break;
            case 1:
                if (q.cancel(&t) != armed) ++wrong;
                if (armed) model.erase(place);
                break;
            default:
                if (random() % 16 == 0) now += static_cast<long>(random() % 10);
                std::size_t due = 0;
                while (!model.empty() && model.begin()->first <= now) {
                    ++fired[static_cast<std::size_t>(model.begin()->second - timers.data())];
                    model.erase(model.begin());
                    ++due;
                }
                if (run_until(q, now) != due) ++wrong;
        }
        if (q.size() != model.size()) ++wrong;
        const auto earliest = model.empty() ? no_deadline : at(model.begin()->first);
        if (q.earliest() > earliest || q.empty() != model.empty()) ++wrong;
        if (q.earliest() < earliest) ++early;
    }
    for (std::size_t i = 0; i < timers.size(); ++i) {
        if (timers[i].fired != fired[i]) ++wrong;
    }
    CHECK(wrong == 0);
    CHECK(early < steps / 4);
}

TEST_CASE("a small queue tells the earliest exactly, whatever is cancelled", "[timer_queue]") {
    timer_queue q;
    std::vector<timer> timers(60);
    for (std::size_t i = 0; i < timers.size(); ++i) q.arm(&timers[i], at(static_cast<long>(i)));
    for (std::size_t i = 0; i < timers.size(); ++i) {
        REQUIRE(q.earliest() == at(static_cast<long>(i)));
        REQUIRE(q.cancel(&timers[i]));
    }
    CHECK(q.empty());
}

TEST_CASE("those who look for what a large queue once had clear it away", "[timer_queue]") {
    timer_queue q;
    std::vector<timer> timers(1000);
    for (std::size_t i = 0; i < timers.size(); ++i) q.arm(&timers[i], at(static_cast<long>(i)));
    for (std::size_t i = 0; i < 400; ++i) REQUIRE(q.cancel(&timers[i]));
    CHECK(q.size() == 600);
    CHECK(q.earliest() <= at(400));
    CHECK(run_until(q, 0) == 0);
    CHECK(q.earliest() == at(400));
    CHECK(run_until(q, 399) == 0);
    CHECK(run_until(q, 400) == 1);
    CHECK(q.earliest() == at(401));
    // Cancelled from behind, they go when they are the most.
    for (std::size_t i = timers.size() - 1; i > 401; --i) REQUIRE(q.cancel(&timers[i]));
    CHECK(q.size() == 1);
    CHECK(q.earliest() == at(401));
    CHECK(q.cancel(&timers[401]));
    CHECK(q.empty());
}

TEST_CASE("of a large queue one of those that are due is chosen, never one that was cancelled",
          "[timer_queue]") {
    timer_queue q;
    std::vector<timer> timers(200);
    for (std::size_t i = 0; i < timers.size(); ++i) q.arm(&timers[i], at(static_cast<long>(i)));
    for (std::size_t i = 0; i < timers.size(); i += 2) REQUIRE(q.cancel(&timers[i]));
    const auto first = [](std::size_t) { return std::size_t{0}; };
    const auto nobody = [](runnel::detail::goroutine*) {};
    CHECK_FALSE(q.run_one(at(0), first, nobody));
    CHECK(q.earliest() == at(1));
    CHECK(q.run_one(at(1), first, nobody));
    CHECK(timers[1].fired == 1);
    CHECK(q.size() == 99);
}

TEST_CASE("a cancelled timer is never touched again, whoever expires meanwhile",
          "[timer_queue][bug-34]") {
    timer_queue q;
    std::atomic<bool> stop{false};
    std::atomic<long> now{0};
    struct shared_timer : timer_node {
        std::atomic<int> fired{0};
    };
    std::thread runner([&] {
        while (!stop) {
            ++now;
            q.run_due(at(now), [](goroutine*) {});
        }
    });
    const int rounds = test::scale(100'000);
    long cancelled = 0;
    long expired = 0;
    int wrong = 0;
    for (int i = 0; i < rounds; ++i) {
        // Destroyed at once: the address sanitizer sees whoever comes late.
        const auto t = std::make_unique<shared_timer>();
        t->expire = [](timer_node* n) noexcept -> goroutine* {
            ++static_cast<shared_timer*>(n)->fired;
            return nullptr;
        };
        q.arm(t.get(), at(now + i % 3));
        for (int k = i % 50; k > 0; --k) runnel::detail::cpu_relax();
        const bool was_waiting = q.cancel(t.get());
        if (t->fired != (was_waiting ? 0 : 1)) ++wrong;
        ++(was_waiting ? cancelled : expired);
    }
    stop = true;
    runner.join();
    CHECK(wrong == 0);
    CHECK(cancelled + expired == rounds);
    CHECK(q.empty());
}

TEST_CASE("a hundred thousand timers come and go", "[timer_queue]") {
    const std::size_t n = static_cast<std::size_t>(test::scale(100'000));
    std::mt19937_64 random(test::seed());
    timer_queue q;
    std::vector<timer> timers(n);
    for (auto& t : timers) q.arm(&t, at(static_cast<long>(random() % 1'000'000)));
    CHECK(q.size() == n);
    std::size_t cancelled = 0;
    for (std::size_t i = 0; i < n; i += 2) cancelled += q.cancel(&timers[i]) ? 1U : 0U;
    CHECK(run_until(q, 1'000'000) + cancelled == n);
    CHECK(q.empty());
}

TEST_CASE("nodes are found and cancelled by what they are", "[timer_queue]") {
    const std::size_t n = static_cast<std::size_t>(test::scale(10'000));
    std::mt19937_64 random(test::seed());
    timer_queue q;
    CHECK_FALSE(q.any_of([](const timer_node&) { return true; }));
    q.cancel_if([](const timer_node&) { return true; });
    std::vector<timer> timers(n);
    for (auto& t : timers) {
        t.when = static_cast<long>(1 + random() % 1'000'000);
        t.by_run = random() % 3 == 0;
        q.arm(&t, at(t.when));
    }
    const auto special = [](const timer_node& node) {
        return static_cast<const timer&>(node).by_run;
    };
    const auto count =
        static_cast<std::size_t>(std::count_if(timers.begin(), timers.end(), special));
    CHECK(q.any_of(special) == (count != 0));
    q.cancel_if(special);
    CHECK_FALSE(q.any_of(special));
    CHECK(q.size() == n - count);
    long earliest = 2'000'000;
    for (auto& t : timers) {
        if (special(t)) {
            CHECK_FALSE(q.cancel(&t));
        } else {
            earliest = std::min(earliest, t.when);
        }
    }
    if (count < n) CHECK(q.earliest() == at(earliest));
    // The others come in their order, and none is missing.
    long last = 0;
    while (!q.empty()) {
        const long next = q.earliest().time_since_epoch().count();
        CHECK(next > last);
        last = next;
        run_until(q, next);
    }
    CHECK(std::all_of(timers.begin(), timers.end(),
                      [&](const timer& t) { return t.fired == (special(t) ? 0 : 1); }));
}

}  // namespace
