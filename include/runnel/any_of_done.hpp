// runnel/any_of_done.hpp — a channel that is closed with the first of several.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the or-channel
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp
//   Tests   tests/any_of_done_test.cpp
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/detail/range.hpp>
#include <runnel/select.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

template <class S>
concept done_signal = receive_handle<S> || context_like<S>;

template <done_signal S>
select_case case_of_done(const S& signal) {
    if constexpr (receive_handle<S>) {
        return runnel::recv(signal);
    } else if constexpr (std::is_convertible_v<const S&, const context&>) {
        return runnel::done(signal, [keep = context(signal)] {});  // it may be the last handle
    } else {
        return runnel::done(signal);
    }
}
template <done_signal S>
bool may_be_done(const S& signal) {
    if constexpr (receive_handle<S>) {
        return static_cast<bool>(signal);
    } else {
        return static_cast<bool>(signal.done());
    }
}

inline recv_chan<unit> start_any_of_done(std::vector<select_case> cases, source_place place) {
    if (cases.empty()) return {};
    return start_stage<unit>(
        [cases = std::move(cases)](const chan<unit>&) mutable { runnel::select(cases); }, place);
}

}  // namespace detail

/// A channel that is closed as soon as one of `signals` is done: a channel that is closed or gives a value (which is
/// taken), or a context. Nil if none ever can be: there is none, or all are nil.
/// A goroutine waits until then. Whoever may lose interest before gives a context of its own as well.
/// Errors      what the channel was closed with closes this one.
/// Cost        one goroutine and one channel; an allocation for each signal.
template <detail::done_signal... Signals>
RUNNEL_NOINLINE recv_chan<unit> any_of_done(const Signals&... signals) {
    detail::source_place place;
    place.pc = __builtin_return_address(0);
    std::vector<select_case> cases;
    // Not used if there are no signals.
    [[maybe_unused]] const auto add = [&](const auto& signal) {
        if (detail::may_be_done(signal)) cases.push_back(detail::case_of_done(signal));
    };
    (add(signals), ...);
    return detail::start_any_of_done(std::move(cases), place);
}
/// The same of a range of channels or contexts.
template <class R>
    requires detail::range_like<const R> &&
             (!detail::done_signal<R>) && detail::done_signal<detail::element_of<const R>>
recv_chan<unit> any_of_done(const R& signals,
                            detail::source_place place = detail::source_place::here()) {
    std::vector<select_case> cases;
    for (const auto& signal : signals) {
        if (detail::may_be_done(signal)) cases.push_back(detail::case_of_done(signal));
    }
    return detail::start_any_of_done(std::move(cases), place);
}

}  // namespace v0
}  // namespace runnel
