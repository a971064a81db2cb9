// tests/model/chan_test.cpp — send, receive, close and select under the model checker.
// SPDX-License-Identifier: BSL-1.0
#include <array>
#include <optional>

#include <runnel/chan.hpp>
#include <runnel/select.hpp>

#include <model/shipping.hpp>

namespace {

using namespace runnel::detail;
using namespace std::chrono_literals;

/// Values 1, 2, … with what their senders have written before.
struct values : model::shipping {
    std::array<model::var<int>, 5> payload;
    std::array<int, 5> sent{}, received{};

    void prepare(int v) { payload[static_cast<std::size_t>(v)] = v; }
    void use(int v) {
        model::check(v >= 1 && v < 5, "a value that nobody sent");
        model::check(payload[static_cast<std::size_t>(v)] == v, "what its sender did is not seen");
        model::check(++received[static_cast<std::size_t>(v)] == 1, "a value was received twice");
    }
    /// What was sent was received, and nothing else.
    void settle(const runnel::chan<int>& c) {
        while (const auto v = c.try_recv()) use(*v);
        for (std::size_t i = 1; i < sent.size(); ++i) {
            model::check(sent[i] == received[i], "sent and received differ");
        }
    }
};

// ---- send and receive ----

/// The last thread receives, the others send one value each.
template <int Threads>
struct sent : values {
    static constexpr int threads = Threads;
    runnel::chan<int> c;
    model::var<int> before_receive{0};

    explicit sent(std::size_t capacity) : c(runnel::make_chan<int>(capacity)) {}
    void run(int me) {
        if (me < Threads - 1) {
            prepare(me + 1);
            c.send(me + 1);
            this->values::sent[static_cast<std::size_t>(me + 1)] = 1;
            // Unbuffered, the receive happens before the end of the send.
            if (c.cap() == 0 && Threads == 2) model::check(before_receive == 1, "never");
        } else {
            before_receive = 1;
            for (int i = 0; i < Threads - 1; ++i) use(*c.recv());
        }
    }
    void end() { settle(c); }
};

/// One sends three through a buffer of one: its place is used again.
struct sent_in_a_row : values {
    static constexpr int threads = 2;
    runnel::chan<int> c = runnel::make_chan<int>(1);

    void run(int me) {
        for (int i = 1; i <= 3; ++i) {
            if (me == 0) {
                prepare(i);
                c.send(i);
                values::sent[static_cast<std::size_t>(i)] = 1;
            } else {
                const int v = *c.recv();
                model::check(v == i, "out of order");
                use(v);
            }
        }
    }
    void end() { settle(c); }
};

/// A receive makes room, and a sender that waits gets it: no other receive is needed.
struct room_is_given : values {
    static constexpr int threads = 2;
    runnel::chan<int> c = runnel::make_chan<int>(1);
    model::atomic<bool> both_sent{false};

    void run(int me) {
        if (me == 0) {
            for (int i = 1; i <= 2; ++i) {
                prepare(i);
                c.send(i);
                values::sent[static_cast<std::size_t>(i)] = 1;
            }
            both_sent.store(true, memory_order_release);
        } else {
            use(*c.recv());
            model::await([&] { return both_sent.load(memory_order_acquire); });
        }
    }
    void end() { settle(c); }
};

TEST_CASE("what is sent is received once, with what was done before", "[model][chan]") {
    model::require_clean<sent<2>>("chan, unbuffered", {.preemptions = 4}, 0U);
    model::require_clean<sent<2>>("chan, buffer of 1", {.preemptions = 4}, 1U);
    model::require_clean<sent<3>>("chan, unbuffered, 2 senders", {.preemptions = 2}, 0U);
    model::require_clean<sent<3>>("chan, buffer of 1, 2 senders", {.preemptions = 2}, 1U);
    model::require_clean<sent_in_a_row>("chan, buffer of 1, 3 values", {.preemptions = 3});
    model::require_clean<room_is_given>("chan, room for a sender that waits", {.preemptions = 3});
}

// ---- limits and tries ----

struct sent_in_time : values {
    static constexpr int threads = 2;
    bool sender_hurries;
    runnel::chan<int> c;

    sent_in_time(bool s, std::size_t capacity)
        : sender_hurries(s), c(runnel::make_chan<int>(capacity)) {}
    void run(int me) {
        if (me == 0) {
            prepare(1);
            const auto r = sender_hurries ? c.send_for(1, 1s) : c.try_send(1);
            if (r == runnel::op_status::ok) values::sent[1] = 1;
        } else if (sender_hurries) {
            if (const auto v = c.recv_for(2s)) use(*v);
        } else if (const auto v = c.recv_for(1s)) {
            use(*v);
        }
    }
    void end() { settle(c); }
};

TEST_CASE("a deadline loses no value and makes none", "[model][chan]") {
    model::require_clean<sent_in_time>("chan, both with deadlines", {.preemptions = 3}, true, 0U);
    model::require_clean<sent_in_time>("chan, try_send and a deadline", {.preemptions = 3}, false,
                                       0U);
    model::require_clean<sent_in_time>("chan, buffered, deadlines", {.preemptions = 3}, true, 1U);
}

// ---- close ----

/// One sends until it is told that the channel is closed, one receives to the end, one closes.
struct closed : values {
    static constexpr int threads = 3;
    runnel::chan<int> c;
    model::var<int> before_close{0};

    explicit closed(std::size_t capacity) : c(runnel::make_chan<int>(capacity)) {}
    void run(int me) {
        if (me == 0) {
            prepare(1);
            try {
                c.send(1);
                values::sent[1] = 1;
            } catch (const runnel::closed_channel&) {
                told = true;
            }
            if (told) model::check(before_close == 1, "what was done before close is not seen");
        } else if (me == 1) {
            while (const auto v = c.recv()) use(*v);
            model::check(before_close == 1, "what was done before close is not seen");
        } else {
            before_close = 1;
            c.close();
        }
    }
    void end() { settle(c); }
    bool told = false;
};

TEST_CASE("close wakes all who wait and loses nothing", "[model][chan]") {
    model::require_clean<closed>("chan, unbuffered, closed", {.preemptions = 2}, 0U);
    model::require_clean<closed>("chan, buffer of 1, closed", {.preemptions = 2}, 1U);
}

/// One who only looks does not take a channel that is closed for one that is empty and open.
struct closed_then_drained : values {
    static constexpr int threads = 2;
    runnel::chan<int> c = runnel::make_chan<int>(1);

    closed_then_drained() {
        prepare(1);
        c.send(1);
        values::sent[1] = 1;
    }
    void run(int me) {
        if (me == 0) c.close();
        const auto v = c.try_recv();
        // It held a value until it was closed.
        model::check(v.status() != runnel::op_status::would_block,
                     "never empty and open, but taken for that");
        if (v) use(*v);
    }
    void end() { settle(c); }
};

struct closed_on_a_sender : values {
    static constexpr int threads = 3;
    runnel::chan<int> c = runnel::make_chan<int>(0U);
    model::atomic<bool> sender_waits{false};

    void run(int me) {
        if (me == 0) {
            prepare(1);
            try {
                c.send(1);
                values::sent[1] = 1;
            } catch (const runnel::closed_channel&) {
            }
        } else if (me == 1) {
            const auto* core = chan_access::core(c);
            model::await([&] { return core->may_receive(); });
            sender_waits.store(true, memory_order_release);
            c.close();
        } else if (sender_waits.load(memory_order_acquire)) {
            const auto v = c.try_recv();
            model::check(v.status() != runnel::op_status::would_block,
                         "a sender waits, or it is closed, and it says that neither is so");
            if (v) use(*v);
        }
    }
    void end() { settle(c); }
};

TEST_CASE("a look without the lock is never wrong about close", "[model][chan]") {
    model::require_clean<closed_then_drained>("chan, closed, then drained", {.preemptions = 3});
    model::require_clean<closed_on_a_sender>("chan, closed on a sender", {.preemptions = 2});
}

// ---- the last handle ----

struct dropped : model::shipping {
    static constexpr int threads = 2;
    std::array<runnel::chan<int>, 2> c;

    dropped() { c[0] = c[1] = runnel::make_chan<int>(runnel::unbounded); }
    void run(int me) {
        runnel::chan<int> mine = std::move(c[static_cast<std::size_t>(me)]);
        if (me == 0) mine.send(1);
    }
    void end() { model::check(!c[0] && !c[1], "moved from, and not nil"); }
};

TEST_CASE("the last handle destroys the channel, after all that was done to it", "[model][chan]") {
    model::require_clean<dropped>("chan, dropped by two", {.preemptions = 4});
}

// ---- select ----

/// Two send, each on its channel; one selects twice.
struct selected : values {
    static constexpr int threads = 3;
    std::array<runnel::chan<int>, 2> c;

    explicit selected(std::size_t capacity)
        : c{runnel::make_chan<int>(capacity), runnel::make_chan<int>(capacity)} {}
    void run(int me) {
        if (me < 2) {
            prepare(me + 1);
            c[static_cast<std::size_t>(me)].send(me + 1);
            values::sent[static_cast<std::size_t>(me + 1)] = 1;
            return;
        }
        for (int i = 0; i < 2; ++i) {
            runnel::select(runnel::in_order, runnel::recv(c[0], [this](int v) { use(v); }),
                           runnel::recv(c[1], [this](int v) { use(v); }));
        }
    }
    void end() {
        settle(c[0]);
        settle(c[1]);
    }
};

/// A select that sends or receives meets one that does the other.
struct selects_meet : values {
    static constexpr int threads = 2;
    std::array<runnel::chan<int>, 2> c{runnel::make_chan<int>(0U), runnel::make_chan<int>(0U)};
    std::array<std::size_t, 2> chosen{};

    void run(int me) {
        const auto i = static_cast<std::size_t>(me);
        prepare(me + 1);
        chosen[i] = runnel::select(runnel::in_order, runnel::send(c[i], me + 1),
                                   runnel::recv(c[1 - i], [this](int v) { use(v); }));
        if (chosen[i] == 0) values::sent[i + 1] = 1;
    }
    void end() {
        model::check(chosen[0] + chosen[1] == 1, "not one sent and one received");
        settle(c[0]);
    }
};

struct select_times_out : values {
    static constexpr int threads = 2;
    runnel::chan<int> c = runnel::make_chan<int>(0U);

    void run(int me) {
        if (me == 0) {
            prepare(1);
            if (c.send_for(1, 1s) == runnel::op_status::ok) values::sent[1] = 1;
        } else {
            runnel::select(runnel::recv(c, [this](int v) { use(v); }), runnel::timeout(1s));
        }
    }
    void end() { settle(c); }
};

/// A value is there at any moment: one comes to the second channel before the first one's goes.
struct always_one : values {
    static constexpr int threads = 2;
    std::array<runnel::chan<int>, 2> c{runnel::make_chan<int>(1U), runnel::make_chan<int>(1U)};
    std::size_t first;

    explicit always_one(std::size_t looked_at_first) : first(looked_at_first) {
        prepare(1);
        values::sent[1] = 1;
        c[0].send(1);
    }
    void run(int me) {
        if (me == 0) {
            prepare(2);
            c[1].send(2);
            values::sent[2] = 1;
            if (const auto v = c[0].try_recv()) use(*v);
        } else {
            const auto take = [this](int v) { use(v); };
            const std::size_t chosen =
                runnel::select(runnel::in_order, runnel::recv(c[first], take),
                               runnel::recv(c[1 - first], take), runnel::otherwise([] {}));
            model::check(chosen < 2, "one was ready at any moment, and none was found");
        }
    }
    void end() {
        while (const auto v = c[0].try_recv()) use(*v);
        settle(c[1]);
    }
};

TEST_CASE("otherwise needs a moment at which nothing can go", "[model][select]") {
    model::require_clean<always_one>("select, otherwise, the older first", {.preemptions = 4}, 0U);
    model::require_clean<always_one>("select, otherwise, the newer first", {.preemptions = 4}, 1U);
}

TEST_CASE("a select commits one case", "[model][select]") {
    model::require_clean<selected>("select, 2 senders, unbuffered",
                                   {.preemptions = 1, .stale_reads = 1}, 0U);
    model::require_clean<selected>("select, 2 senders, buffered",
                                   {.preemptions = 2, .stale_reads = 1}, 1U);
    model::require_clean<selects_meet>("select meets select", {.preemptions = 3});
    model::require_clean<select_times_out>("select, a timeout", {.preemptions = 3});
}

TEST_CASE("channels need their memory orders", "[model][chan]") {
    model::weakenings w({"chan_core.hpp", "waiter.hpp", "park.hpp", "spin_lock.hpp"});
    w.try_all<sent<2>>({.preemptions = 2}, 0U);
    w.try_all<sent<2>>({.preemptions = 2}, 1U);
    w.try_all<sent_in_time>({.preemptions = 2}, true, 0U);
    w.try_all<sent_in_time>({.preemptions = 2}, false, 0U);
    w.try_all<closed>({.preemptions = 1, .stale_reads = 1}, 1U);
    w.try_all<selects_meet>({.preemptions = 2});
    w.try_all<always_one>({.preemptions = 2}, 0U);
    w.try_all<always_one>({.preemptions = 2}, 1U);
    w.try_all<closed_then_drained>({.preemptions = 2});
    w.try_all<closed_on_a_sender>({.preemptions = 2});
    w.try_all<dropped>({.preemptions = 3});
    // Hints for who looks without the lock: being out of date does no harm, and `closed` is looked at
    // again under the lock. Claims are under the lock of a queue, or their thread's own.
    model::require_needed(
        w, {"chan_core.hpp mark_closed: store release -> relaxed",
            "chan_core.hpp may_receive: load acquire -> relaxed",  // of closed
            "chan_core.hpp may_send: load acquire -> relaxed",
            "chan_core.hpp may_send: load acquire -> relaxed",
            "chan_core.hpp note_receiver_waits: store release -> relaxed",
            "park.hpp claim: cas acq_rel -> acquire", "park.hpp claim: cas acq_rel -> release"});
}

}  // namespace
