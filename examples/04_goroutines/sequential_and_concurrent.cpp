// examples/04_goroutines/sequential_and_concurrent.cpp — the same three tasks one after the other, and at once.
// SPDX-License-Identifier: BSL-1.0
//
// Each task waits 100 ms, as one does for a disk or a server. One after the other they take 300 ms; as
// goroutines they wait together.
#include <atomic>
#include <chrono>
#include <cstdio>

#include <runnel/runnel.hpp>

using namespace std::chrono_literals;

namespace {

using milliseconds = std::chrono::duration<double, std::milli>;

void task(int n, std::atomic<int>& done) {
    runnel::sleep_for(100ms);
    done += n;
}

template <class F>
milliseconds time_of(F f) {
    const auto began = runnel::clock::now();
    f();
    return runnel::clock::now() - began;
}

}  // namespace

int main() {
    return runnel::run([] {
        std::atomic<int> done{0};
        const milliseconds one_by_one = time_of([&] {
            for (int i = 1; i <= 3; ++i) task(i, done);
        });
        std::printf("sequential: %d of 6 done\n", done.load());

        done = 0;
        const milliseconds together = time_of([&] {
            runnel::wait_group wg;
            for (int i = 1; i <= 3; ++i) wg.go([&, i] { task(i, done); });
            wg.wait();  // without it main would go on, and they with it
        });
        std::printf("concurrent: %d of 6 done\n", done.load());

        std::fprintf(stderr, "%.0f ms one by one, %.0f ms together\n", one_by_one.count(),
                     together.count());
        return 0;
    });
}
// Output:
// sequential: 6 of 6 done
// concurrent: 6 of 6 done
