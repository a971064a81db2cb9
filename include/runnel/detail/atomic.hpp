// runnel/detail/atomic.hpp — the one name under which the library uses atomics.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
//   Seam    a test program may define RUNNEL_ATOMIC_HEADER to put a model-checked atomic in place of
//           std::atomic; the shipping algorithms then run under it unchanged. It then defines
//           RUNNEL_MODEL, too: the namespace of what takes the place of the futex, the clock, a spin
//           loop's pause and the thread's own state (platform, spin_lock and this_worker.hpp).
#pragma once

#if defined(RUNNEL_ATOMIC_HEADER)
#include RUNNEL_ATOMIC_HEADER
#else

#include <atomic>

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

template <class T>
using atomic = std::atomic<T>;

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

}  // namespace detail
}  // namespace v0
}  // namespace runnel

#endif
