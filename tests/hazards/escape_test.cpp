// tests/hazards/escape_test.cpp — when an exception leaves a goroutine, the stack that threw is still there.
// SPDX-License-Identifier: BSL-1.0
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>

#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

std::atomic<int> unwound{0};
std::atomic<std::uintptr_t> thrower{0};

struct says_goodbye {
    ~says_goodbye() { ++unwound; }
};

__attribute__((noinline)) void throws_deep(int depth) {
    const says_goodbye g;
    if (depth > 0) {
        throws_deep(depth - 1);
        return;
    }
    thrower = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    throw std::runtime_error("from deep within");
}

// Stands for a debugger or a crash reporter: it looks at the stack at the moment of std::terminate.
[[noreturn]] void look_and_exit() {
    const auto mine = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    // Below the frame that threw, on the same stack, and nothing has been unwound.
    const bool intact = mine < thrower && thrower - mine < 200'000 && unwound == 0;
    std::fflush(stderr);
    ::_exit(intact ? 60 : 61);
}

template <class F>
int escapes(F f) {
    std::set_terminate(look_and_exit);
    runnel::go(f);
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}

CHILD_SCENARIO(escapes_fresh) {
    return escapes([] { throws_deep(5); });
}
CHILD_SCENARIO(escapes_after_parks) {
    return escapes([] {
        runnel::yield();
        runnel::sleep_for(1ms);
        throws_deep(5);
    });
}
CHILD_SCENARIO(escapes_from_blocking) {
    return escapes([] { runnel::blocking([] { throws_deep(5); }); });
}
CHILD_SCENARIO(escapes_with_arguments) {
    std::set_terminate(look_and_exit);
    runnel::go(throws_deep, 5);
    runnel::make_chan<int>().recv_for(1h);
    return 0;
}

TEST_CASE("nothing is unwound before std::terminate, and the user's handler is called",
          "[hazards][escape]") {
    for (const char* scenario : {"escapes_fresh", "escapes_after_parks", "escapes_from_blocking",
                                 "escapes_with_arguments"}) {
        INFO(scenario);
        const auto r = test::run_scenario(scenario);
        INFO("stderr: " << r.err);
        CHECK(r.status == 60);
        CHECK(r.err.find("runnel: panic: from deep within [goroutine 1, created at ") == 0);
    }
}

}  // namespace
