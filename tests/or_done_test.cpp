// tests/or_done_test.cpp — a channel that also ends with a context.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/or_done.hpp>

#include <memory>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::or_done;

TEST_CASE("or_done keeps what all stages keep", "[or_done]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const runnel::context& ctx, runnel::recv_chan<int> in) {
        return or_done(ctx, in);
    });
}

TEST_CASE("a loop over an open channel ends with the context", "[or_done]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto ctx = runnel::with_cancel(background());
        const auto in = runnel::make_chan<int>(3);
        in << 0 << 1 << 2;
        std::vector<int> seen;
        for (const int v : or_done(ctx, in)) {
            seen.push_back(v);
            if (v == 2) ctx.cancel();
        }
        expected.check(seen == test::count_to(3), "what there was");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("move-only elements pass", "[or_done]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto in = runnel::make_chan<std::unique_ptr<int>>(1);
        in.send(std::make_unique<int>(3));
        in.close();
        const auto out = or_done(background(), in);
        expected.check_eq(**out.recv(), 3, "it");
        expected.check(!out.recv(), "closed");
    });
    expected.verify();
}

}  // namespace
