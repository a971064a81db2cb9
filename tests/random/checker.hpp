// tests/random/checker.hpp — whether what a program was seen to do is what channels do, in some order.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. what was seen   2. the question
//
//   A linearizability checker after Wing and Gong (1993), with Lowe's (2017) just-in-time order and a memo.
//   The sequential model is exact: channels, selects, timers, contexts, the locks, condition variables, the
//   semaphore and the wait group, with who is parked where, since when. An operation takes effect at one moment between its call and its return:
//   it completes there, or it parks, and is completed by another's effect, its deadline or its context.
//   Which moment is the only choice; all else follows. What is asked beyond the results:
//     - time goes on only when all wait: then each operation that has not returned is parked, so it is
//       an error if the model says that it could go on (liveness), and deadlines are exact;
//     - at a `look`, the buffers hold as many values as the model says.
//   Of a run on real workers only what does not depend on time is asked, and `idle` once, at its end.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "random/program.hpp"

namespace test::random {

// ---- 1. what was seen ----

enum class result : std::uint8_t {
    none,  // it has not returned
    ok,
    would_block,
    closed,
    error,  // received what the channel was closed with
    timeout,
    canceled,
    threw_closed,
    threw_nil,
    yes,
    no,
};
const char* to_string(result r);

/// What an operation means to the model.
enum class meaning : std::uint8_t {
    nothing,   // no part of it
    exchange,  // the first of its cases that can go
    close,
    close_error,
    cancel,
    stop,   // a timer
    reset,  // a timer
    notify_all,
    acquire,  // `amount` permits
    release,
    lock,  // the mutex `object`
    unlock,
    lock_write,  // the shared_mutex
    lock_read,
    unlock_rw,
    add,  // one to the wait group
    done,
    wait_zero,
};

// The model's channels: those of the program, the timers', the contexts' done, the condition variables.
inline constexpr std::size_t first_timer = most_channels;
inline constexpr std::size_t first_done = first_timer + most_timers;
inline constexpr std::size_t first_condition = first_done + most_contexts;
inline constexpr std::size_t all_channels = first_condition + most_conditions;

struct exchange_case {
    bool sends = false;
    std::uint8_t channel = 0;
    std::uint8_t index = 0;  // in the select
    std::uint16_t value = 0;
};

struct call {
    const operation* what = nullptr;
    std::uint8_t body = 0;
    meaning means = meaning::nothing;
    // exchange
    std::vector<exchange_case> cases;
    bool in_order = false;
    result otherwise = result::none;  // what it does if no case can go; none: it parks
    std::uint8_t otherwise_index = 0;
    std::int64_t deadline = -1;       // in units
    std::uint32_t deadline_arms = 1;  // a set of indices: the timeouts that strike then
    int context = -1;
    int relocks = -1;     // the mutex that it unlocks while it waits
    bool unseen = false;  // that it returns is not recorded
    // the object of the others
    std::uint8_t object = 0;
    std::uint8_t amount = 0;
    std::int64_t when = 0;  // reset
    // what has come of it
    result early = result::none;  // the context was done when it was called
    result got = result::none;
    int index = 0;
    std::uint16_t value = 0;
};

enum class moment : std::uint8_t {
    called,
    returned,
    idle,  // everybody waits, and `lengths` is what len() said
    look,  // the same at any moment
};

struct record {
    moment kind = moment::called;
    std::uint16_t call = 0;
    std::int64_t time = 0;  // in units
    std::array<std::uint16_t, most_channels> lengths{};
};

struct history {
    std::vector<call> calls;
    std::vector<record> records;
    /// From a simulation. On real workers every moment is 0, a limit strikes when it was seen to, at any moment,
    /// and a context is looked at on the way in, after the call was recorded.
    bool exact = true;
    int count = 0;  // of the wait group, at the beginning
};

// ---- 2. the question ----

struct verdict {
    bool holds = true;
    bool undecided = false;     // too many orders to try them all
    std::uint64_t effects = 0;  // tried
    std::size_t furthest = 0;   // the record that no order came past
};

verdict check(const program& p, const history& h);

/// The history, one line a record, with a mark at `furthest`.
std::string to_string(const history& h, std::size_t furthest);

}  // namespace test::random
