// examples/02_concurrency/process_orders.cpp — five orders, one after the other and all at once: five times as fast.
// SPDX-License-Identifier: BSL-1.0
//
// Each order is added up, taken from the stock and handed to the carrier, who takes two of the guide's
// seconds. In the guide: "The Motivation Behind Goroutines", processOrders.
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "../common/guide.hpp"

namespace {

struct order {
    int id;
    std::string article;
    int pieces;
    int cents_each;
};

class shop {
public:
    /// Returns what the order costs.
    int process(const order& o) {
        {
            const std::lock_guard guard(mutex_);
            stock_[o.article] -= o.pieces;
        }
        runnel::sleep_for(guide::seconds(2));  // the carrier
        const std::lock_guard guard(mutex_);
        ++shipped_;
        return o.pieces * o.cents_each;
    }
    void print(const char* how, int cents) const {
        const std::lock_guard guard(mutex_);
        std::printf("%s: %d orders shipped, %d.%02d earned; left:", how, shipped_, cents / 100,
                    cents % 100);
        for (const auto& [article, pieces] : stock_) {
            std::printf(" %d %s", pieces, article.c_str());
        }
        std::puts("");
    }

private:
    mutable runnel::mutex mutex_;
    std::map<std::string, int> stock_{{"lamps", 10}, {"chairs", 10}};  // guarded by mutex_
    int shipped_ = 0;                                                  // guarded by mutex_
};

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::vector<order> orders{{1, "lamps", 2, 1995},
                                        {2, "chairs", 1, 7900},
                                        {3, "lamps", 1, 1995},
                                        {4, "chairs", 4, 7900},
                                        {5, "lamps", 3, 1995}};
        double sequential = 0;
        {
            shop s;
            int cents = 0;
            const guide::stopwatch watch;
            for (const order& o : orders) cents += s.process(o);
            sequential = watch.milliseconds();
            s.print("one after the other", cents);
        }
        {
            shop s;
            std::atomic<int> cents{0};
            const guide::stopwatch watch;
            runnel::wait_group wg;
            for (const order& o : orders) wg.go([&s, &o, &cents] { cents += s.process(o); });
            wg.wait();
            const double concurrent = watch.milliseconds();
            s.print("all at once", cents);
            guide::note("%.0f ms against %.0f ms: %.1f times as fast\n", sequential, concurrent,
                        sequential / concurrent);
        }
        return 0;
    });
}
// Output:
// one after the other: 5 orders shipped, 514.70 earned; left: 5 chairs 4 lamps
// all at once: 5 orders shipped, 514.70 earned; left: 5 chairs 4 lamps
