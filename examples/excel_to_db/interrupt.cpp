// examples/excel_to_db/interrupt.cpp — a thread that waits for signals.
// SPDX-License-Identifier: BSL-1.0
#include "interrupt.hpp"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

namespace excel_to_db {

namespace {

constexpr int status_interrupted = 130;

sigset_t watched_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    return signals;
}

}  // namespace

interrupt_watch::interrupt_watch() : context_(runnel::with_cancel(runnel::background())) {
    const sigset_t signals = watched_signals();
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    // A shell starts background jobs with SIGINT ignored, and what is ignored never becomes pending.
    struct sigaction by_default{};
    by_default.sa_handler = SIG_DFL;
    sigaction(SIGINT, &by_default, nullptr);
    sigaction(SIGTERM, &by_default, nullptr);
    thread_ = std::thread([this] { watch(); });
}

interrupt_watch::~interrupt_watch() {
    ending_.store(true, std::memory_order_release);  // seen by watch() once it is woken
    // NOLINTNEXTLINE(bugprone-bad-signal-to-kill-thread): it is blocked, and only ends sigwait()
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
}

void interrupt_watch::watch() {
    const sigset_t signals = watched_signals();
    for (bool canceled = false;; canceled = true) {
        int signal = 0;
        sigwait(&signals, &signal);
        if (ending_.load(std::memory_order_acquire)) return;
        if (canceled) _exit(status_interrupted);
        context_.cancel();
    }
}

}  // namespace excel_to_db
