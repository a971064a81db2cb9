// examples/06_select/select_nonblocking.cpp — sending and receiving only if that needs no waiting.
// SPDX-License-Identifier: BSL-1.0
#include <cstdio>

#include <runnel/runnel.hpp>

namespace {

void try_receive(const runnel::chan<int>& jobs) {
    runnel::select(runnel::recv(jobs, [](int v) { std::printf("received %d\n", v); }),
                   runnel::otherwise([] { std::puts("nothing to receive"); }));
}

void try_send(const runnel::chan<int>& jobs, int v) {
    runnel::select(runnel::send(jobs, v, [v] { std::printf("sent %d\n", v); }),
                   runnel::otherwise([v] { std::printf("no room for %d\n", v); }));
}

}  // namespace

int main() {
    return runnel::run([] {
        auto jobs = runnel::make_chan<int>(2);
        try_receive(jobs);
        for (int i = 1; i <= 3; ++i) try_send(jobs, i);
        try_receive(jobs);
        try_send(jobs, 3);
        // On one channel it is shorter.
        while (auto v = jobs.try_recv()) std::printf("drained %d\n", *v);
        return 0;
    });
}
// Output:
// nothing to receive
// sent 1
// sent 2
// no room for 3
// received 1
// sent 3
// drained 2
// drained 3
