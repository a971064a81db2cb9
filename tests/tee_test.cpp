// tests/tee_test.cpp — one channel into two.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/tee.hpp>

#include <stdexcept>
#include <string>

#include <runnel/or_done.hpp>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::context;
using runnel::recv_chan;
using runnel::tee;

/// Reads one side to its end, whatever that is.
void drain(const recv_chan<int>& ch) {
    runnel::go([ch] { static_cast<void>(test::error_at_end(ch)); });
}

TEST_CASE("each side of tee keeps what all stages keep", "[tee]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) {
        auto [a, b] = tee(ctx, in);
        drain(b);
        return a;
    });
    test::check_stage(expected, 1, [](const context& ctx, recv_chan<int> in) {
        auto [a, b] = tee(ctx, in);
        drain(a);
        return b;
    });
}

TEST_CASE("both sides get all elements in order", "[tee]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto [a, b] = tee(background(), test::numbers(50));
        std::vector<int> seen;
        runnel::wait_group wg;
        wg.go([&, other = b] { seen = test::all_of(other); });
        expected.check(test::all_of(a) == test::count_to(50), "one");
        wg.wait();
        expected.check(seen == test::count_to(50), "the other");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("either side may be read first", "[tee]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<std::string>(2);
        in << std::string("one") << std::string("two");
        in.close();
        const auto [a, b] = tee(background(), in);
        expected.check(a.recv() == "one" && b.recv() == "one", "a, then b");
        expected.check(b.recv() == "two" && a.recv() == "two", "b, then a");
        expected.check(!a.recv() && !b.recv(), "closed");
    });
    expected.verify();
}

TEST_CASE("a side that nobody reads holds back the other one", "[tee]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto ctx = runnel::with_cancel(background());
        const auto in = test::numbers(10);
        const auto [a, b] = tee(ctx, in);
        expected.check(a.recv() == 0, "the first");
        expected.check(test::wait_parked(1), "it waits for the other reader");
        expected.check_eq(in.len(), 9, "and receives nothing");
        expected.check(a.try_recv().status() == runnel::op_status::would_block, "nor sends");
        ctx.cancel();
        expected.check(!a.recv() && !b.recv(), "both are closed");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("an exception of the input closes both sides", "[tee]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<int>();
        in.close(std::make_exception_ptr(std::runtime_error("broken")));
        const auto [a, b] = tee(background(), in);
        expected.check_eq(test::error_at_end(a), "broken", "one");
        expected.check_eq(test::error_at_end(b), "broken", "the other");
    });
    expected.verify();
}

}  // namespace
