// tests/testing/worked_examples_test.cpp — the programs of docs/testing.md, and that their bugs are found.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/testing.hpp>

#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>

#include <runnel/runnel.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

// [lost-update]
void transfer_twice() {
    int balance = 100;
    runnel::mutex m;
    const auto withdraw = [&](int amount) {
        int seen = 0;
        {
            const std::lock_guard guard(m);
            seen = balance;
        }
        const std::lock_guard guard(m);
        balance = seen - amount;
    };
    runnel::wait_group wg;
    wg.go([&] { withdraw(10); });
    wg.go([&] { withdraw(20); });
    wg.wait();
    if (balance != 70) throw std::runtime_error("the balance is " + std::to_string(balance));
}
// [/lost-update]

// [leaked-goroutine]
void first_answer(std::size_t room) {
    const auto answers = runnel::make_chan<int>(room);
    for (int server = 0; server < 2; ++server) {
        runnel::go([=] { answers.send(server); });
    }
    answers.recv();  // the faster one's
}
// [/leaked-goroutine]

// [opposite-order]
void two_accounts() {
    runnel::mutex from;
    runnel::mutex to;
    runnel::wait_group wg;
    wg.go([&] {
        const std::lock_guard first(from);
        const std::lock_guard second(to);
    });
    wg.go([&] {
        const std::lock_guard first(to);
        const std::lock_guard second(from);
    });
    wg.wait();
}
// [/opposite-order]

/// What exploring a program says.
std::string found_in(void (*program)()) {
    try {
        runnel::testing::explore(300, program);
    } catch (const runnel::testing::exploration_failed& e) {
        return e.what();
    }
    return "nothing";
}

TEST_CASE("a lost update is found", "[testing]") {
    CHECK(test::contains(found_in(transfer_twice), "the balance is "));
}

TEST_CASE("a leaked goroutine is found", "[testing]") {
    const std::string what = found_in([] { first_answer(0); });
    INFO(what);
    CHECK(test::contains(what, "wait for ever:\ngoroutine "));
    CHECK(test::contains(what, "[chan send] on "));
    CHECK(found_in([] { first_answer(1); }) == "nothing");
}

TEST_CASE("two mutexes in opposite order are found", "[testing]") {
    const std::string what = found_in(two_accounts);
    INFO(what);
    CHECK(test::contains(what, "all goroutines are asleep - deadlock!\n"));
    CHECK(test::contains(what, "goroutine 2 [sync.Mutex.Lock]"));
    CHECK(test::contains(what, "goroutine 3 [sync.Mutex.Lock]"));
}

}  // namespace
