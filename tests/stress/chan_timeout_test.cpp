// tests/stress/chan_timeout_test.cpp — time limits and cancellations that strike while a value passes.
// SPDX-License-Identifier: BSL-1.0
//
//   Hunted: a sender whose limit strikes just as a receiver takes its value: the value is delivered and
//   reported as not sent (doubled by the retry), or taken back and reported as sent (lost). The
//   same for a receiver that has been chosen as it gives up. Also waiters that are unlinked twice, or
//   stay in a queue after they have left.
//
//   Every value is a unique_ptr with a number of its own. A send that did not succeed must leave it
//   with the sender, who tries again; in the end each number has been received exactly once.

#include <array>
#include <memory>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/select.hpp>
#include <runnel/time.hpp>
#include <string>
#include <vector>

#include "conformance/chan_helpers.hpp"
#include "support/support.hpp"

using namespace std::chrono_literals;
using runnel::make_chan;
using runnel::op_status;

namespace {

using value = std::unique_ptr<int>;

/// Limits around the time that a hand-over takes; now and then one that never strikes.
std::chrono::nanoseconds short_time(test::random_numbers& random) {
    const int what = random.below(16);
    if (what == 0) return 0ns;
    if (what == 1) return 1h;
    return std::chrono::nanoseconds(random.below(40'000));
}

/// Sends `p` by an operation with a limit: true if it went.
bool send_once(const runnel::chan<value>& ch, value& p, test::random_numbers& random) {
    const auto limit = short_time(random);
    switch (random.below(5)) {
        case 0:
            return ch.send_for(std::move(p), limit) == op_status::ok;
        case 1:
            return ch.send_until(std::move(p), runnel::clock::now() + limit) == op_status::ok;
        case 2:
            return runnel::select(runnel::send(ch, std::move(p)), runnel::timeout(limit)) == 0;
        case 3: {
            const auto ctx = runnel::with_timeout(runnel::background(), limit);
            return ch.send(ctx, std::move(p)) == op_status::ok;
        }
        default:
            return ch.try_send(std::move(p)) == op_status::ok;
    }
}

/// Receives by an operation with a limit; null if it gave up.
value recv_once(const runnel::chan<value>& ch, test::random_numbers& random) {
    const auto limit = short_time(random);
    value got;
    switch (random.below(5)) {
        case 0:
            if (auto r = ch.recv_for(limit)) got = std::move(*r);
            break;
        case 1:
            if (auto r = ch.recv_until(runnel::clock::now() + limit)) got = std::move(*r);
            break;
        case 2:
            runnel::select(runnel::timeout(limit),
                           runnel::recv(ch, [&](value v) { got = std::move(v); }));
            break;
        case 3: {
            const auto ctx = runnel::with_timeout(runnel::background(), limit);
            if (auto r = ch.recv(ctx)) got = std::move(*r);
            break;
        }
        default:
            if (auto r = ch.try_recv()) got = std::move(*r);
            break;
    }
    return got;
}

/// `per_sender` values from each of `senders` to `receivers`, all with limits, until all are there.
void pass_with_limits(test::expectations& expect, const std::string& name, std::size_t capacity,
                      int senders, int receivers, int per_sender, bool with_threads) {
    const auto ch = make_chan<value>(capacity);
    const int total = senders * per_sender;
    std::vector<std::atomic<int>> seen(static_cast<std::size_t>(total));
    std::atomic<int> received{0};
    std::atomic<int> changed{0};
    test::crew crew;
    const auto where = [with_threads](int i) {
        return with_threads && i % 2 == 1 ? test::place::thread : test::place::goroutine;
    };
    for (int s = 0; s < senders; ++s) {
        crew.start(where(s), [&, s] {
            test::random_numbers random(static_cast<std::uint64_t>(s));
            for (int i = 0; i < per_sender; ++i) {
                const int number = s * per_sender + i;
                auto p = std::make_unique<int>(number);
                while (!send_once(ch, p, random)) {
                    if (!p || *p != number) {
                        ++changed;
                        return;
                    }
                    random.dawdle();
                }
                if (p) ++changed;
            }
        });
    }
    for (int r = 0; r < receivers; ++r) {
        crew.start(where(r), [&, r] {
            test::random_numbers random(1000 + static_cast<std::uint64_t>(r));
            while (received < total && changed == 0) {
                if (const value v = recv_once(ch, random)) {
                    ++seen[static_cast<std::size_t>(*v)];
                    ++received;
                } else if (ch.len() == 0) {
                    random.dawdle();
                }
                // An hour's limit would wait for ever for what the others have received.
                if (received + receivers * 2 >= total) break;
            }
        });
    }
    // The last few are taken here: no receiver waits long for a value that will not come.
    while (received < total && changed == 0) {
        if (auto r = ch.recv_for(1ms)) {
            ++seen[static_cast<std::size_t>(**r)];
            ++received;
        }
    }
    ch.close();  // for those that have taken the hour
    crew.join();
    int wrong = 0;
    for (const auto& n : seen) wrong += n == 1 ? 0 : 1;
    expect.check_eq(changed.load(), 0, name + ": values changed or kept by a send that went");
    expect.check_eq(wrong, 0, name + ": values lost or doubled");
}

}  // namespace

TEST_CASE("a value whose time limit strikes is delivered once or stays with its sender",
          "[stress][chan][timed][bug-34]") {
    INFO("RUNNEL_SEED=" << test::seed());
    test::expectations expect;
    const int n = test::scale(15'000) + 50;
    test::on_workers([&] {
        for (std::size_t capacity : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
            const std::string name = "capacity " + std::to_string(capacity);
            pass_with_limits(expect, name, capacity, 1, 1, n, false);
            pass_with_limits(expect, name + ", many", capacity, 4, 4, n / 2, false);
            pass_with_limits(expect, name + ", threads too", capacity, 4, 4, n / 2, true);
        }
    });
    expect.verify();
}

TEST_CASE("a cancellation that meets a hand-over takes no value with it",
          "[stress][chan][context]") {
    // Each round: a sender and a receiver under one context each, cancelled at any moment.
    INFO("RUNNEL_SEED=" << test::seed());
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<value>();
        test::random_numbers random(1);
        test::time_box box(2000ms, test::scale(40'000) + 50);
        int delivered = 0;
        int kept = 0;
        while (box.next()) {
            const bool threads = random.below(10) == 0;
            auto send_ctx = runnel::with_cancel(runnel::background());
            auto recv_ctx = runnel::with_cancel(runnel::background());
            auto p = std::make_unique<int>(7);
            std::atomic<op_status> sent{op_status::timeout};
            std::atomic<op_status> received{op_status::timeout};
            value got;
            const auto dawdle = [seed = random.next()](int turns) {
                test::random_numbers mine(seed);
                for (int i = mine.below(turns + 1); i > 0; --i) mine.dawdle();
            };
            test::crew crew;
            crew.start(threads ? test::place::thread : test::place::goroutine,
                       [&] { sent = ch.send(send_ctx, std::move(p)); });
            crew.start(threads && random.coin() ? test::place::thread : test::place::goroutine,
                       [&] {
                           auto r = ch.recv(recv_ctx);
                           received = r.status();
                           if (r) got = std::move(*r);
                       });
            const bool sender_first = random.coin();
            crew.go([&, first = sender_first] {
                dawdle(6);
                (first ? send_ctx : recv_ctx).cancel();
                dawdle(2);
                (first ? recv_ctx : send_ctx).cancel();
            });
            crew.join();
            const bool went =
                sent == op_status::ok && received == op_status::ok && !p && got && *got == 7;
            const bool stayed = sent == op_status::canceled && received == op_status::canceled &&
                                p && *p == 7 && !got;
            if (!went && !stayed) expect.check(false, "a value was lost, doubled or misreported");
            delivered += went ? 1 : 0;
            kept += stayed ? 1 : 0;
            if (ch.try_send(nullptr) == op_status::ok || ch.try_recv()) {
                expect.check(false, "a waiter was left behind");
            }
        }
        expect.check(delivered + kept > 0, "rounds were made");
    });
    expect.verify();
}

TEST_CASE("waiters that give up leave a queue that still serves the others in order",
          "[stress][chan][timed]") {
    // Impatient receivers come and go around patient ones. Values are sent one at a time, so the
    // patient ones are served in the order they came, whoever left in between.
    INFO("RUNNEL_SEED=" << test::seed());
    test::expectations expect;
    test::on_workers([&] {
        const auto ch = make_chan<int>();
        test::time_box box(1500ms, test::scale(4000) + 5);
        std::uint64_t round = 0;
        while (box.next()) {
            ++round;
            constexpr std::size_t patient = 4;
            std::array<std::atomic<int>, patient> got{};
            std::atomic<bool> stop{false};
            std::atomic<int> taken{0};
            test::crew patient_ones;
            test::crew impatient_ones;
            for (std::size_t i = 0; i < patient; ++i) {
                // By a select, so that the list of goroutines tells them from the impatient ones.
                patient_ones.go(
                    [&, i] { runnel::select(runnel::recv(ch, [&](int v) { got[i] = v; })); });
                expect.check(test::wait_parked(i + 1, "select"), "parked");
                impatient_ones.go([&, i, round] {
                    test::random_numbers random(round * 10 + i);
                    while (!stop) {
                        if (ch.recv_for(std::chrono::microseconds(random.below(50)))) ++taken;
                        random.dawdle();
                    }
                });
                if (round % 3 == 0) runnel::yield();
            }
            // Patient ones queue behind each other; each send serves the oldest waiter.
            int sent = 0;
            std::size_t served = 0;
            while (served < patient) {
                ch.send(++sent);
                runnel::yield();
                served = 0;
                for (const auto& g : got) served += g != 0 ? 1 : 0;
            }
            stop = true;
            patient_ones.join();
            impatient_ones.join();
            for (std::size_t i = 1; i < patient; ++i) {
                if (got[i - 1] >= got[i]) expect.check(false, "served out of order");
            }
            if (taken + static_cast<int>(patient) != sent) expect.check(false, "a value was lost");
        }
        expect.check(round > 0, "rounds were made");
    });
    expect.verify();
}
