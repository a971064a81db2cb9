// tests/random/execute.hpp — runs a program in a simulation, and says what was wrong with the run.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>

#include "random/checker.hpp"
#include "random/program.hpp"

namespace test::random {

struct run_outcome {
    std::string failure;  // empty: all is well
    history seen;
    verdict judged;
    std::uint64_t steps = 0;
    std::uint64_t trace = 0;
    bool somebody_waited = false;  // at the end
};

run_outcome execute(const program& p);

/// The program, what happened and what was wrong with it.
std::string report(const program& p, const run_outcome& o);

}  // namespace test::random
