// tests/model/report.hpp — a model's result as Catch2 shows it.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <model/checker.hpp>
#include <support/catch.hpp>

namespace model {

/// Explores, prints the figures, asserts that nothing failed and that the space was walked to its end. In the long
/// form, with RUNNEL_MODEL_BOUND=n in the environment, within n preemptions at least, or for five million executions.
template <class Program, class... Arguments>
void require_clean(const char* part, options o, Arguments&&... arguments) {
    if (const char* text = std::getenv("RUNNEL_MODEL_BOUND"); text != nullptr) {
        constexpr std::uint64_t enough = 5'000'000;
        if (const int bound = std::atoi(text); bound > o.preemptions) {
            o.preemptions = bound;
            o.most_executions = enough;
        }
    }
    const result r = explore<Program>(o, arguments...);
    std::printf("%-44s bound %d: %9llu executions%s\n", part, o.preemptions,
                static_cast<unsigned long long>(r.executions), r.exhausted ? ", all" : "");
    INFO(r.trace);
    REQUIRE_FALSE(r.failed);
    CHECK((r.exhausted || r.executions >= 5'000'000));
}

/// Asserts that of all weakenings exactly these are not needed. Many are needed for plain memory alone.
inline void require_needed(const weakenings& w, const std::vector<std::string>& but) {
    std::printf("  %zu weakenings tried, %zu not needed\n", w.tried(), w.not_needed().size());
    if (std::getenv("MODEL_VERBOSE") != nullptr) std::fputs(w.text().c_str(), stdout);
    CHECK(w.tried() > 0);
    if (checks_plain_accesses) CHECK(w.not_needed() == but);
}

/// Asserts that of all weakenings these are needed.
inline void require_among_needed(const weakenings& w, const std::vector<std::string>& these) {
    std::printf("  %zu weakenings tried, %zu needed\n", w.tried(), w.needed().size());
    if (std::getenv("MODEL_VERBOSE") != nullptr) std::fputs(w.text().c_str(), stdout);
    for (const std::string& one : these) {
        INFO(one);
        const std::vector<std::string> needed = w.needed();
        CHECK(std::find(needed.begin(), needed.end(), one) != needed.end());
    }
}

}  // namespace model
