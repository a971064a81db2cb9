// runnel/detail/debug_environment.hpp — what RUNNEL_DEBUG asks for.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   2
//   RUNNEL_DEBUG is a list of words, separated by commas:
//     dump-on-sigquit   SIGQUIT prints every goroutine, and the program goes on
//     warn-on-handover  a goroutine that kept its thread for 10 ms while others waited is named
//     dump-on-panic     an exception that leaves a goroutine is followed by all other goroutines
//   Without it the library touches no signal but SIGSEGV (stack_overflow.hpp).
#pragma once

#include <cstdlib>
#include <cstring>

#include <signal.h>

#include <runnel/detail/dump.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

inline bool debug_wants(const char* word) noexcept {
    const char* list = std::getenv("RUNNEL_DEBUG");
    const std::size_t n = std::strlen(word);
    while (list != nullptr && *list != '\0') {
        const char* end = std::strchr(list, ',');
        const std::size_t length =
            end != nullptr ? static_cast<std::size_t>(end - list) : std::strlen(list);
        if (length == n && std::strncmp(list, word, n) == 0) return true;
        list = end != nullptr ? end + 1 : nullptr;
    }
    return false;
}

// Looks at slabs that are never freed, takes no lock and allocates nothing.
inline void on_sigquit(int) noexcept {
    write_stderr("runnel: SIGQUIT, goroutines:\n");
    dump_to_stderr(false);
}

/// Once a process, when its first runtime starts.
inline void heed_debug_environment() noexcept {
    if (!debug_wants("dump-on-sigquit")) return;
    struct sigaction action{};
    action.sa_handler = on_sigquit;
    action.sa_flags = SA_ONSTACK | SA_RESTART;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(SIGQUIT, &action, nullptr);
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
