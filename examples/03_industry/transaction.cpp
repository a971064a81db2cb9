// examples/03_industry/transaction.cpp — a bank's transfer: four checks at once within three seconds, then the commit.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "Fintech: Monzo Bank", processTransaction. Its Go returns at the first failure or at the
// deadline while the other checks run on, and commits on the word of a check that may have become wrong
// meanwhile: of two transfers that were both checked, the second may find the account empty. Here the checks are
// over when the group is, and the commit looks at the balance again, under the lock.
#include <atomic>
#include <cstdio>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>

#include "../common/guide.hpp"

namespace {

struct transfer {
    std::string from;
    std::string to;
    int amount;
};

class bank {
public:
    int balance(const std::string& who) const {
        const std::lock_guard guard(mutex_);
        const auto found = balances_.find(who);
        if (found == balances_.end()) throw std::runtime_error("no account of " + who);
        return found->second;
    }
    int sent_today(const std::string& who) const {
        const std::lock_guard guard(mutex_);
        const auto found = sent_.find(who);
        return found != sent_.end() ? found->second : 0;
    }
    void commit(const transfer& t) {
        const std::lock_guard guard(mutex_);
        if (balances_.at(t.from) < t.amount) throw std::runtime_error("insufficient funds");
        balances_.at(t.from) -= t.amount;
        balances_.at(t.to) += t.amount;
        sent_[t.from] += t.amount;
    }

private:
    mutable runnel::mutex mutex_;
    std::map<std::string, int> balances_{
        {"ada", 300}, {"bob", 50}, {"eve", 900}, {"mallory", 0}};  // guarded by mutex_
    std::map<std::string, int> sent_;                              // guarded by mutex_
};

constexpr int daily_limit = 500;
const std::set<std::string> sanctioned{"mallory"};

// [process]
/// The services behind the checks take their time; one may be stuck.
void process(bank& b, const transfer& t, std::chrono::microseconds limit,
             std::chrono::microseconds fraud_takes = guide::seconds(0.2)) {
    const auto ctx = runnel::with_timeout(runnel::background(), limit);
    runnel::group checks(ctx);
    checks.go([&] {
        guide::wait(checks.context(), guide::seconds(0.1));
        if (b.balance(t.from) < t.amount) throw std::runtime_error("insufficient funds");
    });
    checks.go([&] {
        guide::wait(checks.context(), fraud_takes);
        if (t.from == t.to) throw std::runtime_error("a transfer in a circle");
    });
    checks.go([&] {
        guide::wait(checks.context(), guide::seconds(0.1));
        if (b.sent_today(t.from) + t.amount > daily_limit) {
            throw std::runtime_error("over the daily limit");
        }
    });
    checks.go([&] {
        guide::wait(checks.context(), guide::seconds(0.1));
        if (sanctioned.contains(t.to)) throw std::runtime_error(t.to + " may not be paid");
    });
    checks.wait();
    b.commit(t);
}
// [/process]

template <class... More>
void attempt(bank& b, const transfer& t, std::chrono::microseconds limit, More... more) {
    std::printf("%d from %s to %s: ", t.amount, t.from.c_str(), t.to.c_str());
    try {
        process(b, t, limit, more...);
        std::puts("done");
    } catch (const std::exception& e) {
        std::puts(e.what());
    }
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        bank b;
        attempt(b, {"eve", "bob", 400}, guide::far_away);
        attempt(b, {"bob", "ada", 451}, guide::far_away);
        attempt(b, {"eve", "ada", 101}, guide::far_away);
        attempt(b, {"eve", "eve", 1}, guide::far_away);
        attempt(b, {"ada", "mallory", 5}, guide::far_away);
        attempt(b, {"ada", "bob", 5}, guide::seconds(3), guide::stuck);

        // Fifty at once, of an account that has enough for thirty: all pass the checks, thirty the commit.
        std::atomic<int> done{0};
        std::atomic<int> refused{0};
        runnel::wait_group wg;
        const guide::stopwatch watch;
        for (int i = 0; i < 50; ++i) {
            wg.go([&] {
                try {
                    process(b, {"ada", "bob", 10}, guide::far_away);
                    ++done;
                } catch (const std::exception&) {
                    ++refused;
                }
            });
        }
        wg.wait();
        guide::note("50 transfers in %.0f ms\n", watch.milliseconds());
        std::printf("50 times 10 from ada: %d done, %d refused\n", done.load(), refused.load());
        std::printf("ada %d, bob %d, eve %d\n", b.balance("ada"), b.balance("bob"),
                    b.balance("eve"));
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// 400 from eve to bob: done
// 451 from bob to ada: insufficient funds
// 101 from eve to ada: over the daily limit
// 1 from eve to eve: a transfer in a circle
// 5 from ada to mallory: mallory may not be paid
// 5 from ada to bob: context deadline exceeded
// 50 times 10 from ada: 30 done, 20 refused
// ada 0, bob 750, eve 500
// goroutines left: 0
