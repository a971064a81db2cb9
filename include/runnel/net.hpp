// runnel/net.hpp — connections: listen, dial, streams of bytes.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      net.Listen, net.Dial, net.Listener, net.Conn      Differences: docs/from_go.md#network
//   Layer   4; includes layers 0-3, and chan.hpp for contexts
//   Map     1. stream   2. listener   3. dial and listen;  endpoint → detail/endpoint.hpp;
//           errors → detail/net_error.hpp;  closing, deadlines, turns → detail/net_file.hpp;
//           accept, bind, connect → detail/net_setup.hpp;  "host:port" → detail/resolve.hpp;  system calls → detail/socket.hpp;  waiting → detail/descriptor.hpp
//   Tests   tests/net_test.cpp, tests/stress/net_echo_test.cpp, tests/stress/net_close_test.cpp
//
//   Opt-in: runnel.hpp does not include it.
//   Each operation is tried first, and parks only if it would block. Goroutines and threads may use all of it; a
//   thread blocks where a goroutine parks.
//   Each has three forms: one that throws std::system_error ("read 10.0.0.1:80: Connection reset by peer"), one
//   that sets the std::error_code& given last, and returns how far it came, and either of them with a context.
//   An error is one of the system (compare it with std::errc), of net::errc, or ctx.err().
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/net_file.hpp>
#include <runnel/detail/net_setup.hpp>
#include <runnel/detail/resolve.hpp>
#include <runnel/error.hpp>
#include <runnel/go.hpp>

namespace runnel {
inline namespace v0 {

namespace detail {

struct net_access;

[[noreturn]] RUNNEL_NOINLINE inline void throw_net_error(const char* operation,
                                                         const std::string& where,
                                                         const std::error_code& e) {
    throw std::system_error(e, where.empty() ? std::string(operation) : operation + (" " + where));
}

/// Limits `f(done, e)` by the context.
template <context_like C, class F>
auto limited_by(const C& ctx, std::error_code& e, F&& f)
    -> decltype(f(static_cast<done_source*>(nullptr))) {
    e = ctx.err();
    if (e) return {};
    const auto done = ctx.done();
    auto result = f(done_of(done));
    if (e == make_error_code(errc::canceled)) {
        if (const std::error_code why = ctx.err()) e = why;
    }
    return result;
}

/// The time point itself; the empty one and the last one of its clock mean that there is no deadline.
template <class Clock, class Dur>
time_point deadline_from(std::chrono::time_point<Clock, Dur> tp) noexcept {
    using given = std::chrono::time_point<Clock, Dur>;
    return tp == given() || tp == given::max() ? no_deadline : to_time_point(tp);
}

/// What streams and listeners have in common.
class net_object {
public:
    /// Whether close() has not been called.
    bool is_open() const noexcept { return handle_.get() != nullptr && handle_->is_open(); }
    /// This side's address; of a closed one, too. None if it was made by default, or moved from.
    net::endpoint local_endpoint() const noexcept {
        return handle_.get() != nullptr ? handle_->local() : net::endpoint();
    }

    /// Closes it: whoever waits in one of its operations fails with net::errc::closed ("use of closed network
    /// connection"), as all do that come later. When it returns, the descriptor and the address have been given back.
    /// Errors      net::errc::closed if it was closed before.
    /// Thread-safe. Never blocks. Go  Close
    void close(std::error_code& e) {
        e.clear();
        if (handle_.get() == nullptr || !handle_->close()) e = net::errc::closed;
    }
    void close() {
        std::error_code e;
        close(e);
        if (e) throw_net_error("close", name(), e);
    }

protected:
    net_object() noexcept = default;
    explicit net_object(net_handle h) noexcept : handle_(std::move(h)) {}
    net_object(net_object&&) noexcept = default;
    net_object& operator=(net_object&&) noexcept = default;
    ~net_object() = default;

    void set_deadlines(bool reads, bool writes, time_point tp) noexcept {
        if (handle_.get() == nullptr) return;
        if (reads) handle_->set_deadline(direction::read, tp);
        if (writes) handle_->set_deadline(direction::write, tp);
    }
    /// What it is called in messages.
    std::string name() const {
        if (handle_.get() == nullptr) return {};
        std::string there = handle_->remote().to_string();
        return there.empty() || there == "unix:" ? handle_->local().to_string() : there;
    }
    void check(const char* operation, const std::error_code& e) const {
        if (RUNNEL_UNLIKELY(static_cast<bool>(e))) throw_net_error(operation, name(), e);
    }

    friend struct net_access;
    net_handle handle_;
};

}  // namespace detail

namespace net {

/// Which direction of a stream is shut down.
enum class half { read, write, both };

// ---- 1. stream ----

/// A connection, over TCP or a Unix socket. Movable; closed by its destructor. One that was made by default or moved
/// from is closed.
/// While it is not moved or destroyed all of its members may be called by any number of goroutines and threads
/// at once. Readers take turns, first come, first served: what one read() gets is contiguous. So do writers: what one
/// write() writes is contiguous. A reader and a writer do not wait for each other.
/// Over TCP an end that has gone without a word is noticed after two and a half minutes of silence: operations fail with
/// std::errc::timed_out, of the system, then. (TCP keep-alive as in Go: after 15 s, every 15 s, nine times.)
/// A run that ends drops its goroutines where they park: one that is dropped in the middle of a read or
/// write keeps its turn, until the stream is closed. Deadlines and contexts hold for those who wait for theirs.
/// Go  net.Conn
class stream : public detail::net_object {
public:
    stream() noexcept = default;

    // ---- reading ----

    /// Reads what there is, at most as much as fits into `into`.
    /// Returns     how many bytes: at least one; 0 at the end of the stream, or at once if `into` is empty.
    /// Blocks      until something comes.
    /// Errors      std::errc::connection_reset and others of the system; net::errc::timed_out if the deadline has
    ///             passed, even if there is something; net::errc::closed. Nothing was taken then.
    /// Visibility  what precedes the write happens before the read that sees its bytes returns.
    /// Cost        a system call if something is there. Go  Read
    std::size_t read_some(std::span<std::byte> into) {
        std::error_code e;
        const std::size_t n = read_some(into, e);
        check("read", e);
        return n;
    }
    std::size_t read_some(std::span<std::byte> into, std::error_code& e) {
        return receive(into, false, nullptr, e);
    }
    /// The same, unless the context is done first: ctx.err() is the error. One that is done already wins.
    template <context_like C>
    std::size_t read_some(std::span<std::byte> into, const C& ctx) {
        std::error_code e;
        const std::size_t n = read_some(into, ctx, e);
        check("read", e);
        return n;
    }
    template <context_like C>
    std::size_t read_some(std::span<std::byte> into, const C& ctx, std::error_code& e) {
        return detail::limited_by(
            ctx, e, [&](detail::done_source* done) { return receive(into, false, done, e); });
    }

    /// Reads until `into` is full.
    /// Returns     its size; 0 if the stream ends before the first byte.
    /// Errors      net::errc::unexpected_end if it ends later, and those of read_some(). How many bytes were read
    ///             then the form with an error code returns.
    /// Go  io.ReadFull
    std::size_t read(std::span<std::byte> into) {
        std::error_code e;
        const std::size_t n = read(into, e);
        check("read", e);
        return n;
    }
    std::size_t read(std::span<std::byte> into, std::error_code& e) {
        return receive(into, true, nullptr, e);
    }
    template <context_like C>
    std::size_t read(std::span<std::byte> into, const C& ctx) {
        std::error_code e;
        const std::size_t n = read(into, ctx, e);
        check("read", e);
        return n;
    }
    template <context_like C>
    std::size_t read(std::span<std::byte> into, const C& ctx, std::error_code& e) {
        return detail::limited_by(
            ctx, e, [&](detail::done_source* done) { return receive(into, true, done, e); });
    }

    // ---- writing ----

    /// Writes all of `from`.
    /// Returns     its size; with an error, how many bytes have been written before.
    /// Blocks      while the other end does not read.
    /// Errors      std::errc::broken_pipe or connection_reset if the other end has gone (there is no SIGPIPE), and
    ///             others of the system; net::errc::timed_out if the deadline has passed; net::errc::closed.
    /// Cost        a system call if there is room. Go  Write
    std::size_t write(std::span<const std::byte> from) {
        std::error_code e;
        const std::size_t n = write(from, e);
        check("write", e);
        return n;
    }
    std::size_t write(std::span<const std::byte> from, std::error_code& e) {
        return send(from, true, nullptr, e);
    }
    /// The same, unless the context is done first: ctx.err() is the error. One that is done already wins.
    template <context_like C>
    std::size_t write(std::span<const std::byte> from, const C& ctx) {
        std::error_code e;
        const std::size_t n = write(from, ctx, e);
        check("write", e);
        return n;
    }
    template <context_like C>
    std::size_t write(std::span<const std::byte> from, const C& ctx, std::error_code& e) {
        return detail::limited_by(
            ctx, e, [&](detail::done_source* done) { return send(from, true, done, e); });
    }
    /// The same with text.
    template <class... Rest>
    std::size_t write(std::string_view text, Rest&&... rest) {
        return write(std::as_bytes(std::span(text)), std::forward<Rest>(rest)...);
    }

    /// Writes as much as there is room for, at least one byte unless `from` is empty; else as write().
    std::size_t write_some(std::span<const std::byte> from) {
        std::error_code e;
        const std::size_t n = write_some(from, e);
        check("write", e);
        return n;
    }
    std::size_t write_some(std::span<const std::byte> from, std::error_code& e) {
        return send(from, false, nullptr, e);
    }
    template <context_like C>
    std::size_t write_some(std::span<const std::byte> from, const C& ctx) {
        std::error_code e;
        const std::size_t n = write_some(from, ctx, e);
        check("write", e);
        return n;
    }
    template <context_like C>
    std::size_t write_some(std::span<const std::byte> from, const C& ctx, std::error_code& e) {
        return detail::limited_by(
            ctx, e, [&](detail::done_source* done) { return send(from, false, done, e); });
    }
    template <class... Rest>
    std::size_t write_some(std::string_view text, Rest&&... rest) {
        return write_some(std::as_bytes(std::span(text)), std::forward<Rest>(rest)...);
    }

    // ---- ending ----

    /// Ends one direction: after what was written the other end reads the end of the stream, while this end can go on
    /// reading. Or this end reads the end at once, whatever has come or still comes. Whoever waits for that direction goes
    /// on.
    /// Errors  of the system, such as std::errc::not_connected after a reset; net::errc::closed.
    /// Thread-safe. Never blocks. Go  CloseWrite, CloseRead
    void shutdown(half which = half::write) {
        std::error_code e;
        shutdown(which, e);
        check("shutdown", e);
    }
    void shutdown(half which, std::error_code& e);
    void shutdown(std::error_code& e) { shutdown(half::write, e); }

    /// When operations fail that have not been done by then: those that come later, and those that wait now, with
    /// net::errc::timed_out, which is std::errc::timed_out. One that has passed lets all fail at once, even if they
    /// need not wait, until another is set. The empty time point, and the latest of its clock, mean that there is none.
    /// Nothing is done to the connection itself. No effect on a closed one.
    /// Thread-safe. Never blocks. Go  SetDeadline, SetReadDeadline, SetWriteDeadline
    void set_deadline(clock::time_point tp) noexcept {
        set_deadlines(true, true, detail::deadline_from(tp));
    }
    /// The same for reading, or for writing, alone.
    void set_read_deadline(clock::time_point tp) noexcept {
        set_deadlines(true, false, detail::deadline_from(tp));
    }
    void set_write_deadline(clock::time_point tp) noexcept {
        set_deadlines(false, true, detail::deadline_from(tp));
    }
    template <class Clock, class Dur>
    void set_deadline(std::chrono::time_point<Clock, Dur> tp) noexcept {
        set_deadlines(true, true, detail::deadline_from(tp));
    }
    template <class Clock, class Dur>
    void set_read_deadline(std::chrono::time_point<Clock, Dur> tp) noexcept {
        set_deadlines(true, false, detail::deadline_from(tp));
    }
    template <class Clock, class Dur>
    void set_write_deadline(std::chrono::time_point<Clock, Dur> tp) noexcept {
        set_deadlines(false, true, detail::deadline_from(tp));
    }

    /// The other end's address; of a closed stream, too.
    endpoint remote_endpoint() const noexcept {
        return handle_.get() != nullptr ? handle_->remote() : endpoint();
    }

private:
    friend class listener;
    friend stream dial(std::string_view address, std::error_code& e);
    template <context_like C>
    friend stream dial(std::string_view address, const C& ctx, std::error_code& e);

    explicit stream(detail::net_handle h) noexcept : net_object(std::move(h)) {}
    std::size_t receive(std::span<std::byte> into, bool all, detail::done_source* done,
                        std::error_code& e);
    std::size_t send(std::span<const std::byte> from, bool all, detail::done_source* done,
                     std::error_code& e);
};

// ---- 2. listener ----

/// Where connections come in. Movable; closed by its destructor. While it is not moved or destroyed all of its
/// members may be called by any number of goroutines and threads at once.
/// Go  net.Listener
class listener : public detail::net_object {
public:
    listener() noexcept = default;

    /// The next connection. Of several who wait any one gets it.
    /// Blocks      until one comes. While the process, or the system, has no descriptor or memory for it (EMFILE, ENFILE,
    ///             ENOBUFS, ENOMEM) it tries again, after 5 ms at first, after a second in the end.
    /// Errors      net::errc::closed, net::errc::timed_out, ctx.err(); others of the system. A connection that
    ///             has gone before it was accepted is none.
    /// Cost        two to four system calls. Go  Accept; http.Server's patience
    stream accept() {
        std::error_code e;
        stream s = accept(e);
        check("accept", e);
        return s;
    }
    stream accept(std::error_code& e) { return accept_one(nullptr, e); }
    /// The same, unless the context is done first: ctx.err() is the error. One that is done already wins.
    template <context_like C>
    stream accept(const C& ctx) {
        std::error_code e;
        stream s = accept(ctx, e);
        check("accept", e);
        return s;
    }
    template <context_like C>
    stream accept(const C& ctx, std::error_code& e) {
        return detail::limited_by(ctx, e,
                                  [&](detail::done_source* done) { return accept_one(done, e); });
    }

    /// When accept() fails; as stream::set_deadline(). Go  SetDeadline
    void set_deadline(clock::time_point tp) noexcept {
        set_deadlines(true, false, detail::deadline_from(tp));
    }
    template <class Clock, class Dur>
    void set_deadline(std::chrono::time_point<Clock, Dur> tp) noexcept {
        set_deadlines(true, false, detail::deadline_from(tp));
    }

private:
    friend listener listen(std::string_view address, std::error_code& e);

    explicit listener(detail::net_handle h) noexcept : net_object(std::move(h)) {}
    stream accept_one(detail::done_source* done, std::error_code& e);
};

// ---- 3. dial and listen ----

/// Listens on an address of this machine: "127.0.0.1:80", "[::1]:80", "localhost:80"; ":80" is all addresses,
/// IPv6's and IPv4's, whose endpoints are shown as such; brackets may stand around any host; port 0 is any that is free, which local_endpoint() tells. "unix:/path" makes that file, which must
/// not be there yet, and which close() removes again; "unix:@name" is a name outside the file system. The address of
/// a listener that has been closed may be listened on again at once.
/// Blocks      for a name, while it is resolved (without keeping a worker); not for an address.
/// Errors      std::errc::address_in_use and others of the system; net::errc::no_port, bad_port, bad_address,
///             unknown_host, resolving_failed. panic inside testing::simulate.
/// Go          net.Listen
listener listen(std::string_view address, std::error_code& e);
inline listener listen(std::string_view address) {
    std::error_code e;
    listener l = listen(address, e);
    if (e) detail::throw_net_error("listen", std::string(address), e);
    return l;
}

/// Connects to an address: as listen() takes it, but without a host it is this machine. Of a name all addresses
/// are tried in turn; the first one's error is told. One that does not answer at all takes the system's time, some two minutes,
/// before the next is tried: a context with a deadline shares out its own. What is written is sent at once (TCP_NODELAY).
/// Blocks      until the connection is made.
/// Errors      std::errc::connection_refused and others of the system; those of listen() for a bad address.
/// Go          net.Dial
stream dial(std::string_view address, std::error_code& e);
inline stream dial(std::string_view address) {
    std::error_code e;
    stream s = dial(address, e);
    if (e) detail::throw_net_error("dial", std::string(address), e);
    return s;
}
/// The same, unless the context is done first: ctx.err() is the error. One that is done already wins. Has it a deadline,
/// each of several addresses gets its share of the time.
/// Go          net.Dialer.DialContext
template <context_like C>
stream dial(std::string_view address, const C& ctx, std::error_code& e);
template <context_like C>
stream dial(std::string_view address, const C& ctx) {
    std::error_code e;
    stream s = dial(address, ctx, e);
    if (e) detail::throw_net_error("dial", std::string(address), e);
    return s;
}

}  // namespace net

namespace detail {

struct net_access {
    static net_file* file(const net_object& o) noexcept { return o.handle_.get(); }
};

}  // namespace detail

// ---- 1. stream: bodies ----

inline std::size_t net::stream::receive(std::span<std::byte> into, bool all,
                                        detail::done_source* done, std::error_code& e) {
    using detail::net_call;
    // Without its turn, since it takes nothing.
    const auto order = into.empty() ? net_call::order::at_once : net_call::order::in_turn;
    net_call call(handle_.get(), detail::direction::read, order, done, e);
    std::size_t got = 0;
    while (got < into.size() && call.goes_on()) {
        const auto rest = into.subspan(got);
        const long n = call.perform_read(
            [&](int fd) { return detail::socket_receive(fd, rest.data(), rest.size()); });
        if (n <= 0) {
            if (n == 0 && got != 0) e = errc::unexpected_end;
            break;
        }
        got += static_cast<std::size_t>(n);
        if (!all) break;
    }
    return got;
}

inline std::size_t net::stream::send(std::span<const std::byte> from, bool all,
                                     detail::done_source* done, std::error_code& e) {
    using detail::net_call;
    const auto order = from.empty() ? net_call::order::at_once : net_call::order::in_turn;
    net_call call(handle_.get(), detail::direction::write, order, done, e);
    std::size_t sent = 0;
    while (sent < from.size() && call.goes_on()) {
        const auto rest = from.subspan(sent);
        const long n =
            call.perform([&](int fd) { return detail::socket_send(fd, rest.data(), rest.size()); });
        if (n < 0) break;
        sent += static_cast<std::size_t>(n);
        if (!all) break;
    }
    return sent;
}

inline void net::stream::shutdown(half which, std::error_code& e) {
    using detail::net_call;
    const int how = which == half::read ? SHUT_RD : which == half::write ? SHUT_WR : SHUT_RDWR;
    net_call call(handle_.get(), detail::direction::write, net_call::order::at_once, nullptr, e);
    if (!call.goes_on()) return;
    call.perform_now([&](int fd) { return detail::socket_shutdown(fd, how); });
    // Whoever waits has been woken, and reads the end.
    if (which != half::write && !e) handle_->end_reading();
}

// ---- 2. listener: bodies ----

inline net::stream net::listener::accept_one(detail::done_source* done, std::error_code& e) {
    return stream(detail::accept_from(handle_.get(), done, e));
}

// ---- 3. dial and listen: bodies ----

inline net::listener net::listen(std::string_view address, std::error_code& e) {
    detail::refuse_io_in_simulation();
    std::vector<endpoint> all =
        detail::endpoints_of(address, e, [](const detail::host_and_port& parts, auto& found) {
            return blocking([&] { return detail::look_up(parts, true, found); });
        });
    if (e) return {};
    return listener(detail::listen_any(std::move(all), e));
}

inline net::stream net::dial(std::string_view address, std::error_code& e) {
    detail::refuse_io_in_simulation();
    const auto all =
        detail::endpoints_of(address, e, [](const detail::host_and_port& parts, auto& found) {
            return blocking([&] { return detail::look_up(parts, false, found); });
        });
    if (e) return {};
    return stream(detail::dial_any(all, detail::no_deadline, nullptr, e));
}

template <context_like C>
net::stream net::dial(std::string_view address, const C& ctx, std::error_code& e) {
    detail::refuse_io_in_simulation();
    return detail::limited_by(ctx, e, [&](detail::done_source* done) -> stream {
        const auto all = detail::endpoints_of(
            address, e, [&](const detail::host_and_port& parts, std::vector<endpoint>& found) {
                // Nothing ends a look-up: it is left to itself if the context is done first.
                struct answer {
                    std::error_code error;
                    std::vector<endpoint> all;
                };
                const auto answers = make_chan<answer>(1);
                go([answers, parts] {
                    answer a;
                    a.error = blocking([&] { return detail::look_up(parts, false, a.all); });
                    answers.send(std::move(a));
                });
                auto got = answers.recv(ctx);
                if (!got) return make_error_code(runnel::errc::canceled);
                found = std::move(got->all);
                return got->error;
            });
        if (e) return {};
        detail::time_point deadline = detail::no_deadline;
        if constexpr (requires { ctx.deadline(); }) {
            if (const auto d = ctx.deadline()) deadline = detail::to_time_point(*d);
        }
        return stream(detail::dial_any(all, deadline, done, e));
    });
}

}  // namespace v0
}  // namespace runnel
