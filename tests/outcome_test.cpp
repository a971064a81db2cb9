// tests/outcome_test.cpp — values and exceptions in one.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/outcome.hpp>

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::outcome;

static_assert(std::is_convertible_v<int, outcome<int>>);
static_assert(std::is_convertible_v<const char*, outcome<std::string>>);
static_assert(!std::is_convertible_v<std::string, outcome<int>>);
static_assert(!std::is_convertible_v<outcome<int>, bool>);
static_assert(std::is_copy_constructible_v<outcome<int>>);
static_assert(!std::is_copy_constructible_v<outcome<std::unique_ptr<int>>>);
static_assert(std::is_nothrow_move_constructible_v<outcome<std::unique_ptr<int>>>);
static_assert(!std::is_default_constructible_v<outcome<int>>);
static_assert(std::is_same_v<decltype(std::declval<outcome<int>&>().value()), int&>);
static_assert(std::is_same_v<decltype(std::declval<const outcome<int>&>().value()), const int&>);
static_assert(std::is_same_v<decltype(std::declval<outcome<int>>().value()), int&&>);
static_assert(std::is_same_v<decltype(std::declval<outcome<void>&>().value()), void>);

TEST_CASE("an outcome has a value", "[outcome]") {
    outcome<std::string> o = "text";
    CHECK(o.has_value());
    CHECK(static_cast<bool>(o));
    CHECK(o.error() == nullptr);
    CHECK(o.value() == "text");
    o.value() += "s";
    CHECK(std::as_const(o).value() == "texts");
    const std::string moved = std::move(o).value();
    CHECK(moved == "texts");
}

TEST_CASE("an outcome has an exception", "[outcome]") {
    const auto o = outcome<int>::failure(std::make_exception_ptr(std::out_of_range("far")));
    CHECK_FALSE(o.has_value());
    CHECK_FALSE(static_cast<bool>(o));
    CHECK(o.error() != nullptr);
    CHECK_THROWS_AS(o.value(), std::out_of_range);
    CHECK_THROWS_AS(o.value(), std::out_of_range);
    CHECK_THROWS_AS(outcome<int>::failure(nullptr), std::invalid_argument);
}

TEST_CASE("an outcome of a call", "[outcome]") {
    const auto half = [](int v) {
        if (v % 2 != 0) throw std::domain_error("odd");
        return v / 2;
    };
    CHECK(outcome<int>::of(half, 6).value() == 3);
    CHECK_THROWS_AS(outcome<int>::of(half, 7).value(), std::domain_error);
    auto moved = outcome<std::unique_ptr<int>>::of([] { return std::make_unique<int>(4); });
    CHECK(*std::move(moved).value() == 4);
}

TEST_CASE("an outcome of nothing", "[outcome]") {
    int calls = 0;
    const auto good = outcome<void>::of([&] { ++calls; });
    CHECK(good.has_value());
    good.value();
    CHECK(calls == 1);
    const auto bad = outcome<void>::of([] { throw std::runtime_error("no"); });
    CHECK_FALSE(bad.has_value());
    CHECK_THROWS_AS(bad.value(), std::runtime_error);
    CHECK(outcome<void>().has_value());
}

TEST_CASE("an exception is a value if it is what the call returns", "[outcome]") {
    const auto o = outcome<std::exception_ptr>::of(
        [] { return std::make_exception_ptr(std::runtime_error("kept")); });
    CHECK(o.has_value());
    CHECK(o.value() != nullptr);
    CHECK(o.error() == nullptr);
}

TEST_CASE("goexit passes through an outcome", "[outcome]") {
    test::expectations expected;
    test::on_workers([&] {
        bool went_on = false;
        runnel::wait_group wg;
        wg.go([&] {
            static_cast<void>(outcome<void>::of([] { runnel::goexit(); }));
            went_on = true;
        });
        wg.wait();
        expected.check(!went_on, "the goroutine has ended there");
    });
    expected.verify();
}

}  // namespace
