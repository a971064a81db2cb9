// runnel/wait_group.hpp — waiting until a number of goroutines have finished.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sync.WaitGroup                                 Differences: docs/from_go.md#sync-time-context
//   Layer   4; includes layers 0-3, and chan.hpp for contexts
//   Map     counting and waiting → detail/countdown.hpp;  go → detail/spawn.hpp
//   Tests   tests/wait_group_test.cpp
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <runnel/chan.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/countdown.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/spawn.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

/// Counts what is to be waited for. May be destroyed, or used again, as soon as wait() has returned in
/// all who called it.
/// Go  sync.WaitGroup
class wait_group {
public:
    constexpr wait_group() noexcept = default;
    wait_group(const wait_group&) = delete;
    wait_group& operator=(const wait_group&) = delete;

    /// Adds `n` to the counter; less than zero subtracts. When the counter is zero, add must happen
    /// before wait: add first, start the goroutine then.
    /// Errors      negative_counter (`negative WaitGroup counter`) if it would fall below zero; panic if
    ///             it would exceed 2^31-1, or if add comes when those who waited for zero have not
    ///             returned yet (`WaitGroup misuse: Add called concurrently with Wait`; best
    ///             effort). Nothing has changed then.
    /// Visibility  what precedes the done that makes it zero, or any earlier one, happens before wait
    ///             returns.
    /// Threads     any number at once.
    /// Cost        one atomic addition. Go  Add
    void add(std::ptrdiff_t n = 1) {
        if (n > 0) {
            const auto r = n <= detail::countdown::most ? count_.add(static_cast<std::uint32_t>(n))
                                                        : detail::countdown::added::overflow;
            if (RUNNEL_UNLIKELY(r != detail::countdown::added::ok)) throw_misuse(r);
        } else if (n < 0) {
            if (RUNNEL_UNLIKELY(n < -std::ptrdiff_t{detail::countdown::most} ||
                                !count_.subtract(static_cast<std::uint32_t>(-n)))) {
                throw_negative();
            }
        }
    }

    /// Subtracts one. Errors, visibility, threads, cost as add. Go  Done
    void done() {
        if (RUNNEL_UNLIKELY(!count_.subtract(1))) throw_negative();
    }

    /// Waits until the counter is zero.
    /// Cost        one load if it is. Go  Wait
    void wait() noexcept { static_cast<void>(wait_with(detail::no_deadline, nullptr)); }

    /// True if the counter came to zero within `d`; otherwise false, and never early. Zero or less
    /// looks once.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> d) noexcept {
        return count_.is_zero() || wait_with(detail::deadline_after(detail::to_duration(d)),
                                             nullptr) == detail::wait_outcome::ok;
    }
    template <class Clock, class Dur>
    bool wait_until(std::chrono::time_point<Clock, Dur> tp) noexcept {
        return wait_with(detail::to_time_point(tp), nullptr) == detail::wait_outcome::ok;
    }

    /// `ok` once the counter is zero; `canceled` or `timeout`, as ctx.err() says, if the context is
    /// done first. A context that is already done wins.
    template <context_like C>
    op_status wait(const C& ctx) {
        if (const op_status s = detail::status_of(ctx); s != op_status::ok) return s;
        const auto done = ctx.done();
        if (wait_with(detail::no_deadline, detail::done_of(done)) == detail::wait_outcome::ok) {
            return op_status::ok;
        }
        return detail::status_of(ctx);
    }

    /// Adds one, and starts `function` as a goroutine after which it is done: whether it returns, throws
    /// or calls goexit (Go does not count a panic as done; a program that survives one should not
    /// hang). The callable is destroyed before.
    /// Errors      as runnel::go and add; the counter is as before then. Go  WaitGroup.Go
    template <class F>
    void go(F&& function, detail::source_place place = detail::source_place::here()) {
        static_assert(std::is_invocable_v<std::decay_t<F>>,
                      "runnel::wait_group: the function is called without arguments");
        detail::check_callable(function);
        start(place, detail::task<std::decay_t<F>>{std::forward<F>(function)});
    }
    template <class F, class A, class... Args>
        requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>, std::decay_t<Args>...>
    RUNNEL_NOINLINE void go(F&& function, A&& argument, Args&&... arguments) {
        detail::source_place place;
        place.pc = __builtin_return_address(0);
        detail::check_callable(function);
        start(place, detail::task<std::decay_t<F>, std::decay_t<A>, std::decay_t<Args>...>{
                         std::forward<F>(function),
                         std::tuple<std::decay_t<A>, std::decay_t<Args>...>(
                             std::forward<A>(argument), std::forward<Args>(arguments)...)});
    }
    RUNNEL_MISTAKE(the_function_cannot_be_called_with_these_arguments, go(...));

private:
    template <class Call>
    struct member {
        wait_group* group;
        std::optional<Call> call;

        void operator()() {
            struct at_end {
                member& self;
                ~at_end() {
                    self.call.reset();
                    self.group->done();
                }
            };
            const at_end whatever_happens{*this};
            (*call)();
        }
    };

    template <class Call>
    void start(detail::source_place place, Call&& call) {
        add(1);
        struct undo {
            wait_group* group;
            ~undo() {
                if (group != nullptr) group->done();
            }
        } unless_started{this};
        detail::start_goroutine(nullptr, place, member<Call>{this, std::forward<Call>(call)});
        unless_started.group = nullptr;
    }

    detail::wait_outcome wait_with(detail::time_point deadline,
                                   detail::done_source* done) noexcept {
        return count_.wait_until(deadline, done, detail::wait_reason::wait_group);
    }

    [[noreturn]] RUNNEL_NOINLINE static void throw_negative() {
        throw negative_counter("negative WaitGroup counter");
    }
    [[noreturn]] RUNNEL_NOINLINE static void throw_misuse(detail::countdown::added r) {
        throw panic(r == detail::countdown::added::overflow
                        ? "WaitGroup counter overflow"
                        : "WaitGroup misuse: Add called concurrently with Wait");
    }

    detail::countdown count_;
};

}  // namespace v0
}  // namespace runnel
