// bench/main.cpp — the program of one contender.
// SPDX-License-Identifier: BSL-1.0
#include "bench.hpp"

int main(int argc, char** argv) {
    benchmark::AddCustomContext("contender", bench::contender::name);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    const bool some = benchmark::RunSpecifiedBenchmarks() > 0;
    benchmark::Shutdown();
    return some ? 0 : 1;
}
