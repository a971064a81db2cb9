// runnel/detail/context_switch.hpp — making a context and jumping to it, and what must travel with it.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Rules   nothing read before the jump is trusted after it but pointers to objects that do not
//           belong to a thread: the worker comes back as the transferred data.
//           The C++ exception state of a thread belongs to the context that runs on it and is
//           swapped at each switch, so that one may park inside a catch handler or a destructor.
//           Sanitizers are told of each switch here; of goroutines that start and end in dispatch.hpp.
//   Never   boost::context::fiber: its unwinding of suspended stacks runs user code at a wrong time.
#pragma once

#include <cfenv>
#include <cstddef>

#include <cxxabi.h>

#include <boost/context/detail/fcontext.hpp>

#include <runnel/detail/config.hpp>
#include <runnel/detail/stack_pool.hpp>
#include <runnel/detail/tsan.hpp>

#if RUNNEL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#if defined(_LIBCPP_VERSION)
// libc++abi has it, and no header of its says so.
namespace __cxxabiv1 {
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals();
}  // namespace __cxxabiv1
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

/// Rounding mode and exception masks belong to the context as well: Boost saves and restores them. A new
/// context begins with those of its making, which should not be those of whoever happens to park then.
class floating_point {
public:
    void remember() noexcept { std::fegetenv(&environment_); }

    /// The remembered ones are in force while it lives.
    class scope {
    public:
        explicit scope(const floating_point& wanted) noexcept {
            std::fegetenv(&before_);
            std::fesetenv(&wanted.environment_);
        }
        ~scope() { std::fesetenv(&before_); }
        scope(const scope&) = delete;
        scope& operator=(const scope&) = delete;

    private:
        std::fenv_t before_;
    };

private:
    std::fenv_t environment_{};
};

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

/// Boost's jump. Where the frame must not be the sanitizers' and no shadow stack is kept, it is entered by a
/// jump: a call would leave a return address in the processor's prediction that nobody returns to, and each
/// return after the switch would be mispredicted.
RUNNEL_ALWAYS_INLINE boost::context::detail::transfer_t jump_boost(void* target, void* data) {
#if defined(__x86_64__) && !RUNNEL_ASAN && !RUNNEL_TSAN && !(defined(__CET__) && (__CET__ & 2))
    void* context;
    void* answer;
    // 128: what a function that calls nobody may use below its stack pointer.
    asm volatile(
        "leaq -128(%%rsp), %%rsp\n\t"
        "leaq 1f(%%rip), %%rax\n\t"
        "pushq %%rax\n\t"
        "jmp jump_fcontext@PLT\n"
        "1:\n\t"
        "leaq 128(%%rsp), %%rsp"
        : "=&a"(context), "=&d"(answer), "+D"(target), "+S"(data)
        :
        : "rcx", "r8", "r9", "r10", "r11", "memory", "cc", "st", "st(1)", "st(2)", "st(3)", "st(4)",
          "st(5)", "st(6)", "st(7)", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"
#if defined(__AVX512F__)
          ,
          "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",
          "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6",
          "k7"
#endif
    );
    return {context, answer};
#else
    return boost::context::detail::jump_fcontext(target, data);
#endif
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
    const auto t = jump_boost(target, data);
#if RUNNEL_ASAN
    __sanitizer_finish_switch_fiber(from->asan_fake_stack, nullptr, nullptr);
#endif
    return t;
}

/// The same, but nobody ever jumps back: what the address sanitizer keeps for `from` goes with it. It is gone
/// before the jump, so nothing that is instrumented may run in between.
#if RUNNEL_ASAN
RUNNEL_NOINLINE __attribute__((no_sanitize_address)) inline void jump_for_good(void* target,
                                                                               void* data, stack*,
                                                                               stack* to,
                                                                               void*) noexcept {
    void* bottom = to->bottom;
    const std::size_t size = to->usable();
    __sanitizer_start_switch_fiber(nullptr, bottom, size);
    boost::context::detail::jump_fcontext(target, data);
}
#else
RUNNEL_ALWAYS_INLINE void jump_for_good(void* target, void* data, stack* from, stack* to,
                                        void* tsan_target) {
    jump(target, data, from, to, tsan_target);
}
#endif

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
