// runnel/fan_in.hpp — several channels become one.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      a goroutine for each input, and a sync.WaitGroup that closes the output
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp;  failures → group.hpp
//   Tests   tests/fan_in_test.cpp
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/detail/range.hpp>
#include <runnel/group.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

template <class T>
recv_chan<T> start_fan_in(const context& ctx, std::vector<recv_chan<T>> inputs,
                          source_place place) {
    return start_stage<T>(
        [ctx, inputs = std::move(inputs), place](const chan<T>& out) {
            group forwarders(ctx);
            for (const recv_chan<T>& in : inputs) {
                forwarders.go(
                    [&] {
                        while (recv_result<T> value = in.recv(forwarders.context())) {
                            if (!pass_on(ctx, out, std::move(*value))) return;
                        }
                    },
                    place);
            }
            forwarders.wait();
        },
        place);
}

template <class R>
concept range_of_channels = range_like<R> && !receive_handle<R> && receive_handle<element_of<R>>;

}  // namespace detail

/// What comes from any of `inputs`, a range of channels: of each in its order, of all as it comes. The output is closed
/// when all have ended; at once if there is none.
/// Errors      what an input was closed with comes out when what had been received of others was sent; no more is
///             received then.
/// Cancel      the output is closed; what was received and not sent is dropped.
/// Cost        a goroutine for each input and one more; one channel.
template <class R>
    requires detail::range_of_channels<std::remove_reference_t<R>>
auto fan_in(const context& ctx, R&& inputs,
            detail::source_place place = detail::source_place::here()) {
    using T = typename detail::element_of<std::remove_reference_t<R>>::value_type;
    std::vector<recv_chan<T>> all;
    for (const auto& in : inputs) all.push_back(in);
    return detail::start_fan_in<T>(ctx, std::move(all), place);
}
/// The same of the channels given one by one.
template <detail::receive_handle C, detail::receive_handle... Cs>
RUNNEL_NOINLINE auto fan_in(const context& ctx, const C& first, const Cs&... others) {
    using T = detail::value_of<C>;
    static_assert((std::is_same_v<T, detail::value_of<Cs>> && ...),
                  "runnel::fan_in: the channels have the same element type");
    detail::source_place place;
    place.pc = __builtin_return_address(0);
    return detail::start_fan_in<T>(
        ctx, std::vector<recv_chan<T>>{recv_chan<T>(first), recv_chan<T>(others)...}, place);
}

RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, fan_in(...));

}  // namespace v0
}  // namespace runnel
