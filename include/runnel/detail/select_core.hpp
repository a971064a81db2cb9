// runnel/detail/select_core.hpp — waiting for the first of several channel operations.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      selectgo
//   Layer   3
//   Map     1. cases   2. the polling and locking orders   3. a look at one case   4. select
//
//   A case that is ready may be committed under its own channel's lock alone: it was ready at that
//   moment. Only `otherwise` and parking need all channels at one moment, so their locks are taken
//   together, in address order, each once.
//   Parked, we stand in every channel's queue with one sleeper: whoever claims it has decided the
//   select, with the index of its case; all others pass us over.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>

#include <runnel/detail/chan_core.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. cases ----

enum class case_kind : std::uint8_t { receive, send, timeout, otherwise };

/// One case, as the public select prepares it. Its channel is kept alive by the caller.
struct select_entry {
    // `place` is made when it is needed, and has nothing to destroy.
    select_entry() noexcept {}  // NOLINT(modernize-use-equals-default)
    ~select_entry() {}          // NOLINT(modernize-use-equals-default)
    select_entry(const select_entry&) = delete;
    select_entry& operator=(const select_entry&) = delete;

    chan_base* channel = nullptr;  // null: never ready
    void* slot = nullptr;          // receive: std::optional<T>*, or as `assigns` says; send: T*
    case_kind kind = case_kind::otherwise;
    bool assigns = false;               // receive: the slot is a receive_target<T>'s
    time_point deadline = no_deadline;  // of a timeout
    std::exception_ptr failure;         // of a sender's throwing move
    union {
        waiter place;  // in the channel's queue, while we are parked
    };
};

/// What happened: which case, and how.
struct select_result {
    std::size_t index;
    wait_outcome outcome;
};

/// Working memory of a select over n cases.
struct select_frame {
    select_entry* entries;
    std::uint32_t* polling;  // n: live cases in the order in which they are tried
    std::uint32_t* locking;  // n: live cases by channel address
    std::uint32_t count;
    std::uint32_t live = 0;

    chan_base* channel(std::uint32_t i) const noexcept { return entries[locking[i]].channel; }
};

// ---- 2. orders ----

inline void choose_polling(select_frame& f, bool in_order) noexcept {
    worker* w = in_order ? nullptr : current_worker();
    for (std::uint32_t i = 0; i < f.count; ++i) {
        const select_entry& e = f.entries[i];
        if ((e.kind == case_kind::receive || e.kind == case_kind::send) && e.channel != nullptr) {
            std::uint32_t at = f.live;
            if (!in_order && at != 0) {
                // A fresh random permutation, built from the inside out.
                const std::uint32_t r = w != nullptr ? w->random.next() : thread_random();
                at = static_cast<std::uint32_t>((std::uint64_t{r} * (f.live + 1)) >> 32);
                f.polling[f.live] = f.polling[at];
            }
            f.polling[at] = i;
            ++f.live;
        }
    }
}

inline void sift_channel(const select_frame& f, std::uint32_t root, std::uint32_t n) noexcept {
    const auto address = [&](std::uint32_t i) {
        return reinterpret_cast<std::uintptr_t>(f.channel(i));
    };
    for (;;) {
        std::uint32_t child = 2 * root + 1;
        if (child >= n) return;
        if (child + 1 < n && address(child) < address(child + 1)) ++child;
        if (address(root) >= address(child)) return;
        std::swap(f.locking[root], f.locking[child]);
        root = child;
    }
}

// Heap sort: no memory, no recursion, and n log n for the tens of thousands a run-time set may have.
inline void choose_locking(select_frame& f) noexcept {
    for (std::uint32_t i = 0; i < f.live; ++i) f.locking[i] = f.polling[i];
    for (std::uint32_t i = f.live / 2; i-- > 0;) sift_channel(f, i, f.live);
    for (std::uint32_t n = f.live; n > 1; --n) {
        std::swap(f.locking[0], f.locking[n - 1]);
        sift_channel(f, 0, n - 1);
    }
}

inline void lock_all(const select_frame& f) noexcept RUNNEL_NO_THREAD_SAFETY_ANALYSIS {
    for (std::uint32_t i = 0; i < f.live; ++i) {
        if (i == 0 || f.channel(i) != f.channel(i - 1)) f.channel(i)->lock.lock();
    }
}

// Also runs on the far side of a switch: once the last lock is released the frame may be gone, since
// the select takes every lock again before it leaves; so each channel is read before the unlock that
// precedes it.
inline void unlock_all(const select_frame& f) noexcept RUNNEL_NO_THREAD_SAFETY_ANALYSIS {
    const std::uint32_t n = f.live;
    chan_base* c = n > 0 ? f.channel(0) : nullptr;
    for (std::uint32_t i = 0; i < n;) {
        std::uint32_t following = i + 1;
        chan_base* other = nullptr;
        while (following < n && (other = f.channel(following)) == c) ++following;
        c->lock.unlock();
        if (following >= n) return;
        c = other;
        i = following;
    }
}

// ---- 3. one case ----

inline bool may_go(const select_entry& e) noexcept {
    return e.kind == case_kind::receive ? e.channel->may_receive() : e.channel->may_send();
}

inline attempt try_case(select_entry& e, waiter*& woken) {
    return e.kind == case_kind::receive
               ? e.channel->try_receive_erased(e.slot, e.assigns, woken, &e.failure)
               : e.channel->try_send_erased(e.slot, woken, &e.failure);
}

[[noreturn]] inline void rethrow_failure(const std::exception_ptr& failure) {
    if (failure == nullptr) throw std::bad_alloc();
    std::rethrow_exception(failure);
}

inline select_result settle(const select_entry& e, std::uint32_t index, attempt a, waiter* woken) {
    if (woken != nullptr) woken->who->wake();
    if (a == attempt::threw) rethrow_failure(e.failure);
    return {index, a == attempt::done ? wait_outcome::ok : wait_outcome::closed};
}

// ---- 4. select ----

inline constexpr std::size_t no_case = static_cast<std::size_t>(-1);

/// Under all locks, or under one's own: the first case in polling order that can go.
inline bool try_all_locked(select_frame& f, std::uint32_t& index, attempt& a, waiter*& woken) {
    for (std::uint32_t i = 0; i < f.live; ++i) {
        select_entry& e = f.entries[f.polling[i]];
        a = try_case(e, woken);
        if (a != attempt::would_block) {
            index = f.polling[i];
            return true;
        }
    }
    return false;
}

/// Each case under its own lock alone.
inline bool try_all(select_frame& f, std::uint32_t& index, attempt& a,
                    waiter*& woken) RUNNEL_NO_THREAD_SAFETY_ANALYSIS {
    for (std::uint32_t i = 0; i < f.live; ++i) {
        select_entry& e = f.entries[f.polling[i]];
        if (!may_go(e)) continue;
        e.channel->lock.lock();
        a = try_case(e, woken);
        e.channel->lock.unlock();
        if (a != attempt::would_block) {
            index = f.polling[i];
            return true;
        }
    }
    return false;
}

inline void enqueue_all(select_frame& f, sleeper& s) noexcept {
    for (std::uint32_t i = 0; i < f.live; ++i) {
        const std::uint32_t index = f.polling[i];
        select_entry& e = f.entries[index];
        ::new (static_cast<void*>(&e.place)) waiter;
        e.place.who = &s;
        e.place.slot = e.slot;
        e.place.assigns = e.assigns;
        e.place.failure = &e.failure;
        e.place.index = index + 1;
        e.place.outcome = wait_outcome::pending;
        (e.kind == case_kind::receive ? e.channel->receivers : e.channel->senders())
            .push_back(&e.place);
        e.channel->note_waiters();
    }
}

inline void dequeue_all(select_frame& f) noexcept {
    for (std::uint32_t i = 0; i < f.live; ++i) {
        select_entry& e = f.entries[f.polling[i]];
        (e.kind == case_kind::receive ? e.channel->receivers : e.channel->senders())
            .remove(&e.place);
        e.channel->note_waiters();
    }
}

inline void unlock_frame(worker*, void* frame) noexcept {
    unlock_all(*static_cast<select_frame*>(frame));
}

/// Runs one case of the frame. With `otherwise_at` it never parks. `timeout_at` names the timeout
/// case that strikes first, if any. Throws only what an element's move throws.
inline select_result select_cases(select_frame& f, bool in_order, std::size_t otherwise_at,
                                  std::size_t timeout_at) {
    interruption_point();
    const tsan::runtime_scope ours;
    choose_polling(f, in_order);
    const time_point deadline =
        timeout_at != no_case ? f.entries[timeout_at].deadline : no_deadline;
    for (;;) {
        std::uint32_t index = 0;
        attempt a = attempt::would_block;
        waiter* woken = nullptr;
        // 1. Something may be ready right away.
        if (!in_order && try_all(f, index, a, woken))
            return settle(f.entries[index], index, a, woken);
        if (otherwise_at != no_case && !in_order && f.live <= 1) {
            return {otherwise_at, wait_outcome::ok};
        }
        // 2. All channels at one moment.
        choose_locking(f);
        lock_all(f);
        if (try_all_locked(f, index, a, woken)) {
            unlock_all(f);
            return settle(f.entries[index], index, a, woken);
        }
        if (otherwise_at != no_case) {
            unlock_all(f);
            return {otherwise_at, wait_outcome::ok};
        }
        // 3. Park in all of them.
        sleeper s(f.count == 0 ? wait_reason::select_no_cases : wait_reason::select, nullptr, true);
        enqueue_all(f, s);
        for (std::uint32_t i = 0; i < f.live; ++i) {
            tsan::release(f.channel(i)->lock.sync_address());
            tsan::release(&f.entries[f.polling[i]].place);
        }
        // With no channel there is nothing to release, and no lock to wait for the far side with: once
        // the deadline has struck it must not look at the frame.
        s.park_until(deadline, f.live == 0 ? sleeper::nothing : unlock_frame, &f);
        // 4. Take the others back. This also waits for the far side's last unlock.
        lock_all(f);
        dequeue_all(f);
        unlock_all(f);
        const std::uint32_t claimed = s.claimed();
        if (claimed == sleeper::by_deadline) return {timeout_at, wait_outcome::ok};
        select_entry& e = f.entries[claimed - 1];
        switch (e.place.outcome) {
            case wait_outcome::retry:
                continue;
            case wait_outcome::failed:
                rethrow_failure(e.failure);
            default:
                return {claimed - 1, e.place.outcome};
        }
    }
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
