// tests/random/report.cpp — what a run was, for people.
// SPDX-License-Identifier: BSL-1.0
#include "random/execute.hpp"

namespace test::random {

std::string report(const program& p, const run_outcome& o) {
    return o.failure + "\n\n" + to_string(p) + "\n\nwhat happened (time, body, operation):" +
           to_string(o.seen, o.judged.holds ? static_cast<std::size_t>(-1) : o.judged.furthest);
}

}  // namespace test::random
