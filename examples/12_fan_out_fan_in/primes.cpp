// examples/12_fan_out_fan_in/primes.cpp — the primes up to 1000, by as many workers as there are processors.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "Real-World Example: Prime Number Finder", processPrimes. Numbers travel in blocks of a hundred: to
// send one costs more than to test a small one. With --to 5000000 the work is large enough to see on stderr what
// several workers are good for.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "../common/guide.hpp"

namespace {

struct block {
    long long first;
    long long last;
};
using primes = std::vector<long long>;

bool is_prime(long long n) {
    if (n < 2) return false;
    for (long long d = 2; d * d <= n; ++d) {
        if (n % d == 0) return false;
    }
    return true;
}

primes find_primes(long long to, long long workers) {
    auto blocks = runnel::make_chan<block>(64);
    auto found = runnel::make_chan<primes>(64);
    runnel::wait_group finders;
    runnel::go([blocks, to] {
        for (long long n = 1; n <= to; n += 100) blocks.send({n, std::min(n + 99, to)});
        blocks.close();
    });
    for (long long i = 0; i < workers; ++i) {  // fan out
        finders.go([blocks, found] {
            for (const block& b : blocks) {
                primes p;
                for (long long n = b.first; n <= b.last; ++n) {
                    if (is_prime(n)) p.push_back(n);
                }
                found.send(std::move(p));
            }
        });
    }
    runnel::go(
        [&finders, found] {  // fan in: they share a channel, which is closed after the last one
            finders.wait();
            found.close();
        });
    primes all;
    for (const primes& p : found) all.insert(all.end(), p.begin(), p.end());
    std::sort(all.begin(), all.end());
    return all;
}

}  // namespace

int main(int argc, char** argv) {
    long long to = 1000;
    long long workers = 0;
    guide::parse(argc, argv, {{"--to", to, 1, 10'000'000'000}, {"--workers", workers, 1, 10'000}});
    return runnel::run([&] {
        const std::size_t base = runnel::num_goroutine();
        if (workers == 0) workers = static_cast<long long>(runnel::num_cpu());
        guide::stopwatch watch;
        const primes one = find_primes(to, 1);
        const double alone = watch.milliseconds();
        watch = {};
        const primes all = find_primes(to, workers);
        const double together = watch.milliseconds();

        for (std::size_t i = 0; i < all.size() && i < 10; ++i) std::printf("%lld ", all[i]);
        if (all.size() > 10) std::printf("… %lld", all.back());
        std::printf("\nFound %zu primes\n", all.size());
        std::printf("one worker found the same: %s\n", one == all ? "yes" : "no");
        guide::note("1 worker: %.1f ms, %lld workers: %.1f ms, %.2f times as fast\n", alone,
                    workers, together, alone / together);
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// 2 3 5 7 11 13 17 19 23 29 … 997
// Found 168 primes
// one worker found the same: yes
// goroutines left: 0
