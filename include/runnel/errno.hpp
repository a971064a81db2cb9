// runnel/errno.hpp — errno that follows a goroutine from thread to thread. Opt-in: not part of runnel.hpp.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none: system calls return their error
//   Layer   4
//   Tests   tests/errno_test.cpp, tests/hazards/tls_probe.cpp
//
//   A goroutine may go on on another thread after any park, and errno is a variable of the thread.
//   Compilers fetch its address once a function, since the C library declares that the address never
//   changes: after a park the old thread's errno is read and written. Include this header, after all
//   others, in files that use errno on both sides of something that may park; errno is then a call
//   that no compiler merges with another. Its value still belongs to the thread: read it right after the
//   system call that set it, before anything parks.
#pragma once

#include <cerrno>

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// Where the present thread's errno is. Good until the goroutine parks.
RUNNEL_NOINLINE inline int* errno_location() noexcept {
    asm volatile("" ::: "memory");  // not pure: two calls may not be merged
    int* where = ::__errno_location();
    asm volatile("" : "+r"(where)::"memory");
    return where;
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel

#undef errno
#define errno (*::runnel::detail::errno_location())
