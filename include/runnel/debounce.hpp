// runnel/debounce.hpp — the last element of a burst, once it is over.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none; a select over input and timer.Reset, written by hand each time
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp
//   Tests   tests/debounce_test.cpp, tests/debounce_simulated_test.cpp
#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <runnel/detail/chrono.hpp>
#include <runnel/select.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

enum class latest_state { replaced, sent, ended, canceled };

template <class T>
latest_state replace_latest(std::optional<T>& latest, std::optional<T>& newer) {
    if (!newer) return latest_state::ended;
    latest.emplace(std::move(*newer));
    return latest_state::replaced;
}

/// Waits until `latest` may be sent, at `due`, and the reader takes it, or until a newer one takes its place.
template <class T>
latest_state send_latest(const context& ctx, const recv_chan<T>& in, const chan<T>& out,
                         std::optional<T>& latest, time_point due) {
    std::optional<T> newer;
    if (due > now()) {
        const std::size_t which = select(in_order, done(ctx), recv(in, newer), timeout(due));
        if (which == 0) return latest_state::canceled;
        if (which == 1) return replace_latest(latest, newer);
    }
    // The reader first: however fast elements come, one is sent when it is due.
    const std::size_t which =
        select(in_order, done(ctx), runnel::send(out, std::move(*latest)), recv(in, newer));
    if (which == 0) return latest_state::canceled;
    if (which == 2) return replace_latest(latest, newer);
    latest.reset();
    return latest_state::sent;
}

}  // namespace detail

/// Of elements that come in quick succession the last one, once none has come for `quiet`. The others are dropped, also
/// while the reader lets it wait. When the input ends, the last one is sent at once.
/// Errors      std::invalid_argument for a time of zero or less. What `in` was closed with comes after the last
///             element.
/// Cancel      the output is closed; an element that waits is dropped.
/// Cost        one goroutine and one channel.
template <detail::stage_input C, class Rep, class Period>
recv_chan<detail::value_of<C>> debounce(const context& ctx, C&& in,
                                        std::chrono::duration<Rep, Period> quiet,
                                        detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    const duration time = detail::to_duration(quiet);
    if (time <= duration::zero()) {
        throw std::invalid_argument("runnel::debounce: the quiet time is more than zero");
    }
    return detail::start_stage<T>(
        [ctx, in = recv_chan<T>(std::forward<C>(in)), time](const chan<T>& out) {
            std::optional<T> latest;
            std::exception_ptr error;
            try {
                for (;;) {
                    if (!latest) {
                        recv_result<T> first = in.recv(ctx);
                        if (!first) return;
                        latest.emplace(std::move(*first));
                    }
                    const auto s =
                        detail::send_latest(ctx, in, out, latest, detail::deadline_after(time));
                    if (s == detail::latest_state::canceled) return;
                    if (s == detail::latest_state::ended) break;
                }
            } catch (...) {
                error = std::current_exception();
            }
            if (latest && !detail::pass_on(ctx, out, std::move(*latest))) return;
            if (error != nullptr) std::rethrow_exception(error);
        },
        place);
}

RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, debounce(...));

template <detail::stage_input C, class N>
    requires std::is_arithmetic_v<N>
RUNNEL_MISTAKE(a_time_needs_a_unit_as_in_5ms, debounce(const context&, C&&, N));

}  // namespace v0
}  // namespace runnel
