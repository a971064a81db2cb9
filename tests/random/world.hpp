// tests/random/world.hpp — what a running program works with, and how its operations are recorded.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. values   2. the world   3. recording, with a look at the channels' structure after each operation
//   Used in a simulation and on real workers: what is shared is atomic, or guarded by the world's book_.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
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

    inline static std::atomic<std::uint64_t> made{0};
    inline static std::atomic<std::uint64_t> destroyed{0};
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

struct any_timer {
    std::optional<runnel::timer> once;
    std::optional<runnel::ticker> ticks;
    const runnel::recv_chan<clock::time_point>& chan() const {
        return once ? once->chan() : ticks->chan();
    }
};

class world {
public:
    /// `exact`: in a simulation, where all happens at known moments and one thing at a time.
    world(const program& of, bool in_simulation)
        : p(of), exact(in_simulation), permits(of.permits) {
        values_.reserve(64);
        seen.calls.reserve(64);
        seen.records.reserve(160);
        values_.emplace_back();  // there is no value 0
        seen.exact = exact;
        for (auto& o : owner) o = -1;
        for (auto& t : starts_at) t = -1;
        for (auto& c : starts_with) c = -1;
    }

    const program& p;
    const bool exact;
    const std::uint64_t live_before = item::made - item::destroyed;
    std::vector<runnel::chan<item>> channels;
    std::deque<runnel::cancel_context> contexts;
    std::vector<any_timer> timers;
    std::array<runnel::mutex, most_conditions> mutexes;
    std::array<runnel::condition_variable, most_conditions> conditions;
    runnel::shared_mutex rw;
    runnel::semaphore permits;
    runnel::wait_group zero;
    runnel::wait_group all;  // bodies that run

    // What the operations that have returned, or not begun, add up to. Whoever gives something back says so
    // first, and takes what is written here: main does it for others, in the end.
    std::array<std::atomic<int>, most_conditions> owner;
    std::atomic<int> writer{-1};
    std::array<std::atomic<int>, most_bodies> reads{};
    std::array<std::atomic<int>, most_bodies> holds{};  // permits
    std::atomic<int> held{0};                           // by all
    std::atomic<int> loose{0};  // of zero's count, what no goroutine of the group takes off

    std::atomic<int> starts_later{0};
    std::array<std::atomic<std::int64_t>, most_bodies> starts_at;
    std::array<std::atomic<int>, most_bodies> starts_with;  // the end of that context
    std::array<std::atomic<const operation*>, most_bodies> doing{};
    std::array<std::atomic<bool>, most_bodies> started{};
    std::array<std::atomic<bool>, most_bodies> ended{};
    std::array<std::atomic<int>, most_channels> visitors{};  // operations that have not returned
    std::atomic<int> limited{0};                             // operations that end by themselves
    // The goroutine in a limited wait for a condition, which ends by itself, unlike that for the mutex after it.
    std::array<std::atomic<std::uint64_t>, most_bodies> on_condition{};
    std::atomic<std::uint64_t> moves{0};  // changes with everything that happens

    clock::time_point began{};
    std::atomic<bool> recording{true};
    std::atomic<bool> freeing{false};
    history seen;         // guarded by the book
    std::string failure;  // guarded by the book

    std::lock_guard<std::mutex> open_book() { return std::lock_guard(book_); }
    void fail(const std::string& what) {
        const auto guard = open_book();
        if (failure.empty()) failure = what;
    }

    clock::duration length(std::int64_t units) const {
        return std::chrono::nanoseconds(units * (exact ? unit_ns : unit_ns / 25));
    }
    std::int64_t now() {
        if (!exact) return 0;
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
        const auto guard = open_book();
        values_.emplace_back();
        return static_cast<std::uint16_t>(values_.size() - 1);
    }
    void settle(std::uint16_t value, bool sent) {
        const auto guard = open_book();
        values_[value].how = sent ? fate::sent : fate::refused;
    }
    std::uint16_t received(const item& i) {
        const char* wrong = nullptr;
        {
            const auto guard = open_book();
            if (i.value == 0 || i.value >= values_.size()) {
                wrong = "received what nobody has sent";
            } else if (std::exchange(values_[i.value].received, true)) {
                wrong = "was received twice";
            }
        }
        if (wrong != nullptr) fail("#" + std::to_string(i.value) + ": " + wrong);
        return i.value;
    }
    /// When all have ended: what was sent was received, and nothing else.
    void settle_accounts() {
        for (std::size_t v = 1; v < values_.size(); ++v) {
            const value_account& a = values_[v];
            if ((a.how == fate::sent) == a.received) continue;
            fail("#" + std::to_string(v) +
                 (a.received ? " was received, and its send has failed" : " is lost"));
        }
    }

    int running() const {
        int n = 0;
        for (std::size_t i = 0; i < most_bodies; ++i) n += started[i] && !ended[i] ? 1 : 0;
        return n;
    }
    /// Takes off as many as there are, but no more than `most`.
    static int take(std::atomic<int>& n, int most) {
        int there = n.load();
        while (there > 0) {
            const int taken = std::min(there, most);
            if (n.compare_exchange_weak(there, there - taken)) return taken;
        }
        return 0;
    }
    static bool take_one(std::atomic<int>& n) { return take(n, 1) == 1; }
    /// Makes it nobody's, if it is this one's.
    static bool give_up(std::atomic<int>& whose, int body) {
        return body >= 0 && whose.compare_exchange_strong(body, -1);
    }

private:
    std::mutex book_;
    std::vector<value_account> values_;
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
    void means(meaning m, std::size_t object = 0) {
        call_.means = m;
        call_.object = static_cast<std::uint8_t>(object);
    }
    /// What ends by itself, though not at a time that is known beforehand.
    void ends_by_itself() { limited_ = true; }
    /// What it says if it cannot be done at once.
    void tries_once(result otherwise) { call_.otherwise = otherwise; }
    void exchanges(bool sends, std::size_t channel, std::uint16_t value = 0) {
        call_.means = meaning::exchange;
        call_.cases.push_back({sends, static_cast<std::uint8_t>(channel),
                               static_cast<std::uint8_t>(call_.cases.size()), value});
    }
    void is_limited(std::int64_t units, bool tries_once) {
        limited_ = true;
        if (units <= 0 && tries_once) {
            call_.otherwise = result::timeout;
        } else {
            call_.deadline = w_.exact ? w_.now() + units : 0;
        }
    }
    void is_limited(const runnel::context& ctx, std::uint8_t which) {
        call_.context = which;
        if (const std::error_code e = ctx.err()) {
            call_.early =
                e == make_error_code(runnel::errc::canceled) ? result::canceled : result::timeout;
        }
    }

    void relocks(std::uint8_t mutex) {
        call_.relocks = mutex;
        if (!std::exchange(limited_, false)) return;
        w_.on_condition[body_] = runnel::goroutine_id();
    }

    void begins() {
        if (limited_) ++w_.limited;
        ++w_.moves;
        began = w_.now();
        w_.doing[body_] = &o_;
        for (const exchange_case& e : call_.cases) {
            if (e.channel < most_channels) ++w_.visitors[e.channel];
        }
        const auto guard = w_.open_book();
        if (!w_.recording) return;
        index_ = w_.seen.calls.size();
        w_.seen.records.push_back({moment::called, static_cast<std::uint16_t>(index_), began, {}});
        w_.seen.calls.push_back(call_);
    }
    void returns(result r, int index = 0, std::uint16_t value = 0) {
        ended = w_.now();
        w_.doing[body_] = nullptr;
        for (const exchange_case& e : call_.cases) {
            if (e.channel < most_channels) --w_.visitors[e.channel];
        }
        record_return(r, index, value);
        if (!w_.freeing && w_.exact) look_at_structure();
        ++w_.moves;
        if (limited_) --w_.limited;
        w_.on_condition[body_] = 0;
    }
    /// The last that its body does, when nothing more of it can be recorded.
    void is_done_unseen() {
        means(meaning::done);
        call_.unseen = true;
        begins();
        w_.doing[body_] = nullptr;
    }
    /// Of what gives up at its time: exactly then.
    void gave_up_after(std::int64_t units) {
        if (w_.exact && !w_.freeing && ended != began + units) {
            w_.fail("b" + std::to_string(body_) + ": " + to_string(o_) + " gave up at " +
                    std::to_string(ended));
        }
    }

    std::int64_t began = 0;
    std::int64_t ended = 0;

private:
    void record_return(result r, int index, std::uint16_t value) {
        const auto guard = w_.open_book();
        if (!w_.recording) return;
        call& c = w_.seen.calls[index_];
        c.got = r;
        c.index = index;
        c.value = value;
        if (!w_.exact && r != result::timeout) c.deadline = -1;
        w_.seen.records.push_back(
            {moment::returned, static_cast<std::uint16_t>(index_), ended, {}});
    }
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
    bool limited_ = false;
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
