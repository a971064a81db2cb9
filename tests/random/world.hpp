// tests/random/world.hpp — what a running program works with, and how its operations are recorded.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. values   2. the world   3. recording, with a look at the channels' structure after each operation
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <runnel/runnel.hpp>

#include "random/checker.hpp"
#include "random/program.hpp"

namespace test::random {

// ---- 1. values ----

/// Only moved; 0 has been moved from. Counts its instances.
class item {
public:
    item() noexcept { ++made; }
    explicit item(std::uint16_t v) noexcept : value(v) { ++made; }
    item(item&& o) noexcept : value(std::exchange(o.value, std::uint16_t{0})) { ++made; }
    item& operator=(item&& o) noexcept {
        value = std::exchange(o.value, std::uint16_t{0});
        return *this;
    }
    ~item() { ++destroyed; }

    std::uint16_t value = 0;
    // Large, so that an unbounded channel has a few in each of its chunks.
    std::array<std::byte, 500> not_looked_at;

    // A simulation has one thread.
    inline static std::uint64_t made = 0;
    inline static std::uint64_t destroyed = 0;
};

/// What a channel is closed with, and what a member of a group fails with.
struct close_error {};
struct member_failed {};

enum class fate : std::uint8_t { on_its_way, sent, refused };
struct value_account {
    fate how = fate::on_its_way;
    bool received = false;
};

// ---- 2. the world ----

using runnel::clock;
using runnel::detail::chan_access;

inline clock::duration length(std::int64_t units) {
    return std::chrono::nanoseconds(units * unit_ns);
}

struct any_timer {
    std::optional<runnel::timer> once;
    std::optional<runnel::ticker> ticks;
    const runnel::recv_chan<clock::time_point>& chan() const {
        return once ? once->chan() : ticks->chan();
    }
};

struct world {
    explicit world(const program& of) : p(of), permits(of.permits) {
        values.reserve(64);
        seen.calls.reserve(64);
        seen.records.reserve(160);
        values.emplace_back();  // there is no value 0
    }

    const program& p;
    std::vector<runnel::chan<item>> channels;
    std::deque<runnel::cancel_context> contexts;
    std::vector<any_timer> timers;
    std::array<runnel::mutex, most_conditions> mutexes;
    std::array<runnel::condition_variable, most_conditions> conditions;
    runnel::shared_mutex rw;
    runnel::semaphore permits;
    runnel::wait_group zero;
    runnel::wait_group all;  // bodies that run

    // What the operations that have returned, or not begun, add up to.
    std::array<int, most_conditions> owner{-1, -1};
    int writer = -1;
    std::uint64_t writes = 0;  // how often it was locked for writing
    std::array<int, most_bodies> reads{};
    std::array<int, most_bodies> holds{};  // permits
    std::int64_t least_count = 0;          // zero's is never less
    std::int64_t loose = 0;                // of those, not of a goroutine of the group
    std::uint64_t left_zero_at = 0;        // when least_count last began to grow
    std::uint64_t events = 0;
    int starts_later = 0;
    std::array<std::int64_t, most_bodies> starts_at{-1, -1, -1, -1, -1, -1};

    std::array<int, most_bodies> starts_with{-1, -1, -1, -1, -1, -1};  // the end of that context
    std::array<const operation*, most_bodies> doing{};
    std::array<std::int64_t, most_bodies> doing_since{};
    std::array<std::uint64_t, most_bodies> doing_event{};
    std::array<bool, most_bodies> started{};
    std::array<bool, most_bodies> ended{};
    std::array<int, most_channels> visitors{};  // operations on the channel that have not returned
    std::vector<value_account> values;

    clock::time_point began{};
    bool recording = true;
    bool freeing = false;
    history seen;
    std::string failure;

    void fail(const std::string& what) {
        if (failure.empty()) failure = what;
    }
    std::int64_t now() {
        const std::int64_t ns =
            std::chrono::duration_cast<std::chrono::nanoseconds>(runnel::detail::now() - began)
                .count();
        if (ns % unit_ns != 0)
            fail("something happened " + std::to_string(ns) + " ns after the start");
        return ns / unit_ns;
    }
    std::int64_t units_of(clock::time_point t) const {
        return std::chrono::duration_cast<std::chrono::nanoseconds>(t - began).count() / unit_ns;
    }
    std::uint16_t new_value() {
        values.emplace_back();
        return static_cast<std::uint16_t>(values.size() - 1);
    }
    int running() const {
        int n = 0;
        for (std::size_t i = 0; i < most_bodies; ++i) n += started[i] && !ended[i] ? 1 : 0;
        return n;
    }
};

// ---- 3. recording ----

/// One operation of one body, from its call to its return.
class step {
public:
    step(world& w, std::uint8_t b, const operation& o) : w_(w), o_(o), body_(b) {
        call_.what = &o;
        call_.body = b;
    }
    step(const step&) = delete;
    step& operator=(const step&) = delete;

    call& what() { return call_; }
    void exchanges(bool sends, std::size_t channel, std::uint16_t value = 0) {
        call_.means = meaning::exchange;
        call_.cases.push_back({sends, static_cast<std::uint8_t>(channel),
                               static_cast<std::uint8_t>(call_.cases.size()), value});
    }
    void is_limited(std::int64_t units, bool tries_once) {
        if (units <= 0 && tries_once) {
            call_.otherwise = result::timeout;
        } else {
            call_.deadline = w_.now() + units;
        }
    }
    void is_limited(const runnel::context& ctx, std::uint8_t which) {
        call_.context = which;
        if (const std::error_code e = ctx.err()) {
            call_.early =
                e == make_error_code(runnel::errc::canceled) ? result::canceled : result::timeout;
        }
    }

    void begins() {
        began = w_.now();
        event = ++w_.events;
        w_.doing[body_] = &o_;
        w_.doing_since[body_] = began;
        w_.doing_event[body_] = event;
        if (w_.recording) {
            index_ = w_.seen.calls.size();
            w_.seen.records.push_back(
                {moment::called, static_cast<std::uint16_t>(index_), began, {}});
            w_.seen.calls.push_back(call_);
        }
        for (const exchange_case& e : call_.cases) {
            if (e.channel < most_channels) ++w_.visitors[e.channel];
        }
    }
    void returns(result r, int index = 0, std::uint16_t value = 0) {
        ended = w_.now();
        ++w_.events;
        w_.doing[body_] = nullptr;
        for (const exchange_case& e : call_.cases) {
            if (e.channel < most_channels) --w_.visitors[e.channel];
        }
        if (w_.recording) {
            call& c = w_.seen.calls[index_];
            c.got = r;
            c.index = index;
            c.value = value;
            w_.seen.records.push_back(
                {moment::returned, static_cast<std::uint16_t>(index_), ended, {}});
        }
        if (!w_.freeing) look_at_structure();
    }
    /// Of what gives up at its time: exactly then.
    void gave_up_after(std::int64_t units) {
        if (!w_.freeing && ended != began + units) {
            w_.fail("b" + std::to_string(body_) + ": " + to_string(o_) + " gave up at " +
                    std::to_string(ended));
        }
    }

    std::int64_t began = 0;
    std::int64_t ended = 0;
    std::uint64_t event = 0;

private:
    // Free room and a parked sender cannot be at once, nor can a value and a parked receiver; and nobody is
    // left in the queues of a channel on which nobody operates.
    void look_at_structure() {
        for (std::size_t i = 0; i < w_.channels.size(); ++i) {
            auto* core = chan_access::core(w_.channels[i]);
            if (core == nullptr) continue;
            const std::string name = "c" + std::to_string(i);
            if (w_.visitors[i] == 0) {
                if (!core->senders().empty() || !core->receivers.empty()) {
                    w_.fail(name + ": somebody is in a queue, and nobody waits");
                }
                continue;
            }
            const runnel::detail::waiter* sender = core->senders().peek_front();
            const runnel::detail::waiter* receiver =
                core->receivers.peek_front(sender != nullptr ? sender->who : nullptr);
            const std::size_t n = core->len();
            if (sender != nullptr && n < core->cap()) w_.fail(name + ": room, and a parked sender");
            if (receiver != nullptr && n > 0) w_.fail(name + ": a value, and a parked receiver");
            if (sender != nullptr && receiver != nullptr) {
                w_.fail(name + ": a sender and a receiver are parked");
            }
            if ((sender != nullptr || receiver != nullptr) && core->closed.load()) {
                w_.fail(name + ": closed, and somebody is parked");
            }
        }
    }

    world& w_;
    const operation& o_;
    std::uint8_t body_;
    call call_;
    std::size_t index_ = 0;
};

inline result result_of(runnel::op_status s) {
    switch (s) {
        case runnel::op_status::ok:
            return result::ok;
        case runnel::op_status::would_block:
            return result::would_block;
        case runnel::op_status::closed:
            return result::closed;
        case runnel::op_status::timeout:
            return result::timeout;
        case runnel::op_status::canceled:
            return result::canceled;
    }
    return result::none;
}

inline void look_at_lengths(world& w, record& r) {
    for (std::size_t i = 0; i < w.channels.size(); ++i) {
        r.lengths[i] = static_cast<std::uint16_t>(w.channels[i].len());
    }
}

}  // namespace test::random
