// runnel/detail/config.hpp — what compiler, sanitizer and platform are in use, and the house macros.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
//   Macros  RUNNEL_… only here and in assert.hpp; users need none of them.
#pragma once

#if !defined(__linux__)
#error "runnel runs on Linux (x86-64 and AArch64)"
#endif

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RUNNEL_ASAN 1
#endif
#if __has_feature(thread_sanitizer)
#define RUNNEL_TSAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(RUNNEL_ASAN)
#define RUNNEL_ASAN 1
#endif
#if defined(__SANITIZE_THREAD__) && !defined(RUNNEL_TSAN)
#define RUNNEL_TSAN 1
#endif
#ifndef RUNNEL_ASAN
#define RUNNEL_ASAN 0
#endif
#ifndef RUNNEL_TSAN
#define RUNNEL_TSAN 0
#endif

// Singletons and exception types are shared by all libraries of a process, even under -fvisibility=hidden.
#define RUNNEL_API __attribute__((visibility("default")))
#define RUNNEL_NOINLINE __attribute__((noinline))
#define RUNNEL_ALWAYS_INLINE inline __attribute__((always_inline))
#define RUNNEL_LIKELY(x) (__builtin_expect(!!(x), 1))
#define RUNNEL_UNLIKELY(x) (__builtin_expect(!!(x), 0))

// A function that nobody can call, and what the compiler says of who tries: see mistake.hpp. Clang says only of an
// unavailable one more than its name, g++ sees only in a deleted one what `requires` is to see: no function.
#if defined(__clang__)
#define RUNNEL_MISTAKE(sentence, ...) \
    __attribute__((unavailable("runnel: " #sentence))) runnel::detail::sentence __VA_ARGS__
#else
#define RUNNEL_MISTAKE(sentence, ...) runnel::detail::sentence __VA_ARGS__ = delete
#endif

// A thread's own variables are seen by the fibers that happen to run on it: no race, and no business of
// the thread sanitizer's.
#if defined(__clang__)
#define RUNNEL_NO_TSAN __attribute__((no_sanitize("thread")))
#else
#define RUNNEL_NO_TSAN __attribute__((no_sanitize_thread))
#endif

// Clang's thread-safety analysis; nothing elsewhere.
#if defined(__clang__)
#define RUNNEL_TSA(x) __attribute__((x))
#else
#define RUNNEL_TSA(x)
#endif
#define RUNNEL_CAPABILITY RUNNEL_TSA(capability("mutex"))
#define RUNNEL_GUARDED_BY(x) RUNNEL_TSA(guarded_by(x))
#define RUNNEL_ACQUIRE(...) RUNNEL_TSA(acquire_capability(__VA_ARGS__))
#define RUNNEL_RELEASE(...) RUNNEL_TSA(release_capability(__VA_ARGS__))
#define RUNNEL_TRY_ACQUIRE(...) RUNNEL_TSA(try_acquire_capability(__VA_ARGS__))
#define RUNNEL_NO_THREAD_SAFETY_ANALYSIS RUNNEL_TSA(no_thread_safety_analysis)

// Whether a simulation (testing.hpp) may interrupt a goroutine before each operation, and not only where it
// starts another, yields or parks. That costs a nanosecond an operation, so it is for builds with
// assertions, and for those that ask for it. A program may mix both: no layout depends on it.
#if !defined(NDEBUG) || defined(RUNNEL_TESTING) || defined(RUNNEL_FAULT_POINTS)
#define RUNNEL_INTERRUPTION_POINTS 1
#else
#define RUNNEL_INTERRUPTION_POINTS 0
#endif

// A named synchronisation point, and a named thing that may go wrong or another way. Nothing in production;
// with RUNNEL_FAULT_POINTS a test program defines both hooks: it may delay, and decides what goes wrong.
#if defined(RUNNEL_FAULT_POINTS)
namespace runnel {
inline namespace v0 {
namespace detail {
void fault_point(const char* name) noexcept;
bool fault_strikes(const char* name) noexcept;
}  // namespace detail
}  // namespace v0
}  // namespace runnel
#define RUNNEL_POINT(name) ::runnel::detail::fault_point(name)
#define RUNNEL_FAULT(name) ::runnel::detail::fault_strikes(name)
#else
#define RUNNEL_POINT(name) static_cast<void>(0)
#define RUNNEL_FAULT(name) false
#endif

namespace runnel {
inline namespace v0 {
namespace detail {

/// Where a goroutine was started. libstdc++ 12 has no std::source_location under clang 14, the
/// builtins are there in all compilers.
struct source_place {
    const char* file = "";
    unsigned line = 0;
    const void* pc = nullptr;  // the best that can be had when file is empty

    static constexpr source_place here(const char* file = __builtin_FILE(),
                                       unsigned line = __builtin_LINE()) noexcept {
        return {file, line, nullptr};
    }
};

/// Tells the processor that this is a spin loop.
RUNNEL_ALWAYS_INLINE void cpu_relax() noexcept {
#if defined(RUNNEL_MODEL)  // no time passes in a model: see atomic.hpp
#elif defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("isb" ::: "memory");
#endif
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
