// examples/12_fan_out_fan_in/fan_out_fan_in.cpp — four workers read one channel; what they find comes together in one.
// SPDX-License-Identifier: BSL-1.0
//
//               ┌─> worker ─┐
//   numbers ────┼─> worker ─┼──── fan_in ──> main
//               └─> worker ─┘
//
// In the guide: "Pattern 6: Fan-Out, Fan-In". The order of the results is nobody's.
#include <cstdio>
#include <memory>
#include <vector>

#include "../common/guide.hpp"

namespace {

using runnel::recv_chan;

struct result {
    int number;
    int steps;
};

/// How many steps of "halve it if even, else three times it and one" lead from all numbers below
/// 1000 times `n` to 1: the longest way.
int expensive(int n) {
    int most = 0;
    for (int start = 1; start < 1000 * n; ++start) {
        int steps = 0;
        for (long long v = start; v != 1; ++steps) v = v % 2 == 0 ? v / 2 : 3 * v + 1;
        if (steps > most) most = steps;
    }
    return most;
}

recv_chan<int> generate(const runnel::context& ctx, int from, int to) {
    auto out = runnel::make_chan<int>();
    runnel::go([=] {
        for (int n = from; n <= to; ++n) {
            if (out.send(ctx, n) != runnel::op_status::ok) break;
        }
        out.close();
    });
    return out;
}

recv_chan<result> worker(const runnel::context& ctx, const recv_chan<int>& in) {
    auto out = runnel::make_chan<result>();
    runnel::go([=] {
        while (const auto n = in.recv(ctx)) {
            if (out.send(ctx, {*n, expensive(*n)}) != runnel::op_status::ok) break;
        }
        out.close();
    });
    return out;
}

std::vector<recv_chan<result>> fan_out(const runnel::context& ctx, const recv_chan<int>& in,
                                       int workers) {
    std::vector<recv_chan<result>> outputs;
    for (int i = 0; i < workers; ++i) outputs.push_back(worker(ctx, in));
    return outputs;
}

// [merge]
recv_chan<result> merge(const runnel::context& ctx, const std::vector<recv_chan<result>>& inputs) {
    auto out = runnel::make_chan<result>();
    auto forwarders = std::make_shared<runnel::wait_group>();
    for (const auto& in : inputs) {
        forwarders->go([=] {
            while (const auto v = in.recv(ctx)) {
                if (out.send(ctx, *v) != runnel::op_status::ok) break;
            }
        });
    }
    runnel::go([forwarders, out] {
        forwarders->wait();
        out.close();  // only when nobody sends any more
    });
    return out;
}
// [/merge]

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        {
            const auto ctx = runnel::with_cancel(runnel::background());
            for (const result& r : merge(ctx, fan_out(ctx, generate(ctx, 1, 10), 4))) {
                std::printf("%d: %d steps\n", r.number, r.steps);
            }
        }
        {
            // One result is enough.
            const auto ctx = runnel::with_cancel(runnel::background());
            const auto results = merge(ctx, fan_out(ctx, generate(ctx, 1, 1'000'000), 4));
            std::printf("one more: %s\n", results.recv() ? "yes" : "no");
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Unordered output:
// goroutines left: 0
// one more: yes
// 1: 178 steps
// 2: 181 steps
// 3: 216 steps
// 4: 237 steps
// 5: 237 steps
// 6: 237 steps
// 7: 261 steps
// 8: 261 steps
// 9: 261 steps
// 10: 261 steps
