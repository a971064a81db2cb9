// tests/conformance/context_cause_test.cpp — which of several cancellations says why.
// SPDX-License-Identifier: BSL-1.0
//
//   At which moment each comes to its end: context_simulated_test.cpp.
#include <system_error>

#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/wait_group.hpp>

#include "conformance/context_causes.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::cancel_context;
using runnel::context;
using test::of_child;
using test::of_parent;

}  // namespace

TEST_CASE("err and cause of each way to end", "[C-272]") {
    for (const test::way_to_end& r : test::ways_to_end()) {
        INFO(r.name);
        const context ctx = r.make();
        CHECK(ctx.err() == r.err);
        CHECK(ctx.cause() == r.cause);
    }
}

TEST_CASE("err and cause of each way to end, in goroutines", "[C-272]") {
    test::expectations expected;
    test::on_workers([&] {
        for (const test::way_to_end& r : test::ways_to_end()) {
            const context ctx = r.make();
            expected.check(ctx.err() == r.err && ctx.cause() == r.cause, r.name);
        }
    });
    expected.verify();
}

TEST_CASE("the cause may be asked for while the context is cancelled", "[C-273]") {
    const int rounds = test::scale(2000);
    test::expectations expected;
    test::on_workers([&] {
        for (int i = 0; i < rounds; ++i) {
            const cancel_context ctx = with_cancel(background());
            const cancel_context child = with_cancel(ctx);
            runnel::wait_group wg;
            for (const std::error_code& cause : {of_parent, of_child}) {
                wg.go([&ctx, cause] { ctx.cancel(cause); });
            }
            std::error_code seen;
            while (!(seen = child.cause())) runnel::yield();
            expected.check(seen == of_parent || seen == of_child, "one of them");
            wg.wait();
            expected.check(child.cause() == seen && ctx.cause() == seen, "and it stays");
        }
    });
    expected.verify();
}
