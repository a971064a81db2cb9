// tests/support/contexts.hpp — how a context has ended, seen from every side.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <system_error>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>

namespace test {

inline const std::error_code canceled = make_error_code(runnel::errc::canceled);
inline const std::error_code exceeded = make_error_code(runnel::errc::deadline_exceeded);

inline bool is_closed(const runnel::recv_chan<runnel::unit>& ch) {
    return ch && ch.try_recv().status() == runnel::op_status::closed;
}
inline bool is_closed(const runnel::context& ctx) { return is_closed(ctx.done()); }

/// Done for `reason`.
inline bool is_done(const runnel::context& ctx, const std::error_code& reason) {
    return ctx.err() == reason && ctx.cause() && is_closed(ctx) &&
           ctx.stop_token().stop_requested();
}
inline bool is_open(const runnel::context& ctx) {
    return !ctx.err() && !ctx.cause() && !is_closed(ctx) && !ctx.stop_token().stop_requested();
}

}  // namespace test
