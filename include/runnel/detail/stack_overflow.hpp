// runnel/detail/stack_overflow.hpp — a goroutine that runs out of stack is named before the process dies.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   2
//   Rule    the only signal handler of the library is SIGSEGV's, for faults in the guards of its own
//           stacks; any other fault goes to whoever had the signal before. RUNNEL_NO_SIGSEGV=1 in
//           the environment leaves the signal alone.
#pragma once

#include <cstdlib>

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <runnel/detail/assert.hpp>
#include <runnel/detail/dump.hpp>
#include <runnel/detail/goroutine.hpp>
#include <runnel/detail/stack_pool.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

RUNNEL_API inline struct sigaction previous_sigsegv{};

inline std::uintptr_t fault_stack_pointer(void* context) noexcept {
    const auto* u = static_cast<const ucontext_t*>(context);
#if defined(__x86_64__)
    return static_cast<std::uintptr_t>(u->uc_mcontext.gregs[REG_RSP]);
#elif defined(__aarch64__)
    return static_cast<std::uintptr_t>(u->uc_mcontext.sp);
#else
    static_cast<void>(u);
    return 0;
#endif
}

/// The goroutine whose stack `address` overflowed into, or lies in, or null. Async-signal-safe.
inline const goroutine* overflowed(const void* address) noexcept {
    const stack_slab* slab = slab_of(address);
    if (slab == nullptr) return nullptr;
    const auto offset =
        static_cast<std::size_t>(static_cast<const std::byte*>(address) - slab->begin);
    const std::size_t slot = offset / slab->slot_size;
    if (offset % slab->slot_size >= guard_size) return nullptr;
    return stack_pool::header_of(slab->begin + slot * slab->slot_size, slab->slot_size)
        ->owner.load(memory_order_relaxed);
}

inline void on_sigsegv(int signal, siginfo_t* info, void* context) {
    const goroutine* g = overflowed(info->si_addr);
    if (g != nullptr) {
        report_line line;
        line << "runnel: goroutine stack overflow [goroutine "
             << static_cast<unsigned long long>(g->id.load(memory_order_relaxed))
             << ", created at ";
        write_created(line, *g, false);
        line << "]\n  fault address " << info->si_addr << ", stack pointer "
             << reinterpret_cast<const void*>(fault_stack_pointer(context))
             << "; see runtime_options::stack_size\n";
        line.print();
        // Return to the fault with the default action: the core shows the guilty frame.
        struct sigaction fallback{};
        fallback.sa_handler = SIG_DFL;
        ::sigaction(SIGSEGV, &fallback, nullptr);
        return;
    }
    // One that is there for a single time must not be called again when it returns to the fault.
    if ((previous_sigsegv.sa_flags & static_cast<int>(SA_RESETHAND)) != 0) {
        struct sigaction fallback{};
        fallback.sa_handler = SIG_DFL;
        ::sigaction(SIGSEGV, &fallback, nullptr);
    }
    if ((previous_sigsegv.sa_flags & SA_SIGINFO) != 0 && previous_sigsegv.sa_sigaction != nullptr) {
        previous_sigsegv.sa_sigaction(signal, info, context);
    } else if (previous_sigsegv.sa_handler != SIG_DFL && previous_sigsegv.sa_handler != SIG_IGN) {
        previous_sigsegv.sa_handler(signal);
    } else {
        ::sigaction(SIGSEGV, &previous_sigsegv, nullptr);
    }
}

/// Once a process, when its first runtime starts.
inline void install_overflow_report() noexcept {
    const char* off = std::getenv("RUNNEL_NO_SIGSEGV");
    if (off != nullptr && *off != '\0' && *off != '0') return;
    struct sigaction action{};
    action.sa_sigaction = on_sigsegv;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGSEGV, &action, &previous_sigsegv);
}

/// The alternate signal stack of a worker's thread, for as long as the thread lives.
class signal_stack {
public:
    signal_stack() noexcept {
        void* memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return;
        memory_ = memory;
        stack_t s{};
        s.ss_sp = memory;
        s.ss_size = size;
        ::sigaltstack(&s, &old_);
    }
    ~signal_stack() {
        if (memory_ == nullptr) return;
        ::sigaltstack(&old_, nullptr);
        ::munmap(memory_, size);
    }
    signal_stack(const signal_stack&) = delete;
    signal_stack& operator=(const signal_stack&) = delete;

private:
    static constexpr std::size_t size = 64 * 1024;
    void* memory_ = nullptr;
    stack_t old_{};
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
