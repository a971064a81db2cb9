// examples/08_done_channel/done_channel.cpp — three workers that work until a channel is closed.
// SPDX-License-Identifier: BSL-1.0
//
//   close(done) ──┬──> worker 1: stopping
//                 ├──> worker 2: stopping      one close reaches everybody
//                 └──> worker 3: stopping
//
// In the guide: "Pattern 2: Done Channel". Its Go sleeps for a second and hopes that the workers have stopped then;
// here it waits for them. Its worker also notices the end only between two sleeps: here the pause is a case
// of the select, so that it stops at once.
#include <atomic>
#include <cstdio>
#include <set>

#include "../common/guide.hpp"

namespace {

void worker(const runnel::recv_chan<runnel::unit>& done, std::atomic<int>& rounds) {
    for (bool more = true; more;) {
        ++rounds;  // the work
        runnel::select(runnel::recv(done, [&] { more = false; }),
                       runnel::timeout(guide::seconds(0.5)));
    }
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        auto done = runnel::make_chan<runnel::unit>();
        std::atomic<int> rounds{0};
        auto stopping = runnel::make_chan<int>(3);  // who has heard of the end
        runnel::wait_group workers;
        for (int id = 1; id <= 3; ++id) {
            workers.go([=, &rounds] {
                worker(done, rounds);
                stopping.send(id);
            });
        }
        runnel::sleep_for(guide::seconds(3));
        std::printf("stopped before they were told to: %zu\n", stopping.len());
        std::puts("signalling the workers to stop");
        const guide::stopwatch watch;
        done.close();
        workers.wait();
        guide::note("%d rounds; stopped within %.2f ms\n", rounds.load(), watch.milliseconds());
        stopping.close();
        std::set<int> stopped;
        for (int id : stopping) stopped.insert(id);
        for (int id : stopped) std::printf("worker %d stopping\n", id);
        std::puts("all workers stopped");
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// stopped before they were told to: 0
// signalling the workers to stop
// worker 1 stopping
// worker 2 stopping
// worker 3 stopping
// all workers stopped
// goroutines left: 0
