// runnel/detail/context_switch.hpp — making a context and jumping to it, and what must travel with it.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Rules   nothing read before the jump is trusted after it but pointers to objects that do not
//           belong to a thread: the worker comes back as the transferred data.
//           The C++ exception state of a thread belongs to the context that runs on it and is
//           swapped at each switch, so that one may park inside a catch handler or a destructor.
//           Sanitizers are told of each switch here and nowhere else.
//   Never   boost::context::fiber: its unwinding of suspended stacks runs user code at a wrong time.
#pragma once

#include <cstddef>

#include <cxxabi.h>

#include <boost/context/detail/fcontext.hpp>

#include <runnel/detail/config.hpp>
#include <runnel/detail/stack_pool.hpp>
#include <runnel/detail/tsan.hpp>

#if RUNNEL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace runnel {
inline namespace v0 {
namespace detail {

/// The part of the C++ runtime's per-thread state that a switch must swap: the stack of caught
/// exceptions and the count of uncaught ones (Itanium C++ ABI, 2.2.2).
struct exception_state {
    void* caught = nullptr;
    unsigned int uncaught = 0;
};

/// The running thread's exception state. To be called once a thread, by its worker: inlined calls
/// would be merged across a switch.
RUNNEL_NOINLINE inline exception_state* thread_exception_state() noexcept {
    asm volatile("" ::: "memory");
    return reinterpret_cast<exception_state*>(abi::__cxa_get_globals());
}

using context_entry = void (*)(boost::context::detail::transfer_t);

inline void* make_context(stack* s, context_entry entry) noexcept {
#if RUNNEL_ASAN
    __asan_unpoison_memory_region(s->bottom, s->usable());
    s->asan_fake_stack = nullptr;
#endif
#if RUNNEL_TSAN
    if (s->tsan_loop == nullptr) s->tsan_loop = __tsan_create_fiber(0);
#endif
    return boost::context::detail::make_fcontext(s->top(), s->usable(), entry);
}

/// Jumps from `from` to `to`, whose context is `target`; returns when somebody jumps back here.
/// `tsan_target` is the fiber of what runs on `to`.
RUNNEL_ALWAYS_INLINE boost::context::detail::transfer_t jump(void* target, void* data, stack* from,
                                                             stack* to, void* tsan_target) {
#if RUNNEL_ASAN
    __sanitizer_start_switch_fiber(&from->asan_fake_stack, to->bottom, to->usable());
#else
    static_cast<void>(from);
    static_cast<void>(to);
#endif
#if RUNNEL_TSAN
    __tsan_switch_to_fiber(tsan_target, __tsan_switch_to_fiber_no_sync);
#else
    static_cast<void>(tsan_target);
#endif
    const auto t = boost::context::detail::jump_fcontext(target, data);
#if RUNNEL_ASAN
    __sanitizer_finish_switch_fiber(from->asan_fake_stack, nullptr, nullptr);
#endif
    return t;
}

/// First thing on a fresh stack.
RUNNEL_ALWAYS_INLINE void entered() noexcept {
#if RUNNEL_ASAN
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
    // Backtraces, unwinders and debuggers stop here.
#if defined(__x86_64__)
    asm volatile(".cfi_undefined rip");
#elif defined(__aarch64__)
    asm volatile(".cfi_undefined x30");
#endif
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
