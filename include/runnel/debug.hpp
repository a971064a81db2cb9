// runnel/debug.hpp — what all goroutines are doing.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the dump of SIGQUIT and of fatal errors, runtime.Stack(buf, true)
//   Layer   4; includes layers 0-3
//   Map     → detail/dump.hpp
//   Tests   tests/debug_test.cpp
#pragma once

#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include <runnel/detail/dump.hpp>

namespace runnel {
inline namespace v0 {

/// One goroutine at one moment.
struct goroutine_info {
    std::uint64_t id = 0;
    std::string name;         ///< "goroutine N", or "main" for a run's main goroutine
    std::string state;        ///< "runnable", "running", "waiting", "blocking"
    std::string wait_reason;  ///< in Go's words: "chan receive", "select", "sleep", …; else empty
    const void* waiting_for = nullptr;  ///< the object it waits on, as chan's id()
    std::string created_at;             ///< "file:line"
    std::uint64_t parent = 0;           ///< the goroutine that started it, 0 if a thread did
    double waiting_seconds = 0;         ///< how long it has waited, to about 10 ms
};

namespace detail {

/// A line's text; the report line itself never allocates.
inline std::string created_at(const goroutine& g) {
    report_line line;
    write_created(line, g);
    return std::string(line.text(), line.size());
}

inline goroutine_info info_of(const goroutine& g) {
    goroutine_info info;
    info.id = g.id.load(memory_order_relaxed);
    info.name =
        g.is_main.load(memory_order_relaxed) ? "main" : "goroutine " + std::to_string(info.id);
    const goroutine_state state = g.state.load(memory_order_acquire);
    info.state = to_string(state);
    if (state == goroutine_state::waiting || state == goroutine_state::blocking) {
        info.wait_reason = to_string(g.reason.load(memory_order_relaxed));
        info.waiting_for = g.waiting_for.load(memory_order_relaxed);
        const std::uint64_t since = g.wait_since.load(memory_order_relaxed);
        const std::uint64_t at = milliseconds(now());
        info.waiting_seconds = at > since ? static_cast<double>(at - since) / 1000.0 : 0.0;
    }
    info.created_at = created_at(g);
    info.parent = g.parent.load(memory_order_relaxed);
    return info;
}

}  // namespace detail

namespace debug {

/// Every goroutine of the process, one line each: id, state, what it waits on and for how long, where it
/// was created. Safe while they start and end; each is listed at most once.
/// Threads  any number at once; not in a signal handler.
/// Cost     O(goroutines that have ever existed at once), and a write and a symbol's look-up for each that exists.
inline void dump(std::FILE* out = stderr) {
    std::fflush(out);
    detail::for_each_goroutine_line(
        [out](const detail::report_line& line) { std::fwrite(line.text(), 1, line.size(), out); },
        std::numeric_limits<std::uint64_t>::max(), true, true);
    std::fflush(out);
}

/// The same as data.
/// Errors   std::bad_alloc.
/// Threads  any number at once. Cost  O(goroutines that have ever existed at once).
inline std::vector<goroutine_info> goroutines() {
    std::vector<goroutine_info> all;
    for (detail::scheduler* s = detail::scheduler::first(); s != nullptr; s = s->next_scheduler()) {
        s->blocks.for_each([&](detail::goroutine& g) {
            const detail::goroutine_state state = g.state.load(detail::memory_order_acquire);
            if (state == detail::goroutine_state::free ||
                state == detail::goroutine_state::abandoned) {
                return;
            }
            all.push_back(detail::info_of(g));
        });
    }
    return all;
}

}  // namespace debug

}  // namespace v0
}  // namespace runnel
