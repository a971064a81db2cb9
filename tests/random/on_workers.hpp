// tests/random/on_workers.hpp — runs a program on real workers, and says what was wrong with the run.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "random/execute.hpp"

namespace test::random {

/// To be called by a run's main goroutine, the only one there is. `p` as for_workers() makes it.
run_outcome execute_on_workers(const program& p);

}  // namespace test::random
