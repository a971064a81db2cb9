// runnel/detail/dump.hpp — every goroutine of the process, written without allocation.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      the goroutine dump of a fatal error
//   Layer   2
#pragma once

#include <cstdint>

#include <dlfcn.h>

#include <runnel/detail/assert.hpp>
#include <runnel/detail/scheduler.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

constexpr const char* to_string(goroutine_state s) noexcept {
    switch (s) {
        case goroutine_state::free:
            return "dead";
        case goroutine_state::runnable:
            return "runnable";
        case goroutine_state::running:
            return "running";
        case goroutine_state::waiting:
            return "waiting";
        case goroutine_state::blocking:
            return "blocking";
        case goroutine_state::abandoned:
            return "abandoned";
    }
    return "";
}

/// Where something was created. A code address is named by its file only if `resolve`: not in signal handlers.
inline void write_created(report_line& line, const char* file, unsigned file_line, const void* pc,
                          bool resolve = true) noexcept {
    if (*file != '\0') {
        line << file << ":" << static_cast<unsigned long long>(file_line);
        return;
    }
    Dl_info info{};
    if (resolve && pc != nullptr && ::dladdr(pc, &info) != 0 && info.dli_fname != nullptr) {
        line << info.dli_fname << "+"
             << reinterpret_cast<const void*>(static_cast<const char*>(pc) -
                                              static_cast<const char*>(info.dli_fbase));
    } else {
        line << pc;
    }
}
inline void write_created(report_line& line, const goroutine& g, bool resolve = true) noexcept {
    write_created(line, g.created_file.load(memory_order_relaxed),
                  g.created_line.load(memory_order_relaxed),
                  g.created_pc.load(memory_order_relaxed), resolve);
}

/// One goroutine in one line, as Go heads its stacks; with `precise`, also with a wait below a second.
inline void write_goroutine(report_line& line, const goroutine& g, bool resolve = true,
                            bool precise = false) noexcept {
    const goroutine_state state = g.state.load(memory_order_relaxed);
    line << "goroutine " << static_cast<unsigned long long>(g.id.load(memory_order_relaxed))
         << " [";
    if (state == goroutine_state::waiting || state == goroutine_state::blocking) {
        const wait_reason reason = g.reason.load(memory_order_relaxed);
        line << (reason == wait_reason::none ? to_string(state) : to_string(reason));
        const std::uint64_t since = g.wait_since.load(memory_order_relaxed);
        const std::uint64_t at = milliseconds(now());
        const unsigned long long waited = at > since ? at - since : 0;
        if (waited >= 1000) {
            line << ", " << waited / 1000 << " s";
        } else if (precise) {
            line << ", " << waited << " ms";
        }
    } else {
        line << to_string(state);
    }
    line << "]";
    if (const void* what = g.waiting_for.load(memory_order_relaxed);
        what != nullptr && state == goroutine_state::waiting) {
        line << " on " << what;
    }
    line << ", created at ";
    write_created(line, g, resolve);
    if (const std::uint64_t parent = g.parent.load(memory_order_relaxed); parent != 0) {
        line << " by goroutine " << static_cast<unsigned long long>(parent);
    }
    line << "\n";
}

/// Calls write(const report_line&) for each goroutine that is alive, at most `most` of a runtime.
template <class Write>
void for_each_goroutine_line(Write write, std::uint64_t most, bool resolve = true,
                             bool precise = false) {
    for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
        std::uint64_t shown = 0;
        std::uint64_t hidden = 0;
        s->blocks.for_each([&](goroutine& g) {
            const goroutine_state state = g.state.load(memory_order_acquire);
            if (state == goroutine_state::free || state == goroutine_state::abandoned) return;
            if (++shown > most) {
                ++hidden;
                return;
            }
            report_line line;
            write_goroutine(line, g, resolve, precise);
            write(line);
        });
        if (hidden > 0) {
            report_line line;
            line << "… and " << static_cast<unsigned long long>(hidden) << " more\n";
            write(line);
        }
    }
}

/// For reports that say more than the list does: cut short, so that their first line stays in sight.
inline void dump_to_stderr(bool resolve = true) noexcept {
    for_each_goroutine_line([](const report_line& line) { line.print(); }, 1000, resolve);
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
