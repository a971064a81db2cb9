// examples/10_worker_pool/worker_pool.cpp — five goroutines share fifty tasks: never more at work than that.
// SPDX-License-Identifier: BSL-1.0
//
//   tasks   [1][2][3][4][5][6][7][8] …
//             ↓  ↓  ↓  ↓  ↓
//   workers  W1 W2 W3 W4 W5
//             ↓  ↓  ↓  ↓  ↓
//   results [1][2][3][4][5] …            closed by who started the workers, when all are through
//
// In the guide: "Pattern 4: Worker Pool", workerPool.
#include <atomic>
#include <cstdio>
#include <string>

#include "../common/guide.hpp"

namespace {

struct task {
    int id;
    std::string data;
};
struct result {
    int id;
    std::size_t hash;
};

/// FNV-1a, over and over.
std::size_t process(const std::string& data) {
    std::size_t h = 14695981039346656037u;
    for (int round = 0; round < 1000; ++round) {
        for (const char c : data) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211u;
    }
    return h;
}

struct gauge {
    std::atomic<int> now{0};
    std::atomic<int> most{0};

    void enter() {
        const int n = ++now;
        for (int seen = most; seen < n && !most.compare_exchange_weak(seen, n);) {
        }
    }
    void leave() { --now; }
};

void worker_pool(const runnel::recv_chan<task>& tasks, const runnel::send_chan<result>& results,
                 int workers, gauge& at_work) {
    runnel::wait_group wg;
    for (int i = 0; i < workers; ++i) {
        wg.go([&] {
            for (const task& t : tasks) {
                at_work.enter();
                runnel::sleep_for(guide::seconds(0.1));  // a server that is asked
                const result r{t.id, process(t.data)};
                at_work.leave();
                results.send(r);
            }
        });
    }
    wg.wait();
    results.close();
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        constexpr int count = 50;
        constexpr int workers = 5;
        auto tasks = runnel::make_chan<task>(100);
        auto results = runnel::make_chan<result>(100);
        gauge at_work;
        const guide::stopwatch watch;
        runnel::go([&] { worker_pool(tasks, results, workers, at_work); });
        runnel::go([tasks] {
            for (int i = 0; i < count; ++i) tasks.send({i, std::to_string(i)});
            tasks.close();
        });
        int received = 0;
        int right = 0;
        for (const result& r : results) {
            ++received;
            right += r.hash == process(std::to_string(r.id)) ? 1 : 0;
        }
        guide::note("%.0f ms, at most %d at work\n", watch.milliseconds(), at_work.most.load());
        std::printf("%d results, %d right\n", received, right);
        std::printf("more than %d at work: %s\n", workers, at_work.most > workers ? "yes" : "no");
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// 50 results, 50 right
// more than 5 at work: no
// goroutines left: 0
