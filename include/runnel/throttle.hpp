// runnel/throttle.hpp — no more elements than so many a time: the latest ones, or all of them later.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      a time.Ticker in the loop of a stage
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp
//   Tests   tests/throttle_test.cpp, tests/throttle_simulated_test.cpp
#pragma once

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

#include <runnel/debounce.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/rate_limiter.hpp>
#include <runnel/select.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {

/// At most one element each `period`: the first at once, then always the latest there is. The others are dropped, also
/// while the reader lets it wait. The last one is never dropped: it comes when its time has come.
/// Errors      std::invalid_argument for a period of zero or less. What `in` was closed with comes after the last
///             element.
/// Cancel      the output is closed; an element that waits is dropped.
/// Cost        one goroutine and one channel.
template <detail::stage_input C, class Rep, class Period>
recv_chan<detail::value_of<C>> throttle(const context& ctx, C&& in,
                                        std::chrono::duration<Rep, Period> period,
                                        detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    const duration time = detail::to_duration(period);
    if (time <= duration::zero()) {
        throw std::invalid_argument("runnel::throttle: the period is more than zero");
    }
    return detail::start_stage<T>(
        [ctx, in = recv_chan<T>(std::forward<C>(in)), time](const chan<T>& out) {
            std::optional<T> latest;
            std::exception_ptr error;
            detail::time_point next = detail::now();
            try {
                for (;;) {
                    if (!latest) {
                        recv_result<T> first = in.recv(ctx);
                        if (!first) return;
                        latest.emplace(std::move(*first));
                    }
                    const auto s = detail::send_latest(ctx, in, out, latest, next);
                    if (s == detail::latest_state::canceled) return;
                    if (s == detail::latest_state::ended) break;
                    if (s == detail::latest_state::sent) next = detail::deadline_after(time);
                }
            } catch (...) {
                error = std::current_exception();
            }
            if (latest) {
                if (select(in_order, done(ctx), timeout(next)) == 0) return;
                if (!detail::pass_on(ctx, out, std::move(*latest))) return;
            }
            if (error != nullptr) std::rethrow_exception(error);
        },
        place);
}

/// All elements, as fast as `limiter` lets them pass; it may be shared with others, and must outlive the stage.
/// While one waits for it, no other is received.
/// Errors, cancel, cost as transform.
template <detail::stage_input C>
recv_chan<detail::value_of<C>> throttle(const context& ctx, C&& in, rate_limiter& limiter,
                                        detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    return detail::start_stage<T>(
        [ctx, in = recv_chan<T>(std::forward<C>(in)), &limiter](const chan<T>& out) {
            while (recv_result<T> value = in.recv(ctx)) {
                if (limiter.wait(ctx) != op_status::ok) {
                    static_cast<void>(ctx.done().recv());  // it may have said so beforehand
                    return;
                }
                if (!detail::pass_on(ctx, out, std::move(*value))) return;
            }
        },
        place);
}

RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, throttle(...));

template <detail::stage_input C, class N>
    requires std::is_arithmetic_v<N>
RUNNEL_MISTAKE(a_time_needs_a_unit_as_in_5ms, throttle(const context&, C&&, N));

}  // namespace v0
}  // namespace runnel
