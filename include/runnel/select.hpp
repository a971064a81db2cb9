// runnel/select.hpp — waiting for the first of several channel operations.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      select                                          Differences: docs/from_go.md#select
//   Layer   4; includes layers 0-3
//   Map     the algorithm → detail/select_core.hpp;  sends and receives → detail/chan_core.hpp
//   Tests   tests/select_test.cpp
//
//       std::size_t i = runnel::select(
//           runnel::recv(ch1, [](std::optional<int> v) { … }),
//           runnel::send(ch2, 42, [] { … }),
//           runnel::timeout(1s, [] { … }),
//           runnel::otherwise([] { … }));
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/select_core.hpp>

namespace runnel {
inline namespace v0 {

struct in_order_t {
    explicit in_order_t() = default;
};
/// select(in_order, cases…): the first ready case instead of a random one.
inline constexpr in_order_t in_order{};

namespace detail {

struct no_handler {
    void operator()() const noexcept {}
};

/// An std::optional<T> that cannot be copied, and so does not become a T that takes all that can be:
/// std::any. A handler of std::any takes the value, not the optional.
template <class T>
struct uncopyable_optional : std::optional<T> {
    uncopyable_optional(uncopyable_optional&&) = default;
};

template <class T>
inline constexpr bool any_optional = false;
template <class T>
inline constexpr bool any_optional<std::optional<T>> = true;

/// What a function takes first; of one that is a template, or overloaded, it cannot be said.
template <class R, class A, class... Rest>
std::type_identity<A> first_parameter(R (*)(A, Rest...));
template <class R, class C, class A, class... Rest>
std::type_identity<A> first_parameter(R (C::*)(A, Rest...));
template <class R, class C, class A, class... Rest>
std::type_identity<A> first_parameter(R (C::*)(A, Rest...) const);

/// Of a handler that can be called with an optional: whether that is what it wants, and not a T made of it.
template <class F, class T>
constexpr bool wants_optional() {
    if constexpr (!std::is_convertible_v<std::optional<T>, T>) {
        return true;
    } else if constexpr (requires { first_parameter(&F::operator()); }) {
        using parameter = decltype(first_parameter(&F::operator()));
        return any_optional<std::remove_cvref_t<typename parameter::type>>;
    } else if constexpr (requires(F f) { first_parameter(f); }) {
        using parameter = decltype(first_parameter(std::declval<F>()));
        return any_optional<std::remove_cvref_t<typename parameter::type>>;
    } else {
        return std::is_invocable_v<F&, uncopyable_optional<T>>;
    }
}

template <class F, class T>
concept takes_optional = std::is_invocable_v<F&, std::optional<T>> && wants_optional<F, T>();
template <class F, class T>
concept takes_value_and_ok = std::is_invocable_v<F&, T, bool>;
template <class F, class T>
concept takes_value = std::is_invocable_v<F&, T>;

template <class F, class T>
concept receive_handler = takes_optional<F, T> || takes_value_and_ok<F, T> || takes_value<F, T> ||
                          std::is_invocable_v<F&>;

template <class F, class T>
void call_receive_handler(F& handler, std::optional<T>&& value) {
    if constexpr (takes_optional<F, T>) {
        static_cast<void>(std::invoke(handler, std::move(value)));
    } else if constexpr (takes_value_and_ok<F, T>) {
        static_assert(std::is_default_constructible_v<T>,
                      "runnel::recv: a (T, bool) handler needs a default-constructible T for a "
                      "closed channel");
        if (value) {  // two calls: a conditional expression would move the value once more
            static_cast<void>(std::invoke(handler, std::move(*value), true));
        } else {
            static_cast<void>(std::invoke(handler, T{}, false));
        }
    } else if constexpr (takes_value<F, T>) {
        static_assert(
            std::is_default_constructible_v<T>,
            "runnel::recv: a (T) handler needs a default-constructible T for a closed channel");
        if (value) {
            static_cast<void>(std::invoke(handler, std::move(*value)));
        } else {
            static_cast<void>(std::invoke(handler, T{}));
        }
    } else {
        static_cast<void>(std::invoke(handler));
    }
}

/// A handle to a channel that can be received from, or sent on if Half is send_chan.
template <class H, template <class> class Half>
concept handle_of =
    requires { typename std::remove_cvref_t<H>::value_type; } &&
    (std::is_base_of_v<chan<typename std::remove_cvref_t<H>::value_type>, std::remove_cvref_t<H>> ||
     std::is_base_of_v<Half<typename std::remove_cvref_t<H>::value_type>, std::remove_cvref_t<H>>);
template <class H>
concept receive_handle = handle_of<H, recv_chan>;
template <class H>
concept send_handle = handle_of<H, send_chan>;
template <class H>
using value_of = typename std::remove_cvref_t<H>::value_type;

// ---- 1. cases: prepare() tells the core, finish() runs after the select has committed ----
// Each counts a reference to its channel: the handle may change before the select is over.

template <class T, class Handler>
class recv_case {
public:
    recv_case(chan_handle<T> c, Handler h) : channel_(std::move(c)), handler_(std::move(h)) {}
    static constexpr case_kind kind = case_kind::receive;
    const chan_base* channel() const noexcept { return channel_.core(); }
    void prepare(select_entry& e) {
        value_.reset();
        e.kind = case_kind::receive;
        e.channel = channel_.core();
        e.slot = &value_;
    }
    void finish(wait_outcome o) {
        if (o == wait_outcome::closed) rethrow_close_error(channel_.core());
        call_receive_handler(handler_, std::move(value_));
    }

private:
    chan_handle<T> channel_;
    Handler handler_;
    std::optional<T> value_;
};

/// Receives into a variable of the caller's, without a stop on the way if that can be.
template <class T>
class recv_into_case {
public:
    recv_into_case(chan_handle<T> c, std::optional<T>& out) : channel_(std::move(c)), out_(&out) {}
    static constexpr case_kind kind = case_kind::receive;
    const chan_base* channel() const noexcept { return channel_.core(); }
    void prepare(select_entry& e) {
        e.kind = case_kind::receive;
        e.channel = channel_.core();
        direct_ = true;
        if (!out_->has_value()) {
            e.slot = out_;
        } else if constexpr (std::is_move_assignable_v<T>) {
            target_.emplace(**out_);
            e.slot = target_->slot();
            e.assigns = true;
        } else {
            direct_ = false;
            value_.reset();
            e.slot = &value_;
        }
    }
    void finish(wait_outcome o) {
        if constexpr (std::is_move_assignable_v<T>) target_.reset();  // ends what was replaced
        if (o == wait_outcome::closed) {
            rethrow_close_error(channel_.core());
            out_->reset();
        } else if (!direct_) {
            out_->emplace(std::move(*value_));
        }
    }

private:
    chan_handle<T> channel_;
    std::optional<T>* out_;
    bool direct_ = true;  // the value goes into *out_ at once
    std::optional<T> value_;
    std::optional<receive_target<T>> target_;
};

template <class T, class Handler>
class repeated_send_case;

template <class T, class Value, class Handler>
class send_case {
public:
    template <class V>
    send_case(chan_handle<T> c, V&& v, Handler h)
        : channel_(std::move(c)),
          value_(static_cast<Value>(std::forward<V>(v))),
          handler_(std::move(h)) {}
    static constexpr case_kind kind = case_kind::send;
    const chan_base* channel() const noexcept { return channel_.core(); }
    void prepare(select_entry& e) {
        if constexpr (!std::is_trivially_copyable_v<T>) {
            if (RUNNEL_UNLIKELY(sent_)) throw_sent_before();
        }
        e.kind = case_kind::send;
        e.channel = channel_.core();
        e.slot = std::addressof(value_);
    }
    void finish(wait_outcome o) {
        if (o == wait_outcome::closed) throw_send_on_closed();
        sent_ = true;
        static_cast<void>(std::invoke(handler_));
    }

    static constexpr bool borrows = std::is_reference_v<Value>;
    /// The same with the value in it.
    send_case<T, T, Handler> owning() && {
        return {std::move(channel_), std::forward<Value>(value_), std::move(handler_)};
    }
    /// The same that sends a copy each time.
    repeated_send_case<T, Handler> repeated() && {
        return {std::move(channel_), std::move(value_), std::move(handler_)};
    }

private:
    [[noreturn]] RUNNEL_NOINLINE static void throw_sent_before() {
        throw panic("select: the value of this case has been sent");
    }

    chan_handle<T> channel_;
    Value value_;  // T, or T&& to the caller's, which stays unmoved unless it is sent
    Handler handler_;
    bool sent_ = false;
};

/// Sends its value as often as it is chosen: a copy, made beforehand.
template <class T, class Handler>
class repeated_send_case {
public:
    repeated_send_case(chan_handle<T>&& c, T&& v, Handler&& h)
        : channel_(std::move(c)), value_(std::move(v)), handler_(std::move(h)) {}
    void prepare(select_entry& e) {
        if (!copy_) copy_.emplace(std::as_const(value_));
        e.kind = case_kind::send;
        e.channel = channel_.core();
        e.slot = std::addressof(*copy_);
    }
    void finish(wait_outcome o) {
        if (o == wait_outcome::closed) throw_send_on_closed();
        copy_.reset();
        static_cast<void>(std::invoke(handler_));
    }

private:
    chan_handle<T> channel_;
    T value_;
    std::optional<T> copy_;
    Handler handler_;
};

/// Limit: a duration, which counts from the start of each select, or a time_point.
template <class Limit, class Handler>
class timeout_case {
public:
    timeout_case(Limit l, Handler h) : limit_(l), handler_(std::move(h)) {}
    void prepare(select_entry& e) {
        e.kind = case_kind::timeout;
        if constexpr (std::is_same_v<Limit, duration>) {
            e.deadline = deadline_after(limit_);
        } else {
            e.deadline = limit_;
        }
    }
    void finish(wait_outcome) { static_cast<void>(std::invoke(handler_)); }

private:
    Limit limit_;
    Handler handler_;
};

template <class Handler>
class otherwise_case {
public:
    explicit otherwise_case(Handler h) : handler_(std::move(h)) {}
    static constexpr bool is_otherwise = true;
    void prepare(select_entry& e) { e.kind = case_kind::otherwise; }
    void finish(wait_outcome) { static_cast<void>(std::invoke(handler_)); }

private:
    Handler handler_;
};

template <class C>
concept any_select_case = requires(C& c, select_entry& e) {
    c.prepare(e);
    c.finish(wait_outcome::ok);
};

template <class C>
inline constexpr bool borrows_its_value = false;
template <class T, class Value, class Handler>
inline constexpr bool borrows_its_value<send_case<T, Value, Handler>> =
    send_case<T, Value, Handler>::borrows;

template <class C>
concept operation_case = requires(const C& c) { c.channel(); };
template <class C>
concept otherwise_like = requires { C::is_otherwise; };

/// Of operations and an `otherwise`: true only if at one moment none of the operations could go. Looks without
/// any lock; false when it cannot tell.
template <class... Cases>
bool none_can_go(const Cases&... cases) noexcept {
    const tsan::runtime_scope ours;
    // [CH-2] With one operation its own look is that moment.
    constexpr bool several = (std::size_t{operation_case<Cases>} + ...) > 1;
    std::uint32_t changes[sizeof...(Cases)];
    std::size_t i = 0;
    const auto cannot_go = [&]<class C>(const C& c) noexcept {
        if constexpr (operation_case<C>) {
            const chan_base* channel = c.channel();
            if (channel == nullptr) return true;
            if constexpr (several) changes[i++] = channel->changes();
            return !(C::kind == case_kind::receive ? channel->may_receive() : channel->may_send());
        } else {
            return true;
        }
    };
    if (!(cannot_go(cases) && ...)) return false;
    i = 0;
    const auto has_not_changed = [&]<class C>(const C& c) noexcept {
        if constexpr (operation_case<C>) {
            const chan_base* channel = c.channel();
            return channel == nullptr || channel->changes() == changes[i++];
        } else {
            return true;
        }
    };
    return !several || (has_not_changed(cases) && ...);
}

/// The timeout that strikes first and the otherwise case, if any.
struct special_cases {
    std::size_t otherwise_at = no_case;
    std::size_t timeout_at = no_case;

    special_cases(const select_entry* entries, std::size_t n) noexcept {
        for (std::size_t i = 0; i < n; ++i) {
            if (entries[i].kind == case_kind::otherwise) {
                if (otherwise_at == no_case) otherwise_at = i;
            } else if (entries[i].kind == case_kind::timeout) {
                if (timeout_at == no_case || entries[i].deadline < entries[timeout_at].deadline) {
                    timeout_at = i;
                }
            }
        }
    }
};

template <class Case>
bool finish_otherwise(Case& c, std::size_t at, std::size_t& index) {
    if constexpr (otherwise_like<Case>) {
        index = at;
        c.finish(wait_outcome::ok);
        return true;
    } else {
        return false;
    }
}

template <class... Cases>
std::size_t select_static(bool ordered, Cases&&... cases) {
    constexpr std::size_t n = sizeof...(Cases);
    static_assert(
        ((!std::is_lvalue_reference_v<Cases> || !borrows_its_value<std::remove_cvref_t<Cases>>) &&
         ...),
        "runnel::send(channel, rvalue) only borrows the value: write it inside the call of "
        "select, or keep it as a runnel::select_case");
    if constexpr (n == 0) {
        wait_for_ever(wait_reason::select_no_cases);
    } else {
        // With an `otherwise` one tries: looks may tell that nothing can go.
        if constexpr (((operation_case<std::remove_cvref_t<Cases>> ||
                        otherwise_like<std::remove_cvref_t<Cases>>) &&
                       ...) &&
                      (otherwise_like<std::remove_cvref_t<Cases>> || ...)) {
            interruption_point();
            if (none_can_go(cases...)) {
                std::size_t at = 0;
                std::size_t index = 0;
                static_cast<void>((finish_otherwise(cases, at++, index) || ...));
                return index;
            }
        }
        select_entry entries[n];
        std::uint32_t polling[n];
        std::uint32_t locking[n];
        std::size_t i = 0;
        (cases.prepare(entries[i++]), ...);
        const special_cases special(entries, n);
        select_frame frame{entries, polling, locking, static_cast<std::uint32_t>(n)};
        const select_result r =
            select_cases(frame, ordered, special.otherwise_at, special.timeout_at);
        i = 0;
        static_cast<void>(((i++ == r.index ? (cases.finish(r.outcome), true) : false) || ...));
        return r.index;
    }
}

struct erased_case {
    erased_case() = default;
    erased_case(const erased_case&) = delete;
    erased_case& operator=(const erased_case&) = delete;
    virtual ~erased_case() = default;
    virtual void prepare(select_entry& e) = 0;
    virtual void finish(wait_outcome o) = 0;
};

template <class Case>
struct erased_case_of final : erased_case {
    /// From a function, so that the case is made in place: its value is moved once.
    template <class Make>
    explicit erased_case_of(const Make& make) : value(make()) {}
    void prepare(select_entry& e) override { value.prepare(e); }
    void finish(wait_outcome o) override { value.finish(o); }
    Case value;
};

}  // namespace detail

// ---- 2. making cases ----

/// Receive. The handler takes (std::optional<T>), (T, bool ok), (T) or nothing; T{} if closed, like Go.
/// On a channel closed with an error the select throws it instead.
template <detail::receive_handle C, class Handler>
    requires detail::receive_handler<std::decay_t<Handler>, detail::value_of<C>>
auto recv(C&& channel, Handler&& handler) {
    return detail::recv_case<detail::value_of<C>, std::decay_t<Handler>>(
        detail::chan_access::handle(std::forward<C>(channel)), std::forward<Handler>(handler));
}
/// Receive into `out`: nullopt if closed. `out` is written only if this case runs.
template <detail::receive_handle C>
auto recv(C&& channel, std::optional<detail::value_of<C>>& out) {
    return detail::recv_into_case<detail::value_of<C>>(
        detail::chan_access::handle(std::forward<C>(channel)), out);
}
/// Receive and discard.
template <detail::receive_handle C>
auto recv(C&& channel) {
    return detail::recv_case<detail::value_of<C>, detail::no_handler>(
        detail::chan_access::handle(std::forward<C>(channel)), {});
}
RUNNEL_MISTAKE(recv_takes_a_channel_or_its_receiving_end_and_a_handler_of_its_values, recv(...));

/// Send. The value is evaluated once, and moved only if this case runs; a copy, or a conversion to the
/// channel's type, is made beforehand. On a closed channel the select throws closed_channel.
/// Errors  panic from the select if the value has been sent, in an earlier one, and had to be moved.
template <detail::send_handle C, class V = detail::value_of<C>, class Handler = detail::no_handler>
    requires std::is_convertible_v<V&&, detail::value_of<C>> &&
             std::is_invocable_v<std::decay_t<Handler>&>
auto send(C&& channel, V&& value, Handler&& handler = {}) {
    using T = detail::value_of<C>;
    using Value = std::conditional_t<std::is_same_v<V&&, T&&>, T&&, T>;
    return detail::send_case<T, Value, std::decay_t<Handler>>(
        detail::chan_access::handle(std::forward<C>(channel)), std::forward<V>(value),
        std::forward<Handler>(handler));
}
/// chan<unit>: nothing to say but that it happened.
template <detail::send_handle C, class Handler>
    requires std::is_same_v<detail::value_of<C>, unit> &&
             (!std::is_convertible_v<Handler &&, unit>) &&
             std::is_invocable_v<std::decay_t<Handler>&>
auto send(C&& channel, Handler&& handler) {
    return detail::send_case<unit, unit, std::decay_t<Handler>>(
        detail::chan_access::handle(std::forward<C>(channel)), unit{},
        std::forward<Handler>(handler));
}
// Not a default of the one above: `send(ch, {})` is a value.
template <detail::send_handle C>
    requires std::is_same_v<detail::value_of<C>, unit>
auto send(C&& channel) {
    return send(std::forward<C>(channel), detail::no_handler());
}
RUNNEL_MISTAKE(send_takes_a_channel_or_its_sending_end_and_a_value_of_its_type, send(...));

/// Runs if nothing else could within `d` (not at all before; zero or less: if nothing is ready now). The
/// time counts from the start of the select, of each one if the case is kept and used again. No channel
/// and no goroutine is made for it.
template <class Rep, class Period, class Handler = detail::no_handler>
auto timeout(std::chrono::duration<Rep, Period> d, Handler&& handler = {}) {
    static_assert(std::is_invocable_v<std::decay_t<Handler>&>,
                  "runnel::timeout: the handler is called without arguments");
    return detail::timeout_case<duration, std::decay_t<Handler>>(detail::to_duration(d),
                                                                 std::forward<Handler>(handler));
}
/// The same at a point in time.
template <class Clock, class Dur, class Handler = detail::no_handler>
auto timeout(std::chrono::time_point<Clock, Dur> tp, Handler&& handler = {}) {
    static_assert(std::is_invocable_v<std::decay_t<Handler>&>,
                  "runnel::timeout: the handler is called without arguments");
    return detail::timeout_case<detail::time_point, std::decay_t<Handler>>(
        detail::to_time_point(tp), std::forward<Handler>(handler));
}
RUNNEL_MISTAKE(a_time_needs_a_unit_as_in_5ms, timeout(...));

/// Go's `default`: runs when no other case can.
template <class Handler = detail::no_handler>
auto otherwise(Handler&& handler = {}) {
    static_assert(std::is_invocable_v<std::decay_t<Handler>&>,
                  "runnel::otherwise: the handler is called without arguments");
    return detail::otherwise_case<std::decay_t<Handler>>(std::forward<Handler>(handler));
}

/// The context is done. Short for recv(ctx.done(), handler).
template <context_like C, class Handler = detail::no_handler>
auto done(const C& ctx, Handler&& handler = {}) {
    return recv(ctx.done(), std::forward<Handler>(handler));
}

/// A case of any kind, for sets known only at run time. Owns its handler and the value to send: one that was
/// copied or converted into it is sent each time it is chosen, one that was moved into it only once.
class select_case {
public:
    /// Never ready, as a nil channel's.
    select_case() noexcept = default;
    template <class Case>
        requires(!std::is_same_v<std::remove_cvref_t<Case>, select_case> &&
                 detail::any_select_case<std::remove_cvref_t<Case>>)
    select_case(Case&& c)  // NOLINT: push_back(recv(…)) is how it is used
        : case_(own(std::forward<Case>(c))) {}

    void prepare(detail::select_entry& e) {
        if (case_ != nullptr) {
            case_->prepare(e);
        } else {
            e.kind = detail::case_kind::receive;  // of no channel
        }
    }
    void finish(detail::wait_outcome o) { case_->finish(o); }

private:
    template <class Case>
    static std::unique_ptr<detail::erased_case> own(Case&& c) {
        using C = std::remove_cvref_t<Case>;
        const auto make = [&]() -> C { return std::forward<Case>(c); };
        return std::make_unique<detail::erased_case_of<C>>(make);
    }
    template <class T, class Handler>
    static std::unique_ptr<detail::erased_case> own(detail::send_case<T, T&&, Handler>&& c) {
        using C = detail::send_case<T, T, Handler>;
        const auto make = [&]() -> C { return std::move(c).owning(); };
        return std::make_unique<detail::erased_case_of<C>>(make);
    }
    template <class T, class Handler>
        requires(std::is_copy_constructible_v<T> && !std::is_trivially_copyable_v<T>)
    static std::unique_ptr<detail::erased_case> own(detail::send_case<T, T, Handler>&& c) {
        using C = detail::repeated_send_case<T, Handler>;
        const auto make = [&]() -> C { return std::move(c).repeated(); };
        return std::make_unique<detail::erased_case_of<C>>(make);
    }

    std::unique_ptr<detail::erased_case> case_;
};

// ---- 3. select ----

/// Parks until one case can go, runs it, and returns its index. Ready cases are chosen uniformly at
/// random. Nil channels are never ready; a closed channel is ready to receive. The same channel may stand in
/// several cases, in both directions. With no case it parks for ever.
/// The handler runs after the select has committed, with no lock held: it may do anything, and its
/// exceptions propagate.
/// Errors      closed_channel if a send on a closed channel is chosen; what a channel was closed with if a receive that
///             finds it closed is; what moving a value into or out of a channel throws, std::bad_alloc of an unbounded
///             one: nothing has passed then, and no handler ran.
/// Visibility  as the operation of the case that runs: see chan.
/// Threads     any number at once.
/// Cost        O(n log n) in the cases at the worst; no allocation.
/// Go          select
template <detail::any_select_case... Cases>
std::size_t select(Cases&&... cases) {
    return detail::select_static(false, std::forward<Cases>(cases)...);
}
/// The same, but the first ready case goes.
template <detail::any_select_case... Cases>
std::size_t select(in_order_t, Cases&&... cases) {
    return detail::select_static(true, std::forward<Cases>(cases)...);
}

namespace detail {

template <class C>
concept fits_select = any_select_case<C> || std::is_same_v<std::remove_cvref_t<C>, in_order_t>;
template <class C>
concept belongs_to_select = any_select_case<std::remove_cvref_t<C>> || receive_handle<C> ||
                            send_handle<C> || context_like<std::remove_cvref_t<C>>;

inline std::size_t select_dynamic(bool ordered, std::vector<select_case>& cases) {
    const std::size_t n = cases.size();
    if (n == 0) wait_for_ever(wait_reason::select_no_cases);
    std::vector<select_entry> entries(n);
    std::vector<std::uint32_t> orders(2 * n);
    for (std::size_t i = 0; i < n; ++i) cases[i].prepare(entries[i]);
    const special_cases special(entries.data(), n);
    select_frame frame{entries.data(), orders.data(), orders.data() + n,
                       static_cast<std::uint32_t>(n)};
    const select_result r = select_cases(frame, ordered, special.otherwise_at, special.timeout_at);
    cases[r.index].finish(r.outcome);
    return r.index;
}

}  // namespace detail

/// A set known only at run time; may be used again and again. A case whose value was moved into it, and that has run,
/// has no value any more: every later select of the set throws panic (`select: the value of this case has been sent`),
/// whatever else is ready, before anything has happened. (Not if T is trivially copyable: then it is sent again.)
/// Errors  those of select; std::bad_alloc; what copying a value throws that is sent each time. No case runs then.
/// Cost    two allocations.
inline std::size_t select(std::vector<select_case>& cases) {
    return detail::select_dynamic(false, cases);
}
inline std::size_t select(std::vector<select_case>&& cases) {
    return detail::select_dynamic(false, cases);
}
inline std::size_t select(in_order_t, std::vector<select_case>& cases) {
    return detail::select_dynamic(true, cases);
}
inline std::size_t select(in_order_t, std::vector<select_case>&& cases) {
    return detail::select_dynamic(true, cases);
}
// Only where one of the arguments shows that this is the select that is meant.
template <class... Cases>
    requires((detail::belongs_to_select<Cases> || ...) && !(detail::fits_select<Cases> && ...))
RUNNEL_MISTAKE(a_case_is_made_by_recv_send_timeout_otherwise_or_done, select(Cases&&...));

}  // namespace v0
}  // namespace runnel
