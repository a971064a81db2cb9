// tests/consumers/two_tus/main.cpp — receives from the other translation unit's goroutine.
// SPDX-License-Identifier: BSL-1.0
#include <cstdio>

#include "all_headers.hpp"
#include "other.hpp"

int main() {
    return runnel::run([] {
        const auto in = numbers(10);
        const bool same_runtime =
            goroutines_seen_by_other() == runnel::num_goroutine() && runnel::num_goroutine() == 2;
        int sum = 0;
        for (const int n : in) sum += n;
        if (!same_runtime || sum != 55) {
            std::printf("consumer: one runtime: %d, sum %d\n", same_runtime, sum);
            return 1;
        }
        std::printf("consumer: ok\n");
        return 0;
    });
}
