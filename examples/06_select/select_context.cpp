// examples/06_select/select_context.cpp — a worker that ends when its context is cancelled, or its jobs do.
// SPDX-License-Identifier: BSL-1.0
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include <runnel/runnel.hpp>

using namespace std::chrono_literals;

namespace {

/// Adds up what comes until the context is done, or no more will come; then says why.
std::string worker(runnel::context ctx, runnel::recv_chan<int> jobs) {
    int sum = 0;
    for (bool more = true; more;) {
        runnel::select(runnel::recv(jobs,
                                    [&](std::optional<int> v) {
                                        sum += v.value_or(0);
                                        more = v.has_value();  // closed: it would be ready for ever
                                    }),
                       runnel::done(ctx, [&] { more = false; }));
    }
    return "sum " + std::to_string(sum) + ", " + (ctx.err() ? ctx.err().message() : "no more jobs");
}

}  // namespace

int main() {
    return runnel::run([] {
        auto jobs = runnel::make_chan<int>();
        {
            auto ctx = runnel::with_cancel(runnel::background());
            auto result = runnel::async(worker, runnel::context(ctx), runnel::recv_chan<int>(jobs));
            for (int i = 1; i <= 10; ++i) jobs.send(i);
            ctx.cancel();
            std::printf("cancelled: %s\n", result.get().c_str());
        }
        {
            // Without a word from us: the deadline comes.
            auto ctx = runnel::with_timeout(runnel::background(), 20ms);
            auto result = runnel::async(worker, runnel::context(ctx), runnel::recv_chan<int>(jobs));
            std::printf("timed out: %s\n", result.get().c_str());
        }
        // Both workers have ended: nobody waits for jobs any more.
        std::printf("next job: %s\n", runnel::to_string(jobs.try_send(11)));
        {
            auto result = runnel::async(worker, runnel::background(), runnel::recv_chan<int>(jobs));
            jobs.send(12);
            jobs.close();
            std::printf("closed: %s\n", result.get().c_str());
        }
        return 0;
    });
}
// Output:
// cancelled: sum 55, context canceled
// timed out: sum 0, context deadline exceeded
// next job: would block
// closed: sum 12, no more jobs
