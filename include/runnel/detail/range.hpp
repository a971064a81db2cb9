// runnel/detail/range.hpp — what a range is made of, without <ranges>.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
#pragma once

#include <cstddef>
#include <iterator>
#include <string_view>  // std::ranges::enable_view, enable_borrowed_range
#include <type_traits>
#include <utility>

namespace runnel {
inline namespace v0 {
namespace detail {

namespace range_access {
using std::begin;
using std::end;

template <class R>
auto first(R& range) -> decltype(begin(range)) {
    return begin(range);
}
template <class R>
auto last(R& range) -> decltype(end(range)) {
    return end(range);
}
}  // namespace range_access

/// What a range-for loop can go over; R may be const, but is no reference.
template <class R>
concept range_like = requires(R& range) {
    range_access::first(range) != range_access::last(range);
    *range_access::first(range);
    ++std::declval<decltype(range_access::first(range))&>();
};

template <range_like R>
using iterator_of = decltype(range_access::first(std::declval<R&>()));
template <range_like R>
using element_of = std::iter_value_t<iterator_of<R>>;
/// What `*it` gives.
template <range_like R>
using reference_of = decltype(*std::declval<iterator_of<R>&>());

/// Whether the elements go with the range, so that whoever owns it may move them out.
template <class R>
inline constexpr bool owns_its_elements =
    !std::is_reference_v<R> && !std::is_const_v<R> && !std::ranges::enable_view<R> &&
    !std::ranges::enable_borrowed_range<R>;

/// The element behind `*it` as a value of its own: moved out if `Owned`.
template <class T, bool Owned, class Reference>
T take_element(Reference&& element) {
    if constexpr (Owned && std::is_lvalue_reference_v<Reference> &&
                  !std::is_const_v<std::remove_reference_t<Reference>>) {
        return static_cast<T>(static_cast<std::remove_reference_t<Reference>&&>(element));
    } else {
        return static_cast<T>(std::forward<Reference>(element));
    }
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
