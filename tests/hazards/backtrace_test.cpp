// tests/hazards/backtrace_test.cpp — stack walkers stop where a goroutine's stack begins.
// SPDX-License-Identifier: BSL-1.0
#include <execinfo.h>
#include <unwind.h>

#include <array>
#include <atomic>

#include <runnel/chan.hpp>
#include <runnel/detail/stack_pool.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

struct walk {
    int frames = 0;
    bool left_the_stack = false;
    _Unwind_Reason_Code end = _URC_NO_REASON;
};

walk walk_stack() {
    walk w;
    w.end = _Unwind_Backtrace(
        [](_Unwind_Context* c, void* arg) {
            auto& state = *static_cast<walk*>(arg);
            if (++state.frames > 200) return _URC_NORMAL_STOP;
            const auto at = static_cast<std::uintptr_t>(_Unwind_GetCFA(c));
            if (runnel::detail::slab_of(reinterpret_cast<const void*>(at)) == nullptr) {
                state.left_the_stack = true;
            }
            return _URC_NO_REASON;
        },
        &w);
    return w;
}

__attribute__((noinline)) walk walk_from(int depth) {
    if (depth > 0) {
        walk w = walk_from(depth - 1);
        asm volatile("" : : "r"(&w) : "memory");  // no tail call
        return w;
    }
    return walk_stack();
}

TEST_CASE("the unwinder and backtrace() end at the goroutine's entry", "[hazards][backtrace]") {
    test::expectations expected;
    const auto look = [&](const char* when) {
        const walk w = walk_from(10);
        expected.check(w.end == _URC_END_OF_STACK, std::string("ends properly, ") + when);
        expected.check(w.frames > 10 && w.frames < 100, "frames: " + std::to_string(w.frames));
        expected.check(!w.left_the_stack, std::string("stays on the stack, ") + when);
        std::array<void*, 200> frames{};
        const int n = ::backtrace(frames.data(), static_cast<int>(frames.size()));
        expected.check(n > 1 && n < 100, "backtrace: " + std::to_string(n));
    };
    test::on_workers([&] {
        runnel::wait_group wg;
        wg.go([&] { look("fresh"); });
        wg.go([&] {
            runnel::yield();
            look("after a yield");
            runnel::sleep_for(std::chrono::microseconds(100));
            look("after a sleep");
        });
        wg.wait();
        look("main");
    });
    const std::size_t before = runnel::set_max_procs(2);
    runnel::run([&] {
        test::migrate();
        look("after a migration");
    });
    runnel::set_max_procs(before);
    expected.verify();
}

}  // namespace
