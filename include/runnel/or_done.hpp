// runnel/or_done.hpp — a channel that also ends with a context.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the or-done-channel
//   Layer   5; includes layers 0-5
//   Tests   tests/or_done_test.cpp
#pragma once

#include <utility>

#include <runnel/transform.hpp>

namespace runnel {
inline namespace v0 {

/// The elements of `in`, until it ends or the context is done: a range-for over it needs no `select`.
/// Errors, cancel, cost as transform.
template <detail::stage_input C>
recv_chan<detail::value_of<C>> or_done(const context& ctx, C&& in,
                                       detail::source_place place = detail::source_place::here()) {
    return detail::start_steps(ctx, recv_chan<detail::value_of<C>>(std::forward<C>(in)),
                               detail::no_step(), place);
}

template <class = void>  // a template: or_done() is for a pipeline
RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, or_done(...));

}  // namespace v0
}  // namespace runnel
