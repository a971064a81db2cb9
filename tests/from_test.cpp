// tests/from_test.cpp — pipelines written from left to right.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/from.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <runnel/parallel.hpp>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::batch;
using runnel::context;
using runnel::filter;
using runnel::flat_map;
using runnel::from;
using runnel::or_done;
using runnel::ordered_transform;
using runnel::parallel_transform;
using runnel::recv_chan;
using runnel::take;
using runnel::transform;

static_assert(std::is_convertible_v<decltype(from(background(), runnel::chan<int>()) |
                                             transform([](int v) { return std::to_string(v); })),
                                    recv_chan<std::string>>);

TEST_CASE("what is written with bars keeps what all stages keep", "[from]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) -> recv_chan<int> {
        return from(ctx, in);
    });
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) -> recv_chan<int> {
        return from(ctx, in) | transform([](int v) { return v + 1; }) |
               filter([](int v) { return v > 0; }) |
               flat_map([](int v) { return std::vector<int>(2, v); }) | take(1000);
    });
    test::check_stage(expected, 1 + 2 + 3,
                      [](const context& ctx, recv_chan<int> in) -> recv_chan<std::vector<int>> {
                          return from(ctx, in) | transform([](int v) { return v + 1; }) |
                                 ordered_transform(2, [](int v) { return v; }) | batch(3, 1h);
                      });
}

TEST_CASE("the steps are done from left to right", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const recv_chan<std::string> out = from(background(), test::numbers(20)) |
                                           filter([](int v) { return v % 2 == 1; }) |
                                           transform([](int v) { return v * 10; }) | take(3) |
                                           flat_map([](int v) { return std::vector<int>(2, v); }) |
                                           transform([](int v) { return std::to_string(v); });
        expected.check(
            test::all_of(out) == std::vector<std::string>{"10", "10", "30", "30", "50", "50"},
            "all of them");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a pipeline is iterated", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        int sum = 0;
        for (const int v :
             from(background(), test::numbers(5)) | transform([](int v) { return v * v; })) {
            sum += v;
        }
        expected.check_eq(sum, 30, "squares");
        sum = 0;
        for (const int v : from(background(), test::numbers(5))) sum += v;
        expected.check_eq(sum, 10, "without a step");
    });
    expected.verify();
}

TEST_CASE("neighbouring steps share one goroutine, others have their own", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        const auto in = runnel::make_chan<int>();
        const std::size_t before = runnel::num_goroutine();
        const recv_chan<int> fused = from(ctx, in) | transform([](int v) { return v; }) |
                                     filter([](int) { return true; }) | take(9) |
                                     flat_map([](int v) { return std::vector<int>{v}; });
        expected.check_eq(runnel::num_goroutine() - before, 1, "one");
        const recv_chan<std::vector<int>> batches = from(ctx, in) | batch(3, 1s);
        expected.check_eq(runnel::num_goroutine() - before, 2, "one more, and none in front of it");
        ctx.cancel();
        expected.check(!fused.recv() && !batches.recv(), "closed");
    });
    expected.verify();
}

TEST_CASE("nothing starts before it is asked for", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const std::size_t before = runnel::num_goroutine();
        const auto in = test::numbers(3);
        {
            auto unused = from(background(), in) | transform([](int v) { return v; });
            static_cast<void>(unused);
        }
        expected.check_eq(runnel::num_goroutine(), before, "no goroutine");
        expected.check_eq(in.len(), 3, "nothing received");
        auto used = from(background(), in) | transform([](int v) { return v; });
        const recv_chan<int> out = used.chan();
        const recv_chan<int> same = used;
        expected.check(out == same, "one channel, however often it is asked for");
        expected.check(test::all_of(out) == test::count_to(3), "all");
        bool refused = false;
        try {
            static_cast<void>(std::move(used) | take(1));
        } catch (const runnel::panic&) {
            refused = true;
        }
        expected.check(refused, "and not continued after its start");
    });
    expected.verify();
}

TEST_CASE("parallel stages and batches stand in a pipeline", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const recv_chan<std::vector<int>> out = from(background(), test::numbers(100)) |
                                                parallel_transform(4, [](int v) { return v; }) |
                                                ordered_transform(3, [](int v) { return v * 2; }) |
                                                or_done() | batch(30);
        std::size_t n = 0;
        long sum = 0;
        for (const auto& vs : out) {
            for (const int v : vs) sum += v;
            n += vs.size();
        }
        expected.check_eq(n, 100, "all");
        expected.check_eq(sum, 9900, "doubled");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a stage of one's own stands in a pipeline", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto twice = [](const context& ctx, recv_chan<int> in) {
            return runnel::stage<int>(ctx, [in](auto& emit) {
                while (auto v = in.recv(emit.context())) {
                    if (!emit(*v) || !emit(*v)) return;
                }
            });
        };
        const recv_chan<int> out =
            from(background(), test::numbers(2)) | twice | transform([](int v) { return v + 1; });
        expected.check(test::all_of(out) == std::vector{1, 1, 2, 2}, "twice, and one more");
    });
    expected.verify();
}

TEST_CASE("a stage that is kept may be used again", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto text = std::make_shared<std::string>("v");
        const auto label = [text](int v) { return *text + std::to_string(v); };
        const auto one_by_one = transform(label);
        const auto in_parallel = ordered_transform(2, label);
        for (int i = 0; i < 2; ++i) {
            const recv_chan<std::string> a = from(background(), test::numbers(2)) | one_by_one;
            expected.check(test::all_of(a) == std::vector<std::string>{"v0", "v1"}, "a step");
            const recv_chan<std::string> b = from(background(), test::numbers(2)) | in_parallel;
            expected.check(test::all_of(b) == std::vector<std::string>{"v0", "v1"}, "a stage");
        }
    });
    expected.verify();
}

TEST_CASE("an exception anywhere reaches the end", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const recv_chan<int> out = from(background(), test::numbers(1000)) | transform([](int v) {
                                       if (v == 5) throw std::runtime_error("five");
                                       return v;
                                   }) |
                                   ordered_transform(2, [](int v) { return v; }) |
                                   transform([](int v) { return v; });
        int n = 0;
        std::string said;
        try {
            for (const int v : out) n += v >= 0 ? 1 : 0;
        } catch (const std::runtime_error& e) {
            said = test::words_of(e);
        }
        expected.check_eq(n, 5, "after those before it");
        expected.check_eq(said, "five", "it");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("take ends a fused pipeline without receiving more", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = test::numbers(10);
        const recv_chan<int> two =
            from(background(), in) | take(2) | transform([](int v) { return v; });
        expected.check(test::all_of(two) == test::count_to(2), "two");
        expected.check_eq(in.len(), 8, "the others are left");
        const recv_chan<int> none =
            from(background(), in) | transform([](int v) { return v; }) | take(0);
        expected.check(!none.recv(), "none");
        expected.check_eq(in.len(), 8, "and none was received");
    });
    expected.verify();
}

TEST_CASE("move-only elements and functions", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const recv_chan<std::unique_ptr<int>> out =
            from(background(), test::numbers(4)) |
            transform([own = std::make_unique<int>(10)](int v) {
                return std::make_unique<int>(v + *own);
            }) |
            filter([](const std::unique_ptr<int>& p) { return *p > 11; }) |
            parallel_transform(1, [own = std::make_unique<int>(1)](std::unique_ptr<int> p) {
                *p += *own;
                return p;
            });
        std::vector<int> seen;
        for (auto& p : out) seen.push_back(*p);
        expected.check(seen == std::vector{13, 14}, "both");
    });
    expected.verify();
}

TEST_CASE("a pipeline that was continued or moved is not one any more", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto same = [](int v) { return v; };
        const auto refused = [](auto&& f) {
            try {
                static_cast<void>(f.chan());
                return false;
            } catch (const runnel::panic& e) {
                return test::words_of(e) == "flow: continued after its start";
            }
        };
        auto a = from(background(), test::numbers(2));
        auto b = std::move(a) | transform(same);
        expected.check(refused(a), "continued");
        auto c = std::move(b);
        expected.check(refused(b), "moved");
        static_cast<void>(c.chan());
        auto d = std::move(c);
        expected.check(refused(c), "moved after its start");
        expected.check(test::all_of(d.chan()) == test::count_to(2), "and that one has it");
        auto e = from(background(), test::numbers(3)) | take(1);
        auto f = from(background(), test::numbers(3)) | take(2);
        e = std::move(f);
        expected.check(refused(f), "moved by assignment");
        expected.check(test::all_of(e.chan()) == test::count_to(2), "the assigned one");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a pipeline is an input like a channel", "[from]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto twice = [](int v) { return 2 * v; };
        const auto made = [&] { return from(background(), test::numbers(3)) | transform(twice); };
        const std::vector right{0, 2, 4};
        expected.check(test::all_of(or_done(background(), made())) == right, "of a stage");
        auto named = made();
        expected.check(test::all_of(from(background(), named)) == right, "of a pipeline");
        const auto own = [](const context& ctx, recv_chan<int> in) {
            return from(ctx, std::move(in)) | take(3);
        };
        expected.check(test::all_of(made() | own) == right, "of a stage of one's own");
        std::atomic<int> sum{0};
        runnel::parallel_for(background(), made(), 2, [&](int v) { sum += v; });
        expected.check_eq(sum.load(), 6, "of parallel work");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("numbers that make no sense are refused where they are written", "[from]") {
    CHECK_THROWS_AS(batch(0), std::invalid_argument);
    CHECK_THROWS_AS(batch(0, 1s), std::invalid_argument);
    CHECK_THROWS_AS(batch(-1), std::invalid_argument);
    CHECK_THROWS_AS(take(-1), std::invalid_argument);
    CHECK_THROWS_AS(ordered_transform(-1L, [](int v) { return v; }), std::invalid_argument);
    CHECK_THROWS_AS(parallel_transform(0, [](int v) { return v; }), std::invalid_argument);
    CHECK_THROWS_AS(ordered_transform(0, [](int v) { return v; }), std::invalid_argument);
}

}  // namespace
