// tests/fuzz/seeds.hpp — what each target's file has beside its LLVMFuzzerTestOneInput.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <vector>

namespace test {

/// Inputs to begin with, one of each kind that matters.
std::vector<std::string> fuzz_seeds();

}  // namespace test
