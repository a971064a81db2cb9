// runnel/once.hpp — doing something once, whoever comes first.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      sync.Once, sync.OnceFunc, sync.OnceValue       Differences: docs/from_go.md#sync-time-context
//   Layer   4; includes layers 0-3
//   Map     1. once   2. once_func   3. once_value;  waiting → detail/waiter.hpp
//   Tests   tests/once_test.cpp
#pragma once

#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <runnel/detail/mistake.hpp>
#include <runnel/detail/waiter.hpp>
#include <runnel/detail/word_lock.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {

// ---- 1. once ----

/// Runs one function once. May be destroyed as soon as call() has returned in all who called it.
/// Go  sync.Once
class once {
public:
    constexpr once() noexcept = default;
    once(const once&) = delete;
    once& operator=(const once&) = delete;

    /// Calls `function` if no call has been made yet; if one is being made, waits until it has ended.
    /// Errors      what `function` throws, to the caller that ran it. It counts as done even so, and the
    ///             other callers return normally (Go; std::call_once would try again). Likewise if
    ///             it calls goexit. A call from within `function` waits for ever.
    /// Visibility  what `function` does happens before every call returns.
    /// Cost        one load and a branch once it is done. Go  Do
    template <class F>
        requires std::is_invocable_v<F>
    void call(F&& function) {
        detail::interruption_point();
        if (RUNNEL_LIKELY(is_done())) return;
        if (!begin()) return;
        struct at_end {
            once& self;
            ~at_end() { self.finish(); }
        };
        const at_end whatever_happens{*this};
        static_cast<void>(std::invoke(std::forward<F>(function)));
    }
    RUNNEL_MISTAKE(the_function_is_called_without_arguments, call(...));

    /// Whether it has been done.
    bool is_done() const noexcept {
        return (state_.word.load(detail::memory_order_acquire) & done) != 0;  // [ON-1]
    }

private:
    // The word. Bit 0 is the queue's lock. Zero, then running, perhaps waiting too, then done alone.
    static constexpr std::uint32_t running = 2;
    static constexpr std::uint32_t waiting = 4;  // set by the queue's holder
    static constexpr std::uint32_t done = 8;

    bool begin() noexcept;
    void finish() noexcept;

    detail::word_lock<std::uint32_t> state_;
    detail::waiter_queue waiters_;  // guarded by state_'s lock
};

/// True for the first. All others return, false, when it has finished.
RUNNEL_NOINLINE inline bool once::begin() noexcept {
    using namespace detail;
    std::uint32_t s = 0;
    if (state_.word.compare_exchange_strong(s, running, memory_order_acquire,
                                            memory_order_relaxed)) {
        return true;
    }
    basic_wait_lock guard(state_);
    s = state_.word.load(memory_order_relaxed);  // [ON-1] the lock acquired
    while ((s & done) == 0) {
        // Somebody who only looked may have held the lock when we came first.
        const bool first = (s & running) == 0;
        // In the same step as we see that it runs, or finish() might not see that somebody waits.
        if (!state_.word.compare_exchange_weak(s, s | (first ? running : waiting),
                                               memory_order_relaxed)) {
            continue;
        }
        if (first) return true;
        waiter me;
        wait(waiters_, guard, me, wait_reason::once, this);
        return false;
    }
    return false;
}

RUNNEL_NOINLINE inline void once::finish() noexcept {
    using namespace detail;
    // 1. Nobody waits: one step.
    std::uint32_t s = running;
    RUNNEL_POINT("once.finish");
    if (state_.word.compare_exchange_strong(s, done, memory_order_release,
                                            memory_order_relaxed)) {  // [ON-1]
        return;
    }
    // 2. Take the waiters, then say so and release the lock in one: after that it may be gone.
    wake_list woken;
    state_.lock();
    while (waiter* w = waiters_.claim_front()) {
        w->outcome = wait_outcome::ok;
        woken.push(w);
    }
    RUNNEL_POINT("once.release");
    state_.word.store(done, memory_order_release);  // [ON-1] [WL-1]
    woken.wake_all();
}

namespace detail {

/// What a once_func or once_value and its copies share. `Result` is void, a reference, or a value.
template <class F, class Result>
class once_state {
public:
    static constexpr bool is_void = std::is_void_v<Result>;
    static constexpr bool is_reference = std::is_reference_v<Result>;

    explicit once_state(F&& f) : function_(std::move(f)) {}
    explicit once_state(const F& f) : function_(f) {}

    decltype(auto) operator()() {
        once_.call([this] { run(); });
        if (RUNNEL_UNLIKELY(error_ != nullptr)) std::rethrow_exception(error_);
        if constexpr (is_reference) {
            return static_cast<Result>(checked());
        } else if constexpr (!is_void) {
            return static_cast<const Result&>(checked());
        }
    }

private:
    struct nothing {};
    using value_type = std::conditional_t<
        is_void, nothing,
        std::conditional_t<is_reference, std::add_pointer_t<Result>, std::optional<Result>>>;

    void run() {
        // The function and what it holds go at once, also if it throws.
        struct at_end {
            std::optional<F>& f;
            ~at_end() { f.reset(); }
        };
        const at_end whatever_happens{function_};
        try {
            if constexpr (is_void) {
                static_cast<void>(std::invoke(std::move(*function_)));
            } else if constexpr (is_reference) {
                value_ = std::addressof(std::invoke(std::move(*function_)));
            } else {
                value_.emplace(std::invoke(std::move(*function_)));
            }
        } catch (const goexit_token&) {
            throw;  // ends this goroutine, not those that ask later
        } catch (...) {
            error_ = std::current_exception();
        }
    }

    auto& checked() {
        if (RUNNEL_UNLIKELY(!value_)) throw panic("once_value: the function called goexit");
        return *value_;
    }

    once once_;
    std::optional<F> function_;  // these three: written inside once_, read after it
    value_type value_{};
    std::exception_ptr error_;
};

}  // namespace detail

// ---- 2. once_func ----

/// A callable, made by once_func, that calls its function at most once. Copies share that one call.
template <class F>
class once_function {
public:
    explicit once_function(F f)
        : state_(std::make_shared<detail::once_state<F, void>>(std::move(f))) {}

    /// The first call runs the function, the others wait for it. If it throws, every call throws the same
    /// exception. If it calls goexit, later calls do nothing.
    void operator()() const { (*state_)(); }

private:
    std::shared_ptr<detail::once_state<F, void>> state_;
};

/// A callable that calls `function` once, however often and from wherever it is called itself. The
/// function and all it holds are destroyed after that call. Any number of goroutines and threads may
/// call it, or copies of it, at once.
/// Go  sync.OnceFunc
template <class F>
    requires std::is_invocable_v<std::decay_t<F>>
once_function<std::decay_t<F>> once_func(F&& function) {
    return once_function<std::decay_t<F>>(std::forward<F>(function));
}
RUNNEL_MISTAKE(the_function_is_called_without_arguments, once_func(...));

// ---- 3. once_value ----

/// A callable, made by once_value, that computes its value at most once. Copies share it.
template <class F>
class once_value_function {
    using result = std::invoke_result_t<F>;

public:
    explicit once_value_function(F f)
        : state_(std::make_shared<detail::once_state<F, result>>(std::move(f))) {}

    /// The value: a reference that is valid as long as a copy of this callable lives (if the function
    /// returns a reference, that one). If the function throws, every call throws the same
    /// exception. If it calls goexit, later calls throw panic.
    decltype(auto) operator()() const { return (*state_)(); }

private:
    std::shared_ptr<detail::once_state<F, result>> state_;
};

/// A callable that returns what `function` returned when it was called first. All else as once_func.
/// Cost  one allocation when it is made, none per call. Go  sync.OnceValue
template <class F>
    requires(std::is_invocable_v<std::decay_t<F>> &&
             !std::is_void_v<std::invoke_result_t<std::decay_t<F>>>)
once_value_function<std::decay_t<F>> once_value(F&& function) {
    return once_value_function<std::decay_t<F>>(std::forward<F>(function));
}
RUNNEL_MISTAKE(the_function_is_called_without_arguments_and_returns_a_value, once_value(...));

}  // namespace v0
}  // namespace runnel
