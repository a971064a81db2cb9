// tests/conformance/chan_allocations_test.cpp — what channels and selects ask of the allocator.
// SPDX-License-Identifier: BSL-1.0
//
//   This executable counts what the global operator new hands out and takes back.
#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>

#include "conformance/chan_helpers.hpp"
#include "support/allocations.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::chan;
using runnel::make_chan;
using runnel::op_status;
using test::allocations;
using test::allocations_of;
using test::outstanding;

}  // namespace

#if RUNNEL_TEST_COUNTS

TEST_CASE("making a channel is one allocation, whatever it carries and however much", "[C-14]") {
    CHECK(allocations_of([] { make_chan<int>(); }) == 1);
    CHECK(allocations_of([] { make_chan<int>(8); }) == 1);
    CHECK(allocations_of([] { make_chan<int>(10'000); }) == 1);
    CHECK(allocations_of([] { make_chan<std::unique_ptr<int>>(8); }) == 1);
    CHECK(allocations_of([] { make_chan<test::over_aligned>(8); }) == 1);
    CHECK(allocations_of([] { make_chan<test::big64k>(2); }) == 1);
    CHECK(allocations_of([] { make_chan<runnel::unit>(1); }) == 1);
    CHECK(allocations_of([] { make_chan<int>(runnel::unbounded); }) == 1);
    const long before = outstanding;
    {
        const auto ch = make_chan<test::over_aligned>(8);
        const runnel::recv_chan<test::over_aligned> copy = ch;
        CHECK(outstanding == before + 1);
    }
    CHECK(outstanding == before);
}

#endif

TEST_CASE("a capacity that cannot be is refused before anything is allocated", "[C-3][C-4]") {
    const auto refused = [](auto make) {
        const long before = outstanding;
        bool thrown = false;
        try {
            make();
        } catch (const std::length_error&) {
            thrown = true;
        }
        return thrown && outstanding == before;
    };
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    CHECK(refused([] { make_chan<int>(most); }));
    CHECK(refused([] { make_chan<int>(std::size_t{1} << 59); }));
    CHECK(refused([] { make_chan<int>(most / sizeof(int) + 2); }));
    CHECK(refused([] { make_chan<std::array<char, 65535>>(std::size_t{1} << 60); }));
    CHECK(refused([] { make_chan<std::array<char, 65536>>(std::size_t{1} << 48); }));
}

#if RUNNEL_TEST_COUNTS

TEST_CASE("sending and receiving allocate nothing", "[C-14][C-81]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto one = make_chan<int>(1);
        expect.check_eq(allocations_of([&] {
                            one.send(1);
                            one.recv();
                            one.try_send(2);
                            one.try_recv();
                            one.send_for(3, 1h);
                            int v = 0;
                            one >> v;
                            one.recv_for(0ms);
                        }),
                        0, "without waiting");
        expect.check_eq(allocations_of([&] {
                            runnel::select(runnel::send(one, 1), runnel::recv(chan<int>{}));
                            runnel::select(runnel::recv(one, [](int) {}), runnel::timeout(1h));
                            runnel::select(runnel::recv(one), runnel::otherwise());
                        }),
                        0, "selects of what is ready");

        // A partner that answers every value: both sides park over and over.
        const auto there = make_chan<int>();
        const auto back = make_chan<int>();
        test::crew crew;
        crew.go([=] {
            for (int v : there) back.send(v);
        });
        expect.check_eq(allocations_of([&] {
                            for (int i = 0; i < 500; ++i) {
                                there.send(i);
                                back.recv();
                                there.send_for(i, 1h);
                                back.recv_for(1h);
                            }
                        }),
                        0, "with parking");
        const auto never = make_chan<int>();
        expect.check_eq(allocations_of([&] {
                            for (int i = 0; i < 500; ++i) {
                                runnel::select(runnel::send(there, i), runnel::recv(never));
                                runnel::select(runnel::recv(never), runnel::recv(back),
                                               runnel::timeout(1h));
                            }
                        }),
                        0, "selects that park");
        there.close();
        crew.join();
    });
    expect.verify();
}

TEST_CASE("a hundred thousand selects that park leave memory as it was", "[C-81]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::scale(100'000) + 100;
        const auto c = make_chan<int>();
        const auto dummy = make_chan<int>();
        test::crew crew;
        crew.go([&] {
            for (int i = 0; i < n; ++i) {
                runnel::select(runnel::send(c, 1), runnel::send(dummy, 1), runnel::recv(dummy));
            }
        });
        const auto receive = [&](int times) {
            for (int i = 0; i < times; ++i) {
                runnel::select(runnel::recv(c), runnel::recv(dummy));
            }
        };
        receive(50);
        const long before = outstanding;
        const long made = allocations;
        receive(n - 100);
        // A worker that is started meanwhile makes what it needs once.
        constexpr long once = 50;
        expect.check(outstanding - before < once, "outstanding");
        expect.check(allocations - made < once, "made");
        receive(50);
        crew.join();
    });
    expect.verify();
}

TEST_CASE("selects that closes end leave nothing in the channels that stay", "[C-82]") {
    // In each round many selects wait for one channel that lives on and for one that is closed.
    test::expectations expect;
    test::on_workers([&] {
        const auto lives_on = make_chan<int>();
        const int rounds = 20;
        const int waiting = test::under_sanitizer ? 50 : 500;
        long first_round = 0;
        for (int round = 0; round < rounds; ++round) {
            const auto shut = make_chan<int>();
            const auto done = make_chan<runnel::unit>(runnel::unbounded);
            for (int i = 0; i < waiting; ++i) {
                runnel::go([=] {
                    runnel::select(runnel::recv(shut), runnel::send(lives_on, 1),
                                   runnel::recv(shut));
                    done.send();
                });
            }
            if (round % 2 == 0) test::wait_parked(static_cast<std::size_t>(waiting), "select");
            shut.close();
            for (int i = 0; i < waiting; ++i) done.recv();
            if (lives_on.try_recv()) expect.check(false, "somebody is still in the queue");
            // What goroutines need is kept for the next ones; it must not grow from round to round.
            if (round == 3) first_round = outstanding;
        }
        expect.check(test::eventually([&] { return outstanding - first_round < waiting / 2; }),
                     "memory stays flat over " + std::to_string(rounds) + " rounds");
    });
    expect.verify();
}

TEST_CASE("an unbounded channel gives back what it has grown by", "[C-14]") {
    const auto ch = make_chan<int>(runnel::unbounded);
    ch.send(1);
    ch.recv();
    const long before = outstanding;
    for (int round = 0; round < 3; ++round) {
        for (int i = 0; i < 50'000; ++i) ch.send(i);
        CHECK(outstanding > before);
        for (int i = 0; i < 50'000; ++i) ch.recv();
        CHECK(outstanding <= before + 1);
    }
    // A queue that is short all the time costs nothing for each value.
    CHECK(allocations_of([&] {
              for (int i = 0; i < 300; ++i) {
                  ch.send(i);
                  ch.recv();
              }
          }) == 0);
}

#endif
