// tests/parallel_test.cpp — parallel_for, parallel_map, parallel_reduce.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/parallel.hpp>

#include <array>
#include <atomic>
#include <forward_list>
#include <iterator>
#include <list>
#include <memory>
#include <ranges>
#include <runnel/barrier.hpp>
#include <runnel/future.hpp>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <system_error>
#include <type_traits>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::context;
using runnel::parallel_for;
using runnel::parallel_map;
using runnel::parallel_reduce;

static_assert(std::is_same_v<decltype(parallel_map(background(), std::vector<int>(), 2,
                                                   [](int) { return true; })),
                             std::vector<bool>>);

TEST_CASE("each element is taken once, by at most so many", "[parallel]") {
    const int n = test::scale(1000);
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        std::vector<int> values(static_cast<std::size_t>(n), 0);
        std::atomic<int> inside{0};
        std::atomic<int> most{0};
        parallel_for(background(), values, 4, [&](int& v) {
            const int now = ++inside;
            int seen = most.load();
            while (seen < now && !most.compare_exchange_weak(seen, now)) {
            }
            // Not before somebody else is inside as well.
            while (&v == values.data() && most < 2) runnel::yield();
            runnel::yield();
            ++v;
            --inside;
        });
        expected.check(values == std::vector<int>(static_cast<std::size_t>(n), 1), "in place");
        expected.check(most.load() <= 4, "no more at once");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

struct input_range {
    std::istringstream text{"1 2 3 4 5 6 7 8 9 10"};
    auto begin() { return std::istream_iterator<int>(text); }
    auto end() { return std::istream_iterator<int>(); }
};

TEST_CASE("ranges of all kinds", "[parallel]") {
    test::expectations expected;
    test::on_workers([&] {
        std::atomic<int> sum{0};
        const auto add = [&](int v) { sum += v; };
        const std::array<int, 3> array{1, 2, 3};
        parallel_for(background(), array, 2, add);
        const std::list<int> list{10, 20};
        parallel_for(background(), list, 2, add);
        parallel_for(background(), std::set<int>{100, 200}, 5, add);
        int plain[] = {1000, 2000};
        parallel_for(background(), plain, 2, add);
        expected.check_eq(sum.load(), 3336, "sum");
        sum = 0;
        parallel_for(background(), input_range(), 3, add);
        expected.check_eq(sum.load(), 55, "one that can be read once");
        parallel_for(background(), std::vector<int>(), 3, add);
        expected.check_eq(sum.load(), 55, "none");
    });
    expected.verify();
}

/// What a channel's iterators go over, as a range that parallel_for knows nothing more of.
struct received {
    runnel::chan<int> in;
    auto begin() const { return in.begin(); }
    auto end() const { return in.end(); }
};

TEST_CASE("what is read once is read no further than it is worked on", "[parallel]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto check_with = [&](auto as_range) {
            const test::nothing_left left;
            const auto in = runnel::make_chan<int>();
            const auto done = runnel::make_chan<int>();
            std::string said;
            auto feed = runnel::async([&] {
                int sum = 0;
                for (int i = 1; i <= 3; ++i) {
                    in.send(i);
                    sum += *done.recv();  // before there is another
                }
                in.close(std::make_exception_ptr(std::runtime_error("no more")));
                return sum;
            });
            try {
                parallel_for(background(), as_range(in), 2, [&](int v) { done.send(v); });
            } catch (const std::runtime_error& e) {
                said = test::words_of(e);
            }
            expected.check_eq(feed.get(), 6, "each was worked on");
            expected.check_eq(said, "no more", "what reading throws comes after them");
            expected.check(left.holds(), "nothing left");
        };
        check_with([](const runnel::chan<int>& in) { return in; });
        check_with([](const runnel::chan<int>& in) { return runnel::recv_chan<int>(in); });
        check_with([](const runnel::chan<int>& in) { return received{in}; });
    });
    expected.verify();
}

TEST_CASE("a channel's elements: moved, and waited for no longer than the context", "[parallel]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto in = runnel::make_chan<std::unique_ptr<int>>(10);
        for (int i = 1; i <= 4; ++i) in.send(std::make_unique<int>(i));
        const auto ctx = runnel::with_cancel(background());
        auto stop = runnel::async([&] {
            expected.check(test::wait_parked(3), "the caller and both goroutines wait");
            ctx.cancel(std::make_error_code(std::errc::io_error));
        });
        std::atomic<int> sum{0};
        std::error_code thrown;
        try {
            parallel_for(ctx, in, 2, [&](std::unique_ptr<int> v) { sum += *v; });
        } catch (const std::system_error& e) {
            thrown = e.code();
        }
        stop.wait();
        expected.check_eq(sum.load(), 10, "what had come");
        expected.check(thrown == std::errc::io_error, "the cause: there might have been more");
        expected.check(left.holds(), "nothing left");
        in.send(std::make_unique<int>(5));
        in.close();
        parallel_for(background(), in, 2, [&](const std::unique_ptr<int>& v) { sum += *v; });
        expected.check_eq(sum.load(), 15, "and the rest");
    });
    expected.verify();
}

/// As std::views::take_while makes them, which clang 14 cannot with this standard library.
struct up_to_four {
    using iterator = std::vector<int>::const_iterator;
    struct found {
        friend bool operator==(iterator at, found) { return *at == 4; }
    };
    std::vector<int> values = test::count_to(10);

    iterator begin() const { return values.begin(); }
    found end() const { return {}; }
};

TEST_CASE("an end that is found, not computed", "[parallel]") {
    CHECK(parallel_map(background(), up_to_four{}, 3, [](int v) { return v; }) ==
          test::count_to(4));
}

TEST_CASE("a function that ends its goroutine has failed", "[parallel]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        std::atomic<int> calls{0};
        const auto message_of = [&](auto f) -> std::string {
            try {
                f();
                return "";
            } catch (const runnel::panic& e) {
                return test::words_of(e);
            }
        };
        expected.check_eq(message_of([&] {
                              parallel_for(background(), test::count_to(8), 1, [&](int v) {
                                  ++calls;
                                  if (v == 2) runnel::goexit();
                              });
                          }),
                          "runnel::parallel_for: the function ended by goexit", "parallel_for");
        expected.check_eq(calls.load(), 3, "no other element was taken");
        expected.check_eq(message_of([&] {
                              parallel_map(background(), test::count_to(8), 2, [](int v) {
                                  if (v == 2) runnel::goexit();
                                  return std::to_string(v);
                              });
                          }),
                          "runnel::parallel_map: the function ended by goexit", "parallel_map");
        expected.check_eq(
            message_of([&] {
                parallel_reduce(background(), test::count_to(100), 2, 0, [](int a, int b) {
                    if (b == 50) runnel::goexit();
                    return a + b;
                });
            }),
            "runnel::parallel_reduce: the function ended by goexit", "parallel_reduce");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("one of several exceptions at once is rethrown", "[parallel]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::barrier all(4);
        std::atomic<int> thrown{0};
        bool caught = false;
        try {
            parallel_for(background(), test::count_to(4), 4, [&](int v) {
                all.arrive_and_wait();
                ++thrown;
                throw std::out_of_range(std::to_string(v));
            });
        } catch (const std::out_of_range&) {
            caught = true;
        }
        expected.check(caught, "rethrown");
        expected.check_eq(thrown.load(), 4, "when all have ended");
    });
    expected.verify();
}

TEST_CASE("the first exception is rethrown when all have ended, and the others are cancelled",
          "[parallel]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        std::atomic<int> begun{0};
        std::atomic<int> ended{0};
        const auto all_wait = runnel::make_chan<runnel::unit>(3);
        std::string said;
        try {
            parallel_for(background(), test::count_to(100), 4, [&](const context& ctx, int) {
                if (++begun == 4) {
                    for (int i = 0; i < 3; ++i) all_wait.recv();
                    ++ended;
                    throw std::out_of_range("fourth");
                }
                all_wait.send();
                ctx.done().recv();
                runnel::yield();
                ++ended;
            });
        } catch (const std::out_of_range& e) {
            said = test::words_of(e);
        }
        expected.check_eq(said, "fourth", "rethrown");
        expected.check_eq(begun.load(), 4, "no other element was begun");
        expected.check_eq(ended.load(), 4, "all have ended");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a cancellation that leaves elements out is told", "[parallel]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        const std::error_code why = std::make_error_code(std::errc::io_error);
        std::atomic<int> calls{0};
        std::error_code thrown;
        try {
            parallel_for(ctx, test::count_to(10), 1, [&](int v) {
                ++calls;
                if (v == 3) ctx.cancel(why);
            });
        } catch (const std::system_error& e) {
            thrown = e.code();
        }
        expected.check(thrown == why, "the cause");
        expected.check_eq(calls.load(), 4, "none after it");
        thrown = {};
        const std::list<int> list{1};
        try {
            parallel_for(ctx, list, 2, [&](int) { ++calls; });
        } catch (const std::system_error& e) {
            thrown = e.code();
        }
        expected.check(thrown == why, "done before the first");
        expected.check_eq(calls.load(), 4, "and none was begun");
        parallel_for(ctx, std::vector<int>(), 2, [](int) {});  // nothing is left out
        const auto late = runnel::with_cancel(background());
        parallel_for(late, test::count_to(1), 1, [&](int) { late.cancel(); });
        expected.check(late.err() == runnel::errc::canceled, "all were taken: nothing to tell");
    });
    expected.verify();
}

TEST_CASE("results come in the order of the elements", "[parallel][map]") {
    const int n = test::scale(500);
    test::expectations expected;
    test::on_workers([&] {
        std::vector<std::string> words;
        std::vector<bool> odd;
        for (int i = 0; i < n; ++i) {
            words.push_back(std::to_string(i));
            odd.push_back(i % 2 != 0);
        }
        const std::vector<int> numbers = test::count_to(n);
        const std::list<int> list(numbers.begin(), numbers.end());
        const auto slow = [](int v) {
            if (v % 3 == 0) runnel::yield();
            return std::to_string(v);
        };
        expected.check(parallel_map(background(), numbers, 4, slow) == words, "of a vector");
        expected.check(parallel_map(background(), list, 4, slow) == words, "of a list");
        expected.check(
            parallel_map(background(), numbers, 4, [](int v) { return v % 2 != 0; }) == odd,
            "bits");
        const auto boxes = parallel_map(background(), numbers, 4, [](const context&, int v) {
            return std::make_unique<int>(v);
        });
        bool each = static_cast<int>(boxes.size()) == n;
        for (std::size_t i = 0; each && i < boxes.size(); ++i)
            each = *boxes[i] == static_cast<int>(i);
        expected.check(each, "move-only results");
    });
    expected.verify();
}

TEST_CASE("a map that fails throws the first exception", "[parallel][map]") {
    test::expectations expected;
    test::on_workers([&] {
        bool thrown = false;
        try {
            parallel_map(background(), test::count_to(20), 3, [](int v) {
                if (v == 7) throw std::domain_error("seven");
                return v;
            });
        } catch (const std::domain_error&) {
            thrown = true;
        }
        expected.check(thrown, "rethrown");
        const auto ctx = runnel::with_cancel(background());
        ctx.cancel();
        thrown = false;
        try {
            parallel_map(ctx, test::count_to(20), 3, [](int v) { return v; });
        } catch (const std::system_error& e) {
            thrown = e.code() == runnel::errc::canceled;
        }
        expected.check(thrown, "of a context that is done");
    });
    expected.verify();
}

TEST_CASE("a reduction keeps the order of the elements", "[parallel][reduce]") {
    test::expectations expected;
    test::on_workers([&] {
        for (int size = 0; size < 40; ++size) {
            std::string right = ">";
            std::list<std::string> words;
            for (int i = 0; i < size; ++i) {
                words.push_back(std::to_string(i) + ",");
                right += words.back();
            }
            for (const std::size_t n : {1U, 2U, 3U, 50U}) {
                expected.check_eq(
                    parallel_reduce(background(), words, n, std::string(">"),
                                    [](std::string a, const std::string& b) { return a + b; }),
                    right, "concatenated");
            }
        }
        const std::vector<int> ones(1000, 1);
        expected.check_eq(
            parallel_reduce(background(), ones, 4, 5L, [](long a, long b) { return a + b; }), 1005L,
            "a sum");
    });
    expected.verify();
}

TEST_CASE("a reduction fails, and is cancelled", "[parallel][reduce]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        std::string said;
        try {
            parallel_reduce(background(), test::count_to(100), 3, 0, [](int a, int b) {
                if (b == 50) throw std::runtime_error("fifty");
                return a + b;
            });
        } catch (const std::runtime_error& e) {
            said = test::words_of(e);
        }
        expected.check_eq(said, "fifty", "rethrown");
        const auto ctx = runnel::with_cancel(background());
        std::error_code thrown;
        try {
            parallel_reduce(ctx, test::count_to(100), 1, 0, [&](int a, int b) {
                ctx.cancel(std::make_error_code(std::errc::io_error));
                return a + b;
            });
        } catch (const std::system_error& e) {
            thrown = e.code();
        }
        expected.check(thrown == std::errc::io_error, "the cause");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("no goroutine is too few to work in parallel", "[parallel]") {
    const std::vector<int> v{1, 2};
    for (const int n : {0, -1}) {
        CHECK_THROWS_AS(parallel_for(background(), v, n, [](int) {}), std::invalid_argument);
        CHECK_THROWS_AS(parallel_map(background(), v, n, [](int x) { return x; }),
                        std::invalid_argument);
        CHECK_THROWS_AS(parallel_reduce(background(), v, n, 0, [](int a, int b) { return a + b; }),
                        std::invalid_argument);
    }
}

TEST_CASE("a thread may wait for parallel work", "[parallel]") {
    CHECK(parallel_map(background(), test::count_to(50), 3, [](int v) { return v; }) ==
          test::count_to(50));
}

}  // namespace
