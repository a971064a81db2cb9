// tests/random/execute.cpp — a run of a program from its objects to its end.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. when all wait   2. freeing those that wait for ever   3. a run;   operations → operations.hpp
#include "random/execute.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <runnel/runnel.hpp>
#include <runnel/testing.hpp>

#include "random/operations.hpp"

namespace test::random {

namespace {

// ---- 1. when all wait ----

/// Nobody waits for a lock that is free, or a count that is zero. (Channels and permits: the checker.)
void look_at_waiters(world& w) {
    bool somebody_reads = w.writer != -1;
    bool writer_waits = false;
    for (std::size_t b = 0; b < most_bodies; ++b) {
        somebody_reads = somebody_reads || w.reads[b] > 0;
        const operation* o = w.doing[b];
        writer_waits = writer_waits || (o != nullptr && (o->kind == op_kind::lock_write ||
                                                         o->kind == op_kind::try_lock_write_for));
    }
    for (std::size_t b = 0; b < most_bodies; ++b) {
        const int context = w.starts_with[b];
        if (context >= 0 && w.contexts[static_cast<std::size_t>(context)].err() && !w.started[b]) {
            w.fail("after_func has not called, and the context is done");
        }
        const operation* o = w.doing[b];
        if (o == nullptr) continue;
        const std::string who = "b" + std::to_string(b) + " waits in " + to_string(*o);
        switch (o->kind) {
            case op_kind::lock:
            case op_kind::try_lock_for:
                if (w.owner[o->object] == -1) w.fail(who + ", and nobody holds it");
                break;
            case op_kind::lock_write:
            case op_kind::try_lock_write_for:
                if (!somebody_reads) w.fail(who + ", and nobody holds it");
                break;
            case op_kind::lock_read:
            case op_kind::try_lock_read_for:
                if (w.writer == -1 && !writer_waits) w.fail(who + ", and no writer is there");
                break;
            case op_kind::wait_zero:
            case op_kind::wait_zero_for:
            case op_kind::wait_zero_ctx:
                if (w.least_count == 0) w.fail(who + ", and the count is zero");
                break;
            case op_kind::try_lock:
            case op_kind::try_acquire:
            case op_kind::try_send:
            case op_kind::try_recv:
            case op_kind::close:
            case op_kind::cancel:
            case op_kind::unlock:
            case op_kind::done:
                w.fail(who + ", which does not wait");
                break;
            default:
                break;
        }
    }
}

void look_when_idle(world& w) {
    record r;
    r.kind = moment::idle;
    r.time = w.now();
    look_at_lengths(w, r);
    w.seen.records.push_back(r);
    look_at_waiters(w);
}

// ---- 2. freeing those that wait for ever ----

void stop_timers(world& w) {
    for (any_timer& t : w.timers) {
        if (t.once) {
            t.once->stop();
        } else {
            t.ticks->stop();
        }
    }
}

void free_one_round(world& w, bool first) {
    if (first) {
        for (const auto& c : w.channels) {
            try {
                if (c) c.close();
            } catch (const runnel::closed_channel&) {
            }
        }
        for (const runnel::cancel_context& c : w.contexts) c.cancel();
    }
    for (any_timer& t : w.timers) {
        if (t.once) {
            t.once->reset(length(0));
        } else {
            t.ticks->reset(length(1));
        }
    }
    for (std::size_t i = 0; i < w.owner.size(); ++i) {
        if (w.owner[i] != -1) {
            w.owner[i] = -1;
            w.mutexes[i].unlock();
        }
        w.conditions[i].notify_all();
    }
    if (w.writer != -1) unlock_rw(w, static_cast<std::uint8_t>(w.writer));
    for (std::size_t b = 0; b < most_bodies; ++b) {
        while (w.reads[b] > 0) unlock_rw(w, static_cast<std::uint8_t>(b));
        if (const int n = std::exchange(w.holds[b], 0); n > 0) w.permits.release(n);
    }
}

void free_everybody(world& w) {
    w.freeing = true;
    for (int round = 0; w.running() > 0 && round < 100; ++round) {
        free_one_round(w, round == 0);
        runnel::sleep_for(length(1));
        runnel::testing::wait_idle();
        for (; w.loose > 0; --w.loose, --w.least_count) w.zero.done();
    }
    runnel::testing::wait_idle();
    stop_timers(w);
    for (std::size_t b = 0; b < most_bodies; ++b) {
        if (!w.started[b] || w.ended[b]) continue;
        w.fail("b" + std::to_string(b) + " waits in " +
               (w.doing[b] != nullptr ? to_string(*w.doing[b]) : "its last unlock") +
               ", though all was closed, cancelled, unlocked and given back");
    }
    // What is left in the buffers was sent, and not received.
    for (const auto& c : w.channels) {
        if (!c) continue;
        try {
            while (const auto i = c.try_recv()) received(w, *i);
        } catch (const close_error&) {
        }
    }
}

// ---- 3. a run ----

void make_objects(world& w) {
    w.began = runnel::detail::now();
    for (const int capacity : w.p.channels) {
        w.channels.push_back(capacity == is_nil ? runnel::chan<item>()
                             : capacity == is_unbounded
                                 ? runnel::make_chan<item>(runnel::unbounded)
                                 : runnel::make_chan<item>(static_cast<std::size_t>(capacity)));
    }
    for (const context_spec& c : w.p.contexts) {
        const runnel::context parent =
            c.parent < 0 ? runnel::background()
                         : runnel::context(w.contexts[static_cast<std::size_t>(c.parent)]);
        w.contexts.push_back(c.timeout < 0 ? runnel::with_cancel(parent)
                                           : runnel::with_timeout(parent, length(c.timeout)));
    }
    for (const timer_spec& t : w.p.timers) {
        any_timer& made = w.timers.emplace_back();
        if (t.ticks) {
            made.ticks.emplace(length(t.first));
        } else {
            made.once.emplace(length(t.first));
        }
    }
}

void run_main(world& w) {
    make_objects(w);
    for (std::size_t b = 0; b < w.p.bodies.size(); ++b) {
        if (w.p.bodies[b].at_once) start(w, static_cast<std::uint8_t>(b));
    }
    const std::int64_t horizon = w.p.horizon();
    for (std::int64_t t = 1;; t = std::min(t * 2, horizon)) {
        runnel::sleep_until(w.began + length(t));
        runnel::testing::wait_idle();
        look_when_idle(w);
        if (t == horizon || (w.running() == 0 && w.starts_later == 0)) break;
    }
    w.recording = false;
    switch (w.p.how_it_ends) {
        case ending::frees_them:
            free_everybody(w);
            break;
        case ending::leaves:
            break;
        case ending::waits:
            stop_timers(w);
            w.all.wait();
            break;
    }
}

}  // namespace

run_outcome execute(const program& p) {
    run_outcome o;
    const std::uint64_t live_before = item::made - item::destroyed;
    auto w = std::make_unique<world>(p);
    runnel::testing::simulation_report steps;
    bool stuck = false;
    try {
        runnel::testing::simulate(
            p.schedule, [&] { run_main(*w); }, {.most_steps = 1'000'000}, &steps);
    } catch (const runnel::testing::deadlock& e) {
        stuck = true;
        if (p.how_it_ends != ending::waits) w->fail(e.what());
    } catch (const runnel::testing::leaked_goroutines& e) {
        stuck = true;
        if (p.how_it_ends != ending::leaves) w->fail(e.what());
    } catch (const std::exception& e) {
        w->fail(std::string("an exception: ") + e.what());
    } catch (...) {
        w->fail("an exception");
    }
    o.steps = steps.steps;
    o.trace = steps.trace;
    o.somebody_waited = stuck || std::any_of(w->seen.calls.begin(), w->seen.calls.end(),
                                             [](const call& c) { return c.got == result::none; });
    if (p.how_it_ends != ending::frees_them) {
        if (stuck != (w->running() > 0)) w->fail("a deadlock or leak was not reported, or made up");
    } else if (w->failure.empty()) {
        for (std::size_t v = 1; v < w->values.size(); ++v) {
            const value_account& a = w->values[v];
            if ((a.how == fate::sent) != a.received) {
                w->fail("#" + std::to_string(v) +
                        (a.received ? " was received, and its send has failed" : " is lost"));
            }
        }
    }
    o.failure = std::move(w->failure);
    o.seen = std::move(w->seen);
    const bool ended = w->running() == 0;
    if (ended || o.failure.empty()) {
        w.reset();
    } else {
        // Those who are left have it on their stacks.
        static_cast<void>(w.release());
    }
    if (o.failure.empty() && !stuck && item::made - item::destroyed != live_before) {
        o.failure = "more values were made than destroyed, or fewer";
    }
    o.judged = check(p, o.seen);
    if (o.failure.empty() && !o.judged.holds)
        o.failure = "no order of its operations explains this run";
    return o;
}

std::string report(const program& p, const run_outcome& o) {
    return o.failure + "\n\n" + to_string(p) + "\n\nwhat happened (time, body, operation):" +
           to_string(o.seen, o.judged.holds ? static_cast<std::size_t>(-1) : o.judged.furthest);
}

}  // namespace test::random
