// runnel/go.hpp — starting goroutines, and what a goroutine can say about itself.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      go f(x), runtime.Gosched, runtime.Goexit        Differences: docs/from_go.md#goroutines
//   Layer   4; includes layers 0-3
//   Map     starting → detail/spawn.hpp;  running → detail/dispatch.hpp
//   Tests   tests/go_test.cpp
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include <runnel/blocking.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/spawn.hpp>
#include <runnel/future.hpp>
#include <runnel/local.hpp>
#include <runnel/runtime.hpp>
#include <runnel/thread_lock.hpp>

namespace runnel {
inline namespace v0 {

/// Starts `function` as a goroutine: it runs beside the caller, on the caller's runtime, or on the
/// default one from a thread. Callable and arguments are decay-copied, as std::thread's; they may be
/// move-only. An exception that leaves it is a panic: it ends the program, with a report.
/// Errors      panic (`go of nil func value`) for an empty function; what copying throws;
///             std::bad_alloc, std::system_error if no goroutine can be made. Then nothing has started.
/// Visibility  what precedes go happens before the goroutine starts.
/// Cost        some 10 ns; no allocation if the callable is at most 128 bytes.
/// Go          `go f(x)`
template <class F>
void go(F&& function, detail::source_place place = detail::source_place::here()) {
    detail::start_goroutine(nullptr, place, std::forward<F>(function));
}

/// The same with arguments; the place of creation is a code address then.
template <class F, class A, class... Args>
    requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>, std::decay_t<Args>...>
RUNNEL_NOINLINE void go(F&& function, A&& argument, Args&&... arguments) {
    detail::source_place place;
    place.pc = __builtin_return_address(0);
    detail::start_goroutine(nullptr, place, std::forward<F>(function), std::forward<A>(argument),
                            std::forward<Args>(arguments)...);
}
RUNNEL_MISTAKE(the_function_cannot_be_called_with_these_arguments, go(...));

/// Lets other goroutines run first. On a thread: gives its processor away. Go  runtime.Gosched()
inline void yield() noexcept {
    detail::worker* w = detail::current_worker();
    detail::goroutine* g = w != nullptr ? w->current.load(detail::memory_order_relaxed) : nullptr;
    if (g == nullptr || g->pinned.load(detail::memory_order_relaxed) != nullptr) {
        detail::yield_thread(w, g);
    } else {
        detail::yield_goroutine(w, g);
    }
}

/// Ends this goroutine without error, after running the destructors on its stack. If the main goroutine
/// of a run does so, the others go on. A `catch (...)` on the way must rethrow: if it does not, the
/// program ends with a report.
/// Errors  panic outside a goroutine. Go  runtime.Goexit()
[[noreturn]] inline void goexit() {
    if (detail::current_goroutine() == nullptr && detail::blocked_goroutine() == nullptr) {
        throw panic("goexit outside a goroutine");
    }
    throw detail::goexit_token();
}

/// Whether this is a goroutine; false on threads and inside blocking().
inline bool in_goroutine() noexcept { return detail::current_goroutine() != nullptr; }

/// The goroutine's number, unique in its runtime; 0 outside.
inline std::uint64_t goroutine_id() noexcept {
    const detail::goroutine* g = detail::current_goroutine();
    if (g == nullptr) g = detail::blocked_goroutine();
    return g != nullptr ? g->id.load(detail::memory_order_relaxed) : 0;
}

}  // namespace v0
}  // namespace runnel
