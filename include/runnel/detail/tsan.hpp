// runnel/detail/tsan.hpp — what the thread sanitizer is told, so that it sees goroutines and no runtime.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   1
//   Why     Left alone, the sanitizer takes the runtime's own queues and locks for synchronisation
//           between the goroutines that pass through them, and finds no race on one worker at all. So
//           runtime code runs in a scope that it ignores, and the happens-before edges of Go's memory
//           model are stated one by one: release() where Go says "happens before", acquire() on the
//           other side. Outside of a sanitized build all this is nothing.
#pragma once

#include <runnel/detail/this_worker.hpp>

#if RUNNEL_TSAN
#include <sanitizer/tsan_interface.h>

extern "C" {
void AnnotateIgnoreReadsBegin(const char* file, int line);
void AnnotateIgnoreReadsEnd(const char* file, int line);
void AnnotateIgnoreWritesBegin(const char* file, int line);
void AnnotateIgnoreWritesEnd(const char* file, int line);
void AnnotateIgnoreSyncBegin(const char* file, int line);
void AnnotateIgnoreSyncEnd(const char* file, int line);
}
#endif

namespace runnel {
inline namespace v0 {
namespace detail {
namespace tsan {

#if RUNNEL_TSAN

inline void start_ignoring() noexcept {
    AnnotateIgnoreReadsBegin("runnel", 0);
    AnnotateIgnoreWritesBegin("runnel", 0);
    AnnotateIgnoreSyncBegin("runnel", 0);
}
inline void stop_ignoring() noexcept {
    AnnotateIgnoreSyncEnd("runnel", 0);
    AnnotateIgnoreWritesEnd("runnel", 0);
    AnnotateIgnoreReadsEnd("runnel", 0);
}

// How deep the present fiber is in runtime code. The thread holds it for the fiber that it runs: each
// switch saves and restores it.
inline int depth() noexcept { return sanitizer_depth(); }
inline void set_depth(int d) noexcept { set_sanitizer_depth(d); }

inline void begin_ignore() noexcept {
    const int d = depth();
    set_depth(d + 1);
    if (d == 0) start_ignoring();
}
inline void end_ignore() noexcept {
    const int d = depth() - 1;
    if (d == 0) stop_ignoring();
    set_depth(d);
}

// While synchronisation is ignored these would be, too.
inline void release(const volatile void* sync) noexcept {
    const bool ignoring = depth() > 0;
    if (ignoring) AnnotateIgnoreSyncEnd("runnel", 0);
    __tsan_release(const_cast<void*>(sync));
    if (ignoring) AnnotateIgnoreSyncBegin("runnel", 0);
}
inline void acquire(const volatile void* sync) noexcept {
    const bool ignoring = depth() > 0;
    if (ignoring) AnnotateIgnoreSyncEnd("runnel", 0);
    __tsan_acquire(const_cast<void*>(sync));
    if (ignoring) AnnotateIgnoreSyncBegin("runnel", 0);
}
/// release() in the name of a fiber that is suspended in runtime code, and stays so meanwhile. Inlined: the sanitizer's
/// shadow stack belongs to the fiber, so no function is entered or left in between.
RUNNEL_ALWAYS_INLINE void release_for(void* fiber, const volatile void* sync) noexcept {
    void* self = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(fiber, __tsan_switch_to_fiber_no_sync);
    AnnotateIgnoreSyncEnd("runnel", 0);
    __tsan_release(const_cast<void*>(sync));
    AnnotateIgnoreSyncBegin("runnel", 0);
    __tsan_switch_to_fiber(self, __tsan_switch_to_fiber_no_sync);
}

#else

RUNNEL_ALWAYS_INLINE int depth() noexcept { return 0; }
RUNNEL_ALWAYS_INLINE void set_depth(int) noexcept {}
RUNNEL_ALWAYS_INLINE void begin_ignore() noexcept {}
RUNNEL_ALWAYS_INLINE void end_ignore() noexcept {}
RUNNEL_ALWAYS_INLINE void release(const volatile void*) noexcept {}
RUNNEL_ALWAYS_INLINE void acquire(const volatile void*) noexcept {}

#endif

/// The runtime's own code. Nests. A goroutine takes it along: it belongs to the fiber, not to the thread.
class runtime_scope {
public:
    RUNNEL_ALWAYS_INLINE runtime_scope() noexcept { begin_ignore(); }
    RUNNEL_ALWAYS_INLINE ~runtime_scope() { end_ignore(); }
    runtime_scope(const runtime_scope&) = delete;
    runtime_scope& operator=(const runtime_scope&) = delete;
};

/// The user's code, called from within one runtime_scope: an element's move.
class user_scope {
public:
    RUNNEL_ALWAYS_INLINE explicit user_scope(bool really = true) noexcept
        : depth_(really ? depth() : 0) {
#if RUNNEL_TSAN
        if (depth_ > 0) {
            set_depth(0);
            stop_ignoring();
        }
#endif
    }
    RUNNEL_ALWAYS_INLINE ~user_scope() {
#if RUNNEL_TSAN
        if (depth_ > 0) {
            start_ignoring();
            set_depth(depth_);
        }
#endif
    }
    user_scope(const user_scope&) = delete;
    user_scope& operator=(const user_scope&) = delete;

private:
    int depth_;
};

}  // namespace tsan
}  // namespace detail
}  // namespace v0
}  // namespace runnel
