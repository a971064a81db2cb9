// runnel/parallel.hpp — the elements of a range worked on by several goroutines: parallel_for, _map, _reduce.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      an errgroup with SetLimit, and a loop around its Go
//   Layer   5; includes layers 0-5
//   Map     failures → group.hpp
//   Tests   tests/parallel_test.cpp
#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/context.hpp>
#include <runnel/detail/atomic.hpp>
#include <runnel/detail/range.hpp>
#include <runnel/group.hpp>
#include <runnel/mutex.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. who gets which element ----

/// Hands out the elements of a range, each once, with its number.
template <class R>
class element_source {
public:
    using iterator = iterator_of<R>;
    static constexpr bool by_number = std::random_access_iterator<iterator>;

    explicit element_source(R& range)
        : at_(range_access::first(range)), end_(range_access::last(range)) {
        if constexpr (by_number) size_ = static_cast<std::size_t>(end_ - at_);
    }

    /// Whether there may be more.
    bool any() {
        if constexpr (by_number) {
            return next_.load(memory_order_relaxed) <
                   size_;  // relaxed: claims are made by fetch_add
        } else {
            const std::lock_guard guard(mutex_);
            return at_ != end_;
        }
    }
    /// Calls `use(element, number)` with the next one; false if there is none.
    template <class Use>
    bool next(Use use) {
        if constexpr (by_number) {
            // relaxed: the range is not changed meanwhile; only the number has to be one's own
            const std::size_t i = next_.fetch_add(1, memory_order_relaxed);
            if (i >= size_) return false;
            use(at_[static_cast<std::iter_difference_t<iterator>>(i)], i);
        } else {
            std::unique_lock guard(mutex_);
            if (at_ == end_) return false;
            const std::size_t i = size_++;
            if constexpr (std::forward_iterator<iterator>) {
                const iterator mine = at_;
                ++at_;
                guard.unlock();
                use(*mine, i);
            } else {  // the element goes when the iterator moves on
                element_of<R> element(*at_);
                ++at_;
                guard.unlock();
                use(std::move(element), i);
            }
        }
        return true;
    }

private:
    iterator at_;  // guarded by mutex_, unless elements are found by their number
    decltype(range_access::last(std::declval<R&>())) end_;
    std::size_t size_ =
        0;  // by number: of the range; else how many were handed out, guarded by mutex_
    atomic<std::size_t> next_{0};  // by number: the first that nobody has
    mutex mutex_;
};

// ---- 2. the workers ----

/// What is called for an element: `f(element)`, or `f(context, element)`.
template <class F, class Element>
inline constexpr bool takes_element = std::is_invocable_v<const F&, Element>;
template <class F, class Element>
inline constexpr bool takes_context_and_element =
    std::is_invocable_v<const F&, const context&, Element>;

template <class F, class Element>
constexpr void check_element_function() {
    static_assert(
        takes_element<F, Element> || takes_context_and_element<F, Element> ||
            !(std::is_invocable_v<F&, Element> || std::is_invocable_v<F&, const context&, Element>),
        "runnel: the function is called by several goroutines at once: as const, so it "
        "cannot be mutable");
    static_assert(takes_element<F, Element> || takes_context_and_element<F, Element> ||
                      std::is_invocable_v<F&, Element> ||
                      std::is_invocable_v<F&, const context&, Element>,
                  "runnel: the function is called with an element of the range, or with a context "
                  "and an element");
}

template <class F, class Element>
decltype(auto) call_with_element(const F& f, const context& ctx, Element&& element) {
    if constexpr (takes_element<F, Element>) {
        return std::invoke(f, std::forward<Element>(element));
    } else {
        return std::invoke(f, ctx, std::forward<Element>(element));
    }
}

/// `n` goroutines call `use(context, element, number)` for the elements of `range`. Returns when all have ended:
/// throws the first failure, or that the context was done before all elements were taken.
template <class R, class Use>
void for_each_element(const context& ctx, R& range, std::size_t n, const char* who, const Use& use,
                      source_place place) {
    if (n == 0) {
        throw std::invalid_argument(std::string(who) + ": the number of goroutines is at least 1");
    }
    element_source<R> elements(range);
    atomic<bool> cut_short{false};
    {
        group workers(ctx);
        const auto work = [&] {
            for (;;) {
                if (workers.context().err()) {
                    // relaxed: read when all have ended
                    if (elements.any()) cut_short.store(true, memory_order_relaxed);
                    return;
                }
                const bool more = elements.next([&](auto&& element, std::size_t i) {
                    use(workers.context(), std::forward<decltype(element)>(element), i);
                });
                if (!more) return;
            }
        };
        // As many as there is work for: the first ones may have done all of it.
        for (std::size_t i = 0; i < n && (i == 0 || elements.any()); ++i) workers.go(work, place);
        workers.wait();
    }
    if (cut_short.load(memory_order_relaxed)) throw std::system_error(ctx.cause(), who);
}

template <class F, class Element>
decltype(auto) checked_call(const F& f, const context& ctx, Element&& element) {
    check_element_function<F, Element>();
    return call_with_element(f, ctx, std::forward<Element>(element));
}
template <class F, class Element>
using mapped_result = std::decay_t<decltype(checked_call<F, Element>(
    std::declval<const F&>(), std::declval<const context&>(), std::declval<Element>()))>;

}  // namespace detail

// ---- 3. the functions ----

/// Calls `f` for each element of `range`, by up to `n` goroutines at once, and returns when all is done. `f` takes the
/// element, `*it`, or a context and the element; it is shared, and called as const. Which goroutine takes which
/// element, and when, is open; elements are taken one by one, so tiny work is better given in blocks.
/// Blocks      until all goroutines have ended.
/// Errors      the first exception of `f`: no element is taken any more, and the context given to `f` is done; it is
///             rethrown when all calls have ended. std::system_error with ctx.cause() if `ctx` was done
///             before all elements were taken. std::invalid_argument for n = 0.
/// Visibility  what `f` did happens before parallel_for returns.
/// Cost        up to n goroutines; an atomic addition an element, or a mutex if they have no random access.
template <class R, class F>
    requires detail::range_like<std::remove_reference_t<R>>
void parallel_for(const context& ctx, R&& range, std::size_t n, F&& f,
                  detail::source_place place = detail::source_place::here()) {
    using range_type = std::remove_reference_t<R>;
    using G = std::remove_cvref_t<F>;
    const G& function = f;
    detail::for_each_element(
        ctx, static_cast<range_type&>(range), n, "runnel::parallel_for",
        [&](const context& inner, auto&& element, std::size_t) {
            using element_type = decltype(element);
            static_cast<void>(detail::checked_call<G, element_type>(
                function, inner, std::forward<element_type>(element)));
        },
        place);
}

/// The results of `f` of each element of `range`, in the range's order. All else as parallel_for.
template <class R, class F>
    requires detail::range_like<std::remove_reference_t<R>>
auto parallel_map(const context& ctx, R&& range, std::size_t n, F&& f,
                  detail::source_place place = detail::source_place::here()) {
    using range_type = std::remove_reference_t<R>;
    using iterator = detail::iterator_of<range_type>;
    static_assert(std::forward_iterator<iterator>,
                  "runnel::parallel_map: the range can be gone over twice");
    using G = std::remove_cvref_t<F>;
    using U = detail::mapped_result<G, detail::reference_of<range_type>>;
    static_assert(std::is_object_v<U>, "runnel::parallel_map: the function returns a value");
    const G& function = f;
    range_type& elements = range;
    std::size_t size = 0;
    for (auto it = detail::range_access::first(elements);
         it != detail::range_access::last(elements); ++it) {
        ++size;
    }
    // Each result has its own object, which a std::vector<bool> would not give it.
    std::vector<std::optional<U>> results(size);
    detail::for_each_element(
        ctx, elements, n, "runnel::parallel_map",
        [&](const context& inner, auto&& element, std::size_t i) {
            results[i].emplace(detail::call_with_element(function, inner,
                                                         std::forward<decltype(element)>(element)));
        },
        place);
    std::vector<U> values;
    values.reserve(size);
    for (std::optional<U>& result : results) values.push_back(std::move(*result));
    return values;
}

/// `init op e1 op e2 op …` over the elements of `range`: blocks of neighbours are folded by up to `n` goroutines,
/// then their results from left to right. So `op` must be associative, and need not be commutative. It takes and
/// returns what converts to T: `op(T, element)` inside a block, which begins with T(element), and `op(T, T)`.
/// All else as parallel_for.
/// Cost        up to n goroutines, and a T for each of at most 4 n blocks.
template <class R, class T, class Op>
    requires detail::range_like<std::remove_reference_t<R>>
T parallel_reduce(const context& ctx, R&& range, std::size_t n, T init, Op&& op,
                  detail::source_place place = detail::source_place::here()) {
    using range_type = std::remove_reference_t<R>;
    using iterator = detail::iterator_of<range_type>;
    static_assert(std::forward_iterator<iterator>,
                  "runnel::parallel_reduce: the range can be gone over twice");
    using reference = detail::reference_of<range_type>;
    using G = std::remove_cvref_t<Op>;
    static_assert(std::is_constructible_v<T, reference> &&
                      std::is_invocable_r_v<T, const G&, T, reference> &&
                      std::is_invocable_r_v<T, const G&, T, T>,
                  "runnel::parallel_reduce: op(T, element) and op(T, T) return a T, and are called "
                  "as const");
    struct block {
        iterator first;
        std::size_t size;
        std::optional<T> sum;
    };
    const G& fold = op;
    range_type& elements = range;
    std::size_t size = 0;
    for (auto it = detail::range_access::first(elements);
         it != detail::range_access::last(elements); ++it) {
        ++size;
    }
    std::vector<block> blocks;
    const std::size_t most = n > size / 4 ? size : 4 * n;  // blocks, none of them empty
    iterator at = detail::range_access::first(elements);
    for (std::size_t i = 0, begun = 0; i < most; ++i) {
        const std::size_t length = (size - begun) / (most - i);
        blocks.push_back({at, length, std::nullopt});
        begun += length;
        for (std::size_t k = 0; k < length; ++k) ++at;
    }
    detail::for_each_element(
        ctx, blocks, n, "runnel::parallel_reduce",
        [&](const context& inner, block& b, std::size_t) {
            iterator it = b.first;
            T sum(*it);
            for (std::size_t k = 1; k < b.size; ++k) {
                if (inner.err()) return;  // there is a failure, or the sum is not wanted any more
                ++it;
                static_cast<void>(sum = std::invoke(fold, std::move(sum), *it));
            }
            b.sum.emplace(std::move(sum));
        },
        place);
    T sum = std::move(init);
    for (block& b : blocks) {
        if (!b.sum) throw std::system_error(ctx.cause(), "runnel::parallel_reduce");
        static_cast<void>(sum = std::invoke(fold, std::move(sum), std::move(*b.sum)));
    }
    return sum;
}

}  // namespace v0
}  // namespace runnel
