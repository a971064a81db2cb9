// tests/model/context_test.cpp — contexts, futures and barriers under the model checker.
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <optional>

#include <runnel/barrier.hpp>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/future.hpp>

#include <model/shipping.hpp>

namespace {

using namespace runnel::detail;

// ---- context ----

/// A child is made, and goes, while its parent is cancelled.
struct child_joins : model::shipping {
    static constexpr int threads = 2;
    runnel::cancel_context parent = runnel::with_cancel(runnel::background());
    bool keeps;
    std::optional<runnel::cancel_context> child;
    model::var<int> before_cancel{0};

    explicit child_joins(bool k) : keeps(k) {}
    void run(int me) {
        if (me == 0) {
            before_cancel = 1;
            parent.cancel();
        } else {
            child.emplace(runnel::with_cancel(parent));
            if (child->err()) model::check(before_cancel == 1, "what was done before is not seen");
            if (!keeps) child.reset();
        }
    }
    void end() {
        if (keeps) model::check(static_cast<bool>(child->err()), "cancelled without its child");
    }
};

/// The done channel is asked for while the context is cancelled, once or twice.
struct done_is_asked_for : model::shipping {
    static constexpr int threads = 3;
    runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
    model::var<int> before_cancel{0};
    bool two_cancel;

    explicit done_is_asked_for(bool t) : two_cancel(t) {}
    void run(int me) {
        if (me == 0) {
            before_cancel = 1;
            ctx.cancel();
        } else if (me == 1 && two_cancel) {
            ctx.cancel();
        } else {
            static_cast<void>(ctx.done().recv());
            if (!two_cancel) model::check(before_cancel == 1, "what was done before is not seen");
            model::check(static_cast<bool>(ctx.err()), "done, and it has no error");
        }
    }
};

/// Whoever has seen the error finds the done channel closed.
struct error_means_done : model::shipping {
    static constexpr int threads = 3;
    runnel::cancel_context ctx = runnel::with_cancel(runnel::background());

    void run(int me) {
        if (me == 0) {
            ctx.cancel();
        } else if (me == 1) {
            static_cast<void>(ctx.done());
        } else if (ctx.err()) {
            model::check(ctx.done().try_recv().status() == runnel::op_status::closed,
                         "an error, and it is not done");
        }
    }
};

/// A grandchild waits, its parent goes away, and the root is cancelled.
struct three_generations : model::shipping {
    static constexpr int threads = 3;
    runnel::cancel_context root = runnel::with_cancel(runnel::background());
    std::optional<runnel::cancel_context> middle{runnel::with_cancel(root)};
    runnel::cancel_context last = runnel::with_cancel(*middle);

    void run(int me) {
        if (me == 0) {
            root.cancel();
        } else if (me == 1) {
            middle.reset();
        } else {
            static_cast<void>(last.done().recv());
        }
    }
    void end() { model::check(static_cast<bool>(last.err()), "cancelled without its grandchild"); }
};

/// Two cancel the same context, or one of them one below it. Whoever comes back finds all done.
struct cancelled_by_two : model::shipping {
    static constexpr int threads = 2;
    runnel::cancel_context root = runnel::with_cancel(runnel::background());
    runnel::cancel_context middle = runnel::with_cancel(root);
    runnel::cancel_context last = runnel::with_cancel(middle);
    bool the_same;

    explicit cancelled_by_two(bool s) : the_same(s) {}
    void run(int me) {
        (me == 0 || the_same ? root : middle).cancel();
        model::check(static_cast<bool>(middle.err()), "cancelled, and a child is not");
        model::check(static_cast<bool>(last.err()), "cancelled, and a grandchild is not");
    }
};

/// A value is sent once the context is known to be done, by cancelling it or by its error: too late for who waits.
struct value_comes_late : model::shipping {
    static constexpr int threads = 3;
    runnel::chan<int> values = runnel::make_chan<int>();
    runnel::cancel_context ctx = runnel::with_cancel(runnel::background());
    runnel::recv_chan<runnel::unit> done = ctx.done();
    bool cancels;

    explicit value_comes_late(bool c) : cancels(c) {}
    void run(int me) {
        if (me == 0) {
            ctx.cancel();
        } else if (me == 1) {
            if (cancels) ctx.cancel();
            if (ctx.err()) static_cast<void>(values.try_send(1));
        } else {
            model::check(values.recv(ctx).status() == runnel::op_status::canceled,
                         "got what came later");
        }
    }
};

TEST_CASE("a cancelled context leaves out nobody, whoever comes or goes", "[model][context]") {
    model::require_clean<child_joins>("context, a child joins", {.preemptions = 3}, true);
    model::require_clean<child_joins>("context, a child joins and goes", {.preemptions = 3}, false);
    model::require_clean<done_is_asked_for>("context, done asked for by 2",
                                            {.preemptions = 1, .stale_reads = 1}, false);
    model::require_clean<done_is_asked_for>("context, cancelled by 2",
                                            {.preemptions = 1, .stale_reads = 1}, true);
    model::require_clean<error_means_done>("context, an error means done", {.preemptions = 2});
    model::require_clean<three_generations>("context, three generations",
                                            {.preemptions = 2, .stale_reads = 1});
    model::require_clean<cancelled_by_two>("context, cancelled twice", {.preemptions = 3}, true);
    model::require_clean<cancelled_by_two>("context, cancelled with one below it",
                                           {.preemptions = 3}, false);
    model::require_clean<value_comes_late>("context, what comes after a second cancellation",
                                           {.preemptions = 1}, true);
    model::require_clean<value_comes_late>("context, what comes after an error", {.preemptions = 1},
                                           false);
}

TEST_CASE("contexts need their memory orders", "[model][context]") {
    model::weakenings w({"context_core.hpp"});
    w.try_all<child_joins>({.preemptions = 3}, true);
    w.try_all<child_joins>({.preemptions = 2}, false);
    w.try_all<done_is_asked_for>({.preemptions = 1, .stale_reads = 1}, false);
    w.try_all<done_is_asked_for>({.preemptions = 1, .stale_reads = 1}, true);
    w.try_all<three_generations>({.preemptions = 1, .stale_reads = 1});
    w.try_all<error_means_done>({.preemptions = 2});
    w.try_all<cancelled_by_two>({.preemptions = 2, .stale_reads = 1}, true);
    w.try_all<cancelled_by_two>({.preemptions = 2, .stale_reads = 1}, false);
    model::require_needed(w, {});
}

// ---- future ----

/// The goroutine's end of a future, on a thread.
struct fulfilled : model::shipping {
    static constexpr int threads = 2;
    bool drops;
    using result = std::unique_ptr<int>;
    future_state<result>* state = new future_state<result>;

    explicit fulfilled(bool d) : drops(d) {}
    void run(int me) {
        if (me == 0) {
            future_promise<result> promise(state);
            promise.fulfil([] { return std::make_unique<int>(7); });
        } else {
            runnel::future<result> f(state);
            if (!drops) model::check(*f.get() == 7, "another result");
        }
    }
};

TEST_CASE("a future gives its result, and goes with the last who knows it", "[model][future]") {
    model::require_clean<fulfilled>("future, get", {.preemptions = 4}, false);
    model::require_clean<fulfilled>("future, dropped", {.preemptions = 4}, true);
    model::weakenings w({"future.hpp"});
    w.try_all<fulfilled>({.preemptions = 3}, false);
    w.try_all<fulfilled>({.preemptions = 3}, true);
    model::require_needed(w, {});
}

// ---- barrier ----

struct phases : model::shipping {
    static constexpr int threads = 2;
    model::var<int> done[2];
    model::var<int> completed{0};
    int completions = 0;
    struct complete {
        phases* p;
        void operator()() const { p->completed = ++p->completions; }
    };
    runnel::barrier<complete> b{2, complete{this}};

    void run(int me) {
        done[me] = 1;
        b.arrive_and_wait();
        model::check(done[1 - me] == 1, "somebody had not arrived");
        model::check(completed == 1, "what the completion did is not seen");
        b.arrive_and_wait();
        model::check(completed == 2, "the second phase is not complete");
    }
};

TEST_CASE("a barrier lets nobody pass before all have arrived", "[model][barrier]") {
    model::require_clean<phases>("barrier, 2 threads, 2 phases", {.preemptions = 2});
}

}  // namespace
