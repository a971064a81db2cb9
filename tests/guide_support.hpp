// tests/guide_support.hpp — how the code that docs/guide and docs/recipes.md show is run.
// SPDX-License-Identifier: BSL-1.0
//
//   What stands between `// [name]` and `// [/name]` in tests/guide_*_test.cpp is shown by a document, letter by
//   letter (.ci/check_snippets.py). Each has a test case beside it that runs it and asserts what the text promises.
//   Only for tests that are listed with SIMULATES.
#pragma once

#include <runnel/testing.hpp>

#include <string>

#include <runnel/runnel.hpp>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/simulated.hpp"
#include "support/support.hpp"

namespace guide {

/// Runs `f` under twenty simulated schedules, and then on 1, 2 and 8 real workers. For what does not depend on time;
/// `f` requires by test::require.
template <class F>
void everywhere(F f) {
    test::on_seeds(f, 20);
    test::on_workers(f);
}

/// What the exception that `f` throws says; "nothing" if it throws none.
template <class F>
std::string error_of(F&& f) {
    try {
        static_cast<void>(f());
    } catch (const std::exception& e) {
        return test::words_of(e);
    }
    return "nothing";
}

}  // namespace guide
