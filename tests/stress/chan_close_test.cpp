// tests/stress/chan_close_test.cpp — a close among sends, receives, selects and dropped handles.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: a send that races the close and whose value is neither received nor refused, or both;
//   a value that is destroyed twice, or never, as the last handle goes; a waiter that the close
//   forgets, or wakes although another has claimed it; a looker that finds the channel empty and
//   open between a close and a receive.
//
//   In every round: sends that said ok = values received + values left; constructed = destroyed.

#include <runnel/chan.hpp>
#include <runnel/select.hpp>
#include <string>
#include <vector>

#include "conformance/chan_helpers.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::chan;
using runnel::make_chan;
using runnel::op_status;

namespace {

struct pipe_burst {};

/// Sends until refused; how many went.
int send_until_refused(const chan<test::counted>& ch, test::random_numbers& random) {
    int sent = 0;
    try {
        for (;;) {
            const auto kind = test::send_kinds[static_cast<std::size_t>(
                random.below(static_cast<int>(test::send_kinds.size())))];
            test::send_by(kind, ch, test::counted(1));
            ++sent;
            random.dawdle();
        }
    } catch (const runnel::closed_channel&) {
    }
    return sent;
}

/// Receives until closed, plainly or with the error; how many came.
int receive_until_closed(const chan<test::counted>& ch, test::random_numbers& random) {
    int received = 0;
    try {
        for (;;) {
            const auto kind = test::recv_kinds[static_cast<std::size_t>(
                random.below(static_cast<int>(test::recv_kinds.size())))];
            if (!test::recv_by(kind, ch)) break;
            ++received;
            random.dawdle();
        }
    } catch (const pipe_burst&) {
    }
    return received;
}

}  // namespace

TEST_CASE("around a close, what was sent is what was received, by every operation",
          "[stress][chan][close][bug-25]") {
    INFO("RUNNEL_SEED=" << test::seed());
    const long before = test::counted::live();
    test::expectations expect;
    test::on_workers([&] {
        test::random_numbers random(static_cast<std::uint64_t>(runnel::max_procs()));
        test::time_box box(2500ms, test::scale(6000) + 30);
        int rounds = 0;
        while (box.next()) {
            ++rounds;
            const int capacity = random.below(5) - 1;  // -1: unbounded
            const auto ch = capacity < 0
                                ? make_chan<test::counted>(runnel::unbounded)
                                : make_chan<test::counted>(static_cast<std::size_t>(capacity));
            std::atomic<int> sent{0};
            std::atomic<int> received{0};
            std::atomic<int> closers{0};
            test::crew crew;
            const bool threads = random.below(8) == 0;
            const auto where = [&] {
                return threads && random.coin() ? test::place::thread : test::place::goroutine;
            };
            for (int i = random.below(3) + 1; i > 0; --i) {
                crew.start(where(), [&, seed = random.next()] {
                    test::random_numbers mine(seed);
                    sent += send_until_refused(ch, mine);
                });
            }
            for (int i = random.below(3) + 1; i > 0; --i) {
                crew.start(where(), [&, seed = random.next()] {
                    test::random_numbers mine(seed);
                    received += receive_until_closed(ch, mine);
                });
            }
            for (int i = 0; i < 2; ++i) {
                crew.start(where(), [&, seed = random.next()] {
                    test::random_numbers mine(seed);
                    for (int n = mine.below(30); n > 0; --n) mine.dawdle();
                    try {
                        if (mine.coin()) {
                            ch.close();
                        } else {
                            ch.close(std::make_exception_ptr(pipe_burst{}));
                        }
                        ++closers;
                    } catch (const runnel::closed_channel&) {
                    }
                });
            }
            crew.join();
            if (closers != 1) expect.check(false, "exactly one of two closes succeeds");
            if (sent != received) {
                expect.check(false, "sent " + std::to_string(sent) + ", received " +
                                        std::to_string(received) + ", capacity " +
                                        std::to_string(capacity));
            }
            if (ch.len() != 0) expect.check(false, "receivers left something");
        }
        expect.check(rounds > 0, "rounds were made");
    });
    expect.verify();
    CHECK(test::counted::live() == before);
}

TEST_CASE("a close and the first send, and the last handle dropped at once, free every value once",
          "[stress][chan][close][bug-26]") {
    INFO("RUNNEL_SEED=" << test::seed());
    const long before = test::counted::live();
    test::expectations expect;
    test::on_workers([&] {
        test::random_numbers random(2);
        test::time_box box(1500ms, test::scale(100'000) + 50);
        int rounds = 0;
        while (box.next()) {
            ++rounds;
            auto ch = random.coin()
                          ? make_chan<test::counted>(runnel::unbounded)
                          : make_chan<test::counted>(static_cast<std::size_t>(random.below(3)));
            std::atomic<int> answers{0};
            test::crew crew;
            for (int i = 0; i < 3; ++i) {
                crew.go([&answers, i, c = ch, seed = random.next()]() mutable {
                    test::random_numbers mine(seed);
                    mine.dawdle();
                    try {
                        if (i < 2) {
                            c.try_send(test::counted(i));
                        } else {
                            c.close();
                        }
                    } catch (const runnel::closed_channel&) {
                    }
                    mine.dawdle();
                    c = nullptr;
                    ++answers;
                });
            }
            ch = nullptr;
            crew.join();
            if (answers != 3) expect.check(false, "everybody comes to an end");
        }
        expect.check(rounds > 0, "rounds were made");
    });
    expect.verify();
    CHECK(test::counted::live() == before);
}

TEST_CASE(
    "a looker in another thread never finds a channel empty and open between close and receive",
    "[stress][chan][close]") {
    // One value is in the channel. It is closed, then the value is received. A looker that comes at
    // any time finds the value or the close, and so never has to wait.
    test::expectations expect;
    test::on_workers([&] {
        test::time_box box(1500ms, test::scale(200'000) + 100);
        // One thread looks at channel after channel: to start one for each would hide the race.
        const auto to_look_at = make_chan<chan<int>>();
        const auto looked = make_chan<op_status>();
        const auto looked_by_select = make_chan<std::size_t>();
        test::crew crew;
        crew.thread([&] {
            for (const auto& c : to_look_at) looked.send(c.try_recv().status());
        });
        crew.go([&] {
            for (const auto& c : to_look_at) looked.send(c.recv_for(0ms).status());
        });
        const auto to_select_from = make_chan<chan<int>>();
        crew.go([&] {
            const auto never = make_chan<int>();
            for (const auto& c : to_select_from) {
                looked_by_select.send(
                    runnel::select(runnel::recv(never), runnel::recv(c), runnel::otherwise()));
            }
        });
        int rounds = 0;
        while (box.next()) {
            ++rounds;
            const auto ch = make_chan<int>(1);
            ch.send(1);
            if (rounds % 2 == 0) {
                to_look_at.send(ch);
                ch.close();
                ch.recv();
                const op_status s = *looked.recv();
                if (s != op_status::ok && s != op_status::closed) {
                    expect.check(false, "empty and open");
                }
            } else {
                to_select_from.send(ch);
                ch.close();
                ch.recv();
                if (*looked_by_select.recv() != 1) expect.check(false, "default was taken");
            }
        }
        to_look_at.close();
        to_select_from.close();
        crew.join();
        expect.check(rounds > 0, "rounds were made");
    });
    expect.verify();
}

TEST_CASE("a full channel whose senders wait is never seen empty by one who tries",
          "[stress][chan]") {
    // A receive from a full buffer lets a waiting sender move up. In between the buffer of one is
    // neither full nor, to a looker, empty: with values for two receivers both get theirs.
    test::expectations expect;
    test::on_workers([&] {
        test::time_box box(1500ms, test::scale(60) + 2);
        int rounds = 0;
        while (box.next()) {
            ++rounds;
            const int n = test::under_tsan ? 100 : 1000;
            const auto ch = make_chan<int>(1);
            ch.send(0);
            test::crew senders;
            for (int i = 0; i < n; ++i) senders.go([ch] { ch.send(1); });
            expect.check(test::wait_parked(static_cast<std::size_t>(n), "chan send"), "parked");
            std::atomic<int> missed{0};
            std::atomic<int> ready{0};
            test::crew receivers;
            for (int r = 0; r < 2; ++r) {
                receivers.thread([&, r] {
                    ++ready;
                    while (ready != 2) {
                    }
                    for (int i = 0; i < n / 2; ++i) {
                        if (r == 0) {
                            ch.recv();
                        } else if (!ch.try_recv()) {
                            ++missed;
                        }
                    }
                });
            }
            receivers.join();
            while (ch.try_recv()) {
            }
            senders.join();
            if (missed != 0) expect.check(false, "a try found nothing");
        }
        expect.check(rounds > 0, "rounds were made");
    });
    expect.verify();
}
