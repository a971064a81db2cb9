// runnel/detail/event_poll.hpp — the system's readiness of descriptors: one epoll, and what interrupts it.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      runtime/netpoll_epoll.go
//   Layer   1
//   Seam    with RUNNEL_MODEL the wait and its interruption are the model checker's.
//   Rule    system call wrappers are not inlined and return -errno: see platform.hpp
//
//   Edge-triggered: each arrival is told once, to one of those who wait or look. The interrupter alone is
//   level-triggered, and only who sleeps here drains it: whoever merely looks in while a wake-up is on its
//   way must not swallow it.
#pragma once

#include <cerrno>
#include <cstdint>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <runnel/detail/platform.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

using poll_event = ::epoll_event;

class event_poll {
public:
    constexpr event_poll() noexcept = default;
    event_poll(const event_poll&) = delete;
    event_poll& operator=(const event_poll&) = delete;

    /// Once, before anything else. Returns an errno value.
    RUNNEL_NOINLINE int open() noexcept {
        const int set = ::epoll_create1(EPOLL_CLOEXEC);
        if (set < 0) return errno;
        const int interrupter = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (interrupter < 0) {
            const int error = errno;
            ::close(set);
            return error;
        }
        poll_event e{};
        e.events = EPOLLIN;
        e.data.u64 = interruption;
        if (::epoll_ctl(set, EPOLL_CTL_ADD, interrupter, &e) != 0) {
            const int error = errno;
            ::close(interrupter);
            ::close(set);
            return error;
        }
        set_ = set;
        interrupter_ = interrupter;
        return 0;
    }

    /// From now on, and if it is so now, every time that something can be read from `fd`, or written to it, or that it
    /// fails, is an event with this key. Again for a descriptor that is in the set: it is told again what holds now.
    /// Returns -errno; 1 if the descriptor was not in the set.
    RUNNEL_NOINLINE int watch(int fd, std::uint64_t key) noexcept {
        poll_event e{};
        e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
        e.data.u64 = key;
        if (::epoll_ctl(set_, EPOLL_CTL_MOD, fd, &e) == 0) return 0;
        if (errno != ENOENT) return -errno;
        if (::epoll_ctl(set_, EPOLL_CTL_ADD, fd, &e) == 0) return 1;
        // Somebody else has just added it.
        if (errno == EEXIST && ::epoll_ctl(set_, EPOLL_CTL_MOD, fd, &e) == 0) return 0;
        return -errno;
    }

    /// Before the descriptor is closed: in a child process a copy of it may live on, and its events with it.
    RUNNEL_NOINLINE void forget(int fd) noexcept {
        poll_event e{};
        ::epoll_ctl(set_, EPOLL_CTL_DEL, fd, &e);
    }

    /// What has happened, `most` events at most: at once if there is any, else when something happens, at `deadline`,
    /// or when a signal or interrupt() comes. Sleeps only if `sleeps`, which one thread at a time may.
    int wait(poll_event* events, int most, bool sleeps, time_point deadline) noexcept {
#if defined(RUNNEL_MODEL)
        return RUNNEL_MODEL::poll_wait(events, most, sleeps, deadline);
#else
        int n = wait_in_system(events, most, sleeps ? deadline : time_point::min());
        for (int i = 0; i < n; ++i) {
            if (events[i].data.u64 != interruption) continue;
            events[i] = events[--n];
            if (sleeps) drain();
            break;
        }
        return n;
#endif
    }

    /// Whoever sleeps in wait(), or does next, comes back.
    RUNNEL_NOINLINE void interrupt() noexcept {
#if defined(RUNNEL_MODEL)
        RUNNEL_MODEL::poll_interrupt();
#else
        const std::uint64_t one = 1;
        static_cast<void>(
            !::write(interrupter_, &one, sizeof one));  // if it is full it has been told
#endif
    }

private:
    static constexpr std::uint64_t interruption = ~std::uint64_t{0};

    RUNNEL_NOINLINE int wait_in_system(poll_event* events, int most, time_point deadline) noexcept {
        if (RUNNEL_FAULT("event_poll.interrupted")) return 0;
        timespec limit{};
        const bool limited = deadline != no_deadline;
        if (limited && deadline != time_point::min()) {
            const duration left = deadline - now();
            if (left > duration::zero()) {
                const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
                limit.tv_sec = static_cast<time_t>(ns / 1'000'000'000);
                limit.tv_nsec = static_cast<long>(ns % 1'000'000'000);
            }
        }
#if defined(SYS_epoll_pwait2)
        if (!coarse_.load(memory_order_relaxed)) {
            const long n = ::syscall(SYS_epoll_pwait2, set_, events, most,
                                     limited ? &limit : nullptr, nullptr, 0);
            if (n >= 0) return static_cast<int>(n);
            if (errno != ENOSYS && errno != EPERM) return 0;  // EINTR
            coarse_.store(true, memory_order_relaxed);
        }
#endif
        // Linux before 5.11: milliseconds, rounded up so that no sleep is early.
        constexpr std::int64_t day = 86'400'000;
        const std::int64_t ms =
            std::int64_t{limit.tv_sec} * 1000 + (limit.tv_nsec + 999'999) / 1'000'000;
        const int n =
            ::epoll_wait(set_, events, most, !limited ? -1 : static_cast<int>(ms < day ? ms : day));
        return n < 0 ? 0 : n;
    }

    RUNNEL_NOINLINE void drain() noexcept {
        std::uint64_t count = 0;
        static_cast<void>(!::read(interrupter_, &count, sizeof count));
    }

    int set_ = -1;
    int interrupter_ = -1;
    atomic<bool> coarse_{false};  // the kernel knows milliseconds only
};

/// The process's. Opened by poller.hpp, never closed.
RUNNEL_API inline constinit event_poll the_event_poll{};

/// What poll(2) says of `fd` now: 0, the events that hold, or -errno.
RUNNEL_NOINLINE inline int look_at_descriptor(int fd, short events) noexcept {
    for (;;) {
        pollfd p{fd, events, 0};
        const int n = ::poll(&p, 1, 0);
        if (n >= 0) return n == 0 ? 0 : p.revents;
        if (errno != EINTR) return -errno;
    }
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
