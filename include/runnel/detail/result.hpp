// runnel/detail/result.hpp — how the result of a call is kept until somebody asks for it.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
#pragma once

#include <type_traits>

namespace runnel {
inline namespace v0 {
namespace detail {

struct nothing {};

/// Of a function that returns `R`: nothing for void, a pointer for a reference, else the value.
template <class R>
using kept_result =
    std::conditional_t<std::is_void_v<R>, nothing,
                       std::conditional_t<std::is_reference_v<R>, std::remove_reference_t<R>*, R>>;

}  // namespace detail
}  // namespace v0
}  // namespace runnel
