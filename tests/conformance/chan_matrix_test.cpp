// tests/conformance/chan_matrix_test.cpp — each way to send with each way to receive, from anywhere.
// SPDX-License-Identifier: BSL-1.0
//
//   Every operation shares one commit with all others: a value that one of them passes on must wake
//   whoever waits by another. [bug-31] is a try that woke nobody, [bug-30] a waiter that announced
//   itself before it had taken its place.

#include <runnel/chan.hpp>
#include <runnel/select.hpp>
#include <string>
#include <vector>

#include "conformance/chan_helpers.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;
using runnel::op_status;
using test::place;
using test::recv_kind;
using test::send_kind;

namespace {

/// Two that never wait never meet without a buffer.
bool may_meet(send_kind s, recv_kind r, std::size_t capacity) {
    return capacity > 0 || s != send_kind::attempt || r != recv_kind::attempt;
}

std::string name_of(send_kind s, recv_kind r, std::size_t capacity, place from, place to) {
    return test::name_of(s) + " of a " + test::name_of(from) + ", " + test::name_of(r) + " of a " +
           test::name_of(to) + ", capacity " + std::to_string(capacity);
}

/// Kinds that wait without end until the other side comes.
bool waits(send_kind k) {
    return k == send_kind::plain || k == send_kind::shift || k == send_kind::select_one ||
           k == send_kind::select_two || k == send_kind::dynamic;
}
bool waits(recv_kind k) {
    return k != recv_kind::attempt && k != recv_kind::timed && k != recv_kind::until;
}

}  // namespace

TEST_CASE("each way to send passes a stream to each way to receive, and the close after it",
          "[C-72][C-73][C-31][bug-31]") {
    test::expectations expect;
    test::on_workers([&] {
        const int n = test::under_sanitizer ? 5 : 20;
        for (std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
            for (send_kind s : test::send_kinds) {
                for (recv_kind r : test::recv_kinds) {
                    if (!may_meet(s, r, capacity)) continue;
                    for (place from : test::places) {
                        for (place to : test::places) {
                            const auto ch = make_chan<int>(capacity);
                            test::crew crew;
                            crew.start(from, [&, s] {
                                for (int i = 0; i < n; ++i) test::send_by(s, ch, i);
                                ch.close();
                            });
                            std::atomic<int> got{0};
                            std::atomic<int> wrong{0};
                            crew.start(to, [&, r] {
                                while (const auto v = test::recv_by(r, ch)) {
                                    if (*v != got++) ++wrong;
                                }
                                // Once more: closed stays closed, however it is asked.
                                if (test::recv_by(r, ch)) ++wrong;
                            });
                            crew.join();
                            if (got != n || wrong != 0) {
                                expect.check(false, name_of(s, r, capacity, from, to));
                            }
                        }
                    }
                }
            }
        }
        expect.check(true, "each pair has met");
    });
    expect.verify();
}

TEST_CASE("whoever waits is found by each operation of the other side",
          "[C-23][C-72][bug-30][bug-31]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<int>();
        const auto full = make_chan<int>(1);
        for (send_kind s : test::send_kinds) {
            for (recv_kind r : test::recv_kinds) {
                for (place waiter : test::places) {
                    const std::string name = name_of(s, r, 0, waiter, place::goroutine);
                    if (waits(r)) {
                        test::crew crew;
                        std::atomic<int> got{0};
                        expect.check(
                            test::start_blocked(
                                crew, waiter, [&, r] { got = test::recv_by(r, ch).value_or(-1); }),
                            name + ": the receiver waits");
                        test::send_by(s, ch, 5);
                        crew.join();
                        if (got != 5) expect.check(false, name + ": receiver first");
                    }
                    if (waits(s)) {
                        test::crew crew;
                        expect.check(
                            test::start_blocked(crew, waiter, [&, s] { test::send_by(s, ch, 6); }),
                            name + ": the sender waits");
                        if (test::recv_by(r, ch) != 6) expect.check(false, name + ": sender first");
                        crew.join();

                        full.send(7);
                        expect.check(test::start_blocked(crew, waiter,
                                                         [&, s] { test::send_by(s, full, 8); }),
                                     name + ": the sender waits for room");
                        if (test::recv_by(r, full) != 7)
                            expect.check(false, name + ": buffered first");
                        crew.join();
                        if (test::recv_by(r, full) != 8)
                            expect.check(false, name + ": then the waiter's");
                    }
                }
            }
        }
    });
    expect.verify();
}

TEST_CASE("a close is found by each operation that waits", "[C-44][C-387][bug-31]") {
    test::expectations expect;
    test::on_workers([&] {
        for (place waiter : test::places) {
            for (recv_kind r : test::recv_kinds) {
                const auto ch = make_chan<int>();
                test::crew crew;
                std::atomic<bool> ended{false};
                const auto receive = [&, ch, r] { ended = !test::recv_by(r, ch).has_value(); };
                if (waits(r)) {
                    expect.check(test::start_blocked(crew, waiter, receive), "the receiver waits");
                } else {
                    crew.start(waiter, receive);
                }
                ch.close();
                crew.join();
                if (!ended)
                    expect.check(false, test::name_of(r) + " of a " + test::name_of(waiter));
            }
            for (send_kind s : test::send_kinds) {
                const auto ch = make_chan<int>();
                test::crew crew;
                std::atomic<bool> refused{false};
                const auto send = [&, ch, s] {
                    refused = test::throws<runnel::closed_channel>([&] { test::send_by(s, ch, 1); },
                                                                   "send on closed channel");
                };
                if (waits(s)) {
                    expect.check(test::start_blocked(crew, waiter, send), "the sender waits");
                } else {
                    crew.start(waiter, send);
                }
                ch.close();
                crew.join();
                if (!refused)
                    expect.check(false, test::name_of(s) + " of a " + test::name_of(waiter));
            }
        }
    });
    expect.verify();
}

TEST_CASE("waiters of every kind stand in one queue and are served in the order they came",
          "[C-35][C-36]") {
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<int>();
        {
            std::array<std::atomic<int>, test::recv_kinds.size()> got{};
            test::crew crew;
            std::vector<std::size_t> queue;
            for (std::size_t i = 0; i < test::recv_kinds.size(); ++i) {
                if (!waits(test::recv_kinds[i])) continue;
                expect.check(
                    test::start_blocked(
                        crew, i % 2 == 0 ? place::goroutine : place::thread,
                        [&, i] { got[i] = test::recv_by(test::recv_kinds[i], ch).value_or(-1); }),
                    "the receiver waits");
                queue.push_back(i);
            }
            for (std::size_t at = 0; at < queue.size(); ++at) ch.send(static_cast<int>(at) + 1);
            crew.join();
            for (std::size_t at = 0; at < queue.size(); ++at) {
                expect.check_eq(got[queue[at]].load(), at + 1,
                                test::name_of(test::recv_kinds[queue[at]]));
            }
        }
        {
            test::crew crew;
            std::vector<int> queue;
            for (std::size_t i = 0; i < test::send_kinds.size(); ++i) {
                if (!waits(test::send_kinds[i])) continue;
                expect.check(
                    test::start_blocked(
                        crew, i % 2 == 0 ? place::thread : place::goroutine,
                        [&, i] { test::send_by(test::send_kinds[i], ch, static_cast<int>(i)); }),
                    "the sender waits");
                queue.push_back(static_cast<int>(i));
            }
            for (int sender : queue) {
                expect.check_eq(ch.recv().value_or(-1), sender,
                                test::name_of(test::send_kinds[static_cast<std::size_t>(sender)]));
            }
            crew.join();
        }
    });
    expect.verify();
}

TEST_CASE("one who is woken may use the channel at once", "[C-44][bug-10]") {
    // Woken while the waker still holds the lock, it would meet itself.
    test::expectations expect;
    test::on_workers([&] {
        for (place waiter : test::places) {
            const auto ch = make_chan<int>(1);
            const auto back = make_chan<int>(8);
            test::crew crew;
            const auto use_at_once = [&] {
                while (const auto v = ch.recv()) {
                    ch.try_send(0);
                    ch.try_recv();
                    back.send(*v + static_cast<int>(ch.len()));
                }
                back.send(ch.try_recv().status() == op_status::closed ? 1 : 0);
                back.close();
            };
            expect.check(test::start_blocked(crew, waiter, use_at_once), "waits");
            ch.send(10);
            expect.check_eq(back.recv().value_or(0), 10, "the woken one has used it and answers");
            ch.close();
            expect.check_eq(back.recv().value_or(0), 1, "closed is seen at once");
            expect.check(!back.recv(), "the end");
            crew.join();
        }
    });
    expect.verify();
}
