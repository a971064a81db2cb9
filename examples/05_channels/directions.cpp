// examples/05_channels/directions.cpp — a function says by its types on which end of a channel it works.
// SPDX-License-Identifier: BSL-1.0
//
// A chan<T> turns into a send_chan<T> or a recv_chan<T>, never back: receiving from a send_chan, or closing a
// recv_chan, does not compile.
#include <cstdio>
#include <string>

#include <runnel/runnel.hpp>

namespace {

// [ends]
void produce(runnel::send_chan<int> out, int n) {
    for (int i = 1; i <= n; ++i) out.send(i);
    out.close();
}

void render(runnel::recv_chan<int> in, runnel::send_chan<std::string> out) {
    for (int v : in) out.send(std::to_string(v) + " squared is " + std::to_string(v * v));
    out.close();
}
// [/ends]

// Both ends in one hand: without its buffer of one, the channel would keep the send waiting for ever.
void processor(runnel::chan<int> box) {
    box.send(42);
    const int value = box.recv().value();
    std::printf("processor: %d\n", value);
}

template <class C>
concept can_receive = requires(C c) { c.recv(); };
template <class C>
concept can_close = requires(C c) { c.close(); };
static_assert(can_receive<runnel::chan<int>> && can_close<runnel::chan<int>>);
static_assert(!can_receive<runnel::send_chan<int>>);
static_assert(!can_close<runnel::recv_chan<int>>);

}  // namespace

int main() {
    return runnel::run([] {
        auto numbers = runnel::make_chan<int>();
        auto lines = runnel::make_chan<std::string>();
        runnel::go(produce, numbers, 4);
        runnel::go(render, numbers, lines);
        for (const auto& line : lines) std::puts(line.c_str());
        processor(runnel::make_chan<int>(1));
        return 0;
    });
}
// Output:
// 1 squared is 1
// 2 squared is 4
// 3 squared is 9
// 4 squared is 16
// processor: 42
