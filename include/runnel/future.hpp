// runnel/future.hpp — the result of a goroutine.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none; a channel of one, written by hand each time
//   Layer   4; includes layers 0-3
//   Tests   tests/future_test.cpp
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <runnel/detail/chrono.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/result.hpp>
#include <runnel/detail/spawn.hpp>
#include <runnel/detail/waiter.hpp>

namespace runnel {
inline namespace v0 {

template <class T>
class future;

namespace detail {

/// Shared by the goroutine and its future.
template <class T>
class future_state {
public:
    std::optional<kept_result<T>> value;  // written before ready_
    std::exception_ptr error;

    void set_ready() noexcept {
        wake_list woken;
        lock_.lock();
        ready_.store(true, memory_order_release);  // [FU-1] publishes value and error
        while (waiter* w = waiters_.claim_front()) {
            w->outcome = wait_outcome::ok;
            woken.push(w);
        }
        lock_.unlock();
        woken.wake_all();
    }
    bool wait_until(time_point deadline) noexcept {
        interruption_point();
        if (ready_.load(memory_order_acquire)) return true;  // [FU-1]
        wait_lock guard(lock_);
        if (ready_.load(memory_order_relaxed)) return true;
        waiter w;
        return wait(waiters_, guard, w, wait_reason::future, this, deadline) == wait_outcome::ok;
    }

    void release() noexcept {
        if (references_.fetch_sub(1, memory_order_acq_rel) == 1) delete this;
    }

private:
    spin_lock lock_;
    atomic<bool> ready_{false};
    atomic<int> references_{2};
    waiter_queue waiters_;  // guarded by lock_
};

/// The goroutine's end of it: whatever happens, the future becomes ready.
template <class T>
class future_promise {
public:
    explicit future_promise(future_state<T>* s) noexcept : state_(s) {}
    future_promise(future_promise&& o) noexcept : state_(std::exchange(o.state_, nullptr)) {}
    future_promise& operator=(future_promise&&) = delete;
    ~future_promise() {
        if (state_ == nullptr) return;
        if (!state_->value && state_->error == nullptr) {
            state_->error = std::make_exception_ptr(panic("goroutine ended without a result"));
        }
        state_->set_ready();
        state_->release();
    }

    template <class Call>
    void fulfil(Call&& call) {
        try {
            if constexpr (std::is_void_v<T>) {
                call();
                state_->value.emplace();
            } else if constexpr (std::is_reference_v<T>) {
                state_->value.emplace(std::addressof(call()));
            } else {
                state_->value.emplace(call());
            }
        } catch (const goexit_token&) {
            throw;
        } catch (...) {
            state_->error = std::current_exception();
        }
    }

private:
    future_state<T>* state_;
};

}  // namespace detail

/// The result of a goroutine started by async. Move-only; dropping it, at once as well, lets the goroutine run on, and
/// what it returns or throws is dropped.
template <class T>
class future {
public:
    future() noexcept = default;
    future(future&& o) noexcept : state_(std::exchange(o.state_, nullptr)) {}
    future& operator=(future&& o) noexcept {
        future(std::move(o)).swap(*this);
        return *this;
    }
    ~future() {
        if (state_ != nullptr) state_->release();
    }
    void swap(future& o) noexcept { std::swap(state_, o.state_); }

    /// False once get() was called, or if it was moved from.
    bool valid() const noexcept { return state_ != nullptr; }

    /// Waits for the goroutine and returns its result, or rethrows its exception. Once; then panic.
    /// A goroutine that called goexit has no result: panic.
    /// Visibility  what the goroutine's function did happens before this returns, or throws.
    /// Threads     one, while nobody else uses the future.
    T get() {
        detail::future_state<T>* s = checked();
        s->wait_until(detail::no_deadline);
        const future last(std::move(*this));  // released whatever is thrown
        // Taken out: else the goroutine might let go of it last, and destroy it after us.
        if (s->error != nullptr) std::rethrow_exception(std::exchange(s->error, nullptr));
        if constexpr (std::is_reference_v<T>) {
            return static_cast<T>(**s->value);
        } else if constexpr (!std::is_void_v<T>) {
            return std::move(*s->value);
        }
    }

    /// Waits until get() would not.
    /// Errors      panic (`future has no result to give`) if the future is not valid(), here and below; never what the
    ///             goroutine threw.
    /// Visibility  as get, if the result is there.
    /// Threads     any number at once, but with get or a move.
    void wait() const { checked()->wait_until(detail::no_deadline); }
    /// True if the result is there within `d`; otherwise false, and never early. Zero or less looks once.
    template <class Rep, class Period>
    bool wait_for(std::chrono::duration<Rep, Period> d) const {
        return checked()->wait_until(detail::deadline_after(detail::to_duration(d)));
    }
    template <class Clock, class Dur>
    bool wait_until(std::chrono::time_point<Clock, Dur> tp) const {
        return checked()->wait_until(detail::to_time_point(tp));
    }

private:
    template <class F, class... Args>
    friend auto async_at(detail::source_place, F&&, Args&&...)
        -> future<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;

    explicit future(detail::future_state<T>* adopted) noexcept : state_(adopted) {}
    detail::future_state<T>* checked() const {
        if (state_ == nullptr) throw panic("future has no result to give");
        return state_;
    }

    detail::future_state<T>* state_ = nullptr;
};

template <class F, class... Args>
auto async_at(detail::source_place place, F&& function, Args&&... arguments)
    -> future<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>> {
    using T = std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>;
    detail::check_callable(function);
    auto* state = new detail::future_state<T>;
    future<T> result(state);
    auto body = [promise = detail::future_promise<T>(state),
                 call = detail::task_with_result<std::decay_t<F>, std::decay_t<Args>...>{
                     std::forward<F>(function), std::tuple<std::decay_t<Args>...>(
                                                    std::forward<Args>(arguments)...)}]() mutable {
        promise.fulfil([&]() -> T { return call(); });
    };
    detail::start_goroutine(nullptr, place, std::move(body));
    return result;
}

/// Starts `function` as a goroutine and returns its future result: what it returns, or what leaves it, which is no panic.
/// Errors      as go; nothing has started then.
/// Visibility  as go.
/// Threads     any number at once.
/// Cost        as go, and an allocation.
template <class F>
auto async(F&& function, detail::source_place place = detail::source_place::here())
    -> future<std::invoke_result_t<std::decay_t<F>>> {
    return async_at(place, std::forward<F>(function));
}
template <class F, class A, class... Args>
    requires std::is_invocable_v<std::decay_t<F>, std::decay_t<A>, std::decay_t<Args>...>
RUNNEL_NOINLINE auto async(F&& function, A&& argument, Args&&... arguments)
    -> future<std::invoke_result_t<std::decay_t<F>, std::decay_t<A>, std::decay_t<Args>...>> {
    detail::source_place place;
    place.pc = __builtin_return_address(0);
    return async_at(place, std::forward<F>(function), std::forward<A>(argument),
                    std::forward<Args>(arguments)...);
}
RUNNEL_MISTAKE(the_function_cannot_be_called_with_these_arguments, async(...));

}  // namespace v0
}  // namespace runnel
