// runnel/detail/stop_source.hpp — std::stop_source, where the standard library has it.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
//   libc++ before 20 has it with -fexperimental-library only. Without it there is no context::stop_token().
#pragma once

#include <stop_token>
#include <version>

namespace runnel {
inline namespace v0 {
namespace detail {

#if defined(__cpp_lib_jthread)

using std::stop_source;
inline stop_source no_stop_source() noexcept { return stop_source(std::nostopstate); }

#else

struct stop_source {
    static constexpr bool stop_possible() noexcept { return false; }
    static constexpr bool request_stop() noexcept { return false; }
};
inline stop_source no_stop_source() noexcept { return {}; }

#endif

}  // namespace detail
}  // namespace v0
}  // namespace runnel
