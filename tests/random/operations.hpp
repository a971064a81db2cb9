// tests/random/operations.hpp — each operation of a program on the real library, and what must hold after it.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. channels   2. select   3. the rest: timers, goroutines, locks, permits, counts; a body
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <runnel/runnel.hpp>

#include "random/world.hpp"

namespace test::random {

// ---- 1. channels ----

inline std::uint16_t received(world& w, const item& i) {
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

inline result taken(world& w, runnel::recv_result<item>&& r, std::uint16_t& value) {
    if (r) value = received(w, *r);
    return result_of(r.status());
}

/// for (item& i : ch), which stops after some; each value is a receive of its own.
inline void iterate(world& w, std::uint8_t b, const operation& o) {
    const auto& ch = w.channels[o.object];
    std::optional<decltype(ch.begin())> at;
    for (int n = 0; n < o.amount && !w.freeing; ++n) {
        step s(w, b, o);
        s.exchanges(false, o.object);
        bool ended = true;
        receive(s, [&](std::uint16_t& value) {
            if (n == 0) {
                at.emplace(ch.begin());
            } else {
                ++*at;
            }
            ended = *at == ch.end();
            if (!ended) value = received(w, **at);
            return ended ? result::closed : result::ok;
        });
        if (ended) break;
    }
}

inline void channel_operation(world& w, std::uint8_t b, const operation& o) {
    if (o.kind == op_kind::iterate) {
        iterate(w, b, o);
        return;
    }
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

// ---- 2. select ----

/// Two cases on channels: the form whose cases are known when it is compiled. It borrows what it sends, and
/// receives into variables.
inline void select_two(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    s.what().in_order = o.in_order;
    std::array<std::uint16_t, 2> offered{};
    for (std::size_t i = 0; i < 2; ++i) {
        const bool sends = o.arms[i].kind == arm_kind::send;
        if (sends) offered[i] = w.new_value();
        s.exchanges(sends, o.arms[i].object, offered[i]);
    }
    item first_offer(offered[0]);
    item second_offer(offered[1]);
    std::array<std::optional<item>, 2> got;
    const auto& first = w.channels[o.arms[0].object];
    const auto& second = w.channels[o.arms[1].object];
    const auto choose = [&](auto&& one, auto&& other) {
        using one_case = decltype(one);
        using other_case = decltype(other);
        return o.in_order
                   ? runnel::select(runnel::in_order, std::forward<one_case>(one),
                                    std::forward<other_case>(other))
                   : runnel::select(std::forward<one_case>(one), std::forward<other_case>(other));
    };
    s.begins();
    int index = -1;
    result r = result::none;
    std::uint16_t value = 0;
    try {
        std::size_t chosen = 0;
        if (offered[0] != 0 && offered[1] != 0) {
            chosen = choose(runnel::send(first, std::move(first_offer)),
                            runnel::send(second, std::move(second_offer)));
        } else if (offered[0] != 0) {
            chosen =
                choose(runnel::send(first, std::move(first_offer)), runnel::recv(second, got[1]));
        } else if (offered[1] != 0) {
            chosen =
                choose(runnel::recv(first, got[0]), runnel::send(second, std::move(second_offer)));
        } else {
            chosen = choose(runnel::recv(first, got[0]), runnel::recv(second, got[1]));
        }
        index = static_cast<int>(chosen);
        r = offered[chosen] != 0 || got[chosen] ? result::ok : result::closed;
        if (got[chosen]) value = received(w, *got[chosen]);
        if (got[1 - chosen]) w.fail("select has written to the variable of another case");
    } catch (const runnel::closed_channel&) {
        r = result::threw_closed;
    } catch (const close_error&) {
        r = result::error;
    }
    s.returns(r, index, value);
    for (int i = 0; i < 2; ++i) {
        const std::uint16_t v = offered[static_cast<std::size_t>(i)];
        if (v == 0) continue;
        w.values[v].how = i == index ? fate::sent : fate::refused;
        const item& offer = i == 0 ? first_offer : second_offer;
        if (offer.value != (i == index ? 0 : v)) {
            w.fail("select: #" + std::to_string(v) +
                   (i == index ? " was sent, and is still there" : " was not sent, and is gone"));
        }
    }
}

inline void select_operation(world& w, std::uint8_t b, const operation& o) {
    const auto exchanges = [](const arm& a) { return a.kind <= arm_kind::send; };
    if (o.arms.size() == 2 && exchanges(o.arms[0]) && exchanges(o.arms[1])) {
        select_two(w, b, o);
        return;
    }
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

// ---- 3. the rest ----

inline void timer_operation(world& w, std::uint8_t b, const operation& o) {
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

inline void run_body(world& w, std::uint8_t b);

inline void start(world& w, std::uint8_t child) {
    w.all.add(1);
    runnel::go([&w, child] { run_body(w, child); });
}

inline void goroutine_operation(world& w, std::uint8_t b, const operation& o) {
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
        case op_kind::start_when_done:
            s.begins();
            w.starts_with[o.object] = o.context;
            runnel::after_func(w.contexts[o.context], [&w, child = o.object, which = o.context] {
                if (!w.contexts[which].err())
                    w.fail("after_func has called before the context was done");
                w.all.add(1);
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

inline void take(world& w, int& owner, std::uint8_t b) {
    if (std::exchange(owner, b) != -1) w.fail("two hold a lock at once");
}

inline void mutex_operation(world& w, std::uint8_t b, const operation& o) {
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

inline void took_rw(world& w, std::uint8_t b, bool for_writing) {
    if (w.writer != -1) w.fail("a writer holds the shared_mutex, and another gets it");
    if (!for_writing) {
        ++w.reads[b];
        return;
    }
    for (const int r : w.reads) {
        if (r != 0) w.fail("a reader holds the shared_mutex, and a writer gets it");
    }
    w.writer = b;
    ++w.writes;
}

inline void unlock_rw(world& w, std::uint8_t b) {
    if (w.writer == b) {
        w.writer = -1;
        w.rw.unlock();
    } else if (w.reads[b] > 0) {
        --w.reads[b];
        w.rw.unlock_shared();
    }
}

/// Writers that are parked when somebody asks, since time has gone on. No other writer may overtake them; a
/// reader may only if another writer has held it meanwhile, or holds it now.
class parked_writers {
public:
    parked_writers(const world& w, bool for_writing)
        : w_(w), writes_(w.writes), for_writing_(for_writing) {
        if (w.writer != -1 && !for_writing) return;
        for (std::size_t b = 0; b < most_bodies; ++b) {
            if (waits(b)) event_[b] = w.doing_event[b];
        }
    }
    bool were_overtaken() const {
        if (!for_writing_ && w_.writes != writes_) return false;
        for (std::size_t b = 0; b < most_bodies; ++b) {
            if (event_[b] != 0 && waits(b) && event_[b] == w_.doing_event[b]) return true;
        }
        return false;
    }

private:
    bool waits(std::size_t b) const {
        const operation* o = w_.doing[b];
        if (o == nullptr || w_.doing_since[b] >= w_.units_of(runnel::detail::now())) return false;
        // One that gives up now may have done so already.
        return o->kind == op_kind::lock_write ||
               (o->kind == op_kind::try_lock_write_for &&
                w_.doing_since[b] + o->units > w_.units_of(runnel::detail::now()));
    }

    const world& w_;
    std::uint64_t writes_;
    bool for_writing_;
    std::array<std::uint64_t, most_bodies> event_{};
};

inline void shared_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    if (o.kind == op_kind::unlock_rw) {
        if (w.writer != b && w.reads[b] == 0) return;
        s.begins();
        unlock_rw(w, b);
        s.returns(result::ok);
        return;
    }
    if (w.writer == b || w.reads[b] > 0) return;  // not recursive
    const bool writes = o.kind == op_kind::lock_write || o.kind == op_kind::try_lock_write_for;
    const parked_writers before(w, writes);
    s.begins();
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
    if (got && !w.freeing && before.were_overtaken()) w.fail("a writer that waits was overtaken");
    s.returns(got ? result::yes : result::no);
    if (!got) s.gave_up_after(o.units);
}

inline void permit_operation(world& w, std::uint8_t b, const operation& o) {
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

inline void count_operation(world& w, std::uint8_t b, const operation& o) {
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

inline void perform(world& w, std::uint8_t b, const operation& o) {
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
inline const operation& release_of(int n) {
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

inline void give_back_all(world& w, std::uint8_t b) {
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

inline void run_body(world& w, std::uint8_t b) {
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

}  // namespace test::random
