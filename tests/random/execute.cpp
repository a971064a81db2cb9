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

#include "random/run.hpp"

namespace test::random {

namespace {

// ---- 1. when all wait ----

/// Nobody is in what does not wait. (Who waits, and should not: the checker.)
void look_at_waiters(world& w) {
    for (std::size_t b = 0; b < most_bodies; ++b) {
        const int context = w.starts_with[b];
        if (context >= 0 && w.contexts[static_cast<std::size_t>(context)].err() && !w.started[b]) {
            w.fail("after_func has not called, and the context is done");
        }
        const operation* o = w.doing[b];
        if (o == nullptr) continue;
        switch (o->kind) {
            case op_kind::try_lock:
            case op_kind::try_acquire:
            case op_kind::try_send:
            case op_kind::try_recv:
            case op_kind::close:
            case op_kind::cancel:
            case op_kind::unlock:
            case op_kind::done:
                w.fail("b" + std::to_string(b) + " waits in " + to_string(*o) +
                       ", which does not wait");
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

void free_everybody(world& w) {
    w.freeing = true;
    for (int round = 0; w.running() > 0 && round < 100; ++round) {
        free_one_round(w, round == 0);
        runnel::sleep_for(w.length(1));
        runnel::testing::wait_idle();
        while (world::take_one(w.loose)) w.zero.done();
    }
    runnel::testing::wait_idle();
    stop_timers(w);
    for (std::size_t b = 0; b < most_bodies; ++b) {
        if (!w.started[b] || w.ended[b]) continue;
        w.fail("b" + std::to_string(b) + " waits in " +
               (w.doing[b] != nullptr ? to_string(*w.doing[b]) : "its last unlock") +
               ", though all was closed, cancelled, unlocked and given back");
    }
    drain(w);
}

// ---- 3. a run ----

void run_main(world& w) {
    make_objects(w);
    for (std::size_t b = 0; b < w.p.bodies.size(); ++b) {
        if (w.p.bodies[b].at_once) start(w, static_cast<std::uint8_t>(b));
    }
    const std::int64_t horizon = w.p.horizon();
    for (std::int64_t t = 1;; t = std::min(t * 2, horizon)) {
        runnel::sleep_until(w.began + w.length(t));
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
    auto w = std::make_unique<world>(p, true);
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
    if (p.how_it_ends != ending::frees_them) {
        if (stuck != (w->running() > 0)) w->fail("a deadlock or leak was not reported, or made up");
    } else if (w->failure.empty()) {
        w->settle_accounts();
    }
    judge(std::move(w), stuck, o);
    o.somebody_waited = o.somebody_waited || stuck;
    return o;
}

}  // namespace test::random
