// runnel/chan.hpp — typed channels: bounded, unbuffered or unbounded, many senders, many receivers.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      chan T: make, <-, close, len, cap, range        Differences: docs/from_go.md#channels
//   Layer   4; includes layers 0-3
//   Map     send, receive, close → detail/chan_core.hpp;  select → select.hpp;
//           waiting → detail/waiter.hpp
//   Tests   tests/chan_test.cpp
//
//   All handles are cheap, copyable and share one channel; all operations are const. Any number of
//   goroutines and threads may use a channel at once: a goroutine parks, a thread blocks.
#pragma once

#include <compare>
#include <cstddef>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <runnel/detail/chan_core.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/mistake.hpp>

namespace runnel {
inline namespace v0 {

/// How an operation that may give up has ended.
enum class op_status { ok, would_block, closed, timeout, canceled };

/// Its name, for logs.
constexpr const char* to_string(op_status s) noexcept {
    switch (s) {
        case op_status::ok:
            return "ok";
        case op_status::would_block:
            return "would block";
        case op_status::closed:
            return "closed";
        case op_status::timeout:
            return "timeout";
        case op_status::canceled:
            return "canceled";
    }
    return "";
}

struct unbounded_t {
    explicit unbounded_t() = default;
};
/// make_chan<T>(unbounded): a send never parks.
inline constexpr unbounded_t unbounded{};

/// What a channel can carry. Checked by make_chan: a handle to a channel of an incomplete type may be
/// a member of that type.
template <class T>
concept channel_value = std::is_object_v<T> && !std::is_const_v<T> &&
                        std::is_move_constructible_v<T> && std::is_destructible_v<T>;

/// What limits an operation: runnel::context and everything that is used like it.
template <class C>
concept context_like = requires(const C& c) {
    c.done();
    { c.err() } -> std::convertible_to<std::error_code>;
};

template <class T>
class chan;
template <class T>
class send_chan;
template <class T>
class recv_chan;

namespace detail {
template <class Derived, class T>
class recv_half;
}  // namespace detail

/// A receive that may have given up: a value, or the reason why there is none.
template <class T>
class recv_result {
public:
    // NOLINTNEXTLINE: a status is a result without a value
    recv_result(op_status s) noexcept : status_(s) {}
    explicit recv_result(std::optional<T> v) : status_(op_status::ok), value_(std::move(v)) {}

    op_status status() const noexcept { return status_; }
    explicit operator bool() const noexcept { return status_ == op_status::ok; }
    bool has_value() const noexcept { return status_ == op_status::ok; }

    /// The value. Without one the behaviour is undefined, as std::optional's.
    T& operator*() & noexcept { return *value_; }
    const T& operator*() const& noexcept { return *value_; }
    T&& operator*() && noexcept { return *std::move(value_); }
    T* operator->() noexcept { return std::addressof(*value_); }
    const T* operator->() const noexcept { return std::addressof(*value_); }

    /// Throws std::bad_optional_access if there is none.
    T& value() & { return value_.value(); }
    const T& value() const& { return value_.value(); }
    T&& value() && { return std::move(value_).value(); }

private:
    // Receives straight into the result: the value moves no further.
    template <class, class>
    friend class detail::recv_half;

    op_status status_;
    std::optional<T> value_;
};

namespace detail {

constexpr op_status to_status(wait_outcome o, bool by_context_deadline = false) noexcept {
    switch (o) {
        case wait_outcome::ok:
            return op_status::ok;
        case wait_outcome::timed_out:
            return op_status::timeout;
        case wait_outcome::canceled:
            return by_context_deadline ? op_status::timeout : op_status::canceled;
        default:
            return op_status::closed;
    }
}

/// How a context that is done ended an operation: `timeout` if its deadline struck.
template <context_like C>
op_status status_of(const C& ctx) {
    const std::error_code e = ctx.err();
    if (!e) return op_status::ok;
    return e == make_error_code(errc::deadline_exceeded) ? op_status::timeout : op_status::canceled;
}

/// A counted reference to a channel. The handles derive from it.
template <class T>
class chan_handle {
public:
    constexpr chan_handle() noexcept = default;
    explicit chan_handle(chan_core<T>* adopted) noexcept : core_(adopted) {}
    chan_handle(const chan_handle& o) noexcept : core_(o.core_) {
        if (core_ != nullptr) core_->retain();
    }
    chan_handle(chan_handle&& o) noexcept : core_(std::exchange(o.core_, nullptr)) {}
    chan_handle& operator=(const chan_handle& o) noexcept {
        chan_handle(o).swap(*this);
        return *this;
    }
    chan_handle& operator=(chan_handle&& o) noexcept {
        chan_handle(std::move(o)).swap(*this);
        return *this;
    }
    ~chan_handle() {
        if (core_ != nullptr) core_->release();
    }
    void swap(chan_handle& o) noexcept { std::swap(core_, o.core_); }

    chan_core<T>* core() const noexcept { return core_; }

private:
    chan_core<T>* core_ = nullptr;
};

struct chan_access {
    template <class H>
    static auto* core(const H& h) noexcept {
        return h.handle_.core();
    }
    /// A reference of the caller's own; that of a temporary is taken over.
    template <class H>
    static auto handle(H&& h) noexcept {
        return std::forward<H>(h).handle_;
    }
    template <class H, class T>
    static H adopt(chan_core<T>* c) noexcept {
        return H(chan_handle<T>(c));
    }
    template <class H, class Other>
    static H share(const Other& o) noexcept {
        return H(o.handle_);
    }
};

/// The done channel that limits a wait, kept alive by the caller's copy of it; null if it never closes.
template <class Done>
done_source* done_of(const Done& done) noexcept {
    return chan_access::core(done);
}

}  // namespace detail

namespace detail {

// ---- 1. the send half, shared by chan and send_chan ----

/// (A literal 0 is an integer that becomes a null pointer.)
template <class U, class T>
concept cannot_become =
    !std::is_convertible_v<U, T> &&
    !(std::is_integral_v<std::remove_cvref_t<U>> && std::is_convertible_v<std::nullptr_t, T>);

template <class Derived, class T>
class send_half {
public:
    /// Sends `value`, parking while nobody receives and there is no room.
    /// Errors      closed_channel (`send on closed channel`) if closed before or while parked; what T's copy or move
    ///             throws; std::bad_alloc on an unbounded channel. The value is not sent then.
    ///             On a nil channel it parks for ever.
    /// Visibility  what precedes send happens before the receive that yields the value is complete.
    /// Threads     any number at once.
    /// Cost        O(1); no allocation but on an unbounded channel: one for each 2 KiB of values that wait.
    /// Go          `ch <- v`
    void send(T&& value) const {
        if (RUNNEL_UNLIKELY(core() == nullptr)) wait_for_ever(wait_reason::chan_send_nil);
        core()->send(value);
    }
    void send(const T& value) const
        requires std::is_copy_constructible_v<T>
    {
        T copy(value);
        send(std::move(copy));
    }
    /// chan<unit>: Go's `ch <- struct{}{}`.
    void send() const
        requires std::is_same_v<T, unit>
    {
        send(unit{});
    }

    RUNNEL_MISTAKE(a_channel_is_sent_what_converts_to_its_type,
                   send(...) const requires(!std::is_same_v<T, unit>));
    RUNNEL_MISTAKE(a_value_that_cannot_be_copied_is_sent_with_std_move,
                   send(const T&) const requires(!std::is_copy_constructible_v<T>));

    /// The same as send; chains.
    const Derived& operator<<(T&& value) const {
        send(std::move(value));
        return self();
    }
    const Derived& operator<<(const T& value) const
        requires std::is_copy_constructible_v<T>
    {
        send(value);
        return self();
    }

    template <cannot_become<T> U>
    RUNNEL_MISTAKE(a_channel_is_sent_what_converts_to_its_type, operator<<(U&&) const);

    /// Sends if that needs no parking: `ok`, or `would_block`, which leaves `value` unmoved. (One of another type
    /// becomes a T first, here and below: what stays unmoved is that T.)
    /// Errors      closed_channel. A nil channel would block.
    /// Go          `select { case ch <- v: default: }`
    op_status try_send(T&& value) const {
        if (core() == nullptr) return op_status::would_block;
        return core()->send_now(value) == attempt::done ? op_status::ok : op_status::would_block;
    }
    op_status try_send(const T& value) const
        requires std::is_copy_constructible_v<T>
    {
        if (core() == nullptr || !core()->may_send()) return op_status::would_block;
        T copy(value);
        return try_send(std::move(copy));
    }
    op_status try_send() const
        requires std::is_same_v<T, unit>
    {
        return try_send(unit{});
    }
    RUNNEL_MISTAKE(a_channel_is_sent_what_converts_to_its_type,
                   try_send(...) const requires(!std::is_same_v<T, unit>));
    RUNNEL_MISTAKE(a_value_that_cannot_be_copied_is_sent_with_std_move,
                   try_send(const T&) const requires(!std::is_copy_constructible_v<T>));

    /// Sends within `d`: `ok`, or `timeout`, which leaves `value` unmoved. Never early; a duration of
    /// zero or less tries once. Errors as send.
    template <class Rep, class Period>
    op_status send_for(T&& value, std::chrono::duration<Rep, Period> d) const {
        return send_until_point(value, deadline_after(to_duration(d)));
    }
    template <class Rep, class Period>
    op_status send_for(const T& value, std::chrono::duration<Rep, Period> d) const
        requires std::is_copy_constructible_v<T>
    {
        T copy(value);
        return send_until_point(copy, deadline_after(to_duration(d)));
    }
    template <class Rep, class Period>
    op_status send_for(std::chrono::duration<Rep, Period> d) const
        requires std::is_same_v<T, unit>
    {
        return send_for(unit{}, d);
    }
    template <class Clock, class Dur>
    op_status send_until(T&& value, std::chrono::time_point<Clock, Dur> tp) const {
        return send_until_point(value, to_time_point(tp));
    }
    template <class Clock, class Dur>
    op_status send_until(const T& value, std::chrono::time_point<Clock, Dur> tp) const
        requires std::is_copy_constructible_v<T>
    {
        T copy(value);
        return send_until_point(copy, to_time_point(tp));
    }
    template <class Clock, class Dur>
    op_status send_until(std::chrono::time_point<Clock, Dur> tp) const
        requires std::is_same_v<T, unit>
    {
        return send_until(unit{}, tp);
    }

    /// Sends unless the context is done first: `ok`, `canceled` or `timeout` as ctx.err() says. A
    /// context that is already done wins over a ready channel. Errors as send, and what ctx.done() throws.
    template <context_like C>
    op_status send(const C& ctx, T&& value) const {
        return send_with(ctx, value);
    }
    template <context_like C>
    op_status send(const C& ctx, const T& value) const
        requires std::is_copy_constructible_v<T>
    {
        T copy(value);
        return send_with(ctx, copy);
    }
    template <context_like C>
    op_status send(const C& ctx) const
        requires std::is_same_v<T, unit>
    {
        unit u;
        return send_with(ctx, u);
    }

    /// Closes the channel: receivers get what is buffered, then "closed"; parked senders throw.
    /// Errors      closed_channel (`close of closed channel`), nil_channel (`close of nil channel`).
    /// Visibility  what precedes close happens before a receive that returns because of it.
    /// Cost        O(waiters). Go  `close(ch)`
    void close() const { close_with(nullptr); }
    /// Closes it with an error: once drained, every receive throws it instead of reporting closed. A null pointer is no
    /// error: as close(). All else as there.
    void close(std::exception_ptr error) const { close_with(std::move(error)); }

    /// How many values are buffered; 0 for nil. Out of date as soon as it is known. Go  `len(ch)`
    std::size_t len() const noexcept { return core() != nullptr ? core()->len() : 0; }
    /// How many values can be buffered; the largest size_t if unbounded; 0 for nil. Go  `cap(ch)`
    std::size_t cap() const noexcept { return core() != nullptr ? core()->cap() : 0; }

private:
    const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
    chan_core<T>* core() const noexcept { return chan_access::core(self()); }

    op_status send_until_point(T& value, time_point deadline) const {
        if (core() == nullptr) return wait_on_nil(deadline, nullptr);
        if (deadline <= now()) {
            return core()->send_now(value) == attempt::done ? op_status::ok : op_status::timeout;
        }
        return to_status(core()->send_until(value, deadline, nullptr));
    }

    template <class C>
    op_status send_with(const C& ctx, T& value) const {
        if (const op_status s = status_of(ctx); s != op_status::ok) return s;
        const auto done = ctx.done();
        if (core() == nullptr) {
            static_cast<void>(wait_on_nil(no_deadline, done_of(done)));
            return status_of(ctx);
        }
        const wait_outcome o = core()->send_until(value, no_deadline, done_of(done));
        return o == wait_outcome::canceled ? status_of(ctx) : to_status(o);
    }

    void close_with(std::exception_ptr error) const {
        if (core() == nullptr) throw nil_channel("close of nil channel");
        core()->close(std::move(error));
    }

    static op_status wait_on_nil(time_point deadline, done_source* done) {
        spin_lock nobody;
        waiter_queue nothing;
        wait_lock guard(nobody, done);
        waiter w;
        return to_status(wait(nothing, guard, w, wait_reason::chan_send_nil, nullptr, deadline));
    }
};

// ---- 2. the receive half, shared by chan and recv_chan ----

/// Iterates over what is received; ends when the channel is closed and drained. Keeps the channel: the
/// loop's body may let go of the handle that it ranges over.
template <class T>
class recv_iterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = T*;
    using reference = T&;

    recv_iterator() noexcept = default;
    explicit recv_iterator(const chan_handle<T>& channel) : channel_(channel) { ++*this; }

    T& operator*() const noexcept { return *value_; }
    T* operator->() const noexcept { return std::addressof(*value_); }
    recv_iterator& operator++();
    void operator++(int) { ++*this; }
    friend bool operator==(const recv_iterator& a, std::default_sentinel_t) noexcept {
        return a.channel_.core() == nullptr;
    }

private:
    chan_handle<T> channel_;  // nil at the end
    mutable std::optional<T> value_;
};

template <class T>
void rethrow_close_error(const chan_core<T>* core) {
    if (core->error() != nullptr) std::rethrow_exception(core->error());
}

template <class T>
recv_iterator<T>& recv_iterator<T>::operator++() {
    value_.reset();
    if (channel_.core()->receive_until(&value_, false, no_deadline, nullptr) != wait_outcome::ok) {
        const chan_handle<T> ended = std::move(channel_);
        rethrow_close_error(ended.core());
    }
    return *this;
}

template <class Derived, class T>
class recv_half {
public:
    /// Receives the next value, parking until there is one; nullopt once the channel is closed and
    /// drained. On a nil channel it parks for ever.
    /// Errors      what the channel was closed with, if anything. What T's move throws: nothing was received then, and
    ///             the value stays.
    /// Visibility  what precedes the send happens before this returns; for an unbuffered channel,
    ///             this happens before the send returns.
    /// Threads     any number at once; parked ones are served in the order of their arrival.
    /// Cost        O(1), no allocation.
    /// Go          `v, ok := <-ch`
    std::optional<T> recv() const {
        std::optional<T> value;
        if (RUNNEL_UNLIKELY(core() == nullptr)) wait_for_ever(wait_reason::chan_receive_nil);
        if (core()->receive_until(&value, false, no_deadline, nullptr) != wait_outcome::ok) {
            rethrow_close_error(core());
        }
        return value;
    }

    /// Receives into `value`: false, and nothing assigned, once closed and drained. All else as recv.
    /// Errors      those of recv, and what T's assignment throws: the value stays in the channel then.
    /// Go          `v = <-ch`
    bool operator>>(T& value) const
        requires std::is_move_assignable_v<T>
    {
        if (RUNNEL_UNLIKELY(core() == nullptr)) wait_for_ever(wait_reason::chan_receive_nil);
        if (core()->receive_into(value) == wait_outcome::ok) return true;
        rethrow_close_error(core());
        return false;
    }

    /// Receives into something that T converts to. If that assignment throws the value is lost.
    template <class U>
        requires(!std::is_same_v<U, T> && std::is_assignable_v<U&, T &&>)
    bool operator>>(U& target) const {
        std::optional<T> value = recv();
        if (!value) return false;
        static_cast<void>(target = std::move(*value));
        return true;
    }
    template <class U>
        requires(!std::is_same_v<U, T> && !std::is_assignable_v<U&, T &&>)
    RUNNEL_MISTAKE(the_variable_cannot_take_what_the_channel_carries, operator>>(U&) const);

    /// Receives if that needs no parking: a value, `would_block` or `closed`. A nil channel would block.
    /// Errors      as recv. Visibility, threads, cost likewise.
    /// Go          `select { case v := <-ch: default: }`
    recv_result<T> try_recv() const {
        recv_result<T> result = op_status::would_block;
        result.status_ = receive_now(result.value_);
        return result;
    }

    /// Receives within `d`: a value, `timeout` or `closed`. Never early; a duration of zero or less tries once. On a nil
    /// channel the time passes.
    /// Errors      as recv. Visibility, threads, cost likewise.
    template <class Rep, class Period>
    recv_result<T> recv_for(std::chrono::duration<Rep, Period> d) const {
        return recv_until_point(deadline_after(to_duration(d)));
    }
    template <class Clock, class Dur>
    recv_result<T> recv_until(std::chrono::time_point<Clock, Dur> tp) const {
        return recv_until_point(to_time_point(tp));
    }

    /// Receives unless the context is done first: a value, `closed`, or `canceled` or `timeout` as
    /// ctx.err() says. A context that is already done wins over a ready channel.
    /// Errors      as recv, and what ctx.done() throws. Visibility, threads, cost likewise.
    template <context_like C>
    recv_result<T> recv(const C& ctx) const {
        recv_result<T> result = status_of(ctx);
        if (result.status_ != op_status::ok) return result;
        const auto done = ctx.done();
        result.status_ = receive_until(result.value_, no_deadline, done_of(done));
        if (result.status_ == op_status::canceled) result.status_ = status_of(ctx);
        return result;
    }

    std::size_t len() const noexcept { return core() != nullptr ? core()->len() : 0; }
    std::size_t cap() const noexcept { return core() != nullptr ? core()->cap() : 0; }

    /// `for (T& v : ch)`: receives until the channel is closed and drained. The first value is received here, the others
    /// by ++ of the iterator; each is destroyed before the next one is received. A nil channel parks for ever.
    /// Errors      as recv, here and from ++. Visibility, threads, cost likewise; an iterator is one goroutine's.
    /// Go          `for v := range ch`
    recv_iterator<T> begin() const {
        if (RUNNEL_UNLIKELY(core() == nullptr)) wait_for_ever(wait_reason::chan_receive_nil);
        return recv_iterator<T>(chan_access::handle(self()));
    }
    std::default_sentinel_t end() const noexcept { return {}; }

private:
    const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
    chan_core<T>* core() const noexcept { return chan_access::core(self()); }

    op_status receive_now(std::optional<T>& value) const {
        if (core() == nullptr) return op_status::would_block;
        switch (core()->receive_now(&value, false)) {
            case attempt::done:
                return op_status::ok;
            case attempt::would_block:
                return op_status::would_block;
            default:
                rethrow_close_error(core());
                return op_status::closed;
        }
    }

    op_status receive_until(std::optional<T>& value, time_point deadline, done_source* done) const {
        if (core() == nullptr) {
            spin_lock nobody;
            waiter_queue nothing;
            wait_lock guard(nobody, done);
            waiter w;
            return to_status(
                wait(nothing, guard, w, wait_reason::chan_receive_nil, nullptr, deadline));
        }
        const op_status s = to_status(core()->receive_until(&value, false, deadline, done));
        if (s == op_status::closed) rethrow_close_error(core());
        return s;
    }

    recv_result<T> recv_until_point(time_point deadline) const {
        recv_result<T> result = op_status::timeout;
        if (core() == nullptr || deadline > now()) {
            result.status_ = receive_until(result.value_, deadline, nullptr);
        } else if (const op_status s = receive_now(result.value_); s != op_status::would_block) {
            result.status_ = s;
        }
        return result;
    }
};

}  // namespace detail

// ---- 3. the handles ----

/// A channel that can be sent on and received from; default-constructed it is nil. Copies share
/// the channel, and compare equal. Go  `chan T`
template <class T>
class chan : public detail::send_half<chan<T>, T>, public detail::recv_half<chan<T>, T> {
public:
    using value_type = T;
    constexpr chan() noexcept = default;
    constexpr chan(std::nullptr_t) noexcept {}  // NOLINT: nil

    std::size_t len() const noexcept { return detail::send_half<chan<T>, T>::len(); }
    std::size_t cap() const noexcept { return detail::send_half<chan<T>, T>::cap(); }

    /// False for nil.
    explicit operator bool() const noexcept { return handle_.core() != nullptr; }
    friend bool operator==(const chan& a, const chan& b) noexcept { return a.id() == b.id(); }
    friend auto operator<=>(const chan& a, const chan& b) noexcept {
        return std::compare_three_way{}(a.id(), b.id());
    }
    /// The channel's identity, as dumps show it.
    const void* id() const noexcept { return handle_.core(); }

private:
    friend struct detail::chan_access;
    explicit chan(detail::chan_handle<T> h) noexcept : handle_(std::move(h)) {}
    detail::chan_handle<T> handle_;
};

/// The sending side of a channel. Go  `chan<- T`
template <class T>
class send_chan : public detail::send_half<send_chan<T>, T> {
public:
    using value_type = T;
    constexpr send_chan() noexcept = default;
    constexpr send_chan(std::nullptr_t) noexcept {}  // NOLINT: nil
    send_chan(const chan<T>& c) noexcept             // NOLINT: as Go converts
        : send_chan(detail::chan_access::share<send_chan>(c)) {}

    RUNNEL_MISTAKE(a_sending_end_cannot_receive, recv(...) const);
    RUNNEL_MISTAKE(a_sending_end_cannot_receive, try_recv() const);
    RUNNEL_MISTAKE(a_sending_end_cannot_receive, recv_for(...) const);
    RUNNEL_MISTAKE(a_sending_end_cannot_receive, recv_until(...) const);
    template <class U>
    RUNNEL_MISTAKE(a_sending_end_cannot_receive, operator>>(U&&) const);
    RUNNEL_MISTAKE(a_sending_end_cannot_be_iterated, begin() const);
    RUNNEL_MISTAKE(a_sending_end_cannot_be_iterated, end() const);

    explicit operator bool() const noexcept { return handle_.core() != nullptr; }
    friend bool operator==(const send_chan& a, const send_chan& b) noexcept {
        return a.id() == b.id();
    }
    friend auto operator<=>(const send_chan& a, const send_chan& b) noexcept {
        return std::compare_three_way{}(a.id(), b.id());
    }
    const void* id() const noexcept { return handle_.core(); }

private:
    friend struct detail::chan_access;
    explicit send_chan(detail::chan_handle<T> h) noexcept : handle_(std::move(h)) {}
    detail::chan_handle<T> handle_;
};

/// The receiving side of a channel. Go  `<-chan T`
template <class T>
class recv_chan : public detail::recv_half<recv_chan<T>, T> {
public:
    using value_type = T;
    constexpr recv_chan() noexcept = default;
    constexpr recv_chan(std::nullptr_t) noexcept {}  // NOLINT: nil
    recv_chan(const chan<T>& c) noexcept             // NOLINT: as Go converts
        : recv_chan(detail::chan_access::share<recv_chan>(c)) {}

    RUNNEL_MISTAKE(a_receiving_end_cannot_send, send(...) const);
    RUNNEL_MISTAKE(a_receiving_end_cannot_send, try_send(...) const);
    RUNNEL_MISTAKE(a_receiving_end_cannot_send, send_for(...) const);
    RUNNEL_MISTAKE(a_receiving_end_cannot_send, send_until(...) const);
    template <class U>
    RUNNEL_MISTAKE(a_receiving_end_cannot_send, operator<<(U&&) const);
    RUNNEL_MISTAKE(a_receiving_end_cannot_be_closed, close(...) const);

    explicit operator bool() const noexcept { return handle_.core() != nullptr; }
    friend bool operator==(const recv_chan& a, const recv_chan& b) noexcept {
        return a.id() == b.id();
    }
    friend auto operator<=>(const recv_chan& a, const recv_chan& b) noexcept {
        return std::compare_three_way{}(a.id(), b.id());
    }
    const void* id() const noexcept { return handle_.core(); }

private:
    friend struct detail::chan_access;
    explicit recv_chan(detail::chan_handle<T> h) noexcept : handle_(std::move(h)) {}
    detail::chan_handle<T> handle_;
};

/// Makes a channel with room for `capacity` values; 0 makes it unbuffered.
/// Errors   std::length_error (`makechan: size out of range`) before anything is allocated; std::bad_alloc.
/// Cost     one allocation. Go  `make(chan T, n)`
template <channel_value T>
chan<T> make_chan(std::size_t capacity = 0) {
    return detail::chan_access::adopt<chan<T>>(detail::chan_core<T>::make(capacity, false));
}
/// A channel whose buffer grows as needed: send never parks, but may throw std::bad_alloc.
/// Errors   std::bad_alloc.
/// Cost     one allocation; later one for each 2 KiB of values, given back as they are received.
template <channel_value T>
chan<T> make_chan(unbounded_t) {
    return detail::chan_access::adopt<chan<T>>(detail::chan_core<T>::make(0, true));
}
template <channel_value T, class N>
    requires std::is_floating_point_v<N>
RUNNEL_MISTAKE(a_capacity_is_a_whole_number, make_chan(N));
template <class T>
    requires(!channel_value<T>)
RUNNEL_MISTAKE(a_channel_is_of_objects_that_can_be_moved_and_are_not_const, make_chan(...));

}  // namespace v0
}  // namespace runnel

template <class T>
struct std::hash<runnel::chan<T>> {
    std::size_t operator()(const runnel::chan<T>& c) const noexcept {
        return std::hash<const void*>{}(c.id());
    }
};
template <class T>
struct std::hash<runnel::send_chan<T>> {
    std::size_t operator()(const runnel::send_chan<T>& c) const noexcept {
        return std::hash<const void*>{}(c.id());
    }
};
template <class T>
struct std::hash<runnel::recv_chan<T>> {
    std::size_t operator()(const runnel::recv_chan<T>& c) const noexcept {
        return std::hash<const void*>{}(c.id());
    }
};
