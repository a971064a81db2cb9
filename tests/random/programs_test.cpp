// tests/random/programs_test.cpp — random programs do what the model says, and the oracles notice if not.
// SPDX-License-Identifier: BSL-1.0
//
//   Environment  RUNNEL_RANDOM_PROGRAMS=n  so many programs instead of some hundred thousand; with more than
//                                          some million raise RUNNEL_TEST_TIMEOUT, too
//                RUNNEL_SEED=s             the program with this seed alone, and what happened in it
//   What a failing program is made of and what it does: program.hpp. What is asked of it: checker.hpp,
//   execute.cpp.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "random/execute.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace test::random;

bool fails(const program& p) { return !execute(p).failure.empty(); }

// ---- 1. the programs ----

TEST_CASE("random programs do what channels do in some order, and come to rest", "[random]") {
    if (const char* text = std::getenv("RUNNEL_SEED"); text != nullptr && *text != '\0') {
        const program p = make_program(std::strtoull(text, nullptr, 10));
        const run_outcome o = execute(p);
        std::printf("%s\n", report(p, o).c_str());
        REQUIRE(o.failure.empty());
        return;
    }
    std::uint64_t n = static_cast<std::uint64_t>(test::scale(100'000));
    if (const char* text = std::getenv("RUNNEL_RANDOM_PROGRAMS");
        text != nullptr && *text != '\0') {
        n = std::strtoull(text, nullptr, 10);
    }
    std::uint64_t calls = 0;
    std::uint64_t steps = 0;
    std::uint64_t effects = 0;
    std::uint64_t undecided = 0;
    std::uint64_t waited = 0;
    for (std::uint64_t seed = 1; seed <= n; ++seed) {
        const program p = make_program(seed);
        const run_outcome o = execute(p);
        calls += o.seen.calls.size();
        steps += o.steps;
        effects += o.judged.effects;
        undecided += o.judged.undecided ? 1 : 0;
        waited += o.somebody_waited ? 1 : 0;
        if (o.failure.empty()) continue;
        const program smaller = shrink(p, fails);
        FAIL("the program with RUNNEL_SEED=" << seed << " fails: " << o.failure
                                             << "\nA smaller one: "
                                             << report(smaller, execute(smaller)));
    }
    std::printf(
        "%llu programs, %llu operations, %llu steps, %llu effects tried, %llu undecided; "
        "in %llu somebody waited for ever\n",
        static_cast<unsigned long long>(n), static_cast<unsigned long long>(calls),
        static_cast<unsigned long long>(steps), static_cast<unsigned long long>(effects),
        static_cast<unsigned long long>(undecided), static_cast<unsigned long long>(waited));
    CHECK(undecided * 1000 <= n);
    CHECK(calls > n);
    CHECK(waited > n / 10);
    CHECK(waited < n);
}

TEST_CASE("the same seed makes the same program and the same run", "[random]") {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        const program p = make_program(seed);
        REQUIRE(to_string(p) == to_string(make_program(seed)));
        const run_outcome first = execute(p);
        const run_outcome again = execute(p);
        REQUIRE(first.trace == again.trace);
        REQUIRE(report(p, first) == report(p, again));
    }
}

TEST_CASE("any bytes make a program that ends", "[random]") {
    std::vector<std::uint8_t> bytes;
    for (unsigned i = 0; i < 300; ++i) {
        choices from(bytes.data(), bytes.size());
        const program p = make_program(from);
        const run_outcome o = execute(p);
        INFO(report(p, o));
        REQUIRE(o.failure.empty());
        bytes.push_back(static_cast<std::uint8_t>(i * 37 + i / 7));
    }
}

// ---- 2. shrinking ----

TEST_CASE("shrinking leaves what is needed for the failure", "[random]") {
    const auto closes = [](const program& p) {
        for (const body& b : p.bodies) {
            for (const operation& o : b.operations) {
                if (o.kind == op_kind::close) return true;
            }
        }
        return false;
    };
    std::uint64_t seed = 1;
    while (!closes(make_program(seed))) ++seed;
    CHECK(shrink(make_program(seed), closes).size() == 1);
}

// ---- 3. the checker ----

/// Histories written down by hand.
class written {
public:
    explicit written(std::vector<int> capacities) { p_.channels = std::move(capacities); }

    /// Called at the present time; returns its number.
    std::uint16_t send(std::uint8_t body, std::uint16_t value, std::int64_t limit = -1) {
        return called(body, {true, 0, 0, value}, limit);
    }
    std::uint16_t recv(std::uint8_t body, std::int64_t limit = -1) {
        return called(body, {false, 0, 0, 0}, limit);
    }
    void close(std::uint8_t body) {
        const std::uint16_t c = called(body, {}, -1);
        h_.calls[c].means = meaning::close;
        h_.calls[c].cases.clear();
        returned(c, result::ok);
    }
    void returned(std::uint16_t c, result r, std::uint16_t value = 0) {
        h_.calls[c].got = r;
        h_.calls[c].value = value;
        h_.records.push_back({moment::returned, c, now_, {}});
    }
    void all_wait(std::uint16_t length = 0) {
        h_.records.push_back({moment::idle, 0, now_, {length}});
    }
    void time_goes_on(std::int64_t units) { now_ += units; }
    bool holds() const { return check(p_, h_).holds; }

private:
    std::uint16_t called(std::uint8_t body, exchange_case e, std::int64_t limit) {
        call c;
        c.body = body;
        c.means = meaning::exchange;
        c.cases = {e};
        if (limit >= 0) c.deadline = now_ + limit;
        const auto number = static_cast<std::uint16_t>(h_.calls.size());
        h_.calls.push_back(c);
        h_.records.push_back({moment::called, number, now_, {}});
        return number;
    }

    program p_;
    history h_;
    std::int64_t now_ = 0;
};

TEST_CASE("the checker finds the order in which overlapping operations took effect", "[random]") {
    written h({1});
    const auto first = h.send(0, 1);
    const auto second = h.send(1, 2);
    const auto taken = h.recv(2);
    h.returned(first, result::ok);
    h.returned(second, result::ok);
    h.returned(taken, result::ok, 2);
    h.all_wait(1);
    CHECK(h.holds());
}

TEST_CASE("the checker rejects values out of order", "[random]") {
    for (const bool swapped : {false, true}) {
        written h({2});
        h.returned(h.send(0, 1), result::ok);
        h.returned(h.send(0, 2), result::ok);
        h.returned(h.recv(1), result::ok, swapped ? 2 : 1);
        h.returned(h.recv(1), result::ok, swapped ? 1 : 2);
        CHECK(h.holds() == !swapped);
    }
}

TEST_CASE("the checker rejects a value that comes twice, and one that is lost", "[random]") {
    written twice({2});
    twice.returned(twice.send(0, 1), result::ok);
    twice.returned(twice.recv(1), result::ok, 1);
    twice.returned(twice.recv(1), result::ok, 1);
    CHECK_FALSE(twice.holds());

    written lost({2});
    lost.returned(lost.send(0, 1), result::ok);
    lost.all_wait(0);
    CHECK_FALSE(lost.holds());
}

TEST_CASE("the checker rejects an unbuffered send that nobody has met", "[random]") {
    written h({0});
    h.returned(h.send(0, 1), result::ok);
    const auto late = h.recv(1);
    h.returned(late, result::ok, 1);
    CHECK_FALSE(h.holds());
}

TEST_CASE("the checker rejects a wait that could have ended", "[random]") {
    written receiver({1});
    static_cast<void>(receiver.recv(0));
    receiver.all_wait();
    receiver.returned(receiver.send(1, 1), result::ok);
    receiver.all_wait(1);
    CHECK_FALSE(receiver.holds());

    written both({0});
    static_cast<void>(both.recv(0));
    static_cast<void>(both.send(1, 1));
    both.time_goes_on(1);
    both.all_wait();
    CHECK_FALSE(both.holds());

    written closed({0});
    static_cast<void>(closed.send(0, 1));
    closed.close(1);
    closed.all_wait();
    CHECK_FALSE(closed.holds());
}

TEST_CASE("the checker rejects parked senders that are not served in order", "[random]") {
    for (const bool swapped : {false, true}) {
        written h({0});
        const auto first = h.send(0, 1);
        h.time_goes_on(1);
        const auto second = h.send(1, 2);
        h.time_goes_on(1);
        h.returned(h.recv(2), result::ok, swapped ? 2 : 1);
        h.returned(swapped ? second : first, result::ok);
        CHECK(h.holds() == !swapped);
    }
}

TEST_CASE("the checker rejects a timeout that is early, late, or comes though a value was there",
          "[random]") {
    for (const int at : {1, 2, 3}) {
        written h({0});
        const auto limited = h.recv(0, 2);
        h.time_goes_on(at);
        h.returned(limited, result::timeout);
        CHECK(h.holds() == (at == 2));
    }
    written h({1});
    h.returned(h.send(0, 1), result::ok);
    const auto limited = h.recv(1, 2);
    h.time_goes_on(2);
    h.returned(limited, result::timeout);
    CHECK_FALSE(h.holds());
}

TEST_CASE("the checker rejects a closed channel that is not drained first", "[random]") {
    written h({1});
    h.returned(h.send(0, 1), result::ok);
    h.close(0);
    h.returned(h.recv(1), result::closed);
    CHECK_FALSE(h.holds());
}

}  // namespace
