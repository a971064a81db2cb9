// tests/random/operations.hpp — each operation of a program on the real library, and what must hold after it.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. channels   2. select   3. the rest: timers, goroutines, locks, permits, counts; a body
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
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
    w.settle(value, r == result::ok);
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
    if (r) value = w.received(*r);
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
            if (!ended) value = w.received(**at);
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
            s.tries_once(result::would_block);
            send(w, s, o.object,
                 [](const auto& c, item& i) { return result_of(c.try_send(std::move(i))); });
            break;
        case op_kind::send_for:
            s.is_limited(o.units, !nil);
            send(w, s, o.object, [&](const auto& c, item& i) {
                return result_of(c.send_for(std::move(i), w.length(o.units)));
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
                if (i) value = w.received(*i);
                return i ? result::ok : result::closed;
            });
            break;
        case op_kind::recv_into:
            s.exchanges(false, o.object);
            receive(s, [&](std::uint16_t& value) {
                item i;
                const bool any = ch >> i;
                if (any) value = w.received(i);
                return any ? result::ok : result::closed;
            });
            break;
        case op_kind::try_recv:
            s.exchanges(false, o.object);
            s.tries_once(result::would_block);
            receive(s, [&](std::uint16_t& value) { return taken(w, ch.try_recv(), value); });
            break;
        case op_kind::recv_for:
            s.exchanges(false, o.object);
            s.is_limited(o.units, !nil);
            receive(s, [&](std::uint16_t& value) {
                return taken(w, ch.recv_for(w.length(o.units)), value);
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
            s.means(error ? meaning::close_error : meaning::close, o.object);
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
            const std::int64_t now = w.now();
            const auto guard = w.open_book();
            w.seen.records.push_back(
                {moment::look, static_cast<std::uint16_t>(w.seen.calls.size()), now, {}});
            w.seen.calls.push_back(s.what());
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
        if (got[chosen]) value = w.received(*got[chosen]);
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
        w.settle(v, i == index);
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
            s.ends_by_itself();
            const std::int64_t at = w.exact ? now + a.units : 0;
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
                        if (got) value = w.received(*got);
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
                    runnel::after(w.length(a.units)), [&, i](std::optional<clock::time_point> got) {
                        runs(i, r, result::timeout);
                        if (!got ||
                            (w.exact && w.units_of(*got) !=
                                            s.began + o.arms[static_cast<std::size_t>(i)].units)) {
                            w.fail("after: another time was sent");
                        }
                    }));
                break;
            case arm_kind::timeout:
                limit();
                cases.emplace_back(
                    runnel::timeout(w.length(a.units), [&, i] { runs(i, r, result::timeout); }));
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
        w.settle(v, i == index);
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
                    limited ? t.chan().recv_for(w.length(o.units))
                            : runnel::recv_result<clock::time_point>(t.chan().recv());
                if (r) value = static_cast<std::uint16_t>(w.units_of(*r));
                return result_of(r.status());
            });
            break;
        }
        default: {
            const bool stops = o.kind == op_kind::timer_stop;
            call& c = s.what();
            s.means(stops ? meaning::stop : meaning::reset, o.object);
            c.when = w.now() + o.units;
            s.begins();
            result r = result::ok;
            if (t.once) {
                const bool kept = stops ? t.once->stop() : t.once->reset(w.length(o.units));
                r = kept ? result::yes : result::no;
            } else if (stops) {
                t.ticks->stop();
            } else {
                t.ticks->reset(w.length(o.units));
            }
            s.returns(r);
            break;
        }
    }
}

inline void run_body(world& w, std::uint8_t b);

/// As an operation of the program, which lives as long.
inline const operation& plain(op_kind k, std::uint8_t object = 0, std::uint8_t amount = 0) {
    static std::mutex lock;
    static std::deque<operation> all;  // guarded by lock; what is in it stays as it is
    const std::lock_guard guard(lock);
    for (const operation& o : all) {
        if (o.kind == k && o.object == object && o.amount == amount) return o;
    }
    operation& made = all.emplace_back();
    made.kind = k;
    made.object = object;
    made.amount = amount;
    return made;
}

inline void start(world& w, std::uint8_t child) {
    w.all.add(1);
    runnel::go([&w, child] { run_body(w, child); });
}

/// On real workers nobody brings the count from zero upwards, where others may be about to wait: who adds keeps
/// one off for as long.
inline bool may_add(world& w) { return w.exact || world::take_one(w.loose); }

inline void goroutine_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    switch (o.kind) {
        case op_kind::start:
            s.begins();
            start(w, o.object);
            s.returns(result::ok);
            break;
        case op_kind::start_in_group: {
            if (!may_add(w)) break;
            result r = result::ok;
            s.means(meaning::add);
            s.begins();
            w.all.add(1);
            try {
                w.zero.go([&w, child = o.object] {
                    run_body(w, child);
                    step at_end(w, child, plain(op_kind::done));
                    at_end.is_done_unseen();
                });
            } catch (const runnel::panic&) {  // added while those who waited have not returned
                r = result::no;
                w.all.done();
            }
            s.returns(r);
            if (!w.exact) ++w.loose;
            break;
        }
        case op_kind::start_later:
            s.begins();
            ++w.starts_later;
            w.starts_at[o.object] = s.began + o.units;
            w.all.add(1);
            runnel::after_func(w.length(o.units), [&w, child = o.object] {
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

inline void take(world& w, std::atomic<int>& owner, std::uint8_t b) {
    if (owner.exchange(b) != -1) w.fail("two hold a lock at once");
}

inline void mutex_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    runnel::mutex& m = w.mutexes[o.object];
    runnel::condition_variable& cv = w.conditions[o.object];
    std::atomic<int>& owner = w.owner[o.object];
    const bool mine = owner == b;
    switch (o.kind) {
        case op_kind::lock:
            if (mine) break;  // it would wait for itself
            s.means(meaning::lock, o.object);
            s.begins();
            m.lock();
            take(w, owner, b);
            s.returns(result::ok);
            break;
        case op_kind::try_lock:
        case op_kind::try_lock_for: {
            const bool once = o.kind == op_kind::try_lock;
            s.means(meaning::lock, o.object);
            if (once) {
                s.tries_once(result::no);
            } else {
                s.is_limited(o.units, true);
            }
            s.begins();
            const bool got = once ? m.try_lock() : m.try_lock_for(w.length(o.units));
            if (got) take(w, owner, b);
            s.returns(got ? result::ok : once ? result::no : result::timeout);
            break;
        }
        case op_kind::unlock:
            if (!mine) break;
            s.means(meaning::unlock, o.object);
            s.begins();
            if (world::give_up(owner, b)) m.unlock();
            s.returns(result::ok);
            break;
        case op_kind::wait:
        case op_kind::wait_for:
        case op_kind::wait_ctx: {
            if (!mine) break;
            s.exchanges(false, first_condition + o.object);
            const runnel::context* ctx = nullptr;
            if (o.kind == op_kind::wait_for) s.is_limited(o.units, false);
            if (o.kind == op_kind::wait_ctx) {
                ctx = &w.contexts[o.context];
                s.is_limited(*ctx, o.context);
            }
            s.relocks(o.object);
            s.begins();
            owner = -1;
            std::unique_lock held(m, std::adopt_lock);
            result r = result::ok;
            if (o.kind == op_kind::wait_for) {
                if (cv.wait_for(held, w.length(o.units)) == std::cv_status::timeout) {
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
            s.tries_once(result::ok);
            s.begins();
            cv.notify_one();
            s.returns(result::ok);
            break;
        default:
            s.means(meaning::notify_all, first_condition + o.object);
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
    for (const auto& r : w.reads) {
        if (r != 0) w.fail("a reader holds the shared_mutex, and a writer gets it");
    }
    w.writer = b;
}

inline void unlock_rw(world& w, std::uint8_t b) {
    if (world::give_up(w.writer, b)) {
        w.rw.unlock();
    } else if (world::take_one(w.reads[b])) {
        w.rw.unlock_shared();
    }
}

inline void shared_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    if (o.kind == op_kind::unlock_rw) {
        if (w.writer != b && w.reads[b] == 0) return;
        s.means(meaning::unlock_rw);
        s.begins();
        unlock_rw(w, b);
        s.returns(result::ok);
        return;
    }
    if (w.writer == b || w.reads[b] > 0) return;  // not recursive
    const bool writes = o.kind == op_kind::lock_write || o.kind == op_kind::try_lock_write_for;
    const bool limited =
        o.kind == op_kind::try_lock_write_for || o.kind == op_kind::try_lock_read_for;
    s.means(writes ? meaning::lock_write : meaning::lock_read);
    if (limited) s.is_limited(o.units, true);
    s.begins();
    bool got = true;
    if (o.kind == op_kind::lock_write) {
        w.rw.lock();
    } else if (o.kind == op_kind::lock_read) {
        w.rw.lock_shared();
    } else {
        got = writes ? w.rw.try_lock_for(w.length(o.units))
                     : w.rw.try_lock_shared_for(w.length(o.units));
    }
    if (got) took_rw(w, b, writes);
    s.returns(got ? result::ok : result::timeout);
}

inline void give_back_permits(world& w, std::uint8_t b, int most) {
    const int n = world::take(w.holds[b], most);
    w.held -= n;
    if (n > 0) w.permits.release(n);
}

inline void permit_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    std::atomic<int>& mine = w.holds[b];
    call& c = s.what();
    c.amount = o.amount;
    if (o.kind == op_kind::release) {
        if (mine < o.amount) return;
        c.means = meaning::release;
        s.begins();
        give_back_permits(w, b, o.amount);
        s.returns(result::ok);
        return;
    }
    const runnel::context* ctx = nullptr;
    c.means = meaning::acquire;
    if (o.kind == op_kind::try_acquire) s.tries_once(result::no);
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
        r = w.permits.try_acquire_for(w.length(o.units), o.amount) ? result::ok : result::timeout;
    }
    if (r == result::ok) {
        mine += o.amount;
        if ((w.held += o.amount) > w.p.permits) w.fail("more permits are held than there are");
    }
    s.returns(r);
}

inline void count_operation(world& w, std::uint8_t b, const operation& o) {
    step s(w, b, o);
    result r = result::ok;
    if (o.kind == op_kind::add) {
        if (!may_add(w)) return;
        s.means(meaning::add);
        s.begins();
        try {
            w.zero.add(1);
            w.loose += w.exact ? 1 : 2;
        } catch (const runnel::panic&) {  // those who waited have not returned yet
            r = result::no;
        }
    } else if (o.kind == op_kind::done) {
        if (!world::take_one(w.loose)) return;
        s.means(meaning::done);
        s.begins();
        w.zero.done();
    } else {
        const runnel::context* ctx = nullptr;
        s.means(meaning::wait_zero);
        if (o.kind == op_kind::wait_zero_for) s.is_limited(o.units, true);
        if (o.kind == op_kind::wait_zero_ctx) {
            ctx = &w.contexts[o.context];
            s.is_limited(*ctx, o.context);
        }
        s.begins();
        if (o.kind == op_kind::wait_zero) {
            w.zero.wait();
        } else if (ctx != nullptr) {
            r = result_of(w.zero.wait(*ctx));
        } else {
            r = w.zero.wait_for(w.length(o.units)) ? result::ok : result::timeout;
        }
    }
    s.returns(r);
}

inline void perform(world& w, std::uint8_t b, const operation& o) {
    switch (o.kind) {
        case op_kind::select:
            select_operation(w, b, o);
            break;
        case op_kind::cancel: {
            step s(w, b, o);
            s.means(meaning::cancel, o.object);
            s.begins();
            w.contexts[o.object].cancel();
            s.returns(result::ok);
            break;
        }
        case op_kind::sleep: {
            step s(w, b, o);
            s.ends_by_itself();
            s.begins();
            runnel::sleep_for(w.length(o.units));
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

inline void give_back_all(world& w, std::uint8_t b) {
    for (std::uint8_t i = 0; i < w.owner.size(); ++i) {
        if (w.owner[i] == b) mutex_operation(w, b, plain(op_kind::unlock, i));
    }
    shared_operation(w, b, plain(op_kind::unlock_rw));
    if (w.holds[b] > 0) {
        permit_operation(w, b, plain(op_kind::release, 0, static_cast<std::uint8_t>(w.holds[b])));
    }
}

inline void run_body(world& w, std::uint8_t b) {
    w.started[b] = true;
    ++w.moves;
    if (w.exact && !w.freeing && w.starts_at[b] >= 0 && w.starts_at[b] != w.now()) {
        w.fail("after_func called at another time");
    }
    for (const operation& o : w.p.bodies[b].operations) {
        if (w.freeing) break;
        perform(w, b, o);
    }
    give_back_all(w, b);
    w.ended[b] = true;
    ++w.moves;
    w.all.done();
}

}  // namespace test::random
