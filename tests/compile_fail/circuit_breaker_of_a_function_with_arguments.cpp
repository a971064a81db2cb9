// expect-error: runnel::circuit_breaker: the function is called without arguments
// tests/compile_fail/circuit_breaker_of_a_function_with_arguments.cpp — arguments are bound.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/chan.hpp>
#include <runnel/circuit_breaker.hpp>
#include <runnel/context.hpp>

void use(const runnel::context& ctx, const runnel::chan<int>& in) {
    static_cast<void>(ctx);
    static_cast<void>(in);
    runnel::circuit_breaker().run([] {});
#ifdef RUNNEL_EXPECT_FAIL
    runnel::circuit_breaker().run([](int) {});
#endif
}
