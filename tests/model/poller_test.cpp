// tests/model/poller_test.cpp — workers that sleep in the poller, under the model checker.
// SPDX-License-Identifier: BSL-1.0
//
//   The scheduler's functions and the poller are the shipping ones; the system's part, events that are told once
//   and an interrupter, is in seam.hpp.
#include <new>

#include <runnel/detail/descriptor.hpp>

#include <model/scheduled.hpp>

namespace {

using namespace runnel::detail;
using namespace std::chrono_literals;
using model::lose_patience;
using model::poll_set;
using model::scheduled;
using model::work;

/// A scheduler whose workers sleep in the poller; an event makes `by_event` runnable.
template <int Workers>
struct polled : scheduled<Workers> {
    static inline polled* present = nullptr;
    work by_event;

    explicit polled(std::uint32_t places) : scheduled<Workers>(places) {
        present = this;
        std::destroy_at(&the_poller);
        ::new (static_cast<void*>(&the_poller)) poller;
        the_poller.on_event_ = [](const poll_event&) noexcept {
            present->s.ready(&present->by_event);
        };
        the_poller.opened_.store(true);
        the_poller.opened_.leave_out();
        the_poller.waiters_.leave_out();
        the_poller.last_look_.leave_out();
        model::name(the_poller, "poller");
        by_event.init(this->s);
        for (worker& w : this->workers) w.queues_for = &this->s;
    }
};

/// The only worker falls asleep while something can be read, and is found by it.
struct read_by_one : polled<1> {
    static constexpr int threads = 2;

    read_by_one() : polled(1) { hold_places(1, 0); }
    void run(int me) {
        if (me == 0) {
            set_current_worker(&workers[0]);
            model::check(s.find_work(&workers[0]) == &by_event, "it found something else");
            model::check(by_event.made == 1, "what was done before is not seen");
        } else {
            by_event.made = 1;
            poll_set::get().happen();
        }
    }
};

/// While it falls asleep a thread makes work, and something can be read: both come, in whatever order.
struct read_and_made : polled<1> {
    static constexpr int threads = 3;
    work made;

    read_and_made() : polled(1) {
        hold_places(1, 0);
        made.init(s);
    }
    void run(int me) {
        if (me == 0) {
            set_current_worker(&workers[0]);
            const goroutine* one = s.find_work(&workers[0]);
            const goroutine* other = s.find_work(&workers[0]);
            model::check(
                (one == &by_event && other == &made) || (one == &made && other == &by_event),
                "it did not find both");
        } else if (me == 1) {
            poll_set::get().happen();
        } else {
            s.ready(&made);
        }
    }
};

/// It sleeps in the poller, without end or until late; somebody arms an early deadline.
struct kept_in_poller : polled<1> {
    static constexpr int threads = 2;
    struct timer : timer_node {
        goroutine* g = nullptr;
    };
    static goroutine* strike(timer_node* n) noexcept { return static_cast<timer*>(n)->g; }

    work g;
    timer early;
    time_point start = now();

    kept_in_poller() : polled(1) {
        hold_places(1, 0);
        g.init(s);
        early.g = &g;
        early.expire = strike;
    }
    void run(int me) {
        if (me == 0) {
            set_current_worker(&workers[0]);
            model::check(s.find_work(&workers[0]) == &g, "it found something else");
        } else {
            s.arm(&early, start + 1s);
        }
    }
};

/// One worker is called away from the poller, for good, while another falls asleep: that one has to take over.
struct handed_on : polled<2> {
    static constexpr int threads = 3;

    handed_on() : polled(2) {
        hold_places(2, 0);
        the_poller.owned_.store(true);
    }
    void run(int me) {
        if (me == 0) {
            s.leave_poller(&workers[0]);  // and never comes back
        } else if (me == 1) {
            set_current_worker(&workers[1]);
            s.go_idle(&workers[1]);
            model::check(s.pick_queued(&workers[1]) == &by_event, "woken for nothing");
        } else {
            poll_set::get().happen();
        }
    }
};

/// One worker stays away from the other, which is busy, and sleeps in the poller meanwhile; then something can be read.
struct read_while_away : polled<2> {
    static constexpr int threads = 2;

    read_while_away() : polled(2) {
        hold_places(2, 0);
        the_poller.waiters_.store(1);
        lose_patience(workers[0].backoff);
    }
    void run(int me) {
        worker& w = workers[me];
        set_current_worker(&w);
        if (me == 0) {
            model::check(s.find_work(&w) == &by_event, "it found something else");
            model::check(by_event.made == 1, "what was done before is not seen");
            model::check(!w.spinning, "it has stopped looking");
        } else {
            by_event.made = 1;
            poll_set::get().happen();
        }
    }
};

TEST_CASE("a worker that sleeps in the poller misses neither an event nor a wake-up",
          "[model][poller][bug-03][bug-16]") {
    model::require_clean<read_by_one>("[NP] a worker, an event", {.preemptions = 3});
    model::require_clean<read_and_made>("[NP] a worker, an event, a maker", {.preemptions = 2});
    model::require_clean<kept_in_poller>("[NP] a worker, an early deadline", {.preemptions = 3});
    model::require_clean<read_while_away>("[NP] one that stays away, an event",
                                          {.preemptions = 2, .most_steps = 20'000});
}

TEST_CASE("NP-1: somebody sleeps in the poller as long as anybody sleeps", "[model][poller]") {
    model::require_clean<handed_on>("[NP-1] two workers, one called away", {.preemptions = 3});
}

// ---- [DS-1] descriptors ----

/// Two look whether there is something to read, and wait if not; it comes meanwhile.
template <int Readers>
struct waits_for_event : model::shipping {
    static constexpr int threads = Readers + 1;
    descriptor d;
    model::atomic<bool> readable{false};  // what the system knows

    waits_for_event() {
        std::destroy_at(&the_poller);
        ::new (static_cast<void*>(&the_poller)) poller;
        the_poller.waiters_.leave_out();
        the_poller.opened_.leave_out();
        model::name(d, "descriptor");
        model::name(readable, "readable");
    }
    void run(int me) {
        if (me == Readers) {
            readable.store(true, memory_order_relaxed);
            wake_list woken;
            d.lock.lock();
            descriptor::take_all(d.of(direction::read), wait_outcome::ok, woken);
            d.lock.unlock();
            woken.wake_all();
            return;
        }
        for (;;) {
            const std::uint32_t seen = d.of(direction::read).events.load(memory_order_acquire);
            if (readable.load(memory_order_relaxed)) return;
            const wait_outcome o = wait_for_event(d, direction::read, seen, wait_limit{});
            model::check(o == wait_outcome::ok || o == wait_outcome::retry, "woken for nothing");
        }
    }
};

TEST_CASE("DS-1: no event comes between the look and the wait", "[model][poller]") {
    model::require_clean<waits_for_event<1>>("[DS-1] a waiter, an event", {.preemptions = 4});
    model::require_clean<waits_for_event<2>>("[DS-1] two waiters, an event", {.preemptions = 2});
    model::weakenings w({"poller_test.cpp", "descriptor.hpp"});
    w.try_all<waits_for_event<1>>({.preemptions = 3});
    model::require_among_needed(w, {"descriptor.hpp take_all: rmw release -> relaxed",
                                    "poller_test.cpp run: load acquire -> relaxed"});
}

// ---- [TP-1] with the poller in the futex's place ----

struct parked_in_poller : polled<1> {
    static constexpr int threads = 2;
    thread_parker parker;
    model::var<int> data{0};

    parked_in_poller() : polled(1) { model::name(parker, "parker"); }
    void run(int me) {
        if (me == 1) {
            data = 1;
            parker.unpark();
            return;
        }
        poll_event e;
        while (!parker.park_in_poller([&] { poller::wait(&e, 1, true, no_deadline); })) {
        }
        model::check(data == 1, "what the waker wrote is not seen");
    }
};

TEST_CASE("TP-1: a thread that sleeps in the poller loses no wake-up and sees what its waker wrote",
          "[model][poller][thread_parker]") {
    model::require_clean<parked_in_poller>("[TP-1] one waker, in the poller",
                                           {.preemptions = 5, .spurious = 1});
    model::weakenings w({"thread_parker.hpp"});
    w.try_all<parked_in_poller>({.preemptions = 3});
    model::require_needed(w, {});
}

}  // namespace
