// examples/11_pipeline/pipeline.cpp — numbers, squared, and only the even ones: three stages joined by channels.
// SPDX-License-Identifier: BSL-1.0
//
//   generate ── 1 2 3 4 … ──> square ── 1 4 9 16 … ──> filter_even ── 4 16 … ──> main
//
// Each stage is a goroutine that owns its output: it alone sends there, and closes it at its end. Who stops reading
// early closes `done`, and every stage ends. In the guide: "Pattern 5: Pipeline".
#include <cstdio>
#include <vector>

#include "../common/guide.hpp"

namespace {

using runnel::recv_chan;
using done_chan = recv_chan<runnel::unit>;

/// False if that is no use any more.
bool send(const runnel::chan<int>& out, int v, const done_chan& done) {
    return runnel::select(runnel::send(out, v), runnel::recv(done)) == 0;
}

recv_chan<int> generate(const done_chan& done, std::vector<int> numbers) {
    auto out = runnel::make_chan<int>();
    runnel::go([=] {
        for (const int n : numbers) {
            if (!send(out, n, done)) break;
        }
        out.close();
    });
    return out;
}

recv_chan<int> square(const done_chan& done, const recv_chan<int>& in) {
    auto out = runnel::make_chan<int>();
    runnel::go([=] {
        for (const int n : in) {
            if (!send(out, n * n, done)) break;
        }
        out.close();
    });
    return out;
}

recv_chan<int> filter_even(const done_chan& done, const recv_chan<int>& in) {
    auto out = runnel::make_chan<int>();
    runnel::go([=] {
        for (const int n : in) {
            if (n % 2 == 0 && !send(out, n, done)) break;
        }
        out.close();
    });
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        auto done = runnel::make_chan<runnel::unit>();
        const std::vector<int> numbers{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
        for (const int v : filter_even(done, square(done, generate(done, numbers)))) {
            std::printf("%d\n", v);
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));

        // The same, but nobody reads to the end.
        const auto evens = filter_even(done, square(done, generate(done, numbers)));
        std::printf("first: %d\n", evens.recv().value());
        std::printf("stages that wait: %zu\n", runnel::num_goroutine() - base);
        done.close();
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// 4
// 16
// 36
// 64
// 100
// goroutines left: 0
// first: 4
// stages that wait: 3
// goroutines left: 0
