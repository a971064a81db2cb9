// runnel/outcome.hpp — what a call came to: its result, or its exception.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      a pair (value, error) sent on a channel
//   Layer   5; includes layers 0-4
//   Tests   tests/outcome_test.cpp
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <runnel/detail/result.hpp>
#include <runnel/go.hpp>

namespace runnel {
inline namespace v0 {

/// A value or the exception that there is in its place: what goes through channels where one failure is not to end the
/// others. As copyable and as movable as T, which may be void.
template <class T>
class [[nodiscard]] outcome {
    static_assert(!std::is_reference_v<T>, "runnel::outcome: a value, no reference");
    using kept = detail::kept_result<T>;

public:
    outcome()
        requires std::is_void_v<T>
        : value_(kept()) {}
    template <class U = T>
        requires(!std::is_void_v<T> && std::is_convertible_v<U &&, kept> &&
                 !std::is_same_v<std::remove_cvref_t<U>, outcome>)
    outcome(U&& value)  // NOLINT: a result is an outcome
        : value_(std::in_place, std::forward<U>(value)) {}

    /// Errors  std::invalid_argument if there is no exception.
    static outcome failure(std::exception_ptr error) {
        if (error == nullptr) {
            throw std::invalid_argument("runnel::outcome: a failure has an exception");
        }
        return outcome(failed(), std::move(error));
    }

    /// What `f(arguments…)` comes to. Lets goexit pass.
    template <class F, class... Args>
        requires std::is_invocable_v<F, Args...>
    static outcome of(F&& f, Args&&... arguments) {
        try {
            if constexpr (std::is_void_v<T>) {
                static_cast<void>(
                    std::invoke(std::forward<F>(f), std::forward<Args>(arguments)...));
                return outcome();
            } else {
                return outcome(std::in_place,
                               std::invoke(std::forward<F>(f), std::forward<Args>(arguments)...));
            }
        } catch (const detail::goexit_token&) {
            throw;
        } catch (...) {
            return outcome(failed(), std::current_exception());
        }
    }

    bool has_value() const noexcept { return value_.has_value(); }
    explicit operator bool() const noexcept { return value_.has_value(); }

    /// The value. Errors  rethrows the exception if there is none.
    decltype(auto) value() & { return get(*this); }
    decltype(auto) value() const& { return get(*this); }
    decltype(auto) value() && { return get(std::move(*this)); }

    /// The exception; null if there is a value.
    const std::exception_ptr& error() const noexcept { return error_; }

private:
    struct failed {};
    outcome(failed, std::exception_ptr error) : error_(std::move(error)) {}
    template <class U>
    outcome(std::in_place_t, U&& value) : value_(std::in_place, std::forward<U>(value)) {}

    template <class Self>
    static auto get(Self&& self)
        -> std::conditional_t<std::is_void_v<T>, void,
                              decltype((*std::forward<Self>(self).value_))> {
        if (!self.value_) std::rethrow_exception(self.error_);
        if constexpr (!std::is_void_v<T>) return *std::forward<Self>(self).value_;
    }

    std::optional<kept> value_;
    std::exception_ptr error_;
};

}  // namespace v0
}  // namespace runnel
