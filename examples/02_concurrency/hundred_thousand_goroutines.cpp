// examples/02_concurrency/hundred_thousand_goroutines.cpp — what 100,000 goroutines take while they wait.
// SPDX-License-Identifier: BSL-1.0
//
// They park at a gate, all of them at the same time. Memory and times are on stderr, beside the address space
// that as many threads would reserve for their stacks; --goroutines 1000000 makes it a million. In the guide:
// "Goroutine Efficiency", 200 MB for 100,000 of them.
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>

#include "../common/guide.hpp"

namespace {

/// Bytes of the process that are in memory.
double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double total = 0;
    double resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

/// What pthread_create reserves for a stack unless told otherwise.
double thread_stack_bytes() {
    pthread_attr_t defaults;
    std::size_t bytes = 0;
    if (::pthread_attr_init(&defaults) == 0) {
        ::pthread_attr_getstacksize(&defaults, &bytes);
        ::pthread_attr_destroy(&defaults);
    }
    return static_cast<double>(bytes);
}

}  // namespace

int main(int argc, char** argv) {
    long long goroutines = 100'000;
    guide::parse(argc, argv, {{"--goroutines", goroutines, 1, 10'000'000}});
    return runnel::run([goroutines] {
        const std::size_t base = runnel::num_goroutine();
        const double before = resident_bytes();
        std::atomic<long long> sum{0};
        auto gate = runnel::make_chan<runnel::unit>();
        runnel::latch all_here(goroutines);
        runnel::wait_group wg;

        guide::stopwatch watch;
        for (long long i = 1; i <= goroutines; ++i) {
            wg.go([&, gate, i] {
                all_here.count_down();
                gate.recv();
                sum += i;
            });
        }
        all_here.wait();
        const double created = watch.milliseconds();
        const double each = (resident_bytes() - before) / static_cast<double>(goroutines);
        std::printf("%zu goroutines wait\n", runnel::num_goroutine() - base);

        watch = {};
        gate.close();
        wg.wait();
        const double released = watch.milliseconds();
        std::printf("the sum of their numbers is %lld\n", sum.load());
        std::printf("goroutines left: %zu\n", guide::left_behind(base));

        constexpr double gib = 1 << 30;
        const double n = static_cast<double>(goroutines);
        guide::note(
            "%.0f bytes of memory each, %.2f GiB together; created in %.0f ms (%.0f ns each), "
            "released in %.0f ms\n",
            each, each * n / gib, created, created * 1e6 / n, released);
        guide::note("as many threads would reserve %.0f GiB of stacks\n",
                    thread_stack_bytes() * n / gib);
        return 0;
    });
}
// Output:
// 100000 goroutines wait
// the sum of their numbers is 5000050000
// goroutines left: 0
