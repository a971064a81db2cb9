// examples/02_concurrency/concurrency_vs_parallelism.cpp — the same two tasks on one processor, then on two.
// SPDX-License-Identifier: BSL-1.0
//
//   max_procs 1   A B A B A B …     both are under way, one is at work
//   max_procs 2   A A A A …         both are at work
//                 B B B B …
//
// The program is the same: that it consists of two tasks is its structure, and how many of them are at work
// at one moment is the runtime's business. In the guide: "Concurrency vs Parallelism".
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>

#include "../common/guide.hpp"

namespace {

constexpr int steps = 40;

int primes_between(int first, int last) {
    int found = 0;
    for (int n = first < 2 ? 2 : first; n < last; ++n) {
        bool prime = true;
        for (int d = 2; prime && d * d <= n; ++d) prime = n % d != 0;
        found += prime ? 1 : 0;
    }
    return found;
}

struct outcome {
    int primes = 0;
    int most_under_way = 0;  // begun, and not through yet
    int most_at_work = 0;
    std::string order;
    double milliseconds = 0;
};

void raise(std::atomic<int>& most, int to) {
    for (int seen = most; seen < to && !most.compare_exchange_weak(seen, to);) {
    }
}

outcome two_tasks(std::size_t procs) {
    const guide::stopwatch watch;
    std::atomic<int> primes{0};
    std::atomic<int> under_way{0};
    std::atomic<int> most_under_way{0};
    std::atomic<int> at_work{0};
    std::atomic<int> most_at_work{0};
    std::string order;
    runnel::mutex order_mutex;
    runnel::wait_group wg;
    for (const char name : {'A', 'B'}) {
        wg.go([&, name] {
            raise(most_under_way, ++under_way);
            for (int step = 0; step < steps; ++step) {
                raise(most_at_work, ++at_work);
                // With two processors they meet: this loop neither parks nor yields, so it ends because
                // the other one runs at the same time.
                while (procs > 1 && most_at_work < 2) {
                }
                primes += primes_between(step * 500, (step + 1) * 500);
                --at_work;
                {
                    const std::lock_guard guard(order_mutex);
                    order += name;
                }
                runnel::yield();  // lets the other one go on
            }
            --under_way;
        });
    }
    wg.wait();
    return {primes, most_under_way, most_at_work, order, watch.milliseconds()};
}

void report(const char* name, const outcome& o) {
    std::printf("%s: %d primes, %d tasks under way, %d at work at once\n", name, o.primes,
                o.most_under_way, o.most_at_work);
    guide::note("%s: %.1f ms, %s\n", name, o.milliseconds, o.order.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    for (const std::size_t procs : {1U, 2U}) {
        runnel::runtime_options options;
        options.max_procs = procs;  // Go: runtime.GOMAXPROCS(procs)
        runnel::runtime runtime(options);
        report(procs == 1 ? "one processor" : "two processors",
               runtime.run([procs] { return two_tasks(procs); }));
    }
    return 0;
}
// Output:
// one processor: 4524 primes, 2 tasks under way, 1 at work at once
// two processors: 4524 primes, 2 tasks under way, 2 at work at once
