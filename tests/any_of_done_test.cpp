// tests/any_of_done_test.cpp — closed with the first of several.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/any_of_done.hpp>

#include <chrono>
#include <stdexcept>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::any_of_done;
using runnel::background;
using runnel::recv_chan;
using runnel::unit;

TEST_CASE("whichever closes first closes it", "[any_of_done]") {
    test::expectations expected;
    test::on_workers([&] {
        for (std::size_t first = 0; first < 4; ++first) {
            const test::nothing_left left;
            std::vector<runnel::chan<unit>> signals;
            for (int i = 0; i < 4; ++i) signals.push_back(runnel::make_chan<unit>());
            const auto out = first % 2 == 0
                                 ? any_of_done(signals)
                                 : any_of_done(signals[0], signals[1], signals[2], signals[3]);
            expected.check(test::wait_parked(1), "it waits");
            expected.check(out.try_recv().status() == runnel::op_status::would_block, "open");
            signals[first].close();
            expected.check(!out.recv(), "closed");
            expected.check(left.holds(), "nothing left");
        }
    });
    expected.verify();
}

TEST_CASE("contexts and channels of any type are signals", "[any_of_done]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto ctx = runnel::with_cancel(background());
        const auto numbers = runnel::make_chan<int>();
        const auto by_context = any_of_done(ctx, numbers);
        ctx.cancel();
        expected.check(!by_context.recv(), "a context");
        const auto open = runnel::with_cancel(background());
        const auto by_value = any_of_done(open, numbers);
        numbers.send(3);
        expected.check(!by_value.recv(), "a value");
        std::vector<runnel::context> contexts{open, ctx};
        expected.check(!any_of_done(contexts).recv(), "one that is done already");
        expected.check(!any_of_done(ctx).recv(), "one alone");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("what can never be done counts for nothing", "[any_of_done]") {
    const auto none = any_of_done();
    CHECK_FALSE(none);
    CHECK_FALSE(any_of_done(background(), recv_chan<unit>()));
    CHECK_FALSE(any_of_done(std::vector<recv_chan<unit>>()));
    const auto closed = runnel::make_chan<unit>();
    closed.close();
    CHECK_FALSE(any_of_done(background(), closed).recv());
}

TEST_CASE("a context is kept until it is done", "[any_of_done]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto out = any_of_done(runnel::context(runnel::with_timeout(background(), 1ms)));
        expected.check(!out.recv(), "its deadline strikes, though nobody else has it");
    });
    expected.verify();
}

TEST_CASE("an exception that closes a signal is passed on", "[any_of_done]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto signal = runnel::make_chan<unit>();
        const auto out = any_of_done(signal, runnel::make_chan<unit>());
        signal.close(std::make_exception_ptr(std::runtime_error("broken")));
        expected.check_eq(test::error_at_end(out), "broken", "it");
    });
    expected.verify();
}

}  // namespace
