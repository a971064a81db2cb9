// tests/fan_in_test.cpp — several channels into one.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/fan_in.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::context;
using runnel::fan_in;
using runnel::recv_chan;

static_assert(std::is_same_v<decltype(fan_in(background(), runnel::chan<int>(), recv_chan<int>())),
                             recv_chan<int>>);

TEST_CASE("fan_in keeps what all stages keep", "[fan_in]") {
    test::expectations expected;
    test::check_stage(expected, 1,
                      [](const context& ctx, recv_chan<int> in) { return fan_in(ctx, in); });
    test::check_stage(expected, 2, [](const context& ctx, recv_chan<int> in) {
        return fan_in(ctx, std::vector{in, in});
    });
}

TEST_CASE("all elements come out, those of one channel in their order", "[fan_in]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const std::vector<runnel::chan<int>> inputs{test::numbers(50), test::numbers(50),
                                                    test::numbers(50)};
        std::vector<int> seen = test::all_of(fan_in(background(), inputs));
        std::sort(seen.begin(), seen.end());
        bool each = seen.size() == 150;
        for (std::size_t i = 0; each && i < 150; ++i) each = seen[i] == static_cast<int>(i / 3);
        expected.check(each, "each element once");
        const auto low = runnel::make_chan<int>(50);
        const auto high = runnel::make_chan<int>(50);
        for (int i = 0; i < 50; ++i) {
            low.send(i);
            high.send(100 + i);
        }
        low.close();
        high.close();
        const std::array<recv_chan<int>, 2> both{low, high};
        std::vector<int> lows;
        std::vector<int> highs;
        for (const int v : fan_in(background(), both)) (v < 100 ? lows : highs).push_back(v);
        expected.check(lows == test::count_to(50), "the first in order");
        expected.check(std::is_sorted(highs.begin(), highs.end()) && highs.size() == 50,
                       "the second in order");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("it ends when the last of the inputs has ended", "[fan_in]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto a = runnel::make_chan<int>();
        const auto b = runnel::make_chan<int>();
        const auto out = fan_in(background(), a, b);
        a.close();
        b.send(1);
        expected.check(out.recv() == 1, "the other one goes on");
        expected.check(test::wait_parked(2), "and is waited for");
        expected.check(out.try_recv().status() == runnel::op_status::would_block, "open");
        b.close();
        expected.check(!out.recv(), "closed");
    });
    expected.verify();
}

TEST_CASE("of no channel nothing comes", "[fan_in]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        expected.check(!fan_in(background(), std::vector<recv_chan<int>>()).recv(), "closed");
        const auto ctx = runnel::with_cancel(background());
        const auto out = fan_in(ctx, recv_chan<int>(), test::numbers(1));
        expected.check(out.recv() == 0, "a nil channel is in nobody's way");
        expected.check(test::wait_parked(2), "and waited for");
        ctx.cancel();
        expected.check(!out.recv(), "until the context is done");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("an input's exception ends it, and nothing that was received is lost", "[fan_in]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto good = runnel::make_chan<int>();
        const auto bad = runnel::make_chan<int>();
        const auto out = fan_in(background(), good, bad);
        good.send(1);  // received, and nobody takes it yet
        bad.close(std::make_exception_ptr(std::runtime_error("broken")));
        expected.check(out.recv() == 1, "first the element");
        expected.check_eq(test::error_at_end(out), "broken", "then the exception");
        expected.check(left.holds(), "nothing left");
        expected.check(good.try_send(2) == runnel::op_status::would_block, "nobody receives");
    });
    expected.verify();
}

TEST_CASE("move-only elements come together", "[fan_in]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto a = runnel::make_chan<std::unique_ptr<int>>(1);
        const auto b = runnel::make_chan<std::unique_ptr<int>>(1);
        a.send(std::make_unique<int>(1));
        b.send(std::make_unique<int>(2));
        a.close();
        b.close();
        int sum = 0;
        for (auto& p : fan_in(background(), a, b)) sum += *p;
        expected.check_eq(sum, 3, "both");
    });
    expected.verify();
}

}  // namespace
