// examples/04_goroutines/spawn_ten_thousand.cpp — ten thousand goroutines at once, each with work to do.
// SPDX-License-Identifier: BSL-1.0
//
// Each counts the primes in its own range of numbers, and then waits at a gate: so all ten thousand exist
// at the same time. The guide waits for them with a sleep; a wait group knows when they are done.
#include <atomic>
#include <cstdio>

#include <runnel/runnel.hpp>

namespace {

bool is_prime(int n) {
    if (n < 2) return false;
    for (int d = 2; d * d <= n; ++d) {
        if (n % d == 0) return false;
    }
    return true;
}

}  // namespace

int main() {
    constexpr int goroutines = 10'000;
    constexpr int range = 10;
    return runnel::run([] {
        std::atomic<int> primes{0};
        auto gate = runnel::make_chan<runnel::unit>();
        runnel::latch all_here(goroutines);
        runnel::wait_group wg;
        for (int i = 0; i < goroutines; ++i) {
            wg.go([&, gate, i] {
                int mine = 0;
                for (int n = i * range; n < (i + 1) * range; ++n) mine += is_prime(n) ? 1 : 0;
                all_here.count_down();
                gate.recv();
                primes += mine;
            });
        }
        all_here.wait();
        std::printf("%zu goroutines exist, main among them\n", runnel::num_goroutine());
        gate.close();
        wg.wait();
        std::printf("%d primes below %d\n", primes.load(), goroutines * range);
        return 0;
    });
}
// Output:
// 10001 goroutines exist, main among them
// 9592 primes below 100000
