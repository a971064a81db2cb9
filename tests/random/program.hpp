// tests/random/program.hpp — a small concurrent program as plain data: made, printed, made smaller.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. what a program is   2. making one   3. a listing   4. shrinking
//   The program knows nothing of the library: execute.hpp runs it, checker.hpp judges what was seen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace test::random {

// ---- 1. what a program is ----

/// All times are whole multiples of this: what happens at another time is wrong.
inline constexpr std::int64_t unit_ns = 500'000;

inline constexpr std::size_t most_bodies = 6;
inline constexpr std::size_t most_channels = 4;
inline constexpr std::size_t most_contexts = 3;
inline constexpr std::size_t most_timers = 2;
inline constexpr std::size_t most_conditions = 2;

inline constexpr int is_unbounded = -1;
inline constexpr int is_nil = -2;

enum class op_kind : std::uint8_t {
    // channels; `object` is the channel
    send,
    try_send,
    send_for,
    send_ctx,
    recv,
    recv_into,
    try_recv,
    recv_for,
    recv_ctx,
    iterate,  // `amount` values at most
    close,
    close_error,
    look,
    select,
    // contexts and time
    cancel,
    sleep,
    yield,
    timer_recv,
    timer_recv_for,
    timer_stop,
    timer_reset,
    // goroutines; `object` is the body
    start,
    start_in_group,
    start_later,
    start_when_done,  // of `context`
    run_group,
    // mutex, with its condition variables
    lock,
    try_lock,
    try_lock_for,
    unlock,
    wait,
    wait_for,
    wait_ctx,
    notify_one,
    notify_all,
    // shared_mutex
    lock_write,
    try_lock_write_for,
    lock_read,
    try_lock_read_for,
    unlock_rw,
    // semaphore; `amount` is the number of permits
    acquire,
    try_acquire,
    acquire_for,
    acquire_ctx,
    release,
    // wait_group
    add,
    done,
    wait_zero,
    wait_zero_for,
    wait_zero_ctx,
};

enum class arm_kind : std::uint8_t { recv, send, tick, done, after, timeout, otherwise };

struct arm {
    arm_kind kind = arm_kind::otherwise;
    std::uint8_t object = 0;  // the channel, timer or context
    std::uint8_t units = 0;   // of after and timeout
};

struct operation {
    op_kind kind = op_kind::yield;
    std::uint8_t object = 0;
    std::uint8_t context = 0;
    std::uint8_t units = 0;   // how long
    std::uint8_t amount = 0;  // permits; the group's limit
    bool in_order = false;
    std::vector<arm> arms;            // of a select
    std::vector<std::uint8_t> group;  // bodies that run_group starts
};

struct body {
    bool at_once = true;  // started by main; else by an operation of another body, if it is reached
    bool fails = false;   // as a member of a group: it throws at its end
    bool thread = false;  // not a goroutine: a thread of its own
    std::vector<operation> operations;
};

struct context_spec {
    int parent = -1;   // an earlier context, or background
    int timeout = -1;  // in units; -1: with_cancel
};

struct timer_spec {
    std::uint8_t first = 1;
    bool ticks = false;  // a ticker of that period
};

/// What main does about those that wait for ever.
enum class ending : std::uint8_t {
    frees_them,  // closes, cancels, unlocks, … until all have ended
    leaves,      // returns: the simulation has to report a leak if, and only if, somebody waits
    waits,       // waits for them: the simulation has to report a deadlock if, and only if, …
};

struct program {
    std::uint64_t schedule = 0;  // the simulation's seed
    ending how_it_ends = ending::frees_them;
    std::vector<int> channels;  // capacities
    std::vector<context_spec> contexts;
    std::vector<timer_spec> timers;
    std::uint8_t mutexes = 1;
    std::uint8_t permits = 2;  // of the one semaphore
    std::vector<body> bodies;

    std::size_t size() const noexcept;
    /// In units: when nothing can happen any more but ticks.
    std::int64_t horizon() const noexcept;
};

// ---- 2. making one ----

/// Where a program's choices come from: a seed, or a fuzzer's bytes, which read as zeros at their end.
class choices {
public:
    explicit choices(std::uint64_t seed) noexcept : state_(seed) {}
    choices(const std::uint8_t* data, std::size_t size) noexcept
        : data_(data), left_(size), from_bytes_(true) {}

    std::uint32_t below(std::uint32_t n) noexcept;
    /// Once in `n`.
    bool one_in(std::uint32_t n) noexcept { return below(n) == n - 1; }
    std::uint64_t whole() noexcept;
    bool spent() const noexcept { return from_bytes_ && left_ == 0; }

private:
    std::uint64_t state_ = 0;
    const std::uint8_t* data_ = nullptr;
    std::size_t left_ = 0;
    bool from_bytes_ = false;
};

program make_program(choices& from);
inline program make_program(std::uint64_t seed) {
    choices from(seed);
    return make_program(from);
}

/// What of it can be run on real workers: without timers and contexts in contexts, all waits such that they end by
/// themselves or can be ended, and some of its bodies threads of their own.
program for_workers(program p);

// ---- 3. a listing ----

std::string to_string(const operation& o);
std::string to_string(const program& p);

// ---- 4. shrinking ----

/// The smallest program found by leaving out bodies, operations and cases for which `fails` still holds.
program shrink(program p, const std::function<bool(const program&)>& fails);

}  // namespace test::random
