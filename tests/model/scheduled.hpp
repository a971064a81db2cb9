// tests/model/scheduled.hpp — a scheduler whose workers are threads of the model.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <cstdlib>

#include <runnel/detail/dispatch.hpp>
#include <runnel/detail/scheduler.hpp>

#include <model/shipping.hpp>

namespace model {

/// A scheduler with workers that are already there: none is started, none is a thread of the system's.
template <int Workers>
struct scheduled : shipping {
    runnel::detail::scheduler s;
    runnel::detail::worker workers[Workers];

    explicit scheduled(std::uint32_t places)
        : s(runnel::detail::scheduler_options{.max_procs = places}) {
        s.all_.store(nullptr);
        s.next_scheduler_ = nullptr;
        for (int i = 0; i < Workers; ++i) {
            workers[i].home = &s;
            workers[i].index = static_cast<std::uint32_t>(i);
            s.workers_[i].store(&workers[i]);
        }
        s.worker_count_.store(Workers);
        s.started_.store(true);
        // Constants here, in all but their type.
        s.started_.leave_out();
        s.attention_.leave_out();
        s.max_procs_.leave_out();
        s.worker_count_.leave_out();
        s.monitor_asleep_.leave_out();
        for (int i = 0; i < Workers; ++i) {
            s.workers_[i].leave_out();
            workers[i].looks.leave_out();
        }
        s.root.ended.leave_out();
        name(s.state_, "state");
        name(s.inject_, "inject");
        name(s.keeper_deadline_, "keeper_deadline");
        name(s.timers_, "timers");
        for (runnel::detail::worker& w : workers) {
            name(w.parker, "parker");
            name(w.queue, "ring");
        }
    }
    ~scheduled() { std::free(s.workers_); }

    /// So many hold a place, and so many of those look for work.
    void hold_places(int active, int spinning) {
        s.state_.store(static_cast<std::uint64_t>(active) * runnel::detail::scheduler::one_active +
                       static_cast<std::uint64_t>(spinning) *
                           runnel::detail::scheduler::one_spinning);
        for (int i = active; i < Workers; ++i) {
            workers[i].place.store(runnel::detail::worker::place_state::given_up);
        }
    }
};

/// As if it had been woken for nothing, and again, until it stays away.
inline void lose_patience(runnel::detail::steal_backoff& b) {
    while (b.pause() == std::chrono::nanoseconds::zero()) {
        b.woken();
        b.finds_nothing();
    }
}

struct work : runnel::detail::goroutine {
    var<int> made{0};

    void init(runnel::detail::scheduler& s) {
        scope.store(&s.root);
        home = &s;
        // For dumps, and by whoever holds it.
        scope.leave_out();
        state.leave_out();
    }
};

}  // namespace model
