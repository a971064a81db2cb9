// tests/fuzz/replay.cpp — a fuzzer's target without a fuzzer: its seeds, and what random bends make of them.
// SPDX-License-Identifier: BSL-1.0
//
//   TARGET                 runs them all
//   TARGET FILE…           runs these
//   TARGET --write FOLDER  writes the seeds, as a corpus for libFuzzer
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/seeds.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr int bends = 150;  // of each seed

void run(const std::string& input) {
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
}

std::string bent(std::string input, std::mt19937& random) {
    const auto below = [&random](std::size_t n) { return n == 0 ? 0 : random() % n; };
    for (std::size_t left = 1 + below(4); left > 0 && !input.empty(); --left) {
        const std::size_t at = below(input.size());
        switch (below(4)) {
            case 0:
                input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
                break;
            case 1:
                input[at] = static_cast<char>(below(2) == 0 ? 0 : 0xFF);
                break;
            case 2:
                input.erase(at, 1 + below(16));
                break;
            default:
                input.insert(below(input.size()), input.substr(at, 1 + below(64)));
                break;
        }
    }
    return input;
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> seeds = test::fuzz_seeds();
    if (argc == 3 && std::string_view(argv[1]) == "--write") {
        std::filesystem::create_directories(argv[2]);
        for (std::size_t i = 0; i < seeds.size(); ++i) {
            std::ofstream(std::filesystem::path(argv[2]) / std::to_string(i), std::ios::binary)
                << seeds[i];
        }
        return 0;
    }
    for (int i = 1; i < argc; ++i) {
        std::ifstream in(argv[i], std::ios::binary);
        run(std::string(std::istreambuf_iterator<char>(in), {}));
    }
    if (argc > 1) return 0;
    std::mt19937 random(20230315);  // the same ones each time
    for (const std::string& seed : seeds) {
        run(seed);
        for (int i = 0; i < bends; ++i) run(bent(seed, random));
    }
    std::printf("%zu seeds, %d bends of each\n", seeds.size(), bends);
    return 0;
}
