// runnel/transform.hpp — stages that look at one element after the other: transform, filter, flat_map, take.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      for v := range in { select { case out <- f(v): case <-ctx.Done(): return } }
//   Layer   5; includes layers 0-5
//   Map     the goroutine and its channel → stage.hpp;  several of them in one goroutine → from.hpp
//   Tests   tests/transform_test.cpp
#pragma once

#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include <runnel/detail/count.hpp>
#include <runnel/detail/range.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. steps: what is done with an element; `next` takes the results and says whether to go on ----

/// Passes on what it gets.
struct no_step {
    template <class T>
    using output = T;
    static constexpr bool exhausted() noexcept { return false; }
    template <class T, class Next>
    bool operator()(T&& value, Next& next) {
        return next(std::forward<T>(value));
    }
};

template <class F>
struct transform_step {
    F f;

    template <class T>
    struct checked {
        static_assert(std::is_invocable_v<F&, T>,
                      "runnel::transform: the function is called with the channel's element");
        using type = std::decay_t<std::invoke_result_t<F&, T>>;
        static_assert(channel_value<type>, "runnel::transform: the function returns a value");
    };
    template <class T>
    using output = typename checked<T>::type;
    static constexpr bool exhausted() noexcept { return false; }
    template <class T, class Next>
    bool operator()(T&& value, Next& next) {
        return next(output<T>(std::invoke(f, std::forward<T>(value))));
    }
};

template <class P>
struct filter_step {
    P predicate;

    template <class T>
    struct checked {
        static_assert(
            std::is_invocable_r_v<bool, P&, const T&>,
            "runnel::filter: the predicate is called with a const element, and returns a bool");
        using type = T;
    };
    template <class T>
    using output = typename checked<T>::type;
    static constexpr bool exhausted() noexcept { return false; }
    template <class T, class Next>
    bool operator()(T&& value, Next& next) {
        if (!static_cast<bool>(std::invoke(predicate, std::as_const(value)))) return true;
        return next(std::forward<T>(value));
    }
};

template <class F>
struct flat_map_step {
    F f;

    template <class T>
    struct checked {
        static_assert(std::is_invocable_v<F&, T>,
                      "runnel::flat_map: the function is called with the channel's element");
        using result = std::invoke_result_t<F&, T>;
        static_assert(range_like<std::remove_reference_t<result>>,
                      "runnel::flat_map: the function returns a range");
        static_assert(!receive_handle<result>,
                      "runnel::flat_map: channels are chained by transform and bridge");
        using type = element_of<std::remove_reference_t<result>>;
    };
    template <class T>
    using output = typename checked<T>::type;
    static constexpr bool exhausted() noexcept { return false; }
    template <class T, class Next>
    bool operator()(T&& value, Next& next) {
        using result = std::invoke_result_t<F&, T>;
        result&& range = std::invoke(f, std::forward<T>(value));
        for (auto&& element : range) {
            using reference = decltype(element);
            if (!next(take_element<output<T>, owns_its_elements<result>, reference>(
                    static_cast<reference>(element)))) {
                return false;
            }
        }
        return true;
    }
};

struct take_step {
    std::size_t left;

    explicit take_step(count n) : left(n.at_least(0, "runnel::take: the number is not negative")) {}
    template <class T>
    using output = T;
    bool exhausted() const noexcept { return left == 0; }
    template <class T, class Next>
    bool operator()(T&& value, Next& next) {
        --left;
        return next(std::forward<T>(value)) && left != 0;
    }
};

/// One step, then the other.
template <class First, class Then>
struct fused_steps {
    First first;
    Then then;

    template <class T>
    using output = typename Then::template output<typename First::template output<T>>;
    bool exhausted() const noexcept { return first.exhausted() || then.exhausted(); }
    template <class T, class Next>
    bool operator()(T&& value, Next& next) {
        auto rest = [&](auto&& result) {
            return then(std::forward<decltype(result)>(result), next);
        };
        return first(std::forward<T>(value), rest);
    }
};

// ---- 2. a stage of steps ----

template <class T, class Steps>
auto start_steps(const context& ctx, recv_chan<T> in, Steps steps, source_place place) {
    using U = typename Steps::template output<T>;
    return start_stage<U>(
        [ctx, in = std::move(in), steps = std::move(steps)](const chan<U>& out) mutable {
            auto emit = [&](U&& result) { return pass_on(ctx, out, std::move(result)); };
            bool more = !steps.exhausted();
            while (more) {
                recv_result<T> value = in.recv(ctx);
                more = value && steps(std::move(*value), emit);
            }
        },
        place);
}

}  // namespace detail

/// `f` of each element, in their order. An element is moved into the call.
/// Errors      an exception of `f` closes the output, and reaches the reader after the results before it. What
///             `in` was closed with is passed on in the same way, here and below.
/// Cancel      the output is closed when the context is done; an element or a result on its way then is dropped.
/// Cost        one goroutine and one channel, here and below. Go  a goroutine with a loop
template <detail::stage_input C, class F>
auto transform(const context& ctx, C&& in, F&& f,
               detail::source_place place = detail::source_place::here()) {
    return detail::start_steps(ctx, recv_chan<detail::value_of<C>>(std::forward<C>(in)),
                               detail::transform_step<std::decay_t<F>>{std::forward<F>(f)}, place);
}

/// The elements of which `predicate` is true, in their order. It sees them as const.
template <detail::stage_input C, class P>
recv_chan<detail::value_of<C>> filter(const context& ctx, C&& in, P&& predicate,
                                      detail::source_place place = detail::source_place::here()) {
    return detail::start_steps(ctx, recv_chan<detail::value_of<C>>(std::forward<C>(in)),
                               detail::filter_step<std::decay_t<P>>{std::forward<P>(predicate)},
                               place);
}

/// The elements of the ranges that `f` returns, one range after the other. Elements are moved out of a container that
/// `f` returns by value, and copied out of a view or a reference.
template <detail::stage_input C, class F>
auto flat_map(const context& ctx, C&& in, F&& f,
              detail::source_place place = detail::source_place::here()) {
    return detail::start_steps(ctx, recv_chan<detail::value_of<C>>(std::forward<C>(in)),
                               detail::flat_map_step<std::decay_t<F>>{std::forward<F>(f)}, place);
}

/// The first `n` elements; then the output is closed, and nothing more is received. Whoever feeds `in` may wait for
/// somebody to receive the rest: cancel its context.
/// Errors      std::invalid_argument for a negative number.
template <detail::stage_input C>
recv_chan<detail::value_of<C>> take(const context& ctx, C&& in, detail::count n,
                                    detail::source_place place = detail::source_place::here()) {
    return detail::start_steps(ctx, recv_chan<detail::value_of<C>>(std::forward<C>(in)),
                               detail::take_step(n), place);
}

RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, transform(...));
RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, filter(...));
RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, flat_map(...));
RUNNEL_MISTAKE(a_stage_is_given_a_context_and_channels_to_receive_from, take(...));

}  // namespace v0
}  // namespace runnel
