// examples/starter/main.cpp — a first program of one's own: three workers, one channel.
// SPDX-License-Identifier: BSL-1.0
#include <cstdio>

#include <runnel/runnel.hpp>

int main() {
    return runnel::run([] {
        auto results = runnel::make_chan<int>();
        runnel::wait_group workers;
        for (int i = 1; i <= 3; ++i) workers.go([=] { results.send(10 * i); });
        runnel::go([&] {
            workers.wait();
            results.close();
        });
        int sum = 0;
        for (int result : results) sum += result;
        std::printf("three workers sent %d in all\n", sum);
        return 0;
    });
}
