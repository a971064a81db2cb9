// tests/stress/net_deadline_test.cpp — deadlines that change while reading, writing and accepting go on.
// SPDX-License-Identifier: BSL-1.0
//
//   The interleaving hunted: a reader has read its deadline and is about to park, or its timer is about to strike, while
//   another goroutine sets an earlier or a later one, or none. A deadline that is missed is a reader that never
//   returns; one that strikes although it was taken back is a timeout that nobody set.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <random>
#include <span>
#include <string>
#include <system_error>
#include <thread>

#include <runnel/detail/spin_lock.hpp>
#include <runnel/go.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
namespace net = runnel::net;

TEST_CASE("a stream survives deadlines that come and go", "[stress][net][C-358]") {
    test::expectations expected;
    test::on_workers([&] {
        test::connection c = test::make_connection();
        const int total = test::scale(400'000);
        std::atomic<int> setters{2};
        std::atomic<bool> over{false};
        runnel::wait_group wg;
        // Both ends' deadlines, in small steps around the present, by two goroutines at once.
        for (int i = 0; i < 2; ++i) {
            wg.go([&, i] {
                std::mt19937_64 random(test::seed() + static_cast<std::uint64_t>(i));
                while (!over) {
                    const auto r = random();
                    const auto tp =
                        r % 8 == 0
                            ? runnel::clock::time_point()
                            : runnel::clock::now() +
                                  std::chrono::microseconds(static_cast<int>(r / 8 % 40) - 4);
                    net::stream& s = r / 1024 % 2 == 0 ? c.a : c.b;
                    switch (r / 2048 % 3) {
                        case 0:
                            s.set_deadline(tp);
                            break;
                        case 1:
                            s.set_read_deadline(tp);
                            break;
                        default:
                            s.set_write_deadline(tp);
                    }
                    if (r / 8192 % 4 == 0) runnel::sleep_for(2us);
                    runnel::yield();
                }
                if (--setters == 0) {
                    c.a.set_deadline({});
                    c.b.set_deadline({});
                }
            });
        }
        const auto only_timeouts = [&](const std::error_code& e) {
            if (e && e != net::errc::timed_out) expected.check(false, e.message());
        };
        wg.go([&] {
            std::string some(1000, '\0');
            for (int sent = 0; sent < total;) {
                for (std::size_t k = 0; k < some.size(); ++k) {
                    some[k] = static_cast<char>((static_cast<std::size_t>(sent) + k) % 251);
                }
                std::error_code e;
                sent += static_cast<int>(c.a.write(some, e));
                only_timeouts(e);
            }
            c.a.shutdown();
        });
        wg.go([&] {
            std::string some(700, '\0');
            std::size_t got = 0;
            bool right = true;
            for (;;) {
                std::error_code e;
                const std::size_t n = c.b.read_some(test::bytes_of(some), e);
                only_timeouts(e);
                if (n == 0 && !e) break;
                for (std::size_t k = 0; k < n; ++k) {
                    right = right && some[k] == static_cast<char>((got + k) % 251);
                }
                got += n;
            }
            expected.check(right, "every byte in its place");
            expected.check(got >= static_cast<std::size_t>(total), "all of them");
            over = true;
        });
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("who waits always learns of the deadline that was set last", "[stress][net]") {
    test::expectations expected;
    test::on_workers([&] {
        auto l = net::listen("127.0.0.1:0");
        test::connection c = test::connect_to(l);
        std::mt19937_64 random(test::seed());
        const int rounds = test::scale(3'000);
        for (int i = 0; i < rounds; ++i) {
            runnel::wait_group wg;
            std::atomic<bool> taken_back{true};
            const auto wait_once = [&](auto&& operation) {
                wg.go([&, operation] {
                    std::error_code e;
                    operation(e);
                    if (e != net::errc::timed_out) expected.check(false, e.message());
                    if (taken_back) expected.check(false, "struck though it was taken back");
                });
            };
            c.a.set_deadline(runnel::clock::now() + 1h);
            l.set_deadline(runnel::clock::now() + 1h);
            wait_once([&](std::error_code& e) {
                char one;
                c.a.read_some(std::as_writable_bytes(std::span(&one, 1)), e);
            });
            wait_once([&](std::error_code& e) { l.accept(e); });
            const auto r = random();
            for (auto pause = r % 3; pause > 0; --pause) runnel::yield();
            // Never less than an hour until the last one.
            for (auto changes = r / 4 % 4; changes > 0; --changes) {
                c.a.set_read_deadline(changes % 2 == 0 ? runnel::clock::time_point()
                                                       : runnel::clock::now() + 2h);
                l.set_deadline(runnel::clock::time_point::max());
            }
            taken_back = false;
            const auto last = runnel::clock::now() + std::chrono::microseconds(r / 16 % 20);
            c.a.set_read_deadline(last);
            l.set_deadline(last);
            wg.wait();
        }
        expected.check(true, "nobody waits for ever");
    });
    expected.verify();
}

// Two threads, so that nothing but the waiter's own steps lies between its last look and its sleep.
TEST_CASE("a deadline that is set in the moment in which a reader falls asleep is not missed",
          "[stress][net]") {
    test::connection c = test::make_connection();
    const int rounds = test::scale(30'000);
    std::atomic<int> round{0};
    std::atomic<int> wrong{0};
    const auto is_turn_of = [&](int i) {
        runnel::detail::spin_wait waiting;
        while (round.load() != i) waiting.pause();
    };
    std::thread reader([&] {
        for (int i = 0; i < rounds; ++i) {
            is_turn_of(2 * i + 1);
            char one;
            std::error_code e;
            c.a.read_some(std::as_writable_bytes(std::span(&one, 1)), e);
            if (e != net::errc::timed_out) ++wrong;
            round = 2 * i + 2;
        }
    });
    std::mt19937_64 random(test::seed());
    for (int i = 0; i < rounds; ++i) {
        c.a.set_read_deadline(runnel::clock::now() + 1h);
        round = 2 * i + 1;
        for (auto pause = random() % 400; pause > 0; --pause) runnel::detail::cpu_relax();
        c.a.set_read_deadline(runnel::clock::now() - 1h);
        is_turn_of(2 * i + 2);
    }
    reader.join();
    CHECK(wrong == 0);
}

}  // namespace
