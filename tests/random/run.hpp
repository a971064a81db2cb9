// tests/random/run.hpp — what a run in simulation has in common with one on real workers: its objects, its end.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include <runnel/runnel.hpp>

#include "random/execute.hpp"
#include "random/operations.hpp"

namespace test::random {

inline void stop_timers(world& w) {
    for (any_timer& t : w.timers) {
        if (t.once) {
            t.once->stop();
        } else {
            t.ticks->stop();
        }
    }
}

inline void free_one_round(world& w, bool first) {
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
            t.once->reset(w.length(0));
        } else {
            t.ticks->reset(w.length(1));
        }
    }
    for (std::size_t i = 0; i < w.owner.size(); ++i) {
        if (world::give_up(w.owner[i], w.owner[i])) w.mutexes[i].unlock();
        w.conditions[i].notify_all();
    }
    if (const int b = w.writer; b != -1) unlock_rw(w, static_cast<std::uint8_t>(b));
    for (std::size_t b = 0; b < most_bodies; ++b) {
        while (w.reads[b] > 0) unlock_rw(w, static_cast<std::uint8_t>(b));
        give_back_permits(w, static_cast<std::uint8_t>(b), w.p.permits);
    }
}

inline void make_objects(world& w) {
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
                                           : runnel::with_timeout(parent, w.length(c.timeout)));
    }
    for (const timer_spec& t : w.p.timers) {
        any_timer& made = w.timers.emplace_back();
        if (t.ticks) {
            made.ticks.emplace(w.length(t.first));
        } else {
            made.once.emplace(w.length(t.first));
        }
    }
}

/// What is left in the buffers was sent, and not received.
inline void drain(world& w) {
    for (const auto& c : w.channels) {
        if (!c) continue;
        try {
            while (const auto i = c.try_recv()) w.received(*i);
        } catch (const close_error&) {
        }
    }
}

/// What came of it. Those who are `stuck` may keep values; the world is kept if they were not meant to be, for they
/// have it on their stacks.
inline void judge(std::unique_ptr<world> w, bool stuck, run_outcome& o) {
    const program& p = w->p;
    const std::uint64_t live_before = w->live_before;
    const bool ended = w->running() == 0;
    o.failure = std::move(w->failure);
    o.seen = std::move(w->seen);
    o.somebody_waited = std::any_of(o.seen.calls.begin(), o.seen.calls.end(),
                                    [](const call& c) { return c.got == result::none; });
    if (ended || o.failure.empty()) {
        w.reset();
    } else {
        static_cast<void>(w.release());
    }
    if (o.failure.empty() && !stuck && item::made - item::destroyed != live_before) {
        o.failure = "more values were made than destroyed, or fewer";
    }
    o.judged = check(p, o.seen);
    if (o.failure.empty() && !o.judged.holds)
        o.failure = "no order of its operations explains this run";
}

}  // namespace test::random
