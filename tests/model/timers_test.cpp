// tests/model/timers_test.cpp — timers that are stopped, set again or let go while they expire, under the model checker.
// SPDX-License-Identifier: BSL-1.0
//
//   One thread does what a worker does that finds timers due: take_due(). A function timer's goroutine is
//   called by that thread, without a stack of its own.
#include <optional>

#include <runnel/time.hpp>

#include <model/scheduled.hpp>

namespace {

using namespace runnel::detail;
using namespace std::chrono_literals;
using ticks = runnel::recv_chan<runnel::clock::time_point>;

struct with_timers : model::scheduled<1> {
    const time_point start = now();

    with_timers() : scheduled(1) {
        hold_places(1, 0);
        s.keeper_deadline_.leave_out();  // nobody sleeps as the keeper
    }
    void take_due(runnel::duration after) {
        s.timers_.run_due(start + after, [](goroutine*) { model::check(false, "nobody sleeps"); });
    }
    bool nothing_is_queued() const { return s.timers_.size() == 0 && s.timers_.empty(); }
};

// ---- channel timers ----

/// Comes after 1 s, then every `period` unless that is zero.
struct ticking : with_timers {
    chan_timer* timer;
    ticks c;

    explicit ticking(runnel::duration period = {})
        : timer(chan_timer::make(s, start + 1s, period)),
          c(chan_access::adopt<ticks>(timer->channel())) {}
    bool tick_comes() { return c.try_recv().has_value(); }
};

/// It is stopped or set again while it expires, and somebody else may look for the tick.
template <int Threads>
struct stopped : ticking {
    static constexpr int threads = Threads;
    bool sets_again;
    bool kept = false;
    bool received = false;

    explicit stopped(bool again) : sets_again(again) {}
    void run(int me) {
        if (me == 0) {
            take_due(1s);
        } else if (me == 1) {
            kept = sets_again ? timer->reset(start + 2s, runnel::duration::zero()) : timer->stop();
            model::check(!tick_comes(), "a stale tick");
        } else {
            received = tick_comes();
        }
    }
    void end() {
        model::check(!tick_comes(), "a stale tick at the end");
        model::check(kept != received, "kept from coming and received, or neither");
        take_due(2s);
        model::check(tick_comes() == sets_again, "not set again and a tick, or the other way");
        model::check(!timer->stop() && nothing_is_queued(), "it is over, and still is set");
    }
};

/// Two set it at the same time, and it expires meanwhile, of before or of now.
struct set_by_two : ticking {
    static constexpr int threads = 3;
    std::array<bool, 2> kept{};

    void run(int me) {
        if (me == 2) {
            take_due(2s);
        } else {
            kept[static_cast<std::size_t>(me)] =
                timer->reset(start + (me == 0 ? 2s : 3s), runnel::duration::zero());
        }
    }
    void end() {
        take_due(3s);
        model::check(tick_comes(), "no tick has come");
        model::check(!tick_comes(), "two ticks have come");
        model::check(nothing_is_queued(), "it has come, and still is queued");
        model::check(kept[0] || kept[1], "nobody received, and nobody has kept one from coming");
    }
};

/// A ticker is stopped while it ticks.
struct ticker_stopped : ticking {
    static constexpr int threads = 2;

    ticker_stopped() : ticking(1s) {}
    void run(int me) {
        if (me == 0) {
            take_due(1s);
        } else {
            timer->stop();
            model::check(!tick_comes(), "a stale tick");
        }
    }
    void end() {
        take_due(1h);
        model::check(!tick_comes() && nothing_is_queued(), "stopped, and it ticks");
    }
};

/// The last handle goes while the timer expires, after a look at the channel or without.
template <int Threads>
struct let_go : ticking {
    static constexpr int threads = Threads;
    std::optional<ticks> other;

    let_go() {
        if (Threads == 3) other.emplace(c);
    }
    void run(int me) {
        if (me == 0) {
            take_due(1s);
        } else if (me == 1) {
            c = ticks();
        } else {
            static_cast<void>(other->try_recv());
            other.reset();
        }
    }
    void end() { model::check(nothing_is_queued(), "it has gone, and still is queued"); }
};

/// Somebody waits for the tick.
struct awaited : ticking {
    static constexpr int threads = 2;
    model::var<int> done_before{0};

    void run(int me) {
        if (me == 0) {
            done_before = 1;
            take_due(1s);
        } else {
            const auto t = c.recv();
            model::check(t.has_value() && *t == start, "another time");
            model::check(done_before == 1, "what was done before is not seen");
        }
    }
};

TEST_CASE("a timer that is stopped or set again gives no stale tick and loses none",
          "[model][timers]") {
    model::require_clean<stopped<2>>("timer, stopped", {.preemptions = 4}, false);
    model::require_clean<stopped<2>>("timer, set again", {.preemptions = 4}, true);
    model::require_clean<stopped<3>>("timer, stopped, with a receiver",
                                     {.preemptions = 2, .stale_reads = 1}, false);
    model::require_clean<stopped<3>>("timer, set again, with a receiver",
                                     {.preemptions = 2, .stale_reads = 1}, true);
    model::require_clean<set_by_two>("timer, set again by two",
                                     {.preemptions = 2, .stale_reads = 1});
    model::require_clean<ticker_stopped>("ticker, stopped", {.preemptions = 4});
    model::require_clean<awaited>("timer, somebody waits", {.preemptions = 3});
}

TEST_CASE("a timer goes with the last handle of its channel, also while it expires",
          "[model][timers]") {
    model::require_clean<let_go<2>>("timer, let go", {.preemptions = 4});
    model::require_clean<let_go<3>>("timer, let go by two", {.preemptions = 2, .stale_reads = 1});
}

// ---- function timers ----

struct counts_calls {
    int* calls;
    void operator()() const { ++*calls; }
};

/// after_func()'s. The thread that takes what is due also runs the function, as a worker would.
struct function_timer : with_timers {
    using timer_type = func_timer_of<counts_calls>;
    int calls = 0;
    timer_type* timer;

    function_timer() : timer(new timer_type(s, &s.root, {}, counts_calls{&calls})) {
        timer->reset(start + 1s, runnel::duration::zero());
    }
    void take_due_and_call(runnel::duration after) {
        take_due(after);
        while (goroutine* g = s.take_injected(&workers[0], 1)) g->entry(g);
    }
};

struct function_stopped : function_timer {
    static constexpr int threads = 2;
    bool sets_again;
    bool kept = false;

    explicit function_stopped(bool again) : sets_again(again) {}
    void run(int me) {
        if (me == 0) {
            take_due_and_call(1s);
        } else {
            kept = sets_again ? timer->reset(start + 2s, runnel::duration::zero()) : timer->stop();
        }
    }
    void end() {
        model::check(calls + (kept ? 1 : 0) == 1, "kept from being called, and called, or neither");
        take_due_and_call(2s);
        model::check(calls + (kept ? 1 : 0) == (sets_again ? 2 : 1),
                     "it was set again, and not called");
        model::check(nothing_is_queued(), "it has been called, and still is queued");
        model::check(timer->references_.load() == 1, "somebody refers to it");
        timer->release();
    }
};

/// The handle goes while it expires: the function is called all the same.
struct function_let_go : function_timer {
    static constexpr int threads = 2;

    void run(int me) {
        if (me == 0) {
            take_due_and_call(1s);
        } else {
            timer->release();
        }
    }
    void end() { model::check(calls == 1, "not called, though it was not stopped"); }
};

TEST_CASE("a function is called once for each time that it was set, unless stopped",
          "[model][timers]") {
    model::require_clean<function_stopped>("function timer, stopped", {.preemptions = 3}, false);
    model::require_clean<function_stopped>("function timer, set again", {.preemptions = 3}, true);
    model::require_clean<function_let_go>("function timer, let go", {.preemptions = 3});
}

TEST_CASE("timers need their memory orders", "[model][timers]") {
    model::weakenings w({"timer_queue.hpp", "timer_chan.hpp"});
    w.try_all<stopped<2>>({.preemptions = 2}, false);
    w.try_all<stopped<2>>({.preemptions = 2}, true);
    w.try_all<let_go<2>>({.preemptions = 3});
    w.try_all<let_go<3>>({.preemptions = 1, .stale_reads = 1});
    w.try_all<awaited>({.preemptions = 2});
    w.try_all<function_stopped>({.preemptions = 2}, true);
    w.try_all<function_let_go>({.preemptions = 2});
    // Those are for the keeper: idle_test.cpp.
    model::require_needed(w, {"timer_queue.hpp earliest: load seq_cst -> acquire",
                              "timer_queue.hpp publish_earliest: store release -> relaxed",
                              "timer_queue.hpp publish_earliest: store seq_cst -> release"});
}

}  // namespace
