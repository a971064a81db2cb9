// runnel/io.hpp — waiting until a file descriptor can be read or written.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      what internal/poll does for sockets, pipes and terminals; golang.org/x/sys/unix.Poll for other descriptors
//   Layer   4; includes layers 0-3, and chan.hpp for contexts
//   Map     descriptors and their waiters → detail/descriptor.hpp;  who wakes them → detail/poller.hpp
//   Tests   tests/io_test.cpp
//
//   Opt-in: runnel.hpp does not include it. For libraries that do their own reading and writing on a descriptor of
//   theirs (databases, device files, other event loops); streams of bytes are in net.hpp.
#pragma once

#include <cerrno>
#include <chrono>

#include <poll.h>

#include <runnel/chan.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/descriptor.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

RUNNEL_NOINLINE inline op_status wait_for_descriptor(int fd, direction which,
                                                     const wait_limit& limit) {
    interruption_point();
    refuse_io_in_simulation();
    descriptor& d = the_descriptors.at(fd);
    const std::uint32_t life = d.life();
    for (;;) {
        const std::uint32_t seen = d.of(which).events.load(memory_order_acquire);  // [DS-1]
        const int holds = look_at_descriptor(fd, which == direction::read ? POLLIN : POLLOUT);
        if (d.life() != life) return op_status::closed;
        if (holds < 0) descriptor_table::throw_system_error(-holds);
        if ((holds & POLLNVAL) != 0) descriptor_table::throw_system_error(EBADF);
        if (holds != 0) return op_status::ok;
        if (limit.deadline != no_deadline && limit.deadline <= now()) return op_status::timeout;
        open_poller();
        const int error = watch(fd, d, life);
        if (error == EPERM) return op_status::ok;
        if (error == ESTALE) return op_status::closed;
        if (error != 0) descriptor_table::throw_system_error(error);
        switch (wait_for_event(d, which, seen, limit)) {
            case wait_outcome::timed_out:
                return op_status::timeout;
            case wait_outcome::canceled:
                return op_status::canceled;
            case wait_outcome::closed:
                return op_status::closed;
            default:
                break;  // an event; it may be older than what has been read since
        }
    }
}

template <context_like C>
op_status wait_for_descriptor(int fd, direction which, const C& ctx) {
    if (const op_status s = status_of(ctx); s != op_status::ok) return s;
    const auto done = ctx.done();
    const op_status r = wait_for_descriptor(fd, which, wait_limit{no_deadline, done_of(done)});
    if (r != op_status::canceled) return r;
    const op_status s = status_of(ctx);
    return s != op_status::ok ? s : r;
}

}  // namespace detail

namespace io {

/// Waits until something can be read from `fd`, until its end is reached, or until it fails: a read would not block
/// then, unless somebody else is faster. `fd` may be a socket, a pipe, a terminal, an eventfd or whatever else epoll(7)
/// takes; files are always ready. It need not be non-blocking.
/// Returns     `ok`; `closed` if forget() was called meanwhile.
/// Blocks      until it is so: a goroutine parks, a thread sleeps. Several may wait for one descriptor.
/// Errors      std::system_error if `fd` is not open (EBADF), or the process has no descriptor or memory left;
///             panic inside testing::simulate.
/// Thread-safe. Cost  one system call if it is ready, else three and a switch.
/// Go          the wait inside net.Conn's Read
inline op_status wait_readable(int fd) {
    return detail::wait_for_descriptor(fd, detail::direction::read, detail::wait_limit{});
}
/// The same until `deadline`: `timeout`. One that has passed looks once.
template <class Clock, class Dur>
op_status wait_readable(int fd, std::chrono::time_point<Clock, Dur> deadline) {
    return detail::wait_for_descriptor(fd, detail::direction::read,
                                       detail::wait_limit{detail::to_time_point(deadline)});
}
/// The same until the context is done: `canceled`, or `timeout`, as ctx.err() says. One that is done already wins.
template <context_like C>
op_status wait_readable(int fd, const C& ctx) {
    return detail::wait_for_descriptor(fd, detail::direction::read, ctx);
}

/// Waits until something can be written to `fd`, or until it fails (a connection that was being established, too).
/// All else as wait_readable().
inline op_status wait_writable(int fd) {
    return detail::wait_for_descriptor(fd, detail::direction::write, detail::wait_limit{});
}
template <class Clock, class Dur>
op_status wait_writable(int fd, std::chrono::time_point<Clock, Dur> deadline) {
    return detail::wait_for_descriptor(fd, detail::direction::write,
                                       detail::wait_limit{detail::to_time_point(deadline)});
}
template <context_like C>
op_status wait_writable(int fd, const C& ctx) {
    return detail::wait_for_descriptor(fd, detail::direction::write, ctx);
}

/// To be called before a descriptor that was waited for is closed: whoever waits for it returns with `closed`, and
/// nothing of it can reach the next owner of its number, even while a child process has a copy of it.
/// Thread-safe. Never blocks; harmless for any number.
inline void forget(int fd) noexcept { detail::forget_descriptor(fd); }

}  // namespace io
}  // namespace v0
}  // namespace runnel
