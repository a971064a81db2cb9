// tests/random/execute.cpp — a program's operations on the real library, and the oracles beside the checker.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. values   2. the world   3. recording   4. channel operations   5. select   6. the rest
//         7. when all wait   8. freeing those that wait for ever   9. a run
#include "random/execute.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include <runnel/runnel.hpp>
#include <runnel/testing.hpp>

namespace test::random {

namespace {

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

clock::duration length(std::int64_t units) { return std::chrono::nanoseconds(units * unit_ns); }

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
    std::array<int, most_bodies> reads{};
    std::array<int, most_bodies> holds{};  // permits
    std::int64_t least_count = 0;          // zero's is never less
    std::int64_t loose = 0;                // of those, not of a goroutine of the group
    std::uint64_t left_zero_at = 0;        // when least_count last began to grow
    std::uint64_t events = 0;
    int starts_later = 0;
    std::array<std::int64_t, most_bodies> starts_at{-1, -1, -1, -1, -1, -1};

    std::array<const operation*, most_bodies> doing{};
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
            std::chrono::duration_cast<std::chrono::nanoseconds>(clock::now() - began).count();
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

void run_body(world& w, std::uint8_t b);

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
    // Free room and a parked sender cannot be at once, nor can a value and a parked receiver; and nobody is left
    // in the queues of a channel on which nobody operates.
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

result result_of(runnel::op_status s) {
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

void look_at_lengths(world& w, record& r) {
    for (std::size_t i = 0; i < w.channels.size(); ++i) {
        r.lengths[i] = static_cast<std::uint16_t>(w.channels[i].len());
    }
}

// ---- 4. channel operations ----

std::uint16_t received(world& w, const item& i) {
    if (i.value == 0 || i.value >= w.values.size()) {
        w.fail("received what nobody has sent");
    } else if (std::exchange(w.values[i.value].received, true)) {
        w.fail("#" + std::to_string(i.value) + " was received twice");
    }
    return i.value;
}

template <class F>
void send(world& w, step& s, std::uint8_t channel, F&& f) {
    const std::uint16_t value = w.new_value();
    s.exchanges(true, channel, value);
    item sent(value);
    s.begins();
    result r = result::none;
    try {
        r = f(w.channels[channel], sent);
    } catch (const runnel::closed_channel&) {
        r = result::threw_closed;
    }
    s.returns(r);
    w.values[value].how = r == result::ok ? fate::sent : fate::refused;
    if (sent.value != (r == result::ok ? 0 : value)) {
        w.fail("#" + std::to_string(value) + " was " +
               (r == result::ok ? "sent, and is still there" : "not sent, and is gone"));
    }
}

template <class F>
void receive(step& s, F&& f) {
    s.begins();
    result r = result::none;
    std::uint16_t value = 0;
    try {
        r = f(value);
    } catch (const close_error&) {
        r = result::error;
    }
    s.returns(r, 0, value);
}

result taken(world& w, runnel::recv_result<item>&& r, std::uint16_t& value) {
    if (r) value = received(w, *r);
    return result_of(r.status());
}

void channel_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    const auto& ch = w.channels[o.object];
    const bool nil = !ch;
    switch (o.kind) {
        case op_kind::send:
            send(w, s, o.object, [](const auto& c, item& i) {
                c.send(std::move(i));
                return result::ok;
            });
            break;
        case op_kind::try_send:
            s.what().otherwise = result::would_block;
            send(w, s, o.object,
                 [](const auto& c, item& i) { return result_of(c.try_send(std::move(i))); });
            break;
        case op_kind::send_for:
            s.is_limited(o.units, !nil);
            send(w, s, o.object, [&](const auto& c, item& i) {
                return result_of(c.send_for(std::move(i), length(o.units)));
            });
            break;
        case op_kind::send_ctx: {
            const runnel::context& ctx = w.contexts[o.context];
            s.is_limited(ctx, o.context);
            send(w, s, o.object,
                 [&](const auto& c, item& i) { return result_of(c.send(ctx, std::move(i))); });
            break;
        }
        case op_kind::recv:
            s.exchanges(false, o.object);
            receive(s, [&](std::uint16_t& value) {
                const std::optional<item> i = ch.recv();
                if (i) value = received(w, *i);
                return i ? result::ok : result::closed;
            });
            break;
        case op_kind::recv_into:
            s.exchanges(false, o.object);
            receive(s, [&](std::uint16_t& value) {
                item i;
                const bool any = ch >> i;
                if (any) value = received(w, i);
                return any ? result::ok : result::closed;
            });
            break;
        case op_kind::try_recv:
            s.exchanges(false, o.object);
            s.what().otherwise = result::would_block;
            receive(s, [&](std::uint16_t& value) { return taken(w, ch.try_recv(), value); });
            break;
        case op_kind::recv_for:
            s.exchanges(false, o.object);
            s.is_limited(o.units, !nil);
            receive(s, [&](std::uint16_t& value) {
                return taken(w, ch.recv_for(length(o.units)), value);
            });
            break;
        case op_kind::recv_ctx: {
            const runnel::context& ctx = w.contexts[o.context];
            s.exchanges(false, o.object);
            s.is_limited(ctx, o.context);
            receive(s, [&](std::uint16_t& value) { return taken(w, ch.recv(ctx), value); });
            break;
        }
        case op_kind::close:
        case op_kind::close_error: {
            const bool error = o.kind == op_kind::close_error;
            s.what().means = error ? meaning::close_error : meaning::close;
            s.what().object = o.object;
            s.begins();
            result r = result::ok;
            try {
                error ? ch.close(std::make_exception_ptr(random::close_error())) : ch.close();
            } catch (const runnel::closed_channel&) {
                r = result::threw_closed;
            } catch (const runnel::nil_channel&) {
                r = result::threw_nil;
            }
            s.returns(r);
            break;
        }
        default: {  // look
            if (!w.recording) break;
            call& c = s.what();
            w.seen.records.push_back(
                {moment::look, static_cast<std::uint16_t>(w.seen.calls.size()), w.now(), {}});
            w.seen.calls.push_back(c);
            look_at_lengths(w, w.seen.records.back());
            break;
        }
    }
}

// ---- 5. select ----

void select_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    call& c = s.what();
    c.means = meaning::exchange;
    c.in_order = o.in_order;
    std::vector<runnel::select_case> cases;
    std::vector<std::pair<int, std::uint16_t>> offers;
    int ran = -1;
    std::uint16_t value = 0;
    result r = result::none;
    const auto runs = [&ran, &w](int i, result& to, result got) {
        if (ran != -1) w.fail("select ran two cases");
        ran = i;
        to = got;
    };
    const std::int64_t now = w.now();
    for (std::size_t k = 0; k < o.arms.size(); ++k) {
        const arm& a = o.arms[k];
        const int i = static_cast<int>(k);
        const auto add = [&](bool sends, std::size_t channel, std::uint16_t v) {
            c.cases.push_back(
                {sends, static_cast<std::uint8_t>(channel), static_cast<std::uint8_t>(k), v});
        };
        const auto limit = [&] {
            const std::int64_t at = now + a.units;
            if (c.deadline < 0 || at < c.deadline) {
                c.deadline = at;
                c.deadline_arms = 0;
            }
            if (at == c.deadline) c.deadline_arms |= 1U << k;
        };
        switch (a.kind) {
            case arm_kind::recv:
                add(false, a.object, 0);
                cases.emplace_back(
                    runnel::recv(w.channels[a.object], [&, i](std::optional<item> got) {
                        runs(i, r, got ? result::ok : result::closed);
                        if (got) value = received(w, *got);
                    }));
                break;
            case arm_kind::send: {
                const std::uint16_t v = w.new_value();
                offers.emplace_back(i, v);
                add(true, a.object, v);
                cases.emplace_back(runnel::send(w.channels[a.object], item(v),
                                                [&, i] { runs(i, r, result::ok); }));
                break;
            }
            case arm_kind::tick:
                add(false, first_timer + a.object, 0);
                cases.emplace_back(runnel::recv(
                    w.timers[a.object].chan(), [&, i](std::optional<clock::time_point> got) {
                        runs(i, r, got ? result::ok : result::closed);
                        value = static_cast<std::uint16_t>(w.units_of(got.value_or(w.began)));
                    }));
                break;
            case arm_kind::done:
                add(false, first_done + a.object, 0);
                cases.emplace_back(
                    runnel::done(w.contexts[a.object], [&, i] { runs(i, r, result::closed); }));
                break;
            case arm_kind::after:
                limit();
                cases.emplace_back(runnel::recv(
                    runnel::after(length(a.units)), [&, i](std::optional<clock::time_point> got) {
                        runs(i, r, result::timeout);
                        if (!got || w.units_of(*got) !=
                                        s.began + o.arms[static_cast<std::size_t>(i)].units) {
                            w.fail("after: another time was sent");
                        }
                    }));
                break;
            case arm_kind::timeout:
                limit();
                cases.emplace_back(
                    runnel::timeout(length(a.units), [&, i] { runs(i, r, result::timeout); }));
                break;
            case arm_kind::otherwise:
                c.otherwise = result::would_block;
                c.otherwise_index = static_cast<std::uint8_t>(k);
                cases.emplace_back(runnel::otherwise([&, i] { runs(i, r, result::would_block); }));
                break;
        }
    }
    s.begins();
    int index = -1;
    try {
        index = static_cast<int>(o.in_order ? runnel::select(runnel::in_order, cases)
                                            : runnel::select(cases));
        if (index != ran) w.fail("select returned another index than that of the case it ran");
    } catch (const runnel::closed_channel&) {
        r = result::threw_closed;
    } catch (const close_error&) {
        r = result::error;
    }
    cases.clear();
    s.returns(r, index, value);
    for (const auto& [i, v] : offers) {
        w.values[v].how = i == index ? fate::sent : fate::refused;
    }
}

// ---- 6. the rest ----

void timer_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    any_timer& t = w.timers[o.object];
    switch (o.kind) {
        case op_kind::timer_recv:
        case op_kind::timer_recv_for: {
            const bool limited = o.kind == op_kind::timer_recv_for;
            s.exchanges(false, first_timer + o.object);
            if (limited) s.is_limited(o.units, true);
            receive(s, [&](std::uint16_t& value) {
                runnel::recv_result<clock::time_point> r =
                    limited ? t.chan().recv_for(length(o.units))
                            : runnel::recv_result<clock::time_point>(t.chan().recv());
                if (r) value = static_cast<std::uint16_t>(w.units_of(*r));
                return result_of(r.status());
            });
            break;
        }
        default: {
            const bool stops = o.kind == op_kind::timer_stop;
            call& c = s.what();
            c.means = stops ? meaning::stop : meaning::reset;
            c.object = o.object;
            c.when = w.now() + o.units;
            s.begins();
            result r = result::ok;
            if (t.once) {
                const bool kept = stops ? t.once->stop() : t.once->reset(length(o.units));
                r = kept ? result::yes : result::no;
            } else if (stops) {
                t.ticks->stop();
            } else {
                t.ticks->reset(length(o.units));
            }
            s.returns(r);
            break;
        }
    }
}

void start(world& w, std::uint8_t child) {
    w.all.add(1);
    runnel::go([&w, child] { run_body(w, child); });
}

void goroutine_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    switch (o.kind) {
        case op_kind::start:
            s.begins();
            start(w, o.object);
            s.returns(result::ok);
            break;
        case op_kind::start_in_group: {
            s.begins();
            result r = result::ok;
            w.all.add(1);
            const std::uint64_t before = std::exchange(w.left_zero_at, w.events);
            ++w.least_count;
            try {
                w.zero.go([&w, child = o.object] {
                    run_body(w, child);
                    --w.least_count;
                });
            } catch (const runnel::panic&) {  // added while those who waited have not returned
                r = result::no;
                --w.least_count;
                w.left_zero_at = before;
                w.all.done();
            }
            s.returns(r);
            break;
        }
        case op_kind::start_later:
            s.begins();
            ++w.starts_later;
            w.starts_at[o.object] = s.began + o.units;
            w.all.add(1);
            runnel::after_func(length(o.units), [&w, child = o.object] {
                --w.starts_later;
                run_body(w, child);
            });
            s.returns(result::ok);
            break;
        default: {  // run_group
            s.begins();
            bool fails = false;
            bool failed = false;
            {
                runnel::group g;
                g.set_limit(o.amount);
                for (const std::uint8_t child : o.group) {
                    fails = fails || w.p.bodies[child].fails;
                    w.all.add(1);
                    g.go([&w, child] {
                        run_body(w, child);
                        if (w.p.bodies[child].fails) throw member_failed();
                    });
                }
                try {
                    g.wait();
                } catch (const member_failed&) {
                    failed = true;
                }
                for (const std::uint8_t child : o.group) {
                    if (!w.ended[child])
                        w.fail("group::wait has not waited for b" + std::to_string(child));
                }
                if (!g.context().err())
                    w.fail("group::wait has returned, and its context is not done");
            }
            if (fails != failed) w.fail("a failure in a group was not reported, or made up");
            s.returns(result::ok);
            break;
        }
    }
}

void take(world& w, int& owner, std::uint8_t b) {
    if (std::exchange(owner, b) != -1) w.fail("two hold a lock at once");
}

void mutex_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    runnel::mutex& m = w.mutexes[o.object];
    runnel::condition_variable& cv = w.conditions[o.object];
    int& owner = w.owner[o.object];
    const bool mine = owner == b;
    switch (o.kind) {
        case op_kind::lock:
            if (mine) break;  // it would wait for itself
            s.begins();
            m.lock();
            take(w, owner, b);
            s.returns(result::ok);
            break;
        case op_kind::try_lock:
        case op_kind::try_lock_for: {
            const bool once = o.kind == op_kind::try_lock;
            s.begins();
            const bool got = once ? m.try_lock() : m.try_lock_for(length(o.units));
            if (got) take(w, owner, b);
            s.returns(got ? result::yes : result::no);
            if (!got) s.gave_up_after(once ? 0 : o.units);
            break;
        }
        case op_kind::unlock:
            if (!mine) break;
            s.begins();
            owner = -1;
            m.unlock();
            s.returns(result::ok);
            break;
        case op_kind::wait:
        case op_kind::wait_for:
        case op_kind::wait_ctx: {
            if (!mine) break;
            call& c = s.what();
            s.exchanges(false, first_condition + o.object);
            c.may_be_late = true;
            const runnel::context* ctx = nullptr;
            if (o.kind == op_kind::wait_for) s.is_limited(o.units, false);
            if (o.kind == op_kind::wait_ctx) {
                ctx = &w.contexts[o.context];
                s.is_limited(*ctx, o.context);
            }
            s.begins();
            owner = -1;
            std::unique_lock held(m, std::adopt_lock);
            result r = result::ok;
            if (o.kind == op_kind::wait_for) {
                if (cv.wait_for(held, length(o.units)) == std::cv_status::timeout) {
                    r = result::timeout;
                }
            } else if (ctx != nullptr) {
                r = result_of(cv.wait(held, *ctx));
            } else {
                cv.wait(held);
            }
            held.release();
            take(w, owner, b);
            s.returns(r);
            break;
        }
        case op_kind::notify_one:
            s.exchanges(true, first_condition + o.object);
            s.what().otherwise = result::ok;
            s.begins();
            cv.notify_one();
            s.returns(result::ok);
            break;
        default:
            s.what().means = meaning::notify_all;
            s.what().object = static_cast<std::uint8_t>(first_condition + o.object);
            s.begins();
            cv.notify_all();
            s.returns(result::ok);
            break;
    }
}

void took_rw(world& w, std::uint8_t b, bool for_writing) {
    if (w.writer != -1) w.fail("a writer holds the shared_mutex, and another gets it");
    if (!for_writing) {
        ++w.reads[b];
        return;
    }
    for (const int r : w.reads) {
        if (r != 0) w.fail("a reader holds the shared_mutex, and a writer gets it");
    }
    w.writer = b;
}

void unlock_rw(world& w, std::uint8_t b) {
    if (w.writer == b) {
        w.writer = -1;
        w.rw.unlock();
    } else if (w.reads[b] > 0) {
        --w.reads[b];
        w.rw.unlock_shared();
    }
}

void shared_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    if (o.kind == op_kind::unlock_rw) {
        if (w.writer != b && w.reads[b] == 0) return;
        s.begins();
        unlock_rw(w, b);
        s.returns(result::ok);
        return;
    }
    if (w.writer == b || w.reads[b] > 0) return;  // not recursive
    s.begins();
    const bool writes = o.kind == op_kind::lock_write || o.kind == op_kind::try_lock_write_for;
    bool got = true;
    if (o.kind == op_kind::lock_write) {
        w.rw.lock();
    } else if (o.kind == op_kind::lock_read) {
        w.rw.lock_shared();
    } else {
        got =
            writes ? w.rw.try_lock_for(length(o.units)) : w.rw.try_lock_shared_for(length(o.units));
    }
    if (got) took_rw(w, b, writes);
    s.returns(got ? result::yes : result::no);
    if (!got) s.gave_up_after(o.units);
}

void permit_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    int& mine = w.holds[b];
    call& c = s.what();
    c.amount = o.amount;
    if (o.kind == op_kind::release) {
        if (mine < o.amount) return;
        c.means = meaning::release;
        s.begins();
        mine -= o.amount;
        w.permits.release(o.amount);
        s.returns(result::ok);
        return;
    }
    const runnel::context* ctx = nullptr;
    c.means = meaning::acquire;
    if (o.kind == op_kind::try_acquire) c.otherwise = result::no;
    if (o.kind == op_kind::acquire_for) s.is_limited(o.units, true);
    if (o.kind == op_kind::acquire_ctx) {
        ctx = &w.contexts[o.context];
        s.is_limited(*ctx, o.context);
    }
    s.begins();
    result r = result::ok;
    if (o.kind == op_kind::acquire) {
        w.permits.acquire(o.amount);
    } else if (ctx != nullptr) {
        r = result_of(w.permits.acquire(*ctx, o.amount));
    } else if (o.kind == op_kind::try_acquire) {
        r = w.permits.try_acquire(o.amount) ? result::ok : result::no;
    } else {
        r = w.permits.try_acquire_for(length(o.units), o.amount) ? result::ok : result::timeout;
    }
    if (r == result::ok) {
        mine += o.amount;
        int sum = 0;
        for (const int n : w.holds) sum += n;
        if (sum > w.p.permits) w.fail("more permits are held than there are");
    }
    s.returns(r);
    if (r == result::timeout && ctx == nullptr) s.gave_up_after(o.units);
}

void count_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    if (o.kind == op_kind::done && w.loose <= 0) return;
    const runnel::context* ctx = nullptr;
    if (o.kind == op_kind::wait_zero_ctx) ctx = &w.contexts[o.context];
    s.begins();
    result r = result::ok;
    if (o.kind == op_kind::add) {
        const std::uint64_t before = w.left_zero_at;
        if (w.least_count == 0) w.left_zero_at = s.event;
        ++w.least_count;
        try {
            w.zero.add(1);
            ++w.loose;
        } catch (const runnel::panic&) {  // those who waited have not returned yet
            --w.least_count;
            w.left_zero_at = before;
            r = result::no;
        }
    } else if (o.kind == op_kind::done) {
        --w.least_count;
        --w.loose;
        w.zero.done();
    } else {
        if (o.kind == op_kind::wait_zero) {
            w.zero.wait();
        } else if (ctx != nullptr) {
            r = result_of(w.zero.wait(*ctx));
        } else {
            r = w.zero.wait_for(length(o.units)) ? result::ok : result::timeout;
        }
        if (r == result::ok && w.least_count > 0 && w.left_zero_at < s.event) {
            w.fail("wait_group::wait has returned, and the count was never zero");
        }
    }
    s.returns(r);
    if (r == result::timeout && ctx == nullptr) s.gave_up_after(o.units);
}

void perform(world& w, std::uint8_t b, const operation& o) {
    switch (o.kind) {
        case op_kind::select:
            select_operation(w, b, o);
            break;
        case op_kind::cancel: {
            step s(w, b, o);
            s.what().means = meaning::cancel;
            s.what().object = o.object;
            s.begins();
            w.contexts[o.object].cancel();
            s.returns(result::ok);
            break;
        }
        case op_kind::sleep: {
            step s(w, b, o);
            s.begins();
            runnel::sleep_for(length(o.units));
            s.returns(result::ok);
            s.gave_up_after(o.units);
            break;
        }
        case op_kind::yield:
            runnel::yield();
            break;
        default:
            if (o.kind <= op_kind::look) {
                channel_operation(w, b, o);
            } else if (o.kind <= op_kind::timer_reset) {
                timer_operation(w, b, o);
            } else if (o.kind <= op_kind::run_group) {
                goroutine_operation(w, b, o);
            } else if (o.kind <= op_kind::notify_all) {
                mutex_operation(w, b, o);
            } else if (o.kind <= op_kind::unlock_rw) {
                shared_operation(w, b, o);
            } else if (o.kind <= op_kind::release) {
                permit_operation(w, b, o);
            } else {
                count_operation(w, b, o);
            }
    }
}

/// As an operation of the program, which lives as long.
const operation& release_of(int n) {
    static const auto all = [] {
        std::array<operation, 8> made;
        for (std::uint8_t i = 0; i < made.size(); ++i) {
            made[i].kind = op_kind::release;
            made[i].amount = i;
        }
        return made;
    }();
    return all[static_cast<std::size_t>(n)];
}

void give_back_all(world& w, std::uint8_t b) {
    for (std::size_t i = 0; i < w.owner.size(); ++i) {
        if (w.owner[i] != b) continue;
        w.owner[i] = -1;
        w.mutexes[i].unlock();
    }
    unlock_rw(w, b);
    if (w.holds[b] > 0) {
        permit_operation(w, b, release_of(w.holds[b]));
    }
}

void run_body(world& w, std::uint8_t b) {
    w.started[b] = true;
    if (!w.freeing && w.starts_at[b] >= 0 && w.starts_at[b] != w.now()) {
        w.fail("after_func called at another time");
    }
    for (const operation& o : w.p.bodies[b].operations) {
        if (w.freeing) break;
        perform(w, b, o);
    }
    give_back_all(w, b);
    w.ended[b] = true;
    w.all.done();
}

// ---- 7. when all wait ----

/// Nobody waits for a lock that is free, or a count that is zero. (Channels and permits: the checker.)
void look_at_waiters(world& w) {
    bool somebody_reads = w.writer != -1;
    bool writer_waits = false;
    for (std::size_t b = 0; b < most_bodies; ++b) {
        somebody_reads = somebody_reads || w.reads[b] > 0;
        const operation* o = w.doing[b];
        writer_waits = writer_waits || (o != nullptr && (o->kind == op_kind::lock_write ||
                                                         o->kind == op_kind::try_lock_write_for));
    }
    for (std::size_t b = 0; b < most_bodies; ++b) {
        const operation* o = w.doing[b];
        if (o == nullptr) continue;
        const std::string who = "b" + std::to_string(b) + " waits in " + to_string(*o);
        switch (o->kind) {
            case op_kind::lock:
            case op_kind::try_lock_for:
                if (w.owner[o->object] == -1) w.fail(who + ", and nobody holds it");
                break;
            case op_kind::lock_write:
            case op_kind::try_lock_write_for:
                if (!somebody_reads) w.fail(who + ", and nobody holds it");
                break;
            case op_kind::lock_read:
            case op_kind::try_lock_read_for:
                if (w.writer == -1 && !writer_waits) w.fail(who + ", and no writer is there");
                break;
            case op_kind::wait_zero:
            case op_kind::wait_zero_for:
            case op_kind::wait_zero_ctx:
                if (w.least_count == 0) w.fail(who + ", and the count is zero");
                break;
            case op_kind::try_lock:
            case op_kind::try_acquire:
            case op_kind::try_send:
            case op_kind::try_recv:
            case op_kind::close:
            case op_kind::cancel:
            case op_kind::unlock:
            case op_kind::done:
                w.fail(who + ", which does not wait");
                break;
            default:
                break;
        }
    }
}

void look_when_idle(world& w) {
    record r;
    r.kind = moment::idle;
    r.time = w.now();
    look_at_lengths(w, r);
    w.seen.records.push_back(r);
    look_at_waiters(w);
}

// ---- 8. freeing those that wait for ever ----

void stop_timers(world& w) {
    for (any_timer& t : w.timers) {
        if (t.once) {
            t.once->stop();
        } else {
            t.ticks->stop();
        }
    }
}

void free_one_round(world& w, bool first) {
    if (first) {
        for (const auto& c : w.channels) {
            try {
                if (c) c.close();
            } catch (const runnel::closed_channel&) {
            }
        }
        for (const runnel::cancel_context& c : w.contexts) c.cancel();
    }
    for (any_timer& t : w.timers) {
        if (t.once) {
            t.once->reset(length(0));
        } else {
            t.ticks->reset(length(1));
        }
    }
    for (std::size_t i = 0; i < w.owner.size(); ++i) {
        if (w.owner[i] != -1) {
            w.owner[i] = -1;
            w.mutexes[i].unlock();
        }
        w.conditions[i].notify_all();
    }
    if (w.writer != -1) unlock_rw(w, static_cast<std::uint8_t>(w.writer));
    for (std::size_t b = 0; b < most_bodies; ++b) {
        while (w.reads[b] > 0) unlock_rw(w, static_cast<std::uint8_t>(b));
        if (const int n = std::exchange(w.holds[b], 0); n > 0) w.permits.release(n);
    }
}

void free_everybody(world& w) {
    w.freeing = true;
    for (int round = 0; w.running() > 0 && round < 100; ++round) {
        free_one_round(w, round == 0);
        runnel::sleep_for(length(1));
        runnel::testing::wait_idle();
        for (; w.loose > 0; --w.loose, --w.least_count) w.zero.done();
    }
    runnel::testing::wait_idle();
    stop_timers(w);
    for (std::size_t b = 0; b < most_bodies; ++b) {
        if (!w.started[b] || w.ended[b]) continue;
        w.fail("b" + std::to_string(b) + " waits in " +
               (w.doing[b] != nullptr ? to_string(*w.doing[b]) : "its last unlock") +
               ", though all was closed, cancelled, unlocked and given back");
    }
    // What is left in the buffers was sent, and not received.
    for (const auto& c : w.channels) {
        if (!c) continue;
        try {
            while (const auto i = c.try_recv()) received(w, *i);
        } catch (const close_error&) {
        }
    }
}

// ---- 9. a run ----

void make_objects(world& w) {
    w.began = clock::now();
    for (const int capacity : w.p.channels) {
        w.channels.push_back(capacity == is_nil ? runnel::chan<item>()
                             : capacity == is_unbounded
                                 ? runnel::make_chan<item>(runnel::unbounded)
                                 : runnel::make_chan<item>(static_cast<std::size_t>(capacity)));
    }
    for (const context_spec& c : w.p.contexts) {
        const runnel::context parent =
            c.parent < 0 ? runnel::background()
                         : runnel::context(w.contexts[static_cast<std::size_t>(c.parent)]);
        w.contexts.push_back(c.timeout < 0 ? runnel::with_cancel(parent)
                                           : runnel::with_timeout(parent, length(c.timeout)));
    }
    for (const timer_spec& t : w.p.timers) {
        any_timer& made = w.timers.emplace_back();
        if (t.ticks) {
            made.ticks.emplace(length(t.first));
        } else {
            made.once.emplace(length(t.first));
        }
    }
}

void run_main(world& w) {
    make_objects(w);
    for (std::size_t b = 0; b < w.p.bodies.size(); ++b) {
        if (w.p.bodies[b].at_once) start(w, static_cast<std::uint8_t>(b));
    }
    const std::int64_t horizon = w.p.horizon();
    for (std::int64_t t = 1;; t = std::min(t * 2, horizon)) {
        runnel::sleep_until(w.began + length(t));
        runnel::testing::wait_idle();
        look_when_idle(w);
        if (t == horizon || (w.running() == 0 && w.starts_later == 0)) break;
    }
    w.recording = false;
    switch (w.p.how_it_ends) {
        case ending::frees_them:
            free_everybody(w);
            break;
        case ending::leaves:
            break;
        case ending::waits:
            stop_timers(w);
            w.all.wait();
            break;
    }
}

}  // namespace

run_outcome execute(const program& p) {
    run_outcome o;
    const std::uint64_t live_before = item::made - item::destroyed;
    auto w = std::make_unique<world>(p);
    runnel::testing::simulation_report steps;
    bool stuck = false;
    try {
        runnel::testing::simulate(
            p.schedule, [&] { run_main(*w); }, {.most_steps = 1'000'000}, &steps);
    } catch (const runnel::testing::deadlock& e) {
        stuck = true;
        if (p.how_it_ends != ending::waits) w->fail(e.what());
    } catch (const runnel::testing::leaked_goroutines& e) {
        stuck = true;
        if (p.how_it_ends != ending::leaves) w->fail(e.what());
    } catch (const std::exception& e) {
        w->fail(std::string("an exception: ") + e.what());
    } catch (...) {
        w->fail("an exception");
    }
    o.steps = steps.steps;
    o.trace = steps.trace;
    o.somebody_waited = stuck || std::any_of(w->seen.calls.begin(), w->seen.calls.end(),
                                             [](const call& c) { return c.got == result::none; });
    if (p.how_it_ends != ending::frees_them) {
        if (stuck != (w->running() > 0)) w->fail("a deadlock or leak was not reported, or made up");
    } else if (w->failure.empty()) {
        for (std::size_t v = 1; v < w->values.size(); ++v) {
            const value_account& a = w->values[v];
            if ((a.how == fate::sent) != a.received) {
                w->fail("#" + std::to_string(v) +
                        (a.received ? " was received, and its send has failed" : " is lost"));
            }
        }
    }
    o.failure = std::move(w->failure);
    o.seen = std::move(w->seen);
    const bool ended = w->running() == 0;
    if (ended || o.failure.empty()) {
        w.reset();
    } else {
        // Those who are left have it on their stacks.
        static_cast<void>(w.release());
    }
    if (o.failure.empty() && !stuck && item::made - item::destroyed != live_before) {
        o.failure = "more values were made than destroyed, or fewer";
    }
    o.judged = check(p, o.seen);
    if (o.failure.empty() && !o.judged.holds)
        o.failure = "no order of its operations explains this run";
    return o;
}

std::string report(const program& p, const run_outcome& o) {
    return o.failure + "\n\n" + to_string(p) + "\n\nwhat happened (time, body, operation):" +
           to_string(o.seen, o.judged.holds ? static_cast<std::size_t>(-1) : o.judged.furthest);
}

}  // namespace test::random
