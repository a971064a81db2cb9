// examples/01_hello/hello.cpp — goroutines, a channel, select and a time limit in 25 lines.
// SPDX-License-Identifier: BSL-1.0
#include <cstdio>

#include <runnel/runnel.hpp>

int main() {
    using namespace std::chrono_literals;
    return runnel::run([] {
        auto squares = runnel::make_chan<int>();
        auto done = runnel::make_chan<runnel::unit>();
        runnel::wait_group workers;
        for (int i = 1; i <= 4; ++i) workers.go([=] { squares.send(i * i); });
        runnel::go([&] {
            workers.wait();
            done.close();
        });
        int sum = 0;
        for (bool more = true; more;) {
            runnel::select(runnel::recv(squares, [&](int v) { sum += v; }),
                           runnel::recv(done, [&] { more = false; }),
                           runnel::timeout(1s, [&] { more = false; }));
        }
        std::printf("sum of squares: %d\n", sum);
        return 0;
    });
}
// Output:
// sum of squares: 30
