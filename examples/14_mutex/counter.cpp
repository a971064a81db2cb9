// examples/14_mutex/counter.cpp — a thousand goroutines count to a thousand, always.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "Pattern 8: Mutex", Counter.
#include <cstdio>
#include <mutex>

#include "../common/guide.hpp"

namespace {

// [counter]
class counter {
public:
    void increment() {
        const std::lock_guard guard(mutex_);
        ++value_;
    }
    int value() const {
        const std::lock_guard guard(mutex_);
        return value_;
    }

private:
    mutable runnel::mutex mutex_;  // whoever waits for it parks; its thread runs others
    int value_ = 0;                // guarded by mutex_
};
// [/counter]

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        counter c;
        runnel::wait_group wg;
        for (int i = 0; i < 1000; ++i) wg.go([&] { c.increment(); });
        wg.wait();
        std::printf("final count: %d\n", c.value());
        return 0;
    });
}
// Output:
// final count: 1000
