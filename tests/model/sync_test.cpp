// tests/model/sync_test.cpp — countdown, mutex, once, semaphore and turn under the model checker.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/countdown.hpp>
#include <runnel/detail/turn.hpp>
#include <runnel/mutex.hpp>
#include <runnel/once.hpp>
#include <runnel/semaphore.hpp>

#include <model/shipping.hpp>

namespace {

using namespace runnel::detail;
using namespace std::chrono_literals;

// ---- countdown ----

/// The last of those who wait destroys it. `Waiters` wait for the other threads.
template <int Threads, int Waiters>
struct counted : model::shipping {
    static constexpr int threads = Threads;
    static constexpr int workers = Threads - Waiters;
    bool with_deadline;
    model::mortal<countdown> count{static_cast<std::uint32_t>(workers)};
    model::atomic<int> left{Waiters};
    model::var<int> data[workers];

    explicit counted(bool d) : with_deadline(d) { model::name(*count, "count"); }
    void run(int me) {
        if (me < workers) {
            data[me] = 1;
            model::check(count->subtract(1), "the counter fell below zero");
            return;
        }
        wait_outcome o = wait_outcome::timed_out;
        if (with_deadline) {
            const time_point deadline = now() + 1s;
            o = count->wait_until(deadline, nullptr, wait_reason::wait_group);
            model::check(o == wait_outcome::ok || now() >= deadline, "it timed out early");
        }
        if (o == wait_outcome::timed_out) {
            o = count->wait_until(no_deadline, nullptr, wait_reason::wait_group);
        }
        model::check(o == wait_outcome::ok, "a wait without limit did not end well");
        for (const auto& d : data) model::check(d == 1, "what a worker did is not seen");
        if (left.fetch_sub(1, memory_order_acq_rel) == 1) count.end();
    }
};

/// It counts up again while another counts down.
struct counted_up : model::shipping {
    static constexpr int threads = 3;
    countdown count{1};
    model::var<int> data[2];

    counted_up() { model::name(count, "count"); }
    void run(int me) {
        if (me == 0) {
            model::check(count.add(1) == countdown::added::ok, "a valid add was refused");
            data[0] = 1;
            count.subtract(1);
            data[1] = 1;
            count.subtract(1);
        } else if (me == 1) {
            count.wait_until(no_deadline, nullptr, wait_reason::wait_group);
            model::check(data[0] == 1 && data[1] == 1, "what was counted is not seen");
        } else {
            count.wait_until(now() + 1s, nullptr, wait_reason::wait_group);
        }
    }
    void end() { model::check(count.is_zero(), "the counter is not zero, or somebody is marked"); }
};

TEST_CASE("countdown: nobody waits for ever, and whoever has waited may destroy it",
          "[model][countdown][bug-10][bug-23]") {
    model::require_clean<counted<2, 1>>("countdown, 1 waits", {.preemptions = 4}, false);
    model::require_clean<counted<2, 1>>("countdown, 1 waits with a deadline", {.preemptions = 4},
                                        true);
    model::require_clean<counted<3, 1>>("countdown, 1 waits for 2", {.preemptions = 3}, false);
    model::require_clean<counted<3, 2>>("countdown, 2 wait for 1", {.preemptions = 2}, false);
    model::require_clean<counted<3, 2>>("countdown, 2 wait with deadlines",
                                        {.preemptions = 1, .stale_reads = 1}, true);
    model::require_clean<counted_up>("countdown, counts up again",
                                     {.preemptions = 2, .stale_reads = 2});
}

TEST_CASE("countdown needs its memory orders", "[model][countdown]") {
    model::weakenings w({"countdown.hpp", "word_lock.hpp", "thread_parker.hpp", "park.hpp"});
    w.try_all<counted<2, 1>>({.preemptions = 3}, false);
    w.try_all<counted<2, 1>>({.preemptions = 3}, true);
    w.try_all<counted<3, 1>>({.preemptions = 2}, false);
    w.try_all<counted<3, 2>>({.preemptions = 2}, false);
    w.try_all<counted<3, 2>>({.preemptions = 1, .stale_reads = 1}, true);
    // Of a thread that waits all claims are under the lock of its queue, or its own. Of the exchange that
    // marks a waiter only the failure needs to acquire: the order of its success gives it that.
    model::require_needed(
        w, {"countdown.hpp wait_slow: cas acquire -> relaxed",
            "park.hpp claim: cas acq_rel -> acquire", "park.hpp claim: cas acq_rel -> release"});
}

// ---- mutex ----

template <int Threads>
struct mutually_excluded : model::shipping {
    static constexpr int threads = Threads;
    bool with_deadline;
    model::mortal<runnel::mutex> m;
    model::atomic<int> left{Threads};
    model::var<int> counter{0};
    model::var<bool> inside{false};
    int sections = 0;

    explicit mutually_excluded(bool d) : with_deadline(d) { model::name(*m, "mutex"); }
    void run(int me) {
        if (with_deadline && me == 0) {
            if (m->try_lock_for(1s)) section();
        } else {
            m->lock();
            section();
        }
    }
    void section() {
        model::check(!inside, "two are inside");
        inside = true;
        counter = counter + 1;
        ++sections;
        inside = false;
        m->unlock();
    }
    void end() {
        model::check(counter == sections, "a section was lost");
        model::check(m->try_lock(), "the mutex was left locked");
    }
};

/// Each unlocks and is done with it; the last one to have had it destroys it.
struct mutex_goes : model::shipping {
    static constexpr int threads = 2;
    model::mortal<runnel::mutex> m;
    model::var<int> turns{0};

    mutex_goes() { model::name(*m, "mutex"); }
    void run(int) {
        m->lock();
        turns = turns + 1;
        const bool last = turns == 2;
        m->unlock();
        if (last) m.end();
    }
};

TEST_CASE("mutex lets one in at a time and leaves nobody waiting", "[model][mutex]") {
    model::require_clean<mutually_excluded<2>>("mutex, 2 threads", {.preemptions = 3}, false);
    model::require_clean<mutually_excluded<2>>("mutex, 2 threads, a deadline", {.preemptions = 3},
                                               true);
    model::require_clean<mutually_excluded<3>>("mutex, 3 threads",
                                               {.preemptions = 3, .stale_reads = 2}, false);
    model::require_clean<mutually_excluded<3>>(
        "mutex, 3 threads, one starves", {.preemptions = 3, .stale_reads = 1, .clock_jumps = 1},
        false);
    model::require_clean<mutex_goes>("mutex, destroyed by the last", {.preemptions = 3});
}

TEST_CASE("mutex needs its memory orders", "[model][mutex]") {
    model::weakenings w({"mutex.hpp", "word_lock.hpp"});
    w.try_all<mutually_excluded<2>>({.preemptions = 3}, false);
    w.try_all<mutually_excluded<2>>({.preemptions = 3}, true);
    w.try_all<mutually_excluded<3>>({.preemptions = 1, .stale_reads = 1, .clock_jumps = 1}, false);
    model::require_needed(w, {});
}

// ---- turn ----

/// Thread 0 had the turn before, and passes it on or was dropped; the last one sets a deadline; all between wait.
template <int Waiters>
struct takes_turns : model::shipping {
    static constexpr int threads = Waiters + 2;
    bool passed_on;
    turn t;
    atomic<runnel::duration::rep> deadline{no_deadline.time_since_epoch().count()};
    model::var<bool> inside{false};
    time_point last = now() + 1s;

    explicit takes_turns(bool p) : passed_on(p) {
        t.try_take();
        model::name(t, "turn");
        model::name(deadline, "deadline");
    }
    void run(int me) {
        if (me == 0) {
            if (passed_on) t.pass();
        } else if (me == Waiters + 1) {
            deadline.store(last.time_since_epoch().count(), memory_order_relaxed);
            t.look_again();
        } else if (t.take(deadline, nullptr) == wait_outcome::ok) {
            model::check(!inside, "two have it");
            inside = true;
            inside = false;
            t.pass();
        } else {
            model::check(now() >= last, "it timed out early");
        }
    }
    void end() { model::check(t.try_take() == passed_on, "the turn was lost, or found"); }
};

TEST_CASE("turn is handed on, also to those who look at a new deadline", "[model][turn]") {
    model::require_clean<takes_turns<1>>("turn, 1 waits, passed on", {.preemptions = 2}, true);
    model::require_clean<takes_turns<1>>("turn, 1 waits, dropped", {.preemptions = 3}, false);
    model::require_clean<takes_turns<2>>("turn, 2 wait, passed on",
                                         {.preemptions = 1, .stale_reads = 0, .timeouts = 1}, true);
    model::require_clean<takes_turns<2>>(
        "turn, 2 wait, dropped", {.preemptions = 1, .stale_reads = 0, .timeouts = 1}, false);
}

// ---- once ----

struct called_once : model::shipping {
    static constexpr int threads = 3;
    model::mortal<runnel::once> o;
    model::atomic<int> left{threads};
    model::var<int> value{0};
    int calls = 0;

    called_once() { model::name(*o, "once"); }
    void run(int) {
        o->call([&] {
            ++calls;
            value = 7;
        });
        model::check(value == 7, "what the function did is not seen");
        if (left.fetch_sub(1, memory_order_acq_rel) == 1) o.end();
    }
    void end() { model::check(calls == 1, "the function did not run once"); }
};

TEST_CASE("once runs its function once, and all see what it did", "[model][once]") {
    model::require_clean<called_once>("once, 3 threads", {.preemptions = 2});
    model::weakenings w({"once.hpp", "word_lock.hpp"});
    w.try_all<called_once>({.preemptions = 2});
    // The first has nobody to see anything of.
    model::require_needed(w, {"once.hpp begin: cas acquire -> relaxed"});
}

// ---- semaphore ----

template <int Threads>
struct permitted : model::shipping {
    static constexpr int threads = Threads;
    bool with_deadline;
    runnel::semaphore s{2};
    model::var<int> data{0};

    explicit permitted(bool d) : with_deadline(d) { model::name(s, "semaphore"); }
    void run(int me) {
        const int wants = me == 0 ? 1 : 2;
        if (with_deadline && me == 1) {
            if (!s.try_acquire_for(1s, wants)) return;
        } else {
            s.acquire(wants);
        }
        if (wants == 2) data = data + 1;
        s.release(wants);
    }
    void end() { model::check(s.try_acquire(2), "a permit was lost"); }
};

/// A large request gives up: the small one behind it goes on, though nobody releases anything.
struct small_behind_large : model::shipping {
    static constexpr int threads = 3;
    runnel::semaphore s{2};
    model::atomic<bool> held{false}, went{false};

    small_behind_large() { model::name(s, "semaphore"); }
    void run(int me) {
        if (me == 0) {
            s.acquire(1);
            held.store(true, memory_order_release);
            model::await([&] { return went.load(memory_order_acquire); });
            s.release(1);
            return;
        }
        model::await([&] { return held.load(memory_order_acquire); });
        if (me == 1) {
            if (s.try_acquire_for(1s, 2)) s.release(2);
        } else {
            s.acquire(1);
            went.store(true, memory_order_release);
            s.release(1);
        }
    }
    void end() { model::check(s.try_acquire(2), "a permit was lost"); }
};

/// A wait that a done channel limits, as a context does: nothing is lost, and nothing is touched after.
struct acquired_or_canceled : model::shipping {
    static constexpr int threads = 3;
    runnel::semaphore s{1};
    chan_core<runnel::unit>* done = chan_core<runnel::unit>::make(0, false);
    model::var<int> before_close{0};

    acquired_or_canceled() {
        model::name(s, "semaphore");
        static_cast<void>(s.try_acquire());
    }
    void run(int me) {
        if (me == 0) {
            s.release();
        } else if (me == 1) {
            before_close = 1;
            done->close();
        } else if (s.acquire_until(1, no_deadline, done) == wait_outcome::ok) {
            s.release();
        } else {
            model::check(before_close == 1, "what was done before close is not seen");
        }
    }
    void end() { model::check(s.try_acquire(), "a permit was lost"); }
};

TEST_CASE("semaphore loses no permit and leaves nobody waiting", "[model][semaphore]") {
    model::require_clean<permitted<2>>("semaphore, 2 threads", {.preemptions = 3}, false);
    model::require_clean<permitted<2>>("semaphore, 2 threads, a deadline", {.preemptions = 3},
                                       true);
    model::require_clean<permitted<3>>("semaphore, 3 threads", {.preemptions = 2, .stale_reads = 1},
                                       false);
    model::require_clean<permitted<3>>("semaphore, 3 threads, a deadline",
                                       {.preemptions = 2, .stale_reads = 1}, true);
    model::require_clean<small_behind_large>("semaphore, small behind large",
                                             {.preemptions = 1, .stale_reads = 1});
    model::require_clean<acquired_or_canceled>("semaphore, released or canceled",
                                               {.preemptions = 2, .stale_reads = 2});
}

}  // namespace
