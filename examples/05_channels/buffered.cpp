// examples/05_channels/buffered.cpp — a buffered channel: a send parks only when the buffer is full.
// SPDX-License-Identifier: BSL-1.0
//
//   [ _ | _ | _ ]  send(1) → [ 1 | _ | _ ] … [ 1 | 2 | 3 ]  send(4) parks until one is received
#include <cstdio>

#include <runnel/runnel.hpp>

int main() {
    return runnel::run([] {
        auto ch = runnel::make_chan<int>(3);
        for (int i = 1; i <= 3; ++i) {
            ch.send(i);
            std::printf("sent %d, %zu of %zu buffered\n", i, ch.len(), ch.cap());
        }
        std::printf("a fourth %s\n",
                    ch.try_send(4) == runnel::op_status::would_block ? "would park" : "fits");

        auto fourth = runnel::async([ch] {
            ch.send(4);  // parks, until there is room
            return 4;
        });
        std::printf("received %d\n", *ch.recv());
        std::printf("then %d was sent, too\n", fourth.get());
        ch.close();
        for (int v : ch) std::printf("received %d\n", v);
        return 0;
    });
}
// Output:
// sent 1, 1 of 3 buffered
// sent 2, 2 of 3 buffered
// sent 3, 3 of 3 buffered
// a fourth would park
// received 1
// then 4 was sent, too
// received 2
// received 3
// received 4
