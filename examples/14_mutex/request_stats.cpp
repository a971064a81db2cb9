// examples/14_mutex/request_stats.cpp — counting requests and errors by endpoint, while others look.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "Real-World Example: Request Counter", RequestStats. Its Go counts a request and its error in two steps: in
// between the two counts do not fit each other, and a caller that counts the error first shows more errors than requests. Its
// list of everything leaves out an endpoint of which only errors were counted. Here one call counts both, under one lock.
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "../common/guide.hpp"

namespace {

class request_stats {
public:
    struct counts {
        int requests = 0;
        int errors = 0;
    };

    // [stats]
    void record(const std::string& endpoint, bool failed) {
        const std::lock_guard guard(mutex_);
        counts& c = counts_[endpoint];
        ++c.requests;
        c.errors += failed ? 1 : 0;
    }
    counts get(const std::string& endpoint) const {
        const std::shared_lock guard(mutex_);
        const auto found = counts_.find(endpoint);
        return found != counts_.end() ? found->second : counts{};
    }
    /// All at one moment: a copy, so that nobody holds the lock while printing.
    std::map<std::string, counts> all() const {
        const std::shared_lock guard(mutex_);
        return counts_;
    }
    // [/stats]

private:
    mutable runnel::shared_mutex mutex_;
    std::map<std::string, counts> counts_;  // guarded by mutex_
};

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        request_stats stats;
        auto done = runnel::make_chan<runnel::unit>();
        // Looks all the time, and adds up.
        auto watcher = runnel::async([&stats, done] {
            int looks = 0;
            int impossible = 0;
            do {
                for (const auto& [endpoint, c] : stats.all()) impossible += c.errors > c.requests;
                ++looks;
                runnel::yield();
            } while (done.try_recv().status() == runnel::op_status::would_block);
            guide::note("looked %d times\n", looks);
            return impossible;
        });

        runnel::wait_group clients;
        for (int client = 0; client < 20; ++client) {
            clients.go([&stats, client] {
                const char* endpoint = client % 4 == 0   ? "/login"
                                       : client % 4 == 1 ? "/old"
                                                         : "/search";
                for (int i = 0; i < 100; ++i) {
                    const bool failed = client % 4 == 1 || (client % 4 == 0 && i % 10 == 0);
                    stats.record(endpoint, failed);
                    if (i % 20 == 19) runnel::yield();
                }
            });
        }
        clients.wait();
        done.close();
        std::printf("more errors than requests seen: %d times\n", watcher.get());
        for (const auto& [endpoint, c] : stats.all()) {
            std::printf("%s: %d requests, %d errors\n", endpoint.c_str(), c.requests, c.errors);
        }
        std::printf("/never: %d requests\n", stats.get("/never").requests);
        return 0;
    });
}
// Output:
// more errors than requests seen: 0 times
// /login: 500 requests, 50 errors
// /old: 500 requests, 500 errors
// /search: 1000 requests, 0 errors
// /never: 0 requests
