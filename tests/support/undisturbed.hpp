// tests/support/undisturbed.hpp — no faults for a while, also in a soak.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#if defined(RUNNEL_FAULT_POINTS)
#include "support/faults.hpp"
#endif

namespace test {

/// While it lives no fault strikes: for what is about the order in which goroutines run, which faults are to change.
class undisturbed {
public:
    undisturbed() {}  // not trivial: it is there for its lifetime

#if defined(RUNNEL_FAULT_POINTS)
private:
    faults none_{no_faults, fault_seed()};
#endif
};

}  // namespace test
