// tests/error_test.cpp — what the library throws, and the error codes of contexts.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/error.hpp>

#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>

#include <runnel/chan.hpp>
#include <runnel/mutex.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

static_assert(std::is_base_of_v<std::logic_error, runnel::panic>);
static_assert(std::is_base_of_v<runnel::panic, runnel::closed_channel>);
static_assert(std::is_base_of_v<runnel::panic, runnel::nil_channel>);
static_assert(std::is_base_of_v<runnel::panic, runnel::negative_counter>);
static_assert(std::is_base_of_v<runnel::panic, runnel::unlock_of_unlocked>);
static_assert(std::is_error_code_enum_v<runnel::errc>);
static_assert(static_cast<int>(runnel::errc::canceled) == 1);

TEST_CASE("panics say it in Go's words", "[error]") {
    const auto ch = runnel::make_chan<int>(1);
    ch.close();
    CHECK_THROWS_AS(ch.send(1), runnel::closed_channel);
    CHECK_THROWS_WITH(ch.send(1), "send on closed channel");
    CHECK_THROWS_AS(ch.close(), runnel::closed_channel);
    CHECK_THROWS_WITH(ch.close(), "close of closed channel");
    CHECK_THROWS_AS(runnel::chan<int>().close(), runnel::nil_channel);
    CHECK_THROWS_WITH(runnel::chan<int>().close(), "close of nil channel");
    runnel::wait_group wg;
    CHECK_THROWS_AS(wg.done(), runnel::negative_counter);
    CHECK_THROWS_WITH(wg.done(), "negative WaitGroup counter");
    runnel::mutex m;
    CHECK_THROWS_AS(m.unlock(), runnel::unlock_of_unlocked);
    CHECK_THROWS_WITH(m.unlock(), "unlock of unlocked mutex");
}

TEST_CASE("a panic is caught as what it is, and as anything above", "[error]") {
    const auto caught_as = [](auto* type) {
        try {
            throw runnel::closed_channel("words");
        } catch (const std::remove_pointer_t<decltype(type)>& e) {
            return std::string(e.what());
        }
    };
    CHECK(caught_as(static_cast<runnel::closed_channel*>(nullptr)) == "words");
    CHECK(caught_as(static_cast<runnel::panic*>(nullptr)) == "words");
    CHECK(caught_as(static_cast<std::logic_error*>(nullptr)) == "words");
    CHECK(caught_as(static_cast<std::exception*>(nullptr)) == "words");
}

TEST_CASE("errc makes error codes of a category of its own", "[error]") {
    const std::error_code none;
    const std::error_code canceled = runnel::errc::canceled;
    const std::error_code late = runnel::errc::deadline_exceeded;
    CHECK(canceled);
    CHECK(late);
    CHECK(canceled != late);
    CHECK(canceled != none);
    CHECK(canceled == runnel::errc::canceled);
    CHECK(canceled == make_error_code(runnel::errc::canceled));
    CHECK(canceled.category() == runnel::error_category());
    CHECK(&canceled.category() == &late.category());
    CHECK(std::string(canceled.category().name()) == "runnel");
    CHECK(canceled.message() == "context canceled");
    CHECK(late.message() == "context deadline exceeded");
    CHECK_FALSE(std::error_code(77, runnel::error_category()).message().empty());
}

TEST_CASE("errc's codes compare with the standard's conditions", "[error]") {
    const std::error_code canceled = runnel::errc::canceled;
    const std::error_code late = runnel::errc::deadline_exceeded;
    CHECK(canceled == std::errc::operation_canceled);
    CHECK(late == std::errc::timed_out);
    CHECK(canceled != std::errc::timed_out);
    CHECK(late != std::errc::operation_canceled);
    CHECK(std::error_code(77, runnel::error_category()) != std::errc::timed_out);
    CHECK(std::system_error(canceled).code() == runnel::errc::canceled);
}

// The category outlives every static object.
struct looks_at_the_end {
    std::error_code code;
    ~looks_at_the_end() {
        if (code.message() != "context canceled") std::abort();
    }
};
CHILD_SCENARIO(error_at_exit) {
    static looks_at_the_end last;
    last.code = runnel::errc::canceled;
    return 0;
}
TEST_CASE("an error code can be looked at while the process ends", "[error]") {
    CHECK(test::run_scenario("error_at_exit").status == 0);
}

}  // namespace
