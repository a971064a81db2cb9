// tests/fuzz/chan_program.cpp — a fuzzer's bytes as a program, which is simulated and checked.
// SPDX-License-Identifier: BSL-1.0
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "random/execute.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    test::random::choices from(data, size);
    const test::random::program p = test::random::make_program(from);
    const test::random::run_outcome o = test::random::execute(p);
    if (!o.failure.empty()) {
        std::fprintf(stderr, "%s\n", test::random::report(p, o).c_str());
        std::abort();
    }
    return 0;
}
