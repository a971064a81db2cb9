// tests/hazards/migrate.hpp — makes the running goroutine go on on another thread.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>

namespace test {

/// The kernel's number of the present thread, asked anew each time.
__attribute__((noinline)) inline long thread_number() {
    asm volatile("" ::: "memory");
    return ::syscall(SYS_gettid);
}

/// Parks, and returns on another thread. Needs max_procs of two at least.
inline void migrate() {
    const long before = thread_number();
    while (thread_number() == before) {
        const auto wake = runnel::make_chan<int>();
        const auto moved = std::make_shared<std::atomic<bool>>(false);
        // Runs here once we have parked, wakes us, and keeps the thread until another has taken us.
        runnel::go([=] {
            wake.send(1);
            while (!moved->load()) {
            }
        });
        wake.recv();
        moved->store(true);
    }
}

}  // namespace test
