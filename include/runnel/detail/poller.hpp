// runnel/detail/poller.hpp — who waits for descriptors, and who sleeps until one is ready.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      runtime/netpoll.go
//   Layer   2
//   Map     the system's part → event_poll.hpp;  a descriptor and its waiters → descriptor.hpp;
//           an idle worker sleeps here, a busy one looks in → scheduler.hpp, 5
//
//   One for the process, since descriptors are the process's: goroutines of all runtimes and foreign threads
//   are woken by whoever finds their event.
//   [NP-1] One thread sleeps in it, the owner: the keeper of some scheduler. Keeper: is made keeper under its idle
//          lock, then tries to own. Owner that leaves: disowns, then takes that lock and wakes the keeper it finds. So a
//          keeper that could not own is told when it can.
//   [NP-2] Whoever waits for a descriptor: has it watched, then parks. Watching tells what holds already. So no
//          event is older than the wait for it, and none is missed.
#pragma once

#include <cstdint>
#include <system_error>

#include <runnel/detail/event_poll.hpp>
#include <runnel/detail/spin_lock.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

class poller {
public:
    /// What is done about an event: those who wait for it are woken. Must not park, nor throw.
    using event_function = void (*)(const poll_event&) noexcept;

    constexpr poller() noexcept = default;
    poller(const poller&) = delete;
    poller& operator=(const poller&) = delete;

    /// True if this call has opened it: then idle workers have to be told.
    /// Errors  std::system_error if the process has no descriptor left.
    bool open(event_function on_event, bool (*anybody_waits)() noexcept) {
        if (opened()) return false;
        const spin_guard guard(open_lock_);
        if (opened()) return false;
        if (const int error = the_event_poll.open(); error != 0) {
            throw std::system_error(error, std::generic_category(), "runnel: cannot wait for I/O");
        }
        on_event_ = on_event;
        has_waiters_ = anybody_waits;
        opened_.store(true, memory_order_release);
        return true;
    }
    bool opened() const noexcept { return opened_.load(memory_order_acquire); }

    // ---- those who wait ----

    void add_waiter() noexcept { waiters_.fetch_add(1, memory_order_seq_cst); }  // [KP-1]
    void remove_waiter() noexcept { waiters_.fetch_sub(1, memory_order_relaxed); }
    /// How many do; among them may be such as never go on, since their run has ended.
    std::uint32_t waiters() const noexcept {
        return waiters_.load(memory_order_seq_cst);
    }  // [KP-1]
    /// Whether an event could let anybody go on: looks at them all.
    bool has_waiters() const noexcept { return opened() && has_waiters_(); }

    // ---- whoever sleeps here, or looks in ----

    /// False if somebody else sleeps here. [NP-1]
    // relaxed, both: what matters is ordered by the idle lock. A keeper that became one after the owner had looked
    // for it sees that it has disowned; one that became one before is found.
    bool own() noexcept { return !owned_.exchange(true, memory_order_relaxed); }
    void disown() noexcept { owned_.store(false, memory_order_relaxed); }

    /// Whether a look is called for: somebody waits, and nobody sleeps here who would be woken.
    bool wants_a_look() const noexcept {
        return waiters() != 0 && !owned_.load(memory_order_relaxed);
    }
    /// Whether nobody has looked for some time, though it was called for: goroutines run for long.
    bool was_neglected() const noexcept { return now() - last_look() > patience; }

    /// What has happened; the owner sleeps until something does, or until `deadline`.
    static int wait(poll_event* events, int most, bool sleeps, time_point deadline) noexcept {
        return the_event_poll.wait(events, most, sleeps, deadline);
    }
    void looked() noexcept {
        last_look_.store(now().time_since_epoch().count(), memory_order_relaxed);
    }
    time_point last_look() const noexcept {
        return time_point(duration(last_look_.load(memory_order_relaxed)));
    }
    void deliver(const poll_event* events, int n) const noexcept {
        for (int i = 0; i < n; ++i) on_event_(events[i]);
    }

private:
    // So long an event may lie there while workers are busy, if they come by at all.
    static constexpr duration patience = std::chrono::microseconds(200);

    spin_lock open_lock_;
    atomic<bool> opened_{false};
    event_function on_event_ = nullptr;  // these two are published by opened_
    bool (*has_waiters_)() noexcept = nullptr;
    alignas(64) atomic<bool> owned_{false};
    atomic<duration::rep> last_look_{0};
    alignas(64) atomic<std::uint32_t> waiters_{0};
};

/// The process's.
RUNNEL_API inline constinit poller the_poller{};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
