// tests/model/seam.hpp — what the library sees in place of std::atomic, the futex, the clock and its thread.
// SPDX-License-Identifier: BSL-1.0
//
//   A model test is compiled with RUNNEL_ATOMIC_HEADER naming this file and RUNNEL_MODEL naming the
//   namespace of its functions: the shipping algorithms then run under the checker, unchanged.
#pragma once

#include <array>
#include <chrono>

#include <model/checker.hpp>

namespace model {

/// Of the library, a model thread is a foreign thread: it waits in thread_parker, that is here.
template <class Word>
int futex_wait(const Word& word, typename Word::value_type expected,
               std::chrono::steady_clock::time_point deadline) noexcept {
    if (!inside()) return -EAGAIN;
    const bool endless = deadline == std::chrono::steady_clock::time_point::max();
    return engine::sleep(word.where(), &word, expected,
                         endless ? engine::for_ever : deadline.time_since_epoch().count());
}
/// Only the address counts, as in the kernel.
inline void futex_wake(const void* word, int n) noexcept {
    if (!inside()) return;
    engine::point();
    engine::wake(word, n);
}

inline std::chrono::steady_clock::time_point clock_now() noexcept {
    return std::chrono::steady_clock::time_point(
        std::chrono::steady_clock::duration(engine::now()));
}

/// What the poller holds: events, each of which is told once, and whether its sleeper is to come back.
struct poll_set {
    atomic<std::uint32_t> events{0};
    atomic<bool> interrupted{false};
    atomic<std::uint32_t> changes{0};  // a futex word

    static poll_set& get() noexcept { return *set; }
    void changed() noexcept {
        changes.fetch_add(1);
        futex_wake(&changes, 1);
    }
    /// Something can be read or written.
    void happen() noexcept {
        events.fetch_add(1);
        changed();
    }

private:
    static void renew() {
        set = ::new (engine::allocate(sizeof(poll_set), alignof(poll_set))) poll_set;
    }
    static inline poll_set* set = nullptr;
    static inline const bool renewed_at_start = (engine::at_start(renew), true);
};
template <class Event>
int poll_wait(Event* out, int, bool sleeps, std::chrono::steady_clock::time_point deadline) {
    poll_set& set = poll_set::get();
    for (;;) {
        const std::uint32_t seen = set.changes.load();
        const int n = static_cast<int>(set.events.exchange(0));
        for (int i = 0; i < n; ++i) out[i] = Event{};
        const bool interrupted = set.interrupted.load();
        if (interrupted && sleeps) set.interrupted.store(false);
        if (n != 0 || interrupted || !sleeps) return n;
        if (futex_wait(set.changes, seen, deadline) == -ETIMEDOUT) return 0;
    }
}
inline void poll_interrupt() noexcept {
    poll_set& set = poll_set::get();
    set.interrupted.store(true);
    set.changed();
}

/// One State for each thread of the model, as new in each execution, and one for what is outside.
template <class State>
struct states {
    static inline State outside{};
    static inline std::array<State*, max_threads> of{};

    static void renew() {
        for (State*& s : of) s = ::new (engine::allocate(sizeof(State), alignof(State))) State{};
    }
    static inline const bool renewed_at_start = (engine::at_start(renew), true);
};
template <class State>
State& of_this_thread() noexcept {
    static_cast<void>(states<State>::renewed_at_start);
    return inside() ? *states<State>::of[static_cast<std::size_t>(engine::running)]
                    : states<State>::outside;
}

}  // namespace model

namespace runnel {
inline namespace v0 {
namespace detail {

template <class T>
using atomic = model::atomic<T>;

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

}  // namespace detail
}  // namespace v0
}  // namespace runnel
