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
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <runnel/context.hpp>
#include <runnel/detail/atomic.hpp>
#include <runnel/detail/count.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/detail/range.hpp>
#include <runnel/error.hpp>
#include <runnel/group.hpp>
#include <runnel/mutex.hpp>
#include <runnel/stage.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. who gets which element ----

template <class R>
concept read_once = !std::forward_iterator<iterator_of<R>>;

/// Hands out the elements of a range, each once, with its number.
template <class R>
class element_source {
public:
    using iterator = iterator_of<R>;
    using sentinel = decltype(range_access::last(std::declval<R&>()));
    static constexpr bool by_number =
        std::random_access_iterator<iterator> && std::sized_sentinel_for<sentinel, iterator>;

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
    bool next(const context&, Use use) {
        if constexpr (by_number) {
            // relaxed: the range is not changed meanwhile; only the number has to be one's own
            const std::size_t i = next_.fetch_add(1, memory_order_relaxed);
            if (i >= size_) return false;
            use(at_[static_cast<std::iter_difference_t<iterator>>(i)], i);
        } else {
            std::unique_lock guard(mutex_);
            if (at_ == end_) return false;
            const std::size_t i = size_++;
            const iterator mine = at_;
            ++at_;
            guard.unlock();
            use(*mine, i);
        }
        return true;
    }

private:
    iterator at_;  // guarded by mutex_, unless elements are found by their number
    sentinel end_;
    std::size_t size_ =
        0;  // by number: of the range; else how many were handed out, guarded by mutex_
    atomic<std::size_t> next_{0};  // by number: the first that nobody has
    mutex mutex_;
};

/// An element that is read once is there until the next one is asked for, which may take its time. So who wants the
/// next one asks, and not who has taken this one.
template <read_once R>
class element_source<R> {
public:
    explicit element_source(R& range)
        : at_(range_access::first(range)), end_(range_access::last(range)), ended_(at_ == end_) {}

    bool any() const noexcept {
        return !ended_.load(memory_order_relaxed);  // relaxed: read when all have ended, or a guess
    }
    template <class Use>
    bool next(const context&, Use use) {
        std::unique_lock guard(mutex_);
        if (!find()) return false;
        element_of<R> element(*at_);
        taken_ = true;
        const std::size_t i = count_++;
        guard.unlock();
        use(std::move(element), i);
        return true;
    }

private:
    /// Whether at_ has an element that nobody has taken. What moving on throws is the end.
    bool find() {
        if (!any()) return false;
        bool more = false;
        const end_unless at_end{ended_, more};
        if (std::exchange(taken_, false)) ++at_;
        more = at_ != end_;
        return more;
    }
    struct end_unless {
        atomic<bool>& ended;
        const bool& more;
        ~end_unless() {
            if (!more) ended.store(true, memory_order_relaxed);  // relaxed: see any()
        }
    };

    iterator_of<R> at_;  // guarded by mutex_, like taken_ and count_
    decltype(range_access::last(std::declval<R&>())) end_;
    bool taken_ = false;  // the element at at_
    std::size_t count_ = 0;
    atomic<bool> ended_;  // written under mutex_
    mutex mutex_;
};

/// A channel's are received, by whoever has time, for as long as the context allows.
template <class R>
    requires read_once<R> && stage_input<R&>
class element_source<R> {
public:
    explicit element_source(R& channel) : in_(channel) {}

    bool any() const noexcept {
        return !ended_.load(memory_order_relaxed);  // relaxed: read when all have ended, or a guess
    }
    template <class Use>
    bool next(const context& ctx, Use use) {
        auto value = in_.recv(ctx);
        if (!value) {
            if (value.status() == op_status::closed) ended_.store(true, memory_order_relaxed);
            return false;
        }
        use(std::move(*value), 0);  // it has no number
        return true;
    }

private:
    const recv_chan<value_of<R>> in_;
    atomic<bool> ended_{false};
};

// ---- 2. the workers ----

/// What the function is called with.
template <class R>
struct handed_out {
    using type = reference_of<R>;
};
template <read_once R>
struct handed_out<R> {
    using type = element_of<R>;
};

/// How it is called: `f(element)`, or `f(context, element)`. Whoever needs to know finds out here that it cannot be.
template <class F, class Element>
struct element_call {
    static constexpr bool alone = std::is_invocable_v<const F&, Element>;
    static constexpr bool with_context = std::is_invocable_v<const F&, const context&, Element>;
    static_assert(alone || with_context ||
                      !(std::is_invocable_v<F&, Element> ||
                        std::is_invocable_v<F&, const context&, Element>),
                  "runnel: the function is called by several goroutines at once: as const, so it "
                  "cannot be mutable");
    static_assert(alone || with_context || std::is_invocable_v<F&, Element> ||
                      std::is_invocable_v<F&, const context&, Element>,
                  "runnel: the function is called with an element of the range, or with a context "
                  "and an element");

    static decltype(auto) make(const F& f, const context& ctx, Element&& element) {
        if constexpr (alone) {
            return std::invoke(f, std::forward<Element>(element));
        } else if constexpr (with_context) {
            return std::invoke(f, ctx, std::forward<Element>(element));
        }
    }
};
template <class R, class F>
using call_for = element_call<std::remove_cvref_t<F>, typename handed_out<R>::type>;

/// `n` goroutines call `use(context, element, number)` for the elements of `range`. Returns when all have ended:
/// throws the first failure, or that the context was done before all elements were taken.
template <class R, class Use>
void for_each_element(const context& ctx, R& range, std::size_t n, const char* who, const Use& use,
                      source_place place) {
    element_source<R> elements(range);
    atomic<bool> cut_short{false};
    {
        group workers(ctx);
        const context& shared = workers.context();
        const auto work = [&] {
            const auto use_one = [&](auto&& element, std::size_t i) {
                use(shared, std::forward<decltype(element)>(element), i);
            };
            try {
                while (!shared.err() && elements.next(shared, use_one)) {
                }
            } catch (goexit_token& end) {
                end.arrived = true;  // the exception ends the goroutine in its place
                throw panic(std::string(who) + ": the function ended by goexit");
            }
            // relaxed: read when all have ended
            if (elements.any()) cut_short.store(true, memory_order_relaxed);
        };
        // As many as there is work for: the first ones may have done all of it.
        for (std::size_t i = 0; i < n && (i == 0 || elements.any()); ++i) workers.go(work, place);
        workers.wait();
    }
    if (cut_short.load(memory_order_relaxed)) throw std::system_error(ctx.cause(), who);
}

}  // namespace detail

// ---- 3. the functions ----

/// Calls `f` for each element of `range`, by up to `count` goroutines at once, and returns when all is done. `f` takes the
/// element, `*it`, or a context and the element; it is shared, and called as const. Which goroutine takes which
/// element, and when, is open; elements are taken one by one, so tiny work is better given in blocks.
/// A range that can be read once, such as a channel, is read no further than there is somebody to work on it, and `f`
/// gets an element of its own: received, or copied from `*it`.
/// Blocks      until all goroutines have ended.
/// Cancel      no element is taken any more. Waiting for a channel's next one ends; waiting inside another range's
///             iterator does not.
/// Errors      the first exception of `f`: no element is taken any more, and the context given to `f` is done; it is
///             rethrown when all calls have ended. A call that ends by goexit counts as one: a panic. So does what
///             the range throws. std::system_error with ctx.cause() if `ctx` was done before all elements were taken,
///             or, of what can be read once, before its end was seen. std::invalid_argument for less than one.
/// Visibility  what `f` did happens before parallel_for returns.
/// Cost        up to `count` goroutines; an atomic addition an element, or a mutex if they have no random access.
template <class R, class F>
    requires detail::range_like<std::remove_reference_t<R>>
void parallel_for(const context& ctx, R&& range, detail::count count, F&& f,
                  detail::source_place place = detail::source_place::here()) {
    const std::size_t n =
        count.at_least(1, "runnel::parallel_for: the number of goroutines is at least 1");
    using range_type = std::remove_reference_t<R>;
    using call = detail::call_for<range_type, F>;
    const std::remove_cvref_t<F>& function = f;
    detail::for_each_element(
        ctx, static_cast<range_type&>(range), n, "runnel::parallel_for",
        [&](const context& inner, auto&& element, std::size_t) {
            static_cast<void>(
                call::make(function, inner, std::forward<decltype(element)>(element)));
        },
        place);
}

/// The results of `f` of each element of `range`, in the range's order. All else as parallel_for.
template <class R, class F>
    requires detail::range_like<std::remove_reference_t<R>>
auto parallel_map(const context& ctx, R&& range, detail::count count, F&& f,
                  detail::source_place place = detail::source_place::here()) {
    const std::size_t n =
        count.at_least(1, "runnel::parallel_map: the number of goroutines is at least 1");
    using range_type = std::remove_reference_t<R>;
    using iterator = detail::iterator_of<range_type>;
    static_assert(std::forward_iterator<iterator>,
                  "runnel::parallel_map: the range can be gone over twice");
    using call = detail::call_for<range_type, F>;
    using U = std::decay_t<decltype(call::make(f, ctx, *detail::range_access::first(range)))>;
    static_assert(std::is_object_v<U>, "runnel::parallel_map: the function returns a value");
    const std::remove_cvref_t<F>& function = f;
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
            results[i].emplace(
                call::make(function, inner, std::forward<decltype(element)>(element)));
        },
        place);
    std::vector<U> values;
    values.reserve(size);
    for (std::optional<U>& result : results) values.push_back(std::move(*result));
    return values;
}

/// `init op e1 op e2 op …` over the elements of `range`: blocks of neighbours are folded by up to `count` goroutines,
/// then their results from left to right, by the caller. So `op` must be associative, and need not be commutative. It
/// takes and returns what converts to T: `op(T, element)` inside a block, which begins with T(element), and `op(T, T)`.
/// All else as parallel_for.
/// Cost        up to `count` goroutines, and a T for each of at most four times as many blocks.
template <class R, class T, class Op>
    requires detail::range_like<std::remove_reference_t<R>>
T parallel_reduce(const context& ctx, R&& range, detail::count count, T init, Op&& op,
                  detail::source_place place = detail::source_place::here()) {
    const std::size_t n =
        count.at_least(1, "runnel::parallel_reduce: the number of goroutines is at least 1");
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

RUNNEL_MISTAKE(parallel_work_is_given_a_context_a_range_a_number_and_a_function, parallel_for(...));
RUNNEL_MISTAKE(parallel_work_is_given_a_context_a_range_a_number_and_a_function, parallel_map(...));
RUNNEL_MISTAKE(parallel_work_is_given_a_context_a_range_a_number_and_a_function,
               parallel_reduce(...));

}  // namespace v0
}  // namespace runnel
