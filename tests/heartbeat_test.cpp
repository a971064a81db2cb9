// tests/heartbeat_test.cpp — signs of life on real workers. In time: heartbeat_simulated_test.cpp.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/heartbeat.hpp>

#include <chrono>
#include <stdexcept>
#include <system_error>
#include <type_traits>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;
using runnel::background;
using runnel::heartbeat;

static_assert(!std::is_copy_constructible_v<heartbeat>);

TEST_CASE("a beat that stays away cancels", "[heartbeat]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        {
            heartbeat h{background(), 1ms};
            h.context().done().recv();
            expected.check(h.context().cause() == std::errc::timed_out, "the cause");
            h.beat();
            static_cast<void>(test::all_of(h.pulses()));
        }
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a pulse is kept for the reader, and beats never wait", "[heartbeat]") {
    test::expectations expected;
    test::on_workers([&] {
        heartbeat h{background(), 1h};
        const auto made = h.last();
        expected.check(h.pulses().try_recv().status() == runnel::op_status::would_block,
                       "none yet");
        for (int i = 0; i < 100; ++i) h.beat();
        expected.check(h.last() >= made, "the last beat");
        const auto pulse = h.pulses().recv();
        expected.check(pulse && *pulse >= made && *pulse <= h.last(), "a pulse");
        expected.check(h.pulses().try_recv().status() == runnel::op_status::would_block,
                       "one only");
        expected.check(!h.context().err(), "alive");
    });
    expected.verify();
}

TEST_CASE("it ends with its context, and with its owner", "[heartbeat]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto ctx = runnel::with_cancel(background());
        runnel::context kept;
        runnel::recv_chan<runnel::clock::time_point> pulses;
        {
            const heartbeat h{ctx, 1h};
            ctx.cancel(std::make_error_code(std::errc::io_error));
            expected.check(!h.pulses().recv(), "closed");
            expected.check(h.context().cause() == std::errc::io_error, "the parent's cause");
            const heartbeat other{background(), 1h};
            kept = other.context();
            pulses = other.pulses();
        }
        expected.check(kept.err() == runnel::errc::canceled, "cancelled by the destructor");
        expected.check(!pulses.recv(), "closed");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a limit of nothing is refused", "[heartbeat]") {
    CHECK_THROWS_AS((heartbeat{background(), 0s}), std::invalid_argument);
    CHECK_THROWS_AS((heartbeat{background(), -1s}), std::invalid_argument);
}

CHILD_SCENARIO(a_static_heartbeat_at_exit) {
    static heartbeat h{background(), 1h};
    h.beat();
    return h.pulses().recv() ? 3 : 4;
}
TEST_CASE("a static heartbeat does not keep the process from ending", "[heartbeat][exit]") {
    CHECK(test::run_scenario("a_static_heartbeat_at_exit").status == 3);
}

}  // namespace
