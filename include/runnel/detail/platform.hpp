// runnel/detail/platform.hpp — clock, futex, threads, files and chance: all that the runtime asks of the system.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Seam    everything that a simulation has to replace goes through here or stack_pool.hpp.
//   Rule    system call wrappers are not inlined and return -errno: errno's address must not be
//           remembered across a switch (docs/internals.md, "Rules of a migrating stack").
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <runnel/detail/atomic.hpp>
#include <runnel/detail/chrono.hpp>
#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {

/// The clock of every deadline in the library.
using clock = std::chrono::steady_clock;
using duration = clock::duration;

namespace detail {

using time_point = clock::time_point;

inline constexpr time_point no_deadline = time_point::max();
/// The latest there is. What waits for it has a timer all the same: it is no part of a deadlock.
inline constexpr time_point last_deadline = no_deadline - duration(1);

#if defined(RUNNEL_MODEL)
inline time_point now() noexcept { return RUNNEL_MODEL::clock_now(); }
#else
inline time_point now() noexcept { return clock::now(); }
#endif

constexpr std::uint64_t milliseconds(time_point t) noexcept {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(t.time_since_epoch()).count());
}

/// now() + d, saturating: the longest duration means for ever.
inline time_point deadline_after(duration d, time_point t = now()) noexcept {
    if (d <= duration::zero()) return t;
    return d >= last_deadline - t ? last_deadline : t + d;
}

/// Any duration as a clock duration: rounded up, so that no sleep is early, and saturating.
template <class Rep, class Period>
constexpr duration to_duration(std::chrono::duration<Rep, Period> d) noexcept {
    using seconds = std::chrono::duration<double>;
    // An hour below the limit: the conversion through double is not exact there.
    constexpr seconds limit = std::chrono::duration_cast<seconds>(duration::max()) - seconds(3600);
    if (std::chrono::duration_cast<seconds>(d) >= limit) return duration::max();
    if (std::chrono::duration_cast<seconds>(d) <= -limit) return duration::min();
    return std::chrono::ceil<duration>(d);
}

/// Any time point as one of runnel's clock; other clocks are converted by their present distance.
template <class Clock, class Dur>
time_point to_time_point(std::chrono::time_point<Clock, Dur> tp) noexcept {
    if constexpr (std::is_same_v<Clock, clock>) {
        const duration d = to_duration(tp.time_since_epoch());
        return d == duration::max() ? last_deadline : time_point(d);
    } else {
        // Each side is converted before they are subtracted: their difference in Dur may overflow.
        const duration at = to_duration(tp.time_since_epoch());
        if (at == duration::max()) return last_deadline;
        const duration here = to_duration(Clock::now().time_since_epoch());
        if (at <= here) return now();
        const bool overflows = here < duration::zero() && at > duration::max() + here;
        return overflows ? last_deadline : deadline_after(at - here);
    }
}

// ---- futex ----

/// Sleeps while `word` holds `expected`, at most until `deadline`. May return early for no reason.
RUNNEL_NOINLINE inline int futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected,
                                      time_point deadline = no_deadline) noexcept {
#if defined(RUNNEL_MODEL)
    return RUNNEL_MODEL::futex_wait(word, expected, deadline);
#else
    if (RUNNEL_FAULT("futex_wait.interrupted")) return -EINTR;
    timespec ts{};
    timespec* limit = nullptr;
    if (deadline != no_deadline) {
        const auto ns =
            std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch());
        const auto count = ns.count() < 0 ? 0 : ns.count();
        ts.tv_sec = static_cast<time_t>(count / 1'000'000'000);
        ts.tv_nsec = static_cast<long>(count % 1'000'000'000);
        limit = &ts;
    }
    const long r = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected,
                             limit, nullptr, FUTEX_BITSET_MATCH_ANY);
    RUNNEL_POINT("futex_wait.woken");
    return r < 0 ? -errno : 0;
#endif
}

/// Wakes up to `n` sleepers of `word`. The word may already be gone: its address alone counts.
RUNNEL_NOINLINE inline void futex_wake(const atomic<std::uint32_t>* word, int n = 1) noexcept {
#if defined(RUNNEL_MODEL)
    RUNNEL_MODEL::futex_wake(word, n);
#else
    RUNNEL_POINT("futex_wake");
    ::syscall(SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, nullptr, nullptr, 0);
#endif
}

// ---- chance ----

inline std::uint64_t splitmix(std::uint64_t& state) noexcept {
    std::uint64_t z = (state += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

/// xorshift: one per worker, a few instructions a number.
class random_source {
public:
    explicit constexpr random_source(std::uint64_t seed = 0x2545f4914f6cdd1dULL) noexcept
        : state_(seed | 1) {}
    std::uint32_t next() noexcept {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::uint32_t>(state_ >> 32);
    }
    /// Uniform in [0, n), n > 0.
    std::uint32_t below(std::uint32_t n) noexcept {
        return static_cast<std::uint32_t>((std::uint64_t{next()} * n) >> 32);
    }

private:
    std::uint64_t state_;
};

// ---- threads ----

RUNNEL_NOINLINE inline int thread_id() noexcept { return static_cast<int>(::syscall(SYS_gettid)); }

/// How much processor time a thread of this process has had; zero if it cannot be told.
RUNNEL_NOINLINE inline duration processor_time_of(int tid) noexcept {
    // What pthread_getcpuclockid() makes of a thread that is known to live: a negative number, and a kind of clock.
    const auto clock = static_cast<clockid_t>(~static_cast<unsigned>(tid) << 3 | 6U);
    timespec t{};
    if (::clock_gettime(clock, &t) != 0) return duration::zero();
    return std::chrono::duration_cast<duration>(std::chrono::seconds(t.tv_sec) +
                                                std::chrono::nanoseconds(t.tv_nsec));
}

struct thread_stack_bounds {
    void* bottom = nullptr;
    std::size_t size = 0;
};

/// Of the system's stack of the present thread.
RUNNEL_NOINLINE inline thread_stack_bounds find_stack_of_thread() noexcept {
    thread_stack_bounds bounds;
    pthread_attr_t attributes;
    if (::pthread_getattr_np(::pthread_self(), &attributes) == 0) {
        ::pthread_attr_getstack(&attributes, &bounds.bottom, &bounds.size);
        ::pthread_attr_destroy(&attributes);
    }
    return bounds;
}

/// What the runtime's threads block: all signals but those that a thread brings upon itself.
inline sigset_t asynchronous_signals() noexcept {
    sigset_t all;
    ::sigfillset(&all);
    for (const int synchronous : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
        ::sigdelset(&all, synchronous);
    }
    return all;
}

/// The mask of the thread that started the process's first runtime: what its threads would have inherited.
RUNNEL_API inline constinit sigset_t signal_mask_before{};

inline void note_signal_mask() noexcept {
    ::pthread_sigmask(SIG_SETMASK, nullptr, &signal_mask_before);
}

/// In the child of a fork, for the program that it may become: takes away the mask that the runtime gave to the thread.
/// One that somebody has changed stays. Calls only what is allowed in a signal handler.
inline void give_signal_mask_back() noexcept {
    const sigset_t ours = asynchronous_signals();
    sigset_t present;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &present);
    for (int s = 1; s < NSIG; ++s) {
        if (s == SIGKILL || s == SIGSTOP) continue;  // which nobody can block
        if (::sigismember(&present, s) != ::sigismember(&ours, s)) return;
    }
    ::pthread_sigmask(SIG_SETMASK, &signal_mask_before, nullptr);
}

/// Starts a detached thread with every asynchronous signal blocked. Returns an errno value.
inline int start_thread(void* (*entry)(void*), void* arg, pthread_t* out = nullptr) noexcept {
    if (RUNNEL_FAULT("start_thread.none_left")) return EAGAIN;
    const sigset_t all = asynchronous_signals();
    sigset_t old;
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    pthread_t thread{};
    const int error = ::pthread_create(&thread, nullptr, entry, arg);
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    if (error == 0) {
        if (out != nullptr) {
            *out = thread;
        } else {
            ::pthread_detach(thread);
        }
    }
    return error;
}

// ---- files ----

/// Makes or empties a file that is only appended to. Returns the descriptor, or -errno.
RUNNEL_NOINLINE inline int create_file(const char* path) noexcept {
    const int fd = ::open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666);
    return fd >= 0 ? fd : -errno;
}

/// In one piece, if the system has room for it: what others append comes before or after it. Returns 0, or -errno.
RUNNEL_NOINLINE inline int append_to_file(int fd, const char* text, std::size_t n) noexcept {
    while (n > 0) {
        const ssize_t written = ::write(fd, text, n);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return -errno;
        text += written;
        n -= static_cast<std::size_t>(written);
    }
    return 0;
}

/// Returns 0, or -errno.
RUNNEL_NOINLINE inline int close_file(int fd) noexcept { return ::close(fd) == 0 ? 0 : -errno; }

}  // namespace detail
}  // namespace v0
}  // namespace runnel
