// examples/excel_to_db/interrupt.hpp — Ctrl-C and SIGTERM as the cancellation of a context.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <runnel/context.hpp>
#include <thread>

namespace excel_to_db {

/// While it lives, SIGINT and SIGTERM cancel its context; a second one ends the program at once.
/// To be made before any other thread, for the signals are blocked in the thread that makes it
/// and in those that this one starts: a handler could not cancel anything, a thread that waits
/// for signals can.
class interrupt_watch {
public:
    interrupt_watch();
    interrupt_watch(const interrupt_watch&) = delete;
    interrupt_watch& operator=(const interrupt_watch&) = delete;
    ~interrupt_watch();

    const runnel::context& context() const { return context_; }

private:
    void watch();

    runnel::cancel_context context_;
    std::atomic<bool> ending_{false};  // set by the destructor, read by the thread
    std::thread thread_;
};

}  // namespace excel_to_db
