// runnel/bridge.hpp — a channel of channels becomes one channel.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the bridge-channel
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp
//   Tests   tests/bridge_test.cpp
#pragma once

#include <utility>

#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {

/// The elements of the channels that come from `channels`, one channel after the other.
/// Errors      what `channels` or one of those was closed with closes the output, after what came before.
/// Cancel      the output is closed.
/// Cost        one goroutine and one channel.
template <detail::stage_input C>
auto bridge(const context& ctx, C&& channels,
            detail::source_place place = detail::source_place::here()) {
    using inner = detail::value_of<C>;
    static_assert(detail::receive_handle<inner>,
                  "runnel::bridge: the elements of the channel are channels");
    using T = detail::value_of<inner>;
    return detail::start_stage<T>(
        [ctx, channels = recv_chan<inner>(std::forward<C>(channels))](const chan<T>& out) {
            while (recv_result<inner> in = channels.recv(ctx)) {
                while (recv_result<T> value = in->recv(ctx)) {
                    if (!detail::pass_on(ctx, out, std::move(*value))) return;
                }
            }
        },
        place);
}

RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, bridge(...));

}  // namespace v0
}  // namespace runnel
