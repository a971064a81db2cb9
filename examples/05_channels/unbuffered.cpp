// examples/05_channels/unbuffered.cpp — an unbuffered channel: sender and receiver meet.
// SPDX-License-Identifier: BSL-1.0
//
//   sender                channel              receiver
//     |---- send(42) ------> |                    |
//     |       (parked)       | <---- recv() ------|
//     |     (goes on)        |------- 42 -------> |
#include <cstdio>

#include <runnel/runnel.hpp>

int main() {
    return runnel::run([] {
        auto ch = runnel::make_chan<int>();
        auto ready = runnel::make_chan<runnel::unit>();
        bool sent = false;
        runnel::go([&, ch] {
            std::puts("sender: sending 42");
            ready.close();
            ch.send(42);
            // The receiver has it. What it did before is visible here, and the other way round.
            sent = true;
            ch.send(43);
        });
        ready.recv();
        // Whether it is parked already or about to: nothing has passed, and nothing is buffered.
        std::printf("receiver: %zu of %zu buffered\n", ch.len(), ch.cap());
        std::printf("receiver: got %d\n", *ch.recv());
        const int second = *ch.recv();
        std::printf("receiver: got %d, sent: %s\n", second, sent ? "yes" : "no");
        return 0;
    });
}
// Output:
// sender: sending 42
// receiver: 0 of 0 buffered
// receiver: got 42
// receiver: got 43, sent: yes
