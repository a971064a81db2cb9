// runnel/generate.hpp — sources of pipelines: a range or a function turned into a channel.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      for _, v := range vs { select { case out <- v: case <-ctx.Done(): return } }
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp
//   Tests   tests/generate_test.cpp
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/detail/range.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class R>
auto generate_from_range(const context& ctx, R range, source_place place) {
    using T = element_of<R>;
    return start_stage<T>(
        [ctx, range = std::move(range)](const chan<T>& out) mutable {
            for (auto&& element : range) {
                using reference = decltype(element);
                T value = take_element<T, owns_its_elements<R>, reference>(
                    static_cast<reference>(element));
                if (!pass_on(ctx, out, std::move(value))) return;
            }
        },
        place);
}

template <class F>
auto generate_from_function(const context& ctx, F f, source_place place) {
    using result = std::decay_t<std::invoke_result_t<F&>>;
    static_assert(is_optional<result>,
                  "runnel::generate: the function returns a std::optional, empty at the end");
    using T = typename result::value_type;
    return start_stage<T>(
        [ctx, f = std::move(f)](const chan<T>& out) mutable {
            while (!ctx.err()) {
                result next = std::invoke(f);
                if (!next || !pass_on(ctx, out, std::move(*next))) return;
            }
        },
        place);
}

}  // namespace detail

/// A channel of what `source` gives, until it ends or the context is done.
///   a range      its elements. It is copied into the stage, or moved: a view (std::span, std::string_view) is copied
///                as such, and what it looks at must live as long as the stage.
///   a function   called without arguments again and again; it returns std::optional<T>, empty at the end.
/// Errors      an exception of the function or the range closes the channel, and reaches the reader.
/// Cost        one goroutine and one channel; an element is made only when the reader has taken the one before.
template <class Source>
auto generate(const context& ctx, Source&& source,
              detail::source_place place = detail::source_place::here()) {
    using S = std::remove_cvref_t<Source>;
    static_assert(!std::is_array_v<S>,
                  "runnel::generate: an array is given as a std::span or a std::array");
    static_assert(
        !detail::receive_handle<S>,
        "runnel::generate: a channel is a source already; or_done ends it with a context");
    if constexpr (std::is_invocable_v<std::decay_t<Source>&>) {
        return detail::generate_from_function(
            ctx, std::decay_t<Source>(std::forward<Source>(source)), place);
    } else {
        static_assert(detail::range_like<S>,
                      "runnel::generate: the source is a range, or a function without arguments");
        return detail::generate_from_range(ctx, S(std::forward<Source>(source)), place);
    }
}
template <class T>
recv_chan<T> generate(const context& ctx, std::initializer_list<T> values,
                      detail::source_place place = detail::source_place::here()) {
    return detail::generate_from_range(ctx, std::vector<T>(values), place);
}

/// A channel of what `f()` returns, called again and again until the context is done.
/// Errors, cost as generate.
template <class F>
auto repeat(const context& ctx, F&& f, detail::source_place place = detail::source_place::here()) {
    static_assert(std::is_invocable_v<std::decay_t<F>&>,
                  "runnel::repeat: the function is called without arguments");
    using T = std::decay_t<std::invoke_result_t<std::decay_t<F>&>>;
    static_assert(channel_value<T>, "runnel::repeat: the function returns a value");
    return detail::start_stage<T>(
        [ctx, f = std::decay_t<F>(std::forward<F>(f))](const chan<T>& out) mutable {
            while (!ctx.err() && detail::pass_on(ctx, out, T(std::invoke(f)))) {
            }
        },
        place);
}

RUNNEL_MISTAKE(a_source_is_given_a_context_and_a_range_or_a_function, generate(...));
RUNNEL_MISTAKE(a_source_is_given_a_context_and_a_range_or_a_function, repeat(...));

}  // namespace v0
}  // namespace runnel
