// runnel/detail/count.hpp — how many, as the caller says it.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
#pragma once

#include <cstddef>
#include <stdexcept>
#include <type_traits>

namespace runnel {
inline namespace v0 {
namespace detail {

/// A parameter that says how many. It knows a negative number, which a std::size_t would take for a huge one.
class count {
public:
    template <class N>
        requires(std::is_convertible_v<N, std::size_t> && !std::is_floating_point_v<N>)
    constexpr count(N n) noexcept  // NOLINT: that is what it is for
        : value_(static_cast<std::size_t>(n)) {
        if constexpr (std::is_integral_v<N> && std::is_signed_v<N>) negative_ = n < 0;
    }

    /// The number. Errors  std::invalid_argument with the text for one that is too small.
    std::size_t at_least(std::size_t least, const char* text) const {
        if (negative_ || value_ < least) throw std::invalid_argument(text);
        return value_;
    }

private:
    std::size_t value_;
    bool negative_ = false;
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
