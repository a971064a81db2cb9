// examples/03_industry/checkout.cpp — a checkout in a shop: stock, shipping and payment at once, all or nothing.
// SPDX-License-Identifier: BSL-1.0
//
//             ┌── put the goods aside ──┐
//   cart ─────┼── work out the shipping ┼──── all well: charge the card; else give everything back
//             └── reserve the money ────┘
//
// In the guide: "E-Commerce: MercadoLibre", handleCheckout. Its Go returns at the first error and leaves the
// others running, and it pays while it is not yet known whether the goods are there. Here the group cancels
// the others and waits for them, and money moves at the end only.
#include <cstdio>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include "../common/guide.hpp"

namespace {

struct cart {
    int lamps;
    std::string country;
};

/// Amounts that can be held back, and then taken or given back: goods in a warehouse, cents of a customer.
class account {
public:
    account(std::string name, int amount) : name_(std::move(name)), free_(amount) {}
    void hold(int n) {
        const std::lock_guard guard(mutex_);
        if (free_ < n) throw std::runtime_error("not enough " + name_);
        free_ -= n;
    }
    void give_back(int n) {
        const std::lock_guard guard(mutex_);
        free_ += n;
    }
    int free() const {
        const std::lock_guard guard(mutex_);
        return free_;
    }

private:
    const std::string name_;
    mutable runnel::mutex mutex_;
    int free_;  // guarded by mutex_
};

struct shop {
    account lamps{"lamps in stock", 5};
    account money{"money on the card", 150'00};
    const std::map<std::string, int> parcel{{"AR", 4'00}, {"BR", 6'00}};  // cents each
    std::chrono::microseconds bank_takes = guide::seconds(0.5);
};

/// Gives back what it holds unless it was kept.
class held {
public:
    void take(account& from, int n) {
        from.hold(n);
        from_ = &from;
        amount_ = n;
    }
    void keep() { from_ = nullptr; }
    ~held() {
        if (from_ != nullptr) from_->give_back(amount_);
    }

private:
    account* from_ = nullptr;
    int amount_ = 0;
};

// [checkout]
/// Returns the price in cents.
int checkout(const runnel::context& parent, shop& s, const cart& c,
             std::chrono::microseconds limit) {
    const auto ctx = runnel::with_timeout(parent, limit);
    const int goods = c.lamps * 19'95;
    int shipping = 0;
    held lamps;
    held money;
    runnel::group steps(ctx);  // gone, with all its goroutines, before what they write to
    steps.go([&] {
        guide::wait(steps.context(), guide::seconds(0.3));
        lamps.take(s.lamps, c.lamps);
    });
    steps.go([&] {
        guide::wait(steps.context(), guide::seconds(0.2));
        const auto found = s.parcel.find(c.country);
        if (found == s.parcel.end()) throw std::runtime_error("we do not ship to " + c.country);
        shipping = found->second;
    });
    steps.go([&] {
        guide::wait(steps.context(), s.bank_takes);
        money.take(s.money, goods);
    });
    steps.wait();  // throws the first failure
    s.money.hold(shipping);
    lamps.keep();
    money.keep();
    return goods + shipping;
}
// [/checkout]

void attempt(shop& s, const cart& c, std::chrono::microseconds limit) {
    try {
        const int price = checkout(runnel::background(), s, c, limit);
        std::printf("%d to %s: paid %d.%02d", c.lamps, c.country.c_str(), price / 100, price % 100);
    } catch (const std::exception& e) {
        std::printf("%d to %s: %s", c.lamps, c.country.c_str(), e.what());
    }
    std::printf("; left: %d lamps, %d cents\n", s.lamps.free(), s.money.free());
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        shop s;
        const guide::stopwatch watch;
        attempt(s, {2, "BR"}, guide::far_away);
        guide::note("%.0f ms, as long as its slowest step\n", watch.milliseconds());
        attempt(s, {4, "AR"}, guide::far_away);
        attempt(s, {1, "NO"}, guide::far_away);
        s.money.hold(50'00);  // spent elsewhere
        attempt(s, {3, "AR"}, guide::far_away);
        s.bank_takes = guide::stuck;
        attempt(s, {1, "AR"}, guide::seconds(3));
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// 2 to BR: paid 45.90; left: 3 lamps, 10410 cents
// 4 to AR: not enough lamps in stock; left: 3 lamps, 10410 cents
// 1 to NO: we do not ship to NO; left: 3 lamps, 10410 cents
// 3 to AR: not enough money on the card; left: 3 lamps, 5410 cents
// 1 to AR: context deadline exceeded; left: 3 lamps, 5410 cents
// goroutines left: 0
