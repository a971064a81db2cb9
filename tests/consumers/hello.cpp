// tests/consumers/hello.cpp — the program of those consumers that only differ in how they are built.
// SPDX-License-Identifier: BSL-1.0
#include <cstdio>
#include <cstring>
#include <optional>
#include <runnel/runnel.hpp>
#include <stdexcept>

int main() {
    const int sum = runnel::run([] {
        auto numbers = runnel::make_chan<int>();
        runnel::go([=] {
            for (int i = 1; i <= 10; ++i) numbers.send(i);
            numbers.close();
        });
        int total = 0;
        for (const int n : numbers) total += n;

        auto never = runnel::make_chan<int>();
        bool timed_out = false;
        runnel::select(runnel::recv(never, [](std::optional<int>) {}),
                       runnel::timeout(std::chrono::milliseconds(1), [&] { timed_out = true; }));
        try {
            numbers.send(0);
        } catch (const runnel::closed_channel& e) {
            if (timed_out && std::strcmp(e.what(), "send on closed channel") == 0) return total;
        }
        return -1;
    });
    if (sum != 55) {
        std::printf("consumer: the sum is %d\n", sum);
        return 1;
    }
    std::printf("consumer: ok\n");
    return 0;
}
