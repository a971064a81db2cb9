// runnel/trace.hpp — a record of what ran where and when, for Perfetto and chrome://tracing.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      runtime/trace: trace.Start, trace.Stop, go tool trace
//   Layer   4; includes layers 0-3. Opt-in: not in runnel.hpp
//   Map     → detail/tracer.hpp
//   Guide   docs/guide/tools.md    Tests   tests/trace_test.cpp
//
//   The file is an array of trace events as Chrome has defined them. What is to be seen in it:
//     - a process for each runtime, in it a track for each worker: a slice for each stretch that a goroutine ran there,
//       called as in dumps. Its arguments: `id`, `created_at`, `created_by` (a goroutine's id, 0 for a thread), `why` it
//       stopped (in the words of dumps; "yield", "end") and `on` what it waits. Between slices the worker was idle;
//     - "goroutine N in blocking()" on the thread that blocks;
//     - an arrow from the slice in which a goroutine was made runnable to the one in which it ran then. None for what a
//       timer, the network, a thread or the inside of blocking() wakes, and for what is pinned by a thread_lock;
//     - counters every few milliseconds: goroutines, runnable, active workers, timers.
//   A simulated program (testing.hpp) leaves nothing.
#pragma once

#include <cstdlib>
#include <string>
#include <system_error>

#include <runnel/detail/tracer.hpp>
#include <runnel/error.hpp>

namespace runnel {
inline namespace v0 {
namespace trace {

/// Ends the trace that goes on: the file has all that happened until now, and is closed. Goroutines that still run have
/// a slice up to here. Without a trace it does nothing, so that it may stand in a destructor, or be called twice.
/// Errors   std::system_error if not all could be written, for want of room on the disk: what is there is of use still.
/// Threads  may be called by any goroutine or thread. While another one starts or stops a trace it returns at once.
/// Cost     the writing of what has not been written yet.
/// Go       trace.Stop()
inline void stop() {
    const detail::tracer::result r = detail::the_tracer.stop();
    if (r.what == detail::tracer::outcome::failed) {
        throw std::system_error(r.error, std::generic_category(), "trace::stop");
    }
}

/// Writes to `path`, a file that is made or replaced, what goroutines of all runtimes do from now on, until stop(). Goroutines
/// that exist already are in it as others are; a worker that runs one may need a few nanoseconds to notice.
/// Exit     a trace that goes on when main returns or exit() is called, or when a deadlock ends the process, is stopped
///          then. After any other end the array lacks its closing bracket, up to 1024 events of each worker, and
///          perhaps a part of its last one; viewers accept that.
/// Errors   std::system_error if the file cannot be written; panic if a trace goes on already, or in a simulation.
/// Threads  may be called by any goroutine or thread.
/// Cost     none for a program that traces nothing. During a trace about 0.1 µs for each switch and wake-up, 110 KiB for
///          each worker, 250 bytes of the file for each slice. A worker writes by itself when its memory is full.
/// Go       trace.Start(w)
/// Example  docs/guide/tools.md
inline void start(const std::string& path) {
    if (detail::simulated_clock() != nullptr) {
        throw panic("trace::start: a simulated program leaves no trace");
    }
    const detail::tracer::result r = detail::the_tracer.start(path.c_str());
    if (r.what == detail::tracer::outcome::going_on) {
        throw panic("trace::start: a trace goes on already");
    }
    if (r.what == detail::tracer::outcome::failed) {
        throw std::system_error(r.error, std::generic_category(), "trace::start: " + path);
    }
    static const bool stops_at_exit = [] {
        std::atexit([] { detail::the_tracer.stop(); });
        return true;
    }();
    static_cast<void>(stops_at_exit);
}

}  // namespace trace
}  // namespace v0
}  // namespace runnel
