// tests/model/idle_test.cpp — the scheduler's protocols of sleeping and ending, under the model checker.
// SPDX-License-Identifier: BSL-1.0
//
//   The functions are the shipping ones; their workers are threads of the model that do not switch
//   stacks.
#include <model/scheduled.hpp>

namespace {

using namespace runnel::detail;
using namespace std::chrono_literals;
using model::lose_patience;
using model::scheduled;
using model::work;

// ---- [ID-1] publish, then look ----

/// A worker finds nothing and goes to sleep while a foreign thread makes work.
struct one_worker : scheduled<1> {
    static constexpr int threads = 2;
    work g;

    one_worker() : scheduled(1) {
        hold_places(1, 0);
        g.init(s);
    }
    void run(int me) {
        if (me == 0) {
            set_current_worker(&workers[0]);
            model::check(s.find_work(&workers[0]) == &g, "it found something else");
            model::check(g.made == 1, "what was done before is not seen");
        } else {
            g.made = 1;
            s.ready(&g);
        }
    }
};

/// One worker pushes into its own ring and never comes to it; the other was about to sleep.
struct pushed_and_busy : scheduled<2> {
    static constexpr int threads = 2;
    work g;

    explicit pushed_and_busy(bool looking) : scheduled(2) {
        hold_places(2, looking ? 1 : 0);
        workers[0].spinning = looking;
        g.init(s);
    }
    void run(int me) {
        worker& w = workers[me];
        set_current_worker(&w);
        if (me == 0) {
            s.go_idle(&w);
            model::check(s.steal(&w, false) == &g, "woken for nothing");
            model::check(g.made == 1, "what was done before is not seen");
            s.stop_spinning(&w);
        } else {
            g.made = 1;
            s.ready_last(&w, &g);
        }
    }
};

/// The same, but that the first has had little of what it took from others, and stays away before it looks.
struct pushed_meanwhile : pushed_and_busy {
    explicit pushed_meanwhile(bool looking) : pushed_and_busy(looking) {
        lose_patience(workers[0].backoff);
    }
    void run(int me) {
        if (me != 0) return pushed_and_busy::run(me);
        worker& w = workers[0];
        set_current_worker(&w);
        model::check(s.find_work(&w) == &g, "it found something else");
        model::check(g.made == 1, "what was done before is not seen");
        model::check(!w.spinning, "it has stopped looking");
    }
};

/// One worker makes two runnable, so that the first has to go into its ring, and is busy with the second; the other
/// was about to sleep.
struct kicked_and_busy : scheduled<2> {
    static constexpr int threads = 2;
    work g[2];

    explicit kicked_and_busy(bool looking) : scheduled(2) {
        hold_places(2, looking ? 1 : 0);
        workers[0].spinning = looking;
        workers[1].queues_for = &s;
        for (work& one : g) one.init(s);
    }
    void run(int me) {
        worker& w = workers[me];
        set_current_worker(&w);
        if (me == 0) {
            goroutine* found = nullptr;
            do s.go_idle(&w);
            while ((found = s.steal(&w, true)) == nullptr);
            model::check(static_cast<work*>(found)->made == 1, "what was done before is not seen");
            s.stop_spinning(&w);
        } else {
            for (work& one : g) {
                one.made = 1;
                s.ready(&one);
            }
            static_cast<void>(s.take_next(&w));  // it runs that one for long
        }
    }
};

/// There is one place, and so the first worker makes two runnable without telling anybody; then it blocks its thread.
/// The other, which has come back beyond max_procs, was about to sleep.
struct one_place : scheduled<2> {
    static constexpr int threads = 2;
    work g[2];

    one_place() : scheduled(1) {
        hold_places(2, 0);
        workers[0].queues_for = &s;
        for (work& one : g) one.init(s);
    }
    void run(int me) {
        worker& w = workers[me];
        set_current_worker(&w);
        if (me == 0) {
            for (work& one : g) {
                one.made = 1;
                s.ready(&one);
            }
            s.give_up_place(&w);
            return;
        }
        for (int i = 0; i < 2; ++i) {
            goroutine* found = nullptr;
            do s.go_idle(&w);
            while ((found = s.take_injected(&w, 1)) == nullptr &&
                   (found = s.steal(&w, true)) == nullptr);
            model::check(static_cast<work*>(found)->made == 1, "what was done before is not seen");
            if (w.spinning) s.stop_spinning(&w);
        }
    }
};

/// One worker takes both from the global queue, and is busy with the first; the other was about to sleep.
struct taken_and_busy : scheduled<2> {
    static constexpr int threads = 2;
    work g[2];

    taken_and_busy() : scheduled(2) {
        hold_places(2, 0);
        workers[1].ticks.store(1);  // or it takes but one, for the sake of fairness
        for (work& one : g) {
            one.init(s);
            s.inject_.push(&one);
        }
    }
    void run(int me) {
        worker& w = workers[me];
        set_current_worker(&w);
        if (me == 1) {
            static_cast<void>(s.find_work(&w));
            return;
        }
        goroutine* found = nullptr;
        do s.go_idle(&w);
        while ((found = s.take_injected(&w, 1)) == nullptr &&
               (found = s.steal(&w, true)) == nullptr);
        s.stop_spinning(&w);
    }
};

/// Two workers go to sleep while two goroutines are made: whoever finds one wakes the next.
struct two_workers : scheduled<2> {
    static constexpr int threads = 3;
    work g[2];

    two_workers() : scheduled(2) {
        hold_places(2, 0);
        for (work& one : g) one.init(s);
    }
    void run(int me) {
        if (me == 2) {
            for (work& one : g) {
                one.made = 1;
                s.ready_global(&one);
            }
            return;
        }
        worker& w = workers[me];
        set_current_worker(&w);
        goroutine* found = s.take_injected(&w, 1);  // as find_work() does, but for the search
        while (found == nullptr) {
            s.go_idle(&w);
            found = s.take_injected(&w, 1);
        }
        if (w.spinning) s.stop_spinning(&w);
        model::check(static_cast<work*>(found)->made == 1, "what was done before is not seen");
    }
};

TEST_CASE("ID-1: no worker sleeps while there is work",
          "[model][scheduler][bug-01][bug-02][bug-03]") {
    model::require_clean<one_worker>("[ID-1] a worker, a foreign thread", {.preemptions = 3});
    model::require_clean<pushed_and_busy>("[ID-1] a worker, a busy one", {.preemptions = 3}, false);
    model::require_clean<pushed_and_busy>("[ID-1] one that looks, a busy one", {.preemptions = 3},
                                          true);
    for (const bool looking : {false, true}) {
        model::require_clean<pushed_meanwhile>("[ID-1] one that stays away, a busy one",
                                               {.preemptions = 2, .most_steps = 20'000}, looking);
        model::require_clean<kicked_and_busy>(
            "[ID-1] a worker, one that kicks and is busy",
            {.preemptions = 2, .stale_reads = 1, .most_steps = 20'000}, looking);
    }
    model::require_clean<taken_and_busy>("[ID-1] a worker, one that takes two and is busy",
                                         {.preemptions = 2});
    model::require_clean<two_workers>("[ID-1] two workers, a foreign thread",
                                      {.preemptions = 1, .stale_reads = 1});
    model::require_clean<one_place>("[ID-1] the only place, given up",
                                    {.preemptions = 2, .stale_reads = 1});
}

// ---- [TK-1] the keeper of the next deadline ----

struct deadline_timer : timer_node {
    goroutine* g = nullptr;
};

/// The only worker sleeps as the keeper, for ever or until late; somebody arms an early deadline.
struct kept : scheduled<1> {
    static constexpr int threads = 2;
    static goroutine* strike(timer_node* n) noexcept { return static_cast<deadline_timer*>(n)->g; }

    work g[2];
    deadline_timer late, early;
    time_point start = now();

    explicit kept(bool with_late) : scheduled(1) {
        hold_places(1, 0);
        for (work& one : g) one.init(s);
        late.g = &g[0];
        early.g = &g[1];
        late.expire = early.expire = strike;
        if (with_late) s.arm(&late, start + 10s);
    }
    void run(int me) {
        if (me == 0) {
            set_current_worker(&workers[0]);
            const goroutine* found = s.find_work(&workers[0]);
            if (found == &g[0]) found = s.find_work(&workers[0]);  // they came in another order
            model::check(found == &g[1], "it found something else");
            model::check(g[1].made == 1, "what was done before is not seen");
            model::check(now() < start + 10s, "it slept through a deadline");
        } else {
            g[1].made = 1;
            s.arm(&early, start + 1s);
        }
    }
};

TEST_CASE("TK-1: the keeper sleeps through no deadline", "[model][scheduler][bug-06]") {
    model::require_clean<kept>("[TK-1] no deadline, then one", {.preemptions = 3}, false);
    model::require_clean<kept>("[TK-1] a late one, then an early one",
                               {.preemptions = 3, .timeouts = 0}, true);
}

// ---- [KP-1] whoever leaves sees to a keeper ----

/// Who holds the only place gives it up, as blocking() does, while the keeper's deadline comes: it may find no place and
/// retire.
struct given_up : scheduled<2> {
    static constexpr int threads = 2;

    work g[2];
    deadline_timer due, other;
    time_point start = now();

    given_up() : scheduled(1) {
        hold_places(2, 0);  // one too many, so that there is somebody to become keeper
        for (work& one : g) one.init(s);
        due.g = &g[0];
        other.g = &g[1];
        due.expire = other.expire = kept::strike;
        s.arm(&due, start + 1s);
    }
    void run(int me) {
        set_current_worker(&workers[me]);
        if (me == 0) {
            s.give_up_place(&workers[0]);
        } else {
            model::check(s.find_work(&workers[1]) == &g[0], "it found something else");
        }
    }
};

/// Meanwhile a thread sets the timer anew: at some moment none is armed.
struct given_up_and_set : given_up {
    static constexpr int threads = 3;

    void run(int me) {
        if (me == 0) {
            given_up::run(me);
        } else if (me == 1) {
            set_current_worker(&workers[1]);
            const goroutine* found = s.find_work(&workers[1]);
            if (found == &g[0]) found = s.find_work(&workers[1]);
            model::check(found == &g[1], "it found something else");
        } else {
            s.cancel(&due);
            s.arm(&other, start + 2s);
        }
    }
};

TEST_CASE("KP-1: a place is given up while the keeper retires", "[model][scheduler]") {
    model::require_clean<given_up>("[KP-1] the keeper's deadline comes", {.preemptions = 3});
    model::require_clean<given_up_and_set>("[KP-1] and a thread sets it anew", {.preemptions = 1});
}

// ---- [RS-2] the end of a run ----

/// run() ends its scope while a worker is about to run a goroutine of it.
struct ended : scheduled<1> {
    static constexpr int threads = 2;
    run_scope scope;
    model::var<int> of_the_run{1};
    work g;

    ended() : scheduled(1) {
        hold_places(1, 0);
        g.init(s);
        g.scope.store(&scope);
        s.add_scope(&scope);
    }
    void run(int me) {
        if (me == 0) {
            worker& w = workers[0];
            set_current_worker(&w);
            if (s.admit(&w, &g)) {
                model::check(of_the_run == 1, "a goroutine runs after its run");
            }
            s.announce(&w, nullptr);
        } else {
            model::check(s.end_scope(&scope, no_deadline), "it did not wait");
            of_the_run = 0;
        }
    }
};

TEST_CASE("RS-2: a run waits for whoever still runs its goroutines", "[model][scheduler]") {
    model::require_clean<ended>("[RS-2] a run ends, a worker starts", {.preemptions = 4});
}

// ---- what they need ----

TEST_CASE("the protocols need their memory orders", "[model][scheduler]") {
    model::weakenings w({"scheduler.hpp", "inject_queue.hpp", "run_queue.hpp", "timer_queue.hpp"});
    w.try_all<one_worker>({.preemptions = 2});
    w.try_all<pushed_and_busy>({.preemptions = 2}, true);
    w.try_all<kept>({.preemptions = 2}, false);
    w.try_all<ended>({.preemptions = 3});
    w.try_all<two_workers>({.preemptions = 1, .stale_reads = 1});
    // The others are for what is not tried here, or one of two that would do.
    model::require_among_needed(w, {"inject_queue.hpp empty: load seq_cst -> acquire",
                                    "inject_queue.hpp push_chain: store seq_cst -> release",
                                    "run_queue.hpp empty: load seq_cst -> acquire",
                                    "run_queue.hpp publish: store seq_cst -> release",
                                    "scheduler.hpp announce: rmw seq_cst -> acq_rel",
                                    "scheduler.hpp arm: load seq_cst -> acquire",
                                    "scheduler.hpp go_idle: rmw seq_cst -> acq_rel",
                                    "scheduler.hpp go_idle: store seq_cst -> release",
                                    "scheduler.hpp stop_spinning: rmw seq_cst -> acq_rel",
                                    "scheduler.hpp wait_until_quiet: load seq_cst -> acquire",
                                    "scheduler.hpp wake_if_needed: load seq_cst -> acquire",
                                    "timer_queue.hpp earliest: load seq_cst -> acquire",
                                    "timer_queue.hpp publish_earliest: store seq_cst -> release"});
}

}  // namespace
