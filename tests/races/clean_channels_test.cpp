// tests/races/clean_channels_test.cpp — what channels, select and runs order: the thread sanitizer must say nothing.
// SPDX-License-Identifier: BSL-1.0
#include <memory>
#include <string>
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

// ---- 1. a send happens before the end of its receive ----

CLEAN(unbuffered_send) {
    auto c = make_chan<int>();
    ordered(t, [&] { c.send(1); }, [&] { c.recv(); });
}

CLEAN(buffered_send) {
    auto c = make_chan<int>(1);
    ordered(t, [&] { c.send(1); }, [&] { c.recv(); });
}

CLEAN(send_to_a_full_buffer) {
    auto c = make_chan<int>(1);
    c.send(0);
    ordered(
        t, [&] { c.send(1); },
        [&] {
            c.recv();
            c.recv();
        });
}

CLEAN(unbounded_send) {
    auto c = make_chan<int>(runnel::unbounded);
    ordered(t, [&] { c.send(1); }, [&] { c.recv(); });
}

CLEAN(shift_operators) {
    auto c = make_chan<int>();
    ordered(
        t, [&] { c << 1; },
        [&] {
            int v = 0;
            c >> v;
        });
}

CLEAN(try_send_and_try_recv) {
    auto c = make_chan<int>(1);
    ordered(
        t, [&] { c.try_send(1); },
        [&] {
            while (!c.try_recv()) runnel::yield();
        });
}

CLEAN(try_send_to_one_who_waits) {
    auto c = make_chan<int>();
    ordered(
        t,
        [&] {
            while (c.try_send(1) != op_status::ok) runnel::yield();
        },
        [&] { c.recv(); });
}

CLEAN(try_recv_from_one_who_waits) {
    auto c = make_chan<int>();
    ordered(
        t, [&] { c.send(1); },
        [&] {
            while (!c.try_recv()) runnel::yield();
        });
}

CLEAN(timed_send_and_receive) {
    auto c = make_chan<int>();
    ordered(t, [&] { c.send_for(1, long_enough); }, [&] { c.recv_for(long_enough); });
}

CLEAN(send_and_receive_with_a_deadline) {
    auto c = make_chan<int>(1);
    ordered(
        t, [&] { c.send_until(1, runnel::clock::now() + long_enough); },
        [&] { c.recv_until(runnel::clock::now() + long_enough); });
}

CLEAN(send_and_receive_with_a_context) {
    auto c = make_chan<int>();
    const auto ctx = runnel::with_cancel(runnel::background());
    ordered(t, [&] { c.send(ctx, 1); }, [&] { c.recv(ctx); });
}

CLEAN(value_that_is_sent) {
    auto c = make_chan<std::unique_ptr<plain>>(t.who() == test::sides::goroutines ? 1 : 0);
    t.both(
        [&] {
            auto p = std::make_unique<plain>();
            *p = 1;
            c.send(std::move(p));
        },
        [&] { t.check((*c.recv())->get() == 1, "the value is whole"); });
}

CLEAN(strings_that_are_sent) {
    auto c = make_chan<std::string>(1);
    t.both(
        [&] {
            for (int i = 0; i < 3; ++i) c.send(std::string(40, 'x'));
        },
        [&] {
            std::string s;
            for (int i = 0; i < 3; ++i) {
                c >> s;
                t.check(s.size() == 40, "the value is whole");
            }
        });
}

// ---- 2. a receive happens before the end of a send ----

CLEAN(unbuffered_receive) {
    auto c = make_chan<int>();
    ordered(t, [&] { c.recv(); }, [&] { c.send(1); });
}

CLEAN(receive_that_makes_room) {
    auto c = make_chan<int>(1);
    c.send(0);
    ordered(t, [&] { c.recv(); }, [&] { c.send(1); });
}

CLEAN(receive_and_the_second_send) {
    auto c = make_chan<int>(1);
    ordered(
        t, [&] { c.recv(); },
        [&] {
            c.send(1);
            c.send(1);
        });
}

CLEAN(receive_and_the_fourth_send) {
    auto c = make_chan<int>(3);
    ordered(
        t, [&] { c.recv(); },
        [&] {
            for (int i = 0; i < 4; ++i) c.send(1);
        });
}

// Now through the buffer and now past it: the places keep their turn.
CLEAN(receives_and_sends_of_a_ring) {
    constexpr int capacity = 3;
    constexpr int values = 12;
    static plain slots[values];
    for (plain& s : slots) s = 0;
    auto c = make_chan<int>(capacity);
    t.both(
        [&] {
            for (int i = 0; i < values; ++i) {
                slots[i] = 1;
                c.recv();
                if (i % 4 == 3) t.delay_first();
            }
        },
        [&] {
            for (int i = 0; i < values + capacity - 1; ++i) {
                c.send(0);
                if (i >= capacity)
                    t.check((++slots[i - capacity]).get() == 2, "the write was seen");
                if (i % 5 == 4) t.delay_second();
            }
        });
}

CLEAN(select_receives_and_the_second_send) {
    auto c = make_chan<int>(1);
    auto never = make_chan<int>();
    ordered(
        t, [&] { runnel::select(runnel::recv(c), runnel::recv(never)); },
        [&] {
            c.send(1);
            c.send(1);
        });
}

CLEAN_GOROUTINES(channel_of_two_as_a_semaphore, 64) {
    static plain x;
    x = 0;
    auto places = make_chan<unit>(2);
    auto lock = make_chan<unit>(1);
    runnel::wait_group wg;
    for (int i = 0; i < 4; ++i) {
        wg.go([&] {
            places.send();
            lock.send();
            ++x;
            lock.recv();
            places.recv();
        });
    }
    wg.wait();
    t.check(x.get() == 4, "one at a time");
}

// ---- 3. close ----

CLEAN(close_of_an_unbuffered_channel) {
    auto c = make_chan<int>();
    ordered(t, [&] { c.close(); }, [&] { c.recv(); });
}

CLEAN(close_of_a_buffered_channel) {
    auto c = make_chan<int>(2);
    c.send(1);
    ordered(
        t, [&] { c.close(); },
        [&] {
            while (c.recv()) {
            }
        });
}

CLEAN(end_of_a_range) {
    auto c = make_chan<int>(2);
    ordered(
        t,
        [&] {
            c.send(1);
            c.send(2);
            c.close();
        },
        [&] {
            for (int v : c) static_cast<void>(v);
        });
}

CLEAN(try_recv_finds_it_closed) {
    auto c = make_chan<int>();
    ordered(
        t, [&] { c.close(); },
        [&] {
            while (c.try_recv().status() != op_status::closed) runnel::yield();
        });
}

CLEAN(timed_receive_finds_it_closed) {
    auto c = make_chan<int>();
    ordered(t, [&] { c.close(); }, [&] { c.recv_for(long_enough); });
}

CLEAN(select_finds_it_closed) {
    auto c = make_chan<int>();
    auto never = make_chan<int>();
    ordered(t, [&] { c.close(); }, [&] { runnel::select(runnel::recv(c), runnel::recv(never)); });
}

CLEAN(close_with_an_error) {
    auto c = make_chan<int>();
    ordered(
        t, [&] { c.close(std::make_exception_ptr(1)); },
        [&] {
            try {
                c.recv();
            } catch (int) {
            }
        });
}

CLEAN_GOROUTINES(close_reaches_all, 64) {
    static plain x;
    x = 0;
    auto c = make_chan<int>();
    runnel::wait_group wg;
    for (int i = 0; i < 3; ++i) {
        wg.go([&] {
            c.recv();
            t.check(x.get() == 1, "the write was seen");
        });
    }
    t.delay_first();
    x = 1;
    c.close();
    wg.wait();
}

// ---- 4. select ----

CLEAN(select_on_both_sides) {
    auto a = make_chan<int>();
    auto b = make_chan<int>(1);
    ordered(
        t, [&] { runnel::select(runnel::send(a, 1), runnel::send(b, 1)); },
        [&] { runnel::select(runnel::recv(a), runnel::recv(b)); });
}

CLEAN(select_sends_to_a_receive) {
    auto a = make_chan<int>();
    auto b = make_chan<int>();
    ordered(t, [&] { runnel::select(runnel::send(a, 1), runnel::recv(b)); }, [&] { a.recv(); });
}

CLEAN(select_receives_before_the_sends_end) {
    auto a = make_chan<int>();
    auto b = make_chan<int>();
    ordered(t, [&] { runnel::select(runnel::recv(a), runnel::recv(b)); }, [&] { a.send(1); });
}

CLEAN(select_with_otherwise) {
    auto c = make_chan<int>(1);
    ordered(
        t, [&] { runnel::select(runnel::send(c, 1), runnel::otherwise()); },
        [&] {
            while (runnel::select(runnel::recv(c), runnel::otherwise()) == 1) runnel::yield();
        });
}

CLEAN(select_with_a_timeout) {
    auto c = make_chan<int>();
    ordered(
        t, [&] { c.send(1); },
        [&] { runnel::select(runnel::recv(c), runnel::timeout(long_enough)); });
}

CLEAN(select_in_order) {
    auto a = make_chan<int>();
    auto b = make_chan<int>();
    ordered(
        t, [&] { runnel::select(runnel::in_order, runnel::send(a, 1), runnel::send(b, 1)); },
        [&] { runnel::select(runnel::in_order, runnel::recv(b), runnel::recv(a)); });
}

CLEAN(select_of_cases_made_at_run_time) {
    auto a = make_chan<int>();
    auto b = make_chan<int>(1);
    ordered(
        t,
        [&] {
            std::vector<runnel::select_case> cases;
            cases.emplace_back(runnel::send(a, 1));
            cases.emplace_back(runnel::send(b, 2));
            runnel::select(cases);
        },
        [&] {
            std::vector<runnel::select_case> cases;
            cases.emplace_back(runnel::recv(a));
            cases.emplace_back(runnel::recv(b));
            runnel::select(cases);
        });
}

CLEAN(handler_of_a_select) {
    auto c = make_chan<std::unique_ptr<plain>>();
    auto never = make_chan<int>();
    t.both(
        [&] {
            auto p = std::make_unique<plain>();
            *p = 1;
            runnel::select(runnel::send(c, std::move(p)), runnel::recv(never));
        },
        [&] {
            runnel::select(runnel::recv(c,
                                        [&](std::unique_ptr<plain> p) {
                                            t.check(p->get() == 1, "the value is whole");
                                        }),
                           runnel::recv(never));
        });
}

// ---- 5. the end of a channel ----

CLEAN(last_handle_destroys_what_is_buffered) {
    auto c = make_chan<std::unique_ptr<plain>>(2);
    auto copy = c;
    t.both(
        [&] {
            auto mine = std::move(c);
            auto p = std::make_unique<plain>();
            *p = 1;
            mine.send(std::move(p));
        },
        [&] {
            auto mine = std::move(copy);
            auto p = std::make_unique<plain>();
            *p = 2;
            mine.send(std::move(p));
        });
}

// ---- 6. goroutines ----

CLEAN_GOROUTINES(start_of_a_goroutine, 256) {
    static plain x;
    x = 1;
    auto done = make_chan<unit>();
    runnel::go([done] {
        ++x;
        done.send();
    });
    done.recv();
    t.check(x.get() == 2, "the write was seen");
}

CLEAN_GOROUTINES(arguments_of_go, 256) {
    auto done = make_chan<int>(1);
    runnel::go([](const std::string& s, const runnel::chan<int>& c) { c.send(int(s.size())); },
               std::string(50, 'x'), done);
    t.check(*done.recv() == 50, "the argument was whole");
}

CLEAN_GOROUTINES(end_of_async, 256) {
    static plain x;
    x = 1;
    auto f = runnel::async([&] {
        t.delay_first();
        return (++x).get();
    });
    t.delay_second();
    t.check(f.get() == 2 && (++x).get() == 3, "the writes were seen");
}

CLEAN_GOROUTINES(waits_for_async, 128) {
    static plain x;
    x = 0;
    auto a = runnel::async([&] {
        t.delay_first();
        ++x;
    });
    t.delay_second();
    a.wait();
    ++x;
    auto b = runnel::async([&] {
        t.delay_first();
        ++x;
    });
    while (!b.wait_for(long_enough)) {
    }
    ++x;
    auto c = runnel::async([&] { ++x; });
    t.check(c.wait_until(runnel::clock::now() + long_enough), "it is there");
    t.check((++x).get() == 6, "the writes were seen");
    a.get();
    b.get();
    c.get();
}

CLEAN_GOROUTINES(exception_through_a_future, 256) {
    auto f = runnel::async([&]() -> int {
        t.delay_first();
        throw std::make_shared<std::string>(40, 'x');
    });
    t.delay_second();
    try {
        f.get();
    } catch (const std::shared_ptr<std::string>& s) {
        t.check(s->size() == 40, "the exception is whole");
        s->clear();
    }
}

CLEAN_GOROUTINES(future_that_is_dropped, 256) {
    auto done = make_chan<unit>(1);
    {
        auto f = runnel::async([&t, done] {
            t.delay_first();
            done.send();
            return std::string(40, 'x');
        });
        t.delay_second();
    }
    done.recv();
}

// One goroutine is one line of execution, whatever threads it is on.
CLEAN_GOROUTINES(migration, 32) {
    runnel::wait_group wg;
    for (int g = 0; g < 4; ++g) {
        wg.go([&] {
            std::string own(40, 'x');
            plain mine;
            for (int i = 0; i < 20; ++i) {
                ++mine;
                own += 'y';
                runnel::yield();
                if (i % 8 == 7) runnel::sleep_for(10us);
            }
            t.check(mine.get() == 20 && own.size() == 60, "its own is its own");
        });
    }
    wg.wait();
}

// The next goroutine has the stack, and the memory, of the one that has ended.
CLEAN_GOROUTINES(stacks_used_again, 8) {
    for (int i = 0; i < 80; ++i) {
        auto f = runnel::async([i] {
            plain on_the_stack[64];
            for (plain& p : on_the_stack) p = i;
            if (i % 2 == 0) runnel::yield();
            return (++on_the_stack[63]).get();
        });
        t.check(f.get() == i + 1, "its own is its own");
    }
}

CLEAN_GOROUTINES(goroutine_locals, 128) {
    static runnel::local<std::string> mine;
    runnel::wait_group wg;
    for (int g = 0; g < 3; ++g) {
        wg.go([&, g] {
            mine->assign(std::size_t(30 + g), 'x');
            t.delay_first();
            runnel::yield();
            *mine += 'y';
            t.check(mine->size() == std::size_t(31 + g), "its own is its own");
        });
    }
    wg.wait();
}

CLEAN_GOROUTINES(goexit_runs_destructors, 128) {
    static plain x;
    x = 0;
    struct at_end {
        const runnel::chan<unit>& done;
        ~at_end() {
            ++x;
            done.send();
        }
    };
    auto done = make_chan<unit>(1);
    runnel::go([done] {
        const at_end whatever_happens{done};
        runnel::goexit();
    });
    done.recv();
    t.check((++x).get() == 2, "the write was seen");
}

CLEAN_GOROUTINES(pinned_goroutines, 64) {
    auto c = make_chan<int>();
    auto back = make_chan<int>(1);
    static plain x;
    x = 0;
    runnel::wait_group wg;
    wg.go([&] {
        const runnel::thread_lock pin;
        for (int i = 0; i < 3; ++i) {
            c.recv();
            ++x;
            back.send(0);
        }
    });
    for (int i = 0; i < 3; ++i) {
        ++x;
        c.send(0);
        back.recv();
    }
    wg.wait();
    t.check((++x).get() == 7, "all were seen");
}

CLEAN_GOROUTINES(blocking_is_part_of_its_goroutine, 128) {
    static plain x;
    x = 1;
    auto c = make_chan<int>();
    runnel::wait_group wg;
    wg.go([&] {
        ++x;
        runnel::blocking([&] {
            ++x;
            c.send(1);  // as on a thread
        });
    });
    c.recv();
    t.check((++x).get() == 4, "the writes were seen");
    wg.wait();
}

// ---- 7. runs ----

CLEAN_GOROUTINES(start_and_end_of_a_run, 64) {
    static plain x;
    x = 1;
    const int result = runnel::run([&] {
        t.delay_first();
        return (++x).get();
    });
    t.check(result == 2 && (++x).get() == 3, "the writes were seen");
}

// Parked, runnable, asleep, running: whatever they have done happens before run returns.
CLEAN_GOROUTINES(goroutines_that_a_run_leaves_behind, 8) {
    static plain x[4];
    for (plain& p : x) p = 0;
    auto never = make_chan<int>();
    runnel::run([&] {
        runnel::go([never] {
            ++x[0];
            never.recv();
        });
        runnel::go([] {
            ++x[1];
            for (;;) {
                runnel::yield();
                ++x[1];
            }
        });
        runnel::go([] {
            ++x[2];
            runnel::sleep_for(1h);
        });
        runnel::go([] { ++x[3]; });
        t.delay_first();
        runnel::yield();
    });
    for (plain& p : x) ++p;
}

CLEAN_GOROUTINES(run_that_drains, 32) {
    static plain x;
    x = 0;
    runnel::run(
        [&] {
            runnel::go([&] {
                runnel::yield();
                ++x;
            });
        },
        {.drain = 10s});
    t.check((++x).get() == 2, "the write was seen");
}

CLEAN_GOROUTINES(exception_through_a_run, 64) {
    try {
        runnel::run([&] {
            t.delay_first();
            throw std::make_shared<std::string>(40, 'x');
        });
    } catch (const std::shared_ptr<std::string>& s) {
        t.check(s->size() == 40, "the exception is whole");
        s->clear();
    }
}

TEST_CASE("run_from_a_thread", "[races][clean]") {
    static plain x;
    for (const std::size_t n : {1U, 2U}) {
        const test::procs workers(n);
        for (int i = 0; i < 200; ++i) {
            x = 1;
            auto never = make_chan<int>();
            runnel::run([&] {
                ++x;
                runnel::go([never] {
                    ++x;
                    never.recv();
                });
                runnel::yield();
            });
            REQUIRE(x.get() >= 2);
        }
    }
}

TEST_CASE("go_from_a_thread", "[races][clean]") {
    static plain x;
    for (int i = 0; i < 200; ++i) {
        auto done = make_chan<unit>(1);
        x = 1;
        runnel::go([done] {
            ++x;
            done.send();
        });
        done.recv();
        REQUIRE(x.get() == 2);
    }
}

TEST_CASE("runtime_of_its_own", "[races][clean]") {
    static plain x;
    for (int i = 0; i < 10; ++i) {
        x = 1;
        auto never = make_chan<int>();
        auto there = make_chan<unit>(1);
        {
            runnel::runtime_options options;
            options.max_procs = std::size_t(1 + i % 2);
            runnel::runtime other(options);
            other.run([] { ++x; });
            other.go([never, there] {
                ++x;
                there.send();
                ++x;
                never.recv();
            });
            there.recv();
        }
        REQUIRE((++x).get() >= 4);
    }
}

TEST_CASE("channel_between_two_runtimes", "[races][clean]") {
    static plain x;
    runnel::runtime other;
    runnel::run([&] {
        for (int i = 0; i < 200; ++i) {
            auto there = make_chan<int>(std::size_t(i % 2));
            auto back = make_chan<int>();
            x = 1;
            other.go([=] {
                there.recv();
                ++x;
                back.send(0);
            });
            ++x;
            there.send(0);
            back.recv();
            ++x;
        }
    });
    CHECK(x.get() == 4);
}

// All that goroutines did happens before static objects are destroyed.
CHILD_SCENARIO(statics_at_the_end) {
    static std::string& kept = *new std::string;
    struct looks {
        ~looks() { kept += "z"; }
    };
    static const looks at_exit;
    runnel::go([] {
        for (;;) {
            kept = std::string(40, 'x');
            runnel::yield();
        }
    });
    std::this_thread::sleep_for(5ms);
    return 0;
}
TEST_CASE("statics_are_destroyed_after_all_goroutines", "[races][clean]") {
    for (const char* procs : {"RUNNEL_MAXPROCS=1", "RUNNEL_MAXPROCS=2"}) {
        const auto r = test::run_scenario("statics_at_the_end", {procs});
        INFO(r.err);
        CHECK(r.status == 0);
    }
}
