// runnel/tee.hpp — one channel becomes two with the same elements.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the tee-channel
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channels → stage.hpp;  any number of readers → broadcast.hpp
//   Tests   tests/tee_test.cpp
#pragma once

#include <type_traits>
#include <utility>

#include <runnel/select.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {

/// Two channels, each with all elements of `in`: `auto [a, b] = tee(ctx, in);`. The next element is received when both
/// have taken the last one, so both must be read; whoever stops reading one of them cancels the context.
/// Errors      what `in` was closed with closes both.
/// Cancel      both are closed; one may have got an element more than the other.
/// Cost        one goroutine and two channels; a copy of each element.
template <detail::stage_input C>
std::pair<recv_chan<detail::value_of<C>>, recv_chan<detail::value_of<C>>> tee(
    const context& ctx, C&& in, detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    static_assert(std::is_copy_constructible_v<T>,
                  "runnel::tee: each side gets a copy of the element");
    const chan<T> left = make_chan<T>();
    const chan<T> right = make_chan<T>();
    auto body = [ctx, in = recv_chan<T>(std::forward<C>(in))](const chan<T>& a, const chan<T>& b) {
        while (recv_result<T> value = in.recv(ctx)) {
            T copy(*value);
            const std::size_t first = select(done(ctx), runnel::send(a, std::move(copy)),
                                             runnel::send(b, std::move(*value)));
            if (first == 0) return;
            if (!(first == 1 ? detail::pass_on(ctx, b, std::move(*value))
                             : detail::pass_on(ctx, a, std::move(copy)))) {
                return;
            }
        }
    };
    runnel::go(detail::stage_goroutine<decltype(body), T, T>(std::move(body), left, right), place);
    return {left, right};
}

RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, tee(...));

}  // namespace v0
}  // namespace runnel
