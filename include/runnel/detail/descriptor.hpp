// runnel/detail/descriptor.hpp — what is known of a file descriptor, and who waits for it.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      internal/poll.FD, runtime.pollDesc
//   Layer   3
//   Map     1. a descriptor   2. the table of them   3. events   4. waiting   5. forgetting
//
//   A number is used again as soon as it is closed. So each life of a number has a generation, which is part of the
//   key that the system keeps: an event of a former life finds another generation and is dropped.
//   [DS-1] Waiter: read the count of events, see that there is nothing to read, have it watched if need be; then, under
//          the lock, look whether the count is the same, and queue. Event: under the lock, count it and take all who are
//          queued. What happens after the waiter's look is an event after its reading of the count: it sees
//          another count, or is taken.
//   All waiters of a direction are woken, not the first alone: the event may stand for several arrivals, and whoever
//   is woken may take less than there is.
//
//   Rejected: a flag "ready" in place of the count: who was woken by the event finds it at its next wait, and
//   makes one futile system call a message.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>

#include <runnel/detail/poller.hpp>
#include <runnel/detail/spawn.hpp>
#include <runnel/detail/waiter.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. a descriptor ----

enum class direction : std::uint8_t { read, write };

struct alignas(64) descriptor {
    spin_lock lock;
    spin_lock control;             // taken before lock, held during a system call: see watch()
    std::uint32_t generation = 0;  // guarded by lock: which life of the number this is
    struct side {
        atomic<std::uint32_t> events{0};  // [DS-1] how many there were; written under lock
        waiter_queue waiters;             // guarded by lock
    };
    side sides[2];

    side& of(direction d) noexcept { return sides[static_cast<std::size_t>(d)]; }

    std::uint32_t life() noexcept {
        const spin_guard guard(lock);
        return generation;
    }

    static std::uint64_t key(int fd, std::uint32_t generation) noexcept {
        return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
    }

    /// With the lock held: all who wait for this direction, claimed.
    static void take_all(side& s, wait_outcome outcome, wake_list& out) noexcept {
        // release, though under a lock: who sees the count, without it, sees what is to be read. [DS-1]
        s.events.fetch_add(1, memory_order_release);
        while (waiter* w = s.waiters.claim_front()) {
            w->outcome = outcome;
            out.push(w);
        }
    }
};

// ---- 2. the table of them ----

/// By number. Pieces of it are made when they are needed, and never freed.
class descriptor_table {
public:
    constexpr descriptor_table() noexcept = default;
    descriptor_table(const descriptor_table&) = delete;
    descriptor_table& operator=(const descriptor_table&) = delete;

    /// Errors  std::system_error if `fd` is negative or beyond what the table has room for, std::bad_alloc.
    descriptor& at(int fd) {
        if (fd < 0) throw_system_error(EBADF);
        if (descriptor* d = find(fd); RUNNEL_LIKELY(d != nullptr)) return *d;
        return make(fd);
    }
    /// Null if there has never been anything to know about it.
    descriptor* find(int fd) const noexcept {
        const std::size_t i = static_cast<std::size_t>(fd) / piece_size;
        if (fd < 0 || i >= pieces) return nullptr;
        piece* p = pieces_[i].load(memory_order_acquire);
        return p != nullptr ? &p->all[static_cast<std::size_t>(fd) % piece_size] : nullptr;
    }

    template <class F>
    bool any_of(F&& f) noexcept {
        for (std::size_t i = 0; i < pieces; ++i) {
            piece* p = pieces_[i].load(memory_order_acquire);
            if (p == nullptr) continue;
            for (descriptor& d : p->all) {
                if (f(d)) return true;
            }
        }
        return false;
    }

    [[noreturn]] RUNNEL_NOINLINE static void throw_system_error(int error) {
        throw std::system_error(error, std::generic_category(), "runnel: waiting for I/O");
    }

private:
    static constexpr std::size_t piece_size = 512;
    static constexpr std::size_t pieces = 8192;  // 4 million descriptors
    struct piece {
        descriptor all[piece_size];
    };

    RUNNEL_NOINLINE descriptor& make(int fd) {
        const std::size_t i = static_cast<std::size_t>(fd) / piece_size;
        if (i >= pieces) throw_system_error(EMFILE);
        auto* made = new piece;
        piece* there = nullptr;
        // publishes what the constructor wrote
        if (!pieces_[i].compare_exchange_strong(there, made, memory_order_acq_rel,
                                                memory_order_acquire)) {
            delete made;
            made = there;
        }
        return made->all[static_cast<std::size_t>(fd) % piece_size];
    }

    atomic<piece*> pieces_[pieces]{};
};

RUNNEL_API inline constinit descriptor_table the_descriptors{};

// ---- 3. events ----

inline void on_descriptor_event(const poll_event& e) noexcept {
    const int fd = static_cast<int>(e.data.u64 & 0xffffffff);
    descriptor* d = the_descriptors.find(fd);
    if (d == nullptr) return;
    const bool failed = (e.events & (EPOLLERR | EPOLLHUP)) != 0;
    wake_list woken;
    {
        const spin_guard guard(d->lock);
        if (d->generation != e.data.u64 >> 32) return;  // of a former life
        if ((e.events & (EPOLLIN | EPOLLRDHUP | EPOLLPRI)) != 0 || failed) {
            descriptor::take_all(d->of(direction::read), wait_outcome::ok, woken);
        }
        if ((e.events & EPOLLOUT) != 0 || failed) {
            descriptor::take_all(d->of(direction::write), wait_outcome::ok, woken);
        }
    }
    RUNNEL_POINT("descriptor.taken");
    woken.wake_all();
}

/// Whether anybody waits who could still go on.
inline bool anybody_waits_for_io() noexcept {
    return the_descriptors.any_of([](descriptor& d) {
        const spin_guard guard(d.lock);
        return d.sides[0].waiters.peek_front() != nullptr ||
               d.sides[1].waiters.peek_front() != nullptr;
    });
}

/// Before each wait.
inline void open_poller() {
    // Somebody must sleep in the poller as long as this wait lasts. A goroutine's runtime does; a thread's wait, and one
    // inside blocking(), may outlast every runtime but the default one.
    if (current_worker() == nullptr) default_scheduler().ensure_started();
    if (RUNNEL_LIKELY(!the_poller.open(on_descriptor_event, anybody_waits_for_io))) return;
    for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
        s->enter_poller();
    }
}

// ---- 4. waiting ----

inline void refuse_io_in_simulation() {
    const worker* w = current_worker();
    if (w != nullptr && w->home->conducted_by() != nullptr) {
        throw panic("I/O inside a simulation: what comes when would not be the seed's");
    }
}

/// Has the system tell what happens to `fd`, and what holds already. Returns 0 or an errno value; EPERM: it is of a
/// kind that is always ready, such as a file; ESTALE: it was given up since it had that generation.
/// Whoever gives it up is not to come between: what is watched then would be of a life that has ended, or not be
/// watched though its next life has begun.
inline int watch(int fd, descriptor& d, std::uint32_t generation) noexcept {
    int r = 0;
    {
        const spin_guard guard(d.control);
        if (d.life() != generation) return ESTALE;
        r = the_event_poll.watch(fd, descriptor::key(fd, generation));
    }
    RUNNEL_POINT("descriptor.watched");
    return r < 0 ? -r : 0;
}

class counted_waiter {
public:
    counted_waiter() noexcept { the_poller.add_waiter(); }
    ~counted_waiter() { the_poller.remove_waiter(); }
    counted_waiter(const counted_waiter&) = delete;
    counted_waiter& operator=(const counted_waiter&) = delete;
};

/// Parks until an event that is not yet counted in `seen`, which was read before the look that found nothing. [DS-1]
/// `retry`: there has been one already. `closed`: the descriptor was given up.
inline wait_outcome wait_for_event(descriptor& d, direction which, std::uint32_t seen,
                                   const wait_limit& limit) noexcept {
    descriptor::side& side = d.of(which);
    const counted_waiter counted;
    // [KP-1] A goroutine's worker comes to its loop; all others may be in blocking() while a thread waits.
    if (RUNNEL_UNLIKELY(current_worker() == nullptr) && the_poller.opened()) {
        default_scheduler().see_to_keeper_if_all_left();
    }
    wait_lock guard(d.lock, limit.done);
    // relaxed: written under the lock
    if (side.events.load(memory_order_relaxed) != seen) return wait_outcome::retry;
    waiter me;
    return wait(side.waiters, guard, me, wait_reason::io, &d, limit.deadline);
}

// ---- 5. forgetting ----

/// Before `fd` is closed: its events are no longer told, and whoever waits for it goes on with `closed`.
inline void forget_descriptor(int fd) noexcept {
    descriptor* d = the_descriptors.find(fd);
    if (d == nullptr) return;
    // A child of fork() shares the epoll: it would stop the events of its parent.
    if (RUNNEL_UNLIKELY(process_forked.load(memory_order_relaxed))) return;
    wake_list woken;
    {
        const spin_guard watching(d->control);
        if (the_poller.opened()) the_event_poll.forget(fd);
        const spin_guard guard(d->lock);
        ++d->generation;
        for (descriptor::side& s : d->sides) descriptor::take_all(s, wait_outcome::closed, woken);
    }
    RUNNEL_POINT("descriptor.forgotten");
    woken.wake_all();
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
