// runnel/first_of.hpp — replicated requests: the first answer wins.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the replicated-requests pattern; a goroutine for each, a channel of one, and cancel()
//   Layer   5; includes layers 0-5
//   Tests   tests/first_of_test.cpp
#pragma once

#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <type_traits>
#include <utility>

#include <runnel/context.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/range.hpp>
#include <runnel/detail/result.hpp>
#include <runnel/go.hpp>
#include <runnel/mutex.hpp>
#include <runnel/wait_group.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// What the replicas share; on the stack of first_of, which waits for them.
template <class R>
class first_result {
public:
    explicit first_result(const context& parent) : context_(with_cancel(parent)) {}
    ~first_result() {
        context_.cancel();
        running_.wait();
    }

    /// F: the callable, or a reference to it.
    template <class F>
    void start(F&& f, source_place place) {
        running_.go([this, f = replica<F>{std::forward<F>(f)}]() mutable { attempt(f.call); },
                    place);
    }

    std::optional<kept_result<R>> wait() {
        running_.wait();
        if (!value_ && error_ != nullptr) std::rethrow_exception(error_);
        if (!value_) throw panic("first_of: the functions ended by goexit");
        return std::move(value_);
    }

private:
    template <class F>
    struct replica {
        F call;
    };

    template <class F>
    void attempt(F& f) {
        const context& shared = context_;
        try {
            if constexpr (std::is_void_v<R>) {
                std::invoke(f, shared);
                win(nothing());
            } else {
                win(std::invoke(f, shared));
            }
        } catch (const goexit_token&) {
            throw;
        } catch (...) {
            const std::lock_guard guard(mutex_);
            if (error_ == nullptr) error_ = std::current_exception();
        }
    }

    void win(kept_result<R>&& result) {
        {
            const std::lock_guard guard(mutex_);
            if (value_) return;
            value_.emplace(std::move(result));
        }
        context_.cancel();
    }

    cancel_context context_;
    wait_group running_;
    mutex mutex_;
    std::optional<kept_result<R>> value_;  // guarded by mutex_ while any runs
    std::exception_ptr error_;             // likewise; the first failure
};

}  // namespace detail

/// Calls all of `functions` at once, each with a context, and returns the first result there is. The context is done
/// then, and first_of waits for the others: a result or a failure that comes too late counts for nothing.
/// A function that fails is no answer. Only if all do, the first failure is rethrown.
/// Blocks      until all functions have ended: they should obey their context.
/// Errors      std::invalid_argument if there is no function; std::system_error with ctx.cause() if `ctx` is
///             done at the start: then none is called. What they do when it is done later is up to them.
/// Cost        a goroutine for each function.
template <class R>
    requires detail::range_like<std::remove_reference_t<R>>
auto first_of(const context& ctx, R&& functions,
              detail::source_place place = detail::source_place::here()) {
    using reference = detail::reference_of<std::remove_reference_t<R>>;
    static_assert(std::is_invocable_v<reference, const context&>,
                  "runnel::first_of: the functions are called with a context");
    using result = std::decay_t<std::invoke_result_t<reference, const context&>>;
    if (const std::error_code cause = ctx.cause()) {
        throw std::system_error(cause, "runnel::first_of");
    }
    detail::first_result<result> replicas(ctx);
    bool any = false;
    for (auto&& f : functions) {
        using F = std::conditional_t<std::is_lvalue_reference_v<reference>, reference,
                                     std::decay_t<reference>>;
        replicas.template start<F>(static_cast<F&&>(f), place);
        any = true;
    }
    if (!any) throw std::invalid_argument("runnel::first_of: at least one function");
    auto first = replicas.wait();
    if constexpr (!std::is_void_v<result>) return result(std::move(*first));
}

RUNNEL_MISTAKE(first_of_is_given_a_context_and_a_range_of_functions, first_of(...));

}  // namespace v0
}  // namespace runnel
