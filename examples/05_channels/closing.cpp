// examples/05_channels/closing.cpp — closing a channel tells its receivers that no more values come.
// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <cstdio>
#include <exception>
#include <stdexcept>

#include <runnel/runnel.hpp>

int main() {
    return runnel::run([] {
        auto ch = runnel::make_chan<int>();
        runnel::go([ch] {
            for (int i = 0; i < 5; ++i) ch.send(i);
            ch.close();
        });
        // One by one: the optional is empty once the channel is closed and drained.
        while (auto v = ch.recv()) std::printf("received %d\n", *v);
        std::puts("closed");

        // The same as a range; and closing with an error, which Go has not.
        auto lines = runnel::make_chan<int>(2);
        lines.send(10);
        lines.send(20);
        lines.close(std::make_exception_ptr(std::runtime_error("the source broke off")));
        try {
            for (int v : lines) std::printf("line %d\n", v);
        } catch (const std::exception& e) {
            std::printf("then: %s\n", e.what());
        }

        // One close wakes everyone who waits.
        auto start = runnel::make_chan<runnel::unit>();
        runnel::wait_group wg;
        std::atomic<int> started{0};
        for (int i = 0; i < 100; ++i) {
            wg.go([&, start] {
                start.recv();
                ++started;
            });
        }
        start.close();
        wg.wait();
        std::printf("%d started at once\n", started.load());
        return 0;
    });
}
// Output:
// received 0
// received 1
// received 2
// received 3
// received 4
// closed
// line 10
// line 20
// then: the source broke off
// 100 started at once
