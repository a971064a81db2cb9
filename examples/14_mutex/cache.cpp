// examples/14_mutex/cache.cpp — a cache that many read at the same time, and one writes.
// SPDX-License-Identifier: BSL-1.0
//
//   readers   R R R R | . . . | R R R     as many as like
//   writers   . . . . | . W . | . . .     one, alone
//
// In the guide: "RWMutex", Cache.
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>

#include "../common/guide.hpp"

namespace {

class cache {
public:
    // [cache]
    std::optional<std::string> get(const std::string& key) const {
        const std::shared_lock guard(mutex_);
        const auto found = data_.find(key);
        return found != data_.end() ? std::optional(found->second) : std::nullopt;
    }
    void set(const std::string& key, std::string value) {
        const std::lock_guard guard(mutex_);
        data_[key] = std::move(value);
    }
    // [/cache]
    /// Calls `f` with everything, while others may read, too.
    template <class F>
    void inspect(F f) const {
        const std::shared_lock guard(mutex_);
        f(data_);
    }
    /// Whether a writer would get in at this moment.
    bool writable() {
        const std::unique_lock guard(mutex_, std::try_to_lock);
        return guard.owns_lock();
    }

private:
    mutable runnel::shared_mutex mutex_;
    std::map<std::string, std::string> data_;  // guarded by mutex_
};

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        cache c;
        c.set("colour", "blue");
        std::printf("colour: %s\n", c.get("colour").value_or("unknown").c_str());
        std::printf("size: %s\n", c.get("size").value_or("unknown").c_str());

        // Three readers meet inside: each waits there until the others have come, too.
        runnel::latch inside(3);
        auto leave = runnel::make_chan<runnel::unit>();
        runnel::wait_group wg;
        for (int i = 0; i < 3; ++i) {
            wg.go([&, leave] {
                c.inspect([&](const auto&) {
                    inside.arrive_and_wait();
                    leave.recv();
                });
            });
        }
        inside.wait();
        std::printf("three read at once; may one write: %s\n", c.writable() ? "yes" : "no");
        leave.close();
        wg.wait();
        std::printf("nobody reads; may one write: %s\n", c.writable() ? "yes" : "no");

        // Values are written whole: no reader sees half of one.
        std::atomic<int> reads{0};
        std::atomic<int> torn{0};
        for (int writer = 0; writer < 2; ++writer) {
            wg.go([&, writer] {
                for (int i = 0; i < 500; ++i) {
                    c.set("pair", std::string(20, writer == 0 ? 'a' : 'b'));
                    if (i % 10 == 0) runnel::yield();
                }
            });
        }
        for (int reader = 0; reader < 8; ++reader) {
            wg.go([&] {
                for (int i = 0; i < 500; ++i) {
                    const std::string v = c.get("pair").value_or("");
                    if (v.find_first_not_of(v.substr(0, 1)) != v.npos) ++torn;
                    ++reads;
                    if (i % 10 == 0) runnel::yield();
                }
            });
        }
        wg.wait();
        std::printf("%d reads, %d torn values\n", reads.load(), torn.load());
        return 0;
    });
}
// Output:
// colour: blue
// size: unknown
// three read at once; may one write: no
// nobody reads; may one write: yes
// 4000 reads, 0 torn values
