// runnel/batch.hpp — elements collected to groups: so many at a time, or those of a while.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none; a select over input, time.After and ctx.Done(), written by hand each time
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp
//   Tests   tests/batch_test.cpp, tests/batch_simulated_test.cpp
#pragma once

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

#include <runnel/detail/chrono.hpp>
#include <runnel/detail/count.hpp>
#include <runnel/select.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Collects up to `size` elements into `values`, waiting at most `max_wait` after the first. False if there will be no
/// more; `error` is what the input was closed with.
template <class T>
bool collect_batch(const context& ctx, const recv_chan<T>& in, std::size_t size, duration max_wait,
                   std::vector<T>& values, std::exception_ptr& error) {
    try {
        recv_result<T> first = in.recv(ctx);
        if (!first) return false;
        values.push_back(std::move(*first));
        const time_point deadline = deadline_after(max_wait);
        while (values.size() < size) {
            std::optional<T> next;
            if (max_wait == duration::max()) {  // no timer: it would hide a deadlock
                if (recv_result<T> r = in.recv(ctx)) next.emplace(std::move(*r));
            } else if (select(in_order, done(ctx), recv(in, next), timeout(deadline)) == 2) {
                return true;
            }
            if (!next) return false;
            values.push_back(std::move(*next));
        }
        return true;
    } catch (...) {
        error = std::current_exception();
        return false;
    }
}

}  // namespace detail

/// Vectors of up to `count` elements, in their order. One is sent when it is full, or `max_wait` after its first element
/// came, or when the input ends: none is empty. With a `max_wait` of zero or less it is sent with what is there at
/// once. While the reader has not taken one, no elements are received.
/// Errors      std::invalid_argument for a size of less than one. What `in` was closed with comes after the last vector.
/// Cancel      the elements collected so far are dropped.
/// Cost        one goroutine and one channel; the elements' storage.
template <detail::stage_input C, class Rep, class Period>
recv_chan<std::vector<detail::value_of<C>>> batch(
    const context& ctx, C&& in, detail::count count, std::chrono::duration<Rep, Period> max_wait,
    detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    const std::size_t size = count.at_least(1, "runnel::batch: the size is at least 1");
    return detail::start_stage<std::vector<T>>(
        [ctx, in = recv_chan<T>(std::forward<C>(in)), size,
         wait = detail::to_duration(max_wait)](const chan<std::vector<T>>& out) {
            for (bool more = true; more;) {
                std::vector<T> values;
                std::exception_ptr error;
                more = detail::collect_batch(ctx, in, size, wait, values, error);
                if (!values.empty() && !detail::pass_on(ctx, out, std::move(values))) return;
                if (error != nullptr) std::rethrow_exception(error);
            }
        },
        place);
}
/// The same without a limit of time: only the last one may have fewer elements.
template <detail::stage_input C>
recv_chan<std::vector<detail::value_of<C>>> batch(
    const context& ctx, C&& in, detail::count size,
    detail::source_place place = detail::source_place::here()) {
    return batch(ctx, std::forward<C>(in), size, duration::max(), place);
}

RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, batch(...));

template <detail::stage_input C, class N>
    requires std::is_arithmetic_v<N>
RUNNEL_MISTAKE(a_time_needs_a_unit_as_in_5ms, batch(const context&, C&&, detail::count, N));

}  // namespace v0
}  // namespace runnel
