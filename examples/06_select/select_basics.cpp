// examples/06_select/select_basics.cpp — select waits for the first of several channels.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstdio>
#include <string>

#include <runnel/runnel.hpp>

using namespace std::chrono_literals;

int main() {
    return runnel::run([] {
        auto slow = runnel::make_chan<std::string>();
        auto fast = runnel::make_chan<std::string>();
        runnel::go([=] {
            runnel::sleep_for(100ms);
            slow.send("two");
        });
        runnel::go([=] {
            runnel::sleep_for(10ms);
            fast.send("one");
        });
        for (int i = 0; i < 2; ++i) {
            runnel::select(
                runnel::recv(slow,
                             [](const std::string& m) { std::printf("slow: %s\n", m.c_str()); }),
                runnel::recv(fast,
                             [](const std::string& m) { std::printf("fast: %s\n", m.c_str()); }));
        }

        // Of several ready cases one is chosen at random, each as often as the others.
        auto a = runnel::make_chan<int>();
        auto b = runnel::make_chan<int>();
        a.close();
        b.close();
        int first = 0;
        for (int i = 0; i < 1000; ++i)
            first += runnel::select(runnel::recv(a), runnel::recv(b)) == 0;
        std::printf("fair: %s\n", first > 400 && first < 600 ? "yes" : "no");
        return 0;
    });
}
// Output:
// fast: one
// slow: two
// fair: yes
