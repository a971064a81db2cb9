// tests/conformance/context_causes.hpp — each way to end a context, with what it then says of its end.
// SPDX-License-Identifier: BSL-1.0
//
//   Go's table, but for WithTimeoutCause: a cause is given by who cancels, not to a deadline in advance.
#pragma once

#include <chrono>
#include <system_error>

#include <runnel/context.hpp>

#include "support/contexts.hpp"

namespace test {

inline const std::error_code of_parent = std::make_error_code(std::errc::io_error);
inline const std::error_code of_child = std::make_error_code(std::errc::broken_pipe);

struct way_to_end {
    const char* name;
    std::error_code err;
    std::error_code cause;
    std::chrono::microseconds takes;
    runnel::context (*make)();  // it outlives its owner, who has no more say in it by then
};

/// All of them.
inline const auto& ways_to_end() {
    using namespace std::chrono_literals;
    using runnel::background;
    using runnel::context;
    static constexpr auto never = std::chrono::hours(24 * 365);
    static constexpr auto soon = 1us;
    static const std::error_code none;
    static const std::error_code too_slow = std::make_error_code(std::errc::stream_timeout);
    static const way_to_end table[] = {
        {"background", none, none, 0us, [] { return background(); }},
        {"todo", none, none, 0us, [] { return runnel::todo(); }},
        {"with_cancel", canceled, canceled, 0us,
         [] {
             const auto ctx = with_cancel(background());
             ctx.cancel();
             return context(ctx);
         }},
        {"with_cancel, a cause", canceled, of_parent, 0us,
         [] {
             const auto ctx = with_cancel(background());
             ctx.cancel(of_parent);
             return context(ctx);
         }},
        {"with_cancel, an empty cause", canceled, canceled, 0us,
         [] {
             const auto ctx = with_cancel(background());
             ctx.cancel(none);
             return context(ctx);
         }},
        {"the parent before the child", canceled, of_parent, 0us,
         [] {
             const auto parent = with_cancel(background());
             const auto child = with_cancel(parent);
             parent.cancel(of_parent);
             child.cancel(of_child);
             return context(child);
         }},
        {"the parent after the child", canceled, of_child, 0us,
         [] {
             const auto parent = with_cancel(background());
             const auto child = with_cancel(parent);
             child.cancel(of_child);
             parent.cancel(of_parent);
             return context(child);
         }},
        {"the parent's cause, seen at the parent, after the child's", canceled, of_parent, 0us,
         [] {
             const auto parent = with_cancel(background());
             const auto child = with_cancel(parent);
             child.cancel(of_child);
             parent.cancel(of_parent);
             return context(parent);
         }},
        {"the parent without a cause before the child", canceled, canceled, 0us,
         [] {
             const auto parent = with_cancel(background());
             const auto child = with_cancel(parent);
             parent.cancel();
             child.cancel(of_child);
             return context(child);
         }},
        {"the child without a cause before the parent", canceled, canceled, 0us,
         [] {
             const auto parent = with_cancel(background());
             const auto child = with_cancel(parent);
             child.cancel();
             parent.cancel(of_parent);
             return context(child);
         }},
        {"a child made afterwards", canceled, of_parent, 0us,
         [] {
             const auto parent = with_cancel(background());
             parent.cancel(of_parent);
             return context(with_cancel(parent));
         }},
        {"a value between them", canceled, of_parent, 0us,
         [] {
             static const runnel::context_key<int> key;
             const auto parent = with_cancel(background());
             const auto child = with_cancel(with_value(parent, key, 1));
             parent.cancel(of_parent);
             return context(child);
         }},
        {"with_timeout", exceeded, exceeded, soon,
         [] {
             auto ctx = with_timeout(background(), soon);
             ctx.done().recv();
             return context(ctx);
         }},
        {"with_timeout of zero", exceeded, exceeded, 0us,
         [] { return context(with_timeout(background(), 0s)); }},
        {"with_timeout, cancelled in time", canceled, canceled, 0us,
         [] {
             const auto ctx = with_timeout(background(), never);
             ctx.cancel();
             return context(ctx);
         }},
        {"with_timeout, cancelled in time with a cause", canceled, too_slow, 0us,
         [] {
             const auto ctx = with_timeout(background(), never);
             ctx.cancel(too_slow);
             return context(ctx);
         }},
        {"with_timeout, its parent cancelled in time", canceled, of_parent, 0us,
         [] {
             const auto parent = with_cancel(background());
             const auto child = with_timeout(parent, never);
             parent.cancel(of_parent);
             return context(child);
         }},
        {"with_timeout, cancelled after the deadline", exceeded, exceeded, soon,
         [] {
             const auto ctx = with_timeout(background(), soon);
             ctx.done().recv();
             ctx.cancel(too_slow);
             return context(ctx);
         }},
        {"with_timeout, its parent cancelled after the deadline", exceeded, exceeded, soon,
         [] {
             const auto parent = with_cancel(background());
             const auto child = with_timeout(parent, soon);
             child.done().recv();
             parent.cancel(of_parent);
             return context(child);
         }},
        {"the parent's deadline", exceeded, exceeded, soon,
         [] {
             const auto parent = with_timeout(background(), soon);
             const auto child = with_timeout(parent, never);
             child.done().recv();
             child.cancel(of_child);
             return context(child);
         }},
        {"an expired child of a cancelled parent", canceled, of_parent, 0us,
         [] {
             const auto parent = with_cancel(background());
             parent.cancel(of_parent);
             return context(with_timeout(parent, -1s));
         }},
        {"without_cancel", none, none, 0us, [] { return without_cancel(background()); }},
        {"without_cancel, its parent cancelled", none, none, 0us,
         [] {
             const auto parent = with_cancel(background());
             const auto ctx = without_cancel(parent);
             parent.cancel(of_parent);
             return ctx;
         }},
        {"without_cancel, its parent's deadline over", none, none, 0us,
         [] {
             const auto parent = with_timeout(background(), 0s);
             return without_cancel(parent);
         }},
        {"a cancelled child of without_cancel", canceled, of_child, 0us,
         [] {
             const auto parent = with_cancel(background());
             parent.cancel(of_parent);
             const auto child = with_cancel(without_cancel(parent));
             child.cancel(of_child);
             return context(child);
         }},
    };
    return table;
}

}  // namespace test
