// tests/races/clean_sync_test.cpp — what locks, counters, contexts and time order: the thread sanitizer must say nothing.
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stop_token>
#include <string>
#include <system_error>
#include <vector>

#include "races/clean.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;
using runnel::op_status;
using runnel::unit;
using test::long_enough;
using test::ordered;
using test::plain;
using test::turn;

namespace {

/// Both sides touch one variable inside `with_lock(f)`.
template <class WithLock>
void exclusive(const turn& t, WithLock with_lock) {
    static plain x;
    x = 0;
    const auto side = [&] {
        for (int i = 0; i < 2; ++i) {
            with_lock([&] {
                ++x;
                if (i == 0) runnel::yield();
            });
        }
    };
    t.both(side, side);
    t.check(x.get() == 4, "one at a time");
}

}  // namespace

// ---- 1. mutex, shared_mutex ----

CLEAN(lock_and_unlock) {
    runnel::mutex m;
    exclusive(t, [&](auto inside) {
        const std::lock_guard guard(m);
        inside();
    });
}

CLEAN(try_lock_that_succeeds) {
    runnel::mutex m;
    exclusive(t, [&](auto inside) {
        while (!m.try_lock()) runnel::yield();
        inside();
        m.unlock();
    });
}

CLEAN(timed_locks) {
    runnel::mutex m;
    exclusive(t, [&](auto inside) {
        while (!m.try_lock_for(20us)) {
        }
        inside();
        m.unlock();
    });
}

CLEAN(locks_with_a_deadline) {
    runnel::mutex m;
    exclusive(t, [&](auto inside) {
        if (!m.try_lock_until(runnel::clock::now() + long_enough)) return;
        inside();
        m.unlock();
    });
}

CLEAN(unlock_by_another) {
    runnel::mutex m;
    m.lock();
    ordered(
        t, [&] { m.unlock(); },
        [&] {
            m.lock();
            m.unlock();
        });
}

CLEAN(mutex_destroyed_when_unlocked) {
    std::optional<runnel::mutex> m(std::in_place);
    m->lock();
    t.both([&] { m->unlock(); },
           [&] {
               m->lock();
               m->unlock();
               m.reset();
               m.emplace();
           });
}

CLEAN(writers_of_a_shared_mutex) {
    runnel::shared_mutex m;
    exclusive(t, [&](auto inside) {
        const std::unique_lock guard(m);
        inside();
    });
}

CLEAN(timed_writers_of_a_shared_mutex) {
    runnel::shared_mutex m;
    exclusive(t, [&](auto inside) {
        while (!m.try_lock() && !m.try_lock_for(20us)) {
        }
        inside();
        m.unlock();
    });
}

CLEAN(reader_after_writer) {
    runnel::shared_mutex m;
    m.lock();
    ordered(
        t, [&] { m.unlock(); },
        [&] {
            m.lock_shared();
            m.unlock_shared();
        });
}

CLEAN(timed_reader_after_writer) {
    runnel::shared_mutex m;
    m.lock();
    ordered(
        t, [&] { m.unlock(); },
        [&] {
            while (!m.try_lock_shared() && !m.try_lock_shared_for(20us)) {
            }
            m.unlock_shared();
        });
}

CLEAN(writer_after_reader) {
    runnel::shared_mutex m;
    m.lock_shared();
    ordered(
        t, [&] { m.unlock_shared(); },
        [&] {
            m.lock();
            m.unlock();
        });
}

CLEAN_GOROUTINES(writer_after_readers, 128) {
    static plain seen[3];
    runnel::shared_mutex m;
    runnel::wait_group wg;
    for (plain& p : seen) {
        wg.go([&] {
            const std::shared_lock guard(m);
            ++p;
            t.delay_first();
        });
    }
    wg.go([&] {
        t.delay_second();
        const std::unique_lock guard(m);
        for (plain& p : seen) ++p;
    });
    wg.wait();
}

// ---- 2. once ----

CLEAN(function_of_once) {
    static plain x;
    x = 0;
    runnel::once once;
    const auto side = [&] {
        once.call([&] {
            runnel::yield();
            x = 1;
        });
        t.check(x.get() == 1, "the write was seen");
    };
    t.both(side, side);
}

CLEAN(once_that_is_done) {
    runnel::once once;
    ordered(
        t, [&] { once.call([] {}); },
        [&] {
            while (!once.is_done()) runnel::yield();
        });
}

CLEAN(value_of_once) {
    const auto value = runnel::once_value([] {
        runnel::yield();
        return std::string(40, 'x');
    });
    const auto side = [&] { t.check(value().size() == 40, "the value is whole"); };
    t.both(side, side);
}

CLEAN(function_called_once) {
    static plain x;
    x = 0;
    const auto f = runnel::once_func([text = std::string(40, 'x')] { x = int(text.size()); });
    const auto side = [&] {
        f();
        t.check(x.get() == 40, "the write was seen");
    };
    t.both(side, side);
}

// ---- 3. counters ----

CLEAN(done_of_a_wait_group) {
    runnel::wait_group wg;
    wg.add();
    ordered(t, [&] { wg.done(); }, [&] { wg.wait(); });
}

CLEAN(timed_wait_of_a_wait_group) {
    runnel::wait_group wg;
    wg.add();
    ordered(
        t, [&] { wg.done(); },
        [&] {
            while (!wg.wait_for(20us)) {
            }
        });
}

CLEAN(wait_of_a_wait_group_with_a_context) {
    runnel::wait_group wg;
    wg.add();
    const auto ctx = runnel::with_cancel(runnel::background());
    ordered(t, [&] { wg.done(); }, [&] { wg.wait(ctx); });
}

CLEAN_GOROUTINES(members_of_a_wait_group_and_the_wait, 128) {
    static plain x[3];
    runnel::wait_group wg;
    for (plain& p : x) {
        wg.go([&] {
            t.delay_first();
            p = 1;
        });
    }
    t.delay_second();
    wg.wait();
    for (plain& p : x) t.check((++p).get() == 2, "the write was seen");
}

CLEAN_GOROUTINES(callable_of_a_wait_group_is_destroyed_before, 128) {
    static plain x;
    x = 0;
    struct writes {
        ~writes() { ++x; }
    };
    runnel::wait_group wg;
    wg.go([w = std::make_unique<writes>()] { static_cast<void>(w); });
    t.delay_second();
    wg.wait();
    t.check((++x).get() == 2, "the write was seen");
}

CLEAN(wait_group_used_again) {
    runnel::wait_group wg;
    static plain x;
    x = 0;
    runnel::wait_group back;
    wg.add();
    back.add();
    t.both(
        [&] {
            ++x;
            wg.done();
            back.wait();
            ++x;
            wg.done();
        },
        [&] {
            wg.wait();
            ++x;
            wg.add();
            back.done();
            wg.wait();
            t.check((++x).get() == 4, "the writes were seen");
        });
}

CLEAN(latch_that_opens) {
    runnel::latch open(1);
    ordered(t, [&] { open.count_down(); }, [&] { open.wait(); });
}

CLEAN(try_wait_of_a_latch) {
    runnel::latch open(1);
    ordered(
        t, [&] { open.count_down(); },
        [&] {
            while (!open.try_wait() && !open.wait_for(20us)) {
            }
        });
}

CLEAN(latch_of_two) {
    static plain x[2];
    for (plain& p : x) p = 0;
    runnel::latch open(2);
    const auto side = [&](int mine) {
        x[mine] = 1;
        open.arrive_and_wait();
        static_cast<void>(x[0].get() + x[1].get());
    };
    t.both([&] { side(0); }, [&] { side(1); });
}

CLEAN(barrier_of_two) {
    static plain x[2];
    static plain both;
    const auto complete = [] { both = x[0].get() + x[1].get(); };
    runnel::barrier<decltype(complete)> phase(2, complete);
    const auto side = [&](int mine) {
        for (int i = 1; i <= 2; ++i) {
            x[mine] = i;
            phase.arrive_and_wait();
            t.check(both.get() == 2 * i, "the writes were seen");
            phase.wait(phase.arrive());
        }
    };
    t.both([&] { side(0); }, [&] { side(1); });
}

CLEAN(arrival_without_waiting) {
    runnel::barrier<> phase(2);
    ordered(t, [&] { phase.arrive_and_drop(); }, [&] { phase.arrive_and_wait(); });
}

CLEAN(release_of_a_semaphore) {
    runnel::semaphore s(1);
    s.acquire();
    ordered(t, [&] { s.release(); }, [&] { s.acquire(); });
}

CLEAN(semaphore_as_a_lock) {
    runnel::semaphore s(1);
    exclusive(t, [&](auto inside) {
        s.acquire();
        inside();
        s.release();
    });
}

CLEAN(timed_acquire_of_a_semaphore) {
    runnel::semaphore s(2);
    exclusive(t, [&](auto inside) {
        while (!s.try_acquire(2) && !s.try_acquire_for(20us, 2)) {
        }
        inside();
        s.release(2);
    });
}

CLEAN(acquire_with_a_context) {
    runnel::semaphore s(1);
    const auto ctx = runnel::with_cancel(runnel::background());
    exclusive(t, [&](auto inside) {
        if (s.acquire(ctx) != op_status::ok) return;
        inside();
        s.release();
    });
}

// ---- 4. condition variables ----

CLEAN(state_of_a_condition) {
    static plain x;
    x = 0;
    runnel::mutex m;
    runnel::condition_variable changed;
    t.both(
        [&] {
            {
                const std::lock_guard guard(m);
                x = 1;
            }
            changed.notify_one();
        },
        [&] {
            std::unique_lock held(m);
            changed.wait(held, [&] { return x.get() == 1; });
            ++x;
        });
}

CLEAN(condition_with_a_time_limit) {
    static plain x;
    x = 0;
    runnel::mutex m;
    runnel::condition_variable changed;
    t.both(
        [&] {
            const std::lock_guard guard(m);
            x = 1;
            changed.notify_all();
        },
        [&] {
            std::unique_lock held(m);
            while (!changed.wait_for(held, 20us, [&] { return x.get() == 1; })) {
            }
            ++x;
        });
}

CLEAN(condition_with_a_context) {
    static plain x;
    x = 0;
    const auto ctx = runnel::with_cancel(runnel::background());
    runnel::mutex m;
    runnel::condition_variable changed;
    t.both(
        [&] {
            const std::lock_guard guard(m);
            x = 1;
            changed.notify_all();
        },
        [&] {
            std::unique_lock held(m);
            changed.wait(held, ctx, [&] { return x.get() == 1; });
            ++x;
        });
}

// The state is another mutex's: the notification alone gives the order.
CLEAN_GOROUTINES(notification_alone, 128) {
    static plain x;
    x = 0;
    runnel::mutex m;
    runnel::condition_variable changed;
    std::atomic<bool> ended{false};
    test::beside(
        [&] {
            x = 1;
            while (!ended.load(std::memory_order_relaxed)) {
                changed.notify_one();
                runnel::yield();
            }
        },
        [&] {
            std::unique_lock held(m);
            changed.wait(held);
            t.check(x.get() == 1, "the write was seen");
            ended.store(true, std::memory_order_relaxed);
        });
}

// ---- 5. compositions ----

CLEAN(value_from_a_pool) {
    runnel::pool<std::unique_ptr<plain>> values([] { return std::make_unique<plain>(); });
    const auto side = [&] {
        for (int i = 0; i < 3; ++i) {
            auto p = values.get();
            ++*p;
            values.put(std::move(p));
        }
    };
    t.both(side, side);
}

CLEAN_GOROUTINES(members_of_a_group_and_the_wait, 128) {
    static plain x[3];
    for (plain& p : x) p = 0;
    runnel::group g;
    for (plain& p : x) {
        g.go([&] {
            t.delay_first();
            ++p;
        });
    }
    t.delay_second();
    g.wait();
    for (plain& p : x) t.check((++p).get() == 2, "the write was seen");
}

CLEAN_GOROUTINES(destructor_of_a_group, 128) {
    static plain x;
    x = 0;
    {
        runnel::group g;
        g.go([&] {
            t.delay_first();
            ++x;
        });
        t.delay_second();
    }
    ++x;
}

CLEAN_GOROUTINES(failure_of_a_group, 128) {
    static plain x;
    x = 0;
    runnel::group g;
    g.go([&] {
        t.delay_first();
        x = 1;
        return std::make_error_code(std::errc::io_error);
    });
    g.go([&] {
        g.context().done().recv();
        t.check((++x).get() == 2, "the write was seen");
    });
    try {
        g.wait();
    } catch (const std::system_error&) {
        ++x;
    }
}

CLEAN_GOROUTINES(group_with_a_limit, 64) {
    static plain x;
    x = 0;
    runnel::group g;
    g.set_limit(1);
    for (int i = 0; i < 3; ++i) g.go([] { ++x; });
    g.wait();
    t.check(x.get() == 3, "one at a time");
}

CLEAN(shared_call_of_a_singleflight) {
    runnel::singleflight<int, std::shared_ptr<std::string>> flights;
    const auto side = [&] {
        const auto r = flights.run(1, [&] {
            runnel::yield();
            return std::make_shared<std::string>(40, 'x');
        });
        t.check(r.value->size() == 40, "the value is whole");
    };
    t.both(side, side);
}

// ---- 6. contexts ----

CLEAN(cancellation_and_err) {
    auto ctx = runnel::with_cancel(runnel::background());
    ordered(
        t, [&] { ctx.cancel(); },
        [&] {
            while (!ctx.err()) runnel::yield();
        });
}

CLEAN(cancellation_and_cause) {
    auto ctx = runnel::with_cancel(runnel::background());
    ordered(
        t, [&] { ctx.cancel(std::make_error_code(std::errc::io_error)); },
        [&] {
            while (!ctx.cause()) runnel::yield();
        });
}

CLEAN(cancellation_and_the_done_channel) {
    auto ctx = runnel::with_cancel(runnel::background());
    ordered(t, [&] { ctx.cancel(); }, [&] { ctx.done().recv(); });
}

CLEAN(cancellation_and_a_select) {
    auto ctx = runnel::with_cancel(runnel::background());
    auto never = make_chan<int>();
    ordered(
        t, [&] { ctx.cancel(); }, [&] { runnel::select(runnel::recv(never), runnel::done(ctx)); });
}

CLEAN(cancellation_of_a_parent) {
    auto ctx = runnel::with_cancel(runnel::background());
    const auto child = runnel::with_timeout(ctx, long_enough);
    ordered(t, [&] { ctx.cancel(); }, [&] { child.done().recv(); });
}

CLEAN(cancellation_and_the_err_of_a_child) {
    auto ctx = runnel::with_cancel(runnel::background());
    const auto child = runnel::with_cancel(ctx);
    ordered(
        t, [&] { ctx.cancel(); },
        [&] {
            while (!child.err()) runnel::yield();
        });
}

CLEAN(child_of_one_that_is_done) {
    auto ctx = runnel::with_cancel(runnel::background());
    ordered(
        t, [&] { ctx.cancel(); },
        [&] {
            while (!runnel::with_cancel(ctx).err()) runnel::yield();
        });
}

CLEAN(cancellation_ends_a_receive) {
    auto ctx = runnel::with_cancel(runnel::background());
    auto never = make_chan<int>();
    ordered(t, [&] { ctx.cancel(); }, [&] { never.recv(ctx); });
}

CLEAN(cancellation_ends_a_send) {
    auto ctx = runnel::with_cancel(runnel::background());
    auto never = make_chan<int>();
    ordered(t, [&] { ctx.cancel(); }, [&] { never.send(ctx, 1); });
}

CLEAN(cancellation_ends_a_wait_for_a_semaphore) {
    auto ctx = runnel::with_cancel(runnel::background());
    runnel::semaphore s(1);
    s.acquire();
    ordered(t, [&] { ctx.cancel(); }, [&] { s.acquire(ctx); });
}

CLEAN(cancellation_ends_a_wait_for_a_wait_group) {
    auto ctx = runnel::with_cancel(runnel::background());
    runnel::wait_group wg;
    wg.add();
    ordered(t, [&] { ctx.cancel(); }, [&] { wg.wait(ctx); });
}

CLEAN(cancellation_ends_a_wait_for_a_condition) {
    auto ctx = runnel::with_cancel(runnel::background());
    runnel::mutex m;
    runnel::condition_variable changed;
    ordered(
        t, [&] { ctx.cancel(); },
        [&] {
            std::unique_lock held(m);
            changed.wait(held, ctx);
        });
}

CLEAN(cancellation_and_a_stop_token) {
    auto ctx = runnel::with_cancel(runnel::background());
    ordered(
        t, [&] { ctx.cancel(); },
        [&] {
            const std::stop_token token = ctx.stop_token();
            while (!token.stop_requested()) runnel::yield();
        });
}

CLEAN(values_of_a_context) {
    static const runnel::context_key<std::string> name{"name"};
    const auto ctx = runnel::with_value(runnel::background(), name, std::string(40, 'x'));
    auto c = make_chan<runnel::context>(1);
    t.both([&] { c.send(runnel::with_value(ctx, name, std::string(41, 'x'))); },
           [&] {
               t.check(ctx.value(name)->size() == 40, "the value is whole");
               t.check(c.recv()->value(name)->size() == 41, "the value is whole");
           });
}

CLEAN(function_after_a_cancellation) {
    auto ctx = runnel::with_cancel(runnel::background());
    auto done = make_chan<unit>(1);
    static plain before;
    before = 1;
    auto handle = runnel::after_func(ctx, [done] {
        ++before;
        done.send();
    });
    ordered(t, [&] { ctx.cancel(); }, [&] { done.recv(); });
    t.check((++before).get() == 3, "the writes were seen");
}

CLEAN(function_after_a_cancellation_that_has_been) {
    auto ctx = runnel::with_cancel(runnel::background());
    auto done = make_chan<unit>(1);
    ordered(
        t, [&] { ctx.cancel(); },
        [&] {
            auto handle = runnel::after_func(ctx, [done] { done.send(); });
            done.recv();
        });
}

CLEAN_GOROUTINES(deadline_of_a_context, 32) {
    static plain x;
    x = 0;
    const auto ctx = runnel::with_timeout(runnel::background(), 50us);
    auto done = make_chan<unit>(1);
    auto handle = runnel::after_func(ctx, [done] {
        ++x;
        done.send();
    });
    ctx.done().recv();
    done.recv();
    t.check((++x).get() == 2, "the write was seen");
}

// ---- 7. time ----

CLEAN_GOROUTINES(function_of_a_timer, 64) {
    static plain x;
    x = 1;
    auto done = make_chan<unit>(1);
    runnel::after_func(20us, [=] {
        ++x;
        done.send();
    });
    done.recv();
    t.check((++x).get() == 3, "the writes were seen");
}

CLEAN(reset_of_a_timer) {
    static plain x;
    x = 0;
    auto done = make_chan<unit>(1);
    auto timer = runnel::after_func(1h, [done] {
        ++x;
        done.send();
    });
    t.both(
        [&] {
            ++x;
            timer.reset(0ms);
        },
        [&] {
            done.recv();
            t.check((++x).get() == 3, "the writes were seen");
        });
}

CLEAN_GOROUTINES(function_called_again_after_reset, 64) {
    static plain x;
    x = 0;
    auto done = make_chan<unit>(1);
    auto timer = runnel::after_func(0ms, [done] {
        ++x;
        done.send();
    });
    for (int i = 0; i < 3; ++i) {
        done.recv();
        ++x;
        if (i < 2) timer.reset(0ms);
    }
    t.check(x.get() == 6, "the writes were seen");
}

// A stop that is true: the function is not called, and nobody else has it.
CLEAN(stop_that_was_in_time) {
    static plain x;
    x = 0;
    auto timer = runnel::after_func(1h, [] { ++x; });
    t.both([&] { t.check(timer.stop(), "it was in time"); }, [&] { ++x; });
}

CLEAN_GOROUTINES(tick_of_a_timer, 64) {
    static plain x;
    x = 1;
    runnel::timer timer(20us);
    ++x;
    timer.reset(20us);
    t.delay_first();
    timer.chan().recv();
    t.check((++x).get() == 3, "the writes were seen");
}

CLEAN_GOROUTINES(ticks_of_a_ticker, 16) {
    runnel::ticker ticker(20us);
    for (int i = 0; i < 3; ++i) ticker.chan().recv();
    ticker.reset(50us);
    ticker.chan().recv();
    ticker.stop();
}

CLEAN_GOROUTINES(channel_of_after, 64) {
    auto c = make_chan<int>();
    static plain x;
    x = 0;
    test::beside(
        [&] {
            while (runnel::select(runnel::recv(c), runnel::recv(runnel::after(20us))) == 1) {
            }
            ++x;
        },
        [&] {
            ++x;
            t.delay_second();
            c.send(0);
        });
}

CLEAN_GOROUTINES(select_and_condition_in_one_context, 2) {
    // The select's entries are on the heap, and go while the other is in the queue behind them.
    auto c = make_chan<int>();
    const auto ctx = runnel::with_cancel(runnel::background());
    runnel::mutex m;
    runnel::condition_variable cv;
    runnel::wait_group both;
    both.go([&] {
        std::vector<runnel::select_case> cases;
        cases.push_back(runnel::recv(c));
        cases.push_back(runnel::done(ctx));
        runnel::select(cases);
    });
    test::wait_parked(1, "select");
    both.go([&] {
        std::unique_lock held(m);
        static_cast<void>(cv.wait(held, ctx));
    });
    test::wait_parked(1, "sync.Cond.Wait");
    t.delay_second();
    c.send(0);
    ctx.cancel();
    both.wait();
}

// ---- 8. what is C++'s own ----

CLEAN(std_mutex_and_atomics) {
    std::mutex m;
    exclusive(t, [&](auto inside) {
        runnel::blocking([&] {
            const std::lock_guard guard(m);
            inside();
        });
    });
    std::atomic<bool> there{false};
    ordered(
        t, [&] { there.store(true, std::memory_order_release); },
        [&] {
            while (!there.load(std::memory_order_acquire)) runnel::yield();
        });
}
