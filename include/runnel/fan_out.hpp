// runnel/fan_out.hpp — one input worked on by several goroutines: fan_out, parallel_transform, ordered_transform.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      several goroutines that range over one channel; a sync.WaitGroup that closes their common output
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp;  failures → group.hpp
//   Tests   tests/fan_out_test.cpp
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/detail/count.hpp>
#include <runnel/group.hpp>
#include <runnel/mutex.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// The result of a function that several goroutines call at once.
template <class F, class T>
struct shared_call {
    static_assert(std::is_invocable_v<const F&, T> || !std::is_invocable_v<F&, T>,
                  "runnel: the function is called by several goroutines at once: as const, so it "
                  "cannot be mutable");
    static_assert(std::is_invocable_v<const F&, T> || std::is_invocable_v<F&, T>,
                  "runnel: the function is called with the channel's element");
    using type = std::decay_t<std::invoke_result_t<const F&, T>>;
    static_assert(channel_value<type>, "runnel: the function returns a value");
};
template <class F, class T>
using shared_result = typename shared_call<F, T>::type;

// ---- 1. results in any order ----

template <class T, class U, class F>
void transform_in_parallel(const context& ctx, const recv_chan<T>& in, const chan<U>& out,
                           std::size_t n, const F& f, source_place place) {
    group workers(ctx);
    const auto work = [&] {
        // A failure ends the receiving; what was received before is still worked on and sent.
        while (recv_result<T> value = in.recv(workers.context())) {
            if (!pass_on(ctx, out, U(std::invoke(f, std::move(*value))))) return;
        }
    };
    for (std::size_t i = 0; i < n; ++i) workers.go(work, place);
    workers.wait();
}

// ---- 2. results in the input's order ----

/// `n` workers. Who receives an element draws a ticket with it; results are sent in the order of the tickets.
/// A worker has one ticket at a time, so those that are out belong to `n` neighbours, each with a place of its
/// own in turns_.
template <class T, class U, class F>
class ordered_workers {
public:
    ordered_workers(const context& ctx, const recv_chan<T>& in, const chan<U>& out, std::size_t n,
                    const F& f)
        : context_(ctx), in_(in), out_(out), f_(f), workers_(ctx) {
        turns_.reserve(n);
        for (std::size_t i = 0; i < n; ++i) turns_.push_back(make_chan<unit>(1));
        turns_.front().send();
    }

    void run(source_place place) {
        for (std::size_t i = 0; i < turns_.size(); ++i) {
            workers_.go(
                [this] {
                    while (work()) {
                    }
                },
                place);
        }
        workers_.wait();
    }

private:
    /// Deals with one element. False at the end.
    bool work() {
        std::size_t ticket = 0;
        std::exception_ptr error;
        recv_result<T> value = receive(ticket, error);
        if (!value && error == nullptr) return false;
        std::optional<U> result;
        try {
            if (value) result.emplace(std::invoke(f_, std::move(*value)));
        } catch (const goexit_token&) {
            if (await_turn(ticket)) pass_turn(ticket);
            throw;
        } catch (...) {
            error = std::current_exception();
        }
        if (!await_turn(ticket)) return false;
        // All before have been sent. It ends the group, and with it the others' waiting for their turn.
        if (error != nullptr) std::rethrow_exception(error);
        if (!pass_on(context_, out_, std::move(*result))) return false;
        pass_turn(ticket);
        return true;
    }

    /// What the input was closed with is an element, too: it has its ticket. One whose move throws has no other than its own.
    recv_result<T> receive(std::size_t& ticket, std::exception_ptr& error) {
        const std::lock_guard guard(receiving_);
        ticket = tickets_;
        try {
            recv_result<T> value = in_.recv(workers_.context());
            if (value) tickets_ = ticket + 1;
            return value;
        } catch (...) {
            error = std::current_exception();
            tickets_ = ticket + 1;
            return op_status::closed;
        }
    }

    bool await_turn(std::size_t ticket) const {
        return turns_[ticket % turns_.size()].recv(workers_.context()).has_value();
    }
    void pass_turn(std::size_t ticket) const { turns_[(ticket + 1) % turns_.size()].send(); }

    const context& context_;
    const recv_chan<T>& in_;
    const chan<U>& out_;
    const F& f_;
    mutex receiving_;
    std::size_t tickets_ = 0;        // guarded by receiving_
    std::vector<chan<unit>> turns_;  // of ticket t: t modulo their number
    group workers_;                  // last: its goroutines use the others
};

}  // namespace detail

/// `count` channels, each with `f` of the elements that its goroutine received: every element goes to one of them, to
/// whichever has time. All share one `f`, called as const and by several at once.
/// Errors      std::invalid_argument for less than one. An exception of `f` closes the channel of the goroutine that it
///             was thrown in; the others go on.
/// Cancel      all are closed.
/// Cost        a goroutine for each channel. Go  the pattern of that name
template <detail::stage_input C, class F>
auto fan_out(const context& ctx, C&& in, detail::count count, F&& f,
             detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    using U = detail::shared_result<std::decay_t<F>, T>;
    const std::size_t n =
        count.at_least(1, "runnel::fan_out: the number of channels is at least 1");
    const recv_chan<T> input(std::forward<C>(in));
    const auto shared = std::make_shared<const std::decay_t<F>>(std::forward<F>(f));
    std::vector<recv_chan<U>> outs;
    outs.reserve(n);
    for (std::size_t i = 0; i < n; ++i) {
        outs.push_back(detail::start_stage<U>(
            [ctx, input, shared](const chan<U>& out) {
                while (recv_result<T> value = input.recv(ctx)) {
                    if (!detail::pass_on(ctx, out, U(std::invoke(*shared, std::move(*value))))) {
                        return;
                    }
                }
            },
            place));
    }
    return outs;
}

/// `f` of each element, by `count` goroutines at once, in whatever order they finish. All share one `f`, called as const.
/// At most `count` elements are in hand.
/// Errors      std::invalid_argument for less than one. After the first exception of `f` nothing more is received; the results
///             of what was received come out, then the exception.
/// Cancel      as transform.
/// Cost        count + 1 goroutines and one channel.
template <detail::stage_input C, class F>
auto parallel_transform(const context& ctx, C&& in, detail::count count, F&& f,
                        detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    using U = detail::shared_result<std::decay_t<F>, T>;
    const std::size_t n =
        count.at_least(1, "runnel::parallel_transform: the number of goroutines is at least 1");
    return detail::start_stage<U>(
        [ctx, in = recv_chan<T>(std::forward<C>(in)), n, f = std::decay_t<F>(std::forward<F>(f)),
         place](const chan<U>& out) {
            detail::transform_in_parallel<T, U>(ctx, in, out, n, f, place);
        },
        place);
}

/// The same with the results in the order of the elements. A slow one holds back those behind it: at most `count`
/// elements are in hand.
/// Errors      std::invalid_argument for less than one. An exception of `f` comes after the results of all elements before
///             that one, and nothing comes after it.
template <detail::stage_input C, class F>
auto ordered_transform(const context& ctx, C&& in, detail::count count, F&& f,
                       detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    using G = std::decay_t<F>;
    using U = detail::shared_result<G, T>;
    const std::size_t n =
        count.at_least(1, "runnel::ordered_transform: the number of goroutines is at least 1");
    return detail::start_stage<U>(
        [ctx, in = recv_chan<T>(std::forward<C>(in)), n, f = G(std::forward<F>(f)),
         place](const chan<U>& out) {
            detail::ordered_workers<T, U, G>(ctx, in, out, n, f).run(place);
        },
        place);
}

RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, fan_out(...));
RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, parallel_transform(...));
RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, ordered_transform(...));

}  // namespace v0
}  // namespace runnel
