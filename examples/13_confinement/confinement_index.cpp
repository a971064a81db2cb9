// examples/13_confinement/confinement_index.cpp — one array, and each goroutine keeps to its own element.
// SPDX-License-Identifier: BSL-1.0
//
//   orders       [o0] [o1] [o2] [o3] [o4]
//   goroutines    g0   g1   g2   g3   g4
//   results      [r0] [r1] [r2] [r3] [r4]     different elements are different objects: no lock
//
// In the guide: "Ad-hoc Confinement", processOrders. In C++ this holds for every array but std::vector<bool>, whose
// elements share bytes. The array must not grow meanwhile: it has its size before the first goroutine starts.
#include <cstdio>
#include <string>
#include <vector>

#include "../common/guide.hpp"

namespace {

struct order {
    std::string customer;
    int pieces;
    int cents_each;
};
struct result {
    std::string invoice;
    int cents = 0;
};

/// Ten pieces and more are a tenth cheaper.
result process(const order& o) {
    const int full = o.pieces * o.cents_each;
    const int cents = o.pieces >= 10 ? full - full / 10 : full;
    return {o.customer + ": " + std::to_string(o.pieces) + " pieces", cents};
}

// [orders]
std::vector<result> process_orders(const std::vector<order>& orders) {
    std::vector<result> results(orders.size());
    runnel::wait_group wg;
    for (std::size_t i = 0; i < orders.size(); ++i) {
        wg.go([&results, &orders, i] { results[i] = process(orders[i]); });
    }
    wg.wait();  // and what they wrote is visible here
    return results;
}
// [/orders]

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::vector<order> orders{{"ann", 3, 250},
                                        {"bob", 10, 199},
                                        {"cid", 1, 9900},
                                        {"dora", 12, 50},
                                        {"emil", 9, 100}};
        for (const result& r : process_orders(orders)) {
            std::printf("%s, %d.%02d\n", r.invoice.c_str(), r.cents / 100, r.cents % 100);
        }
        return 0;
    });
}
// Output:
// ann: 3 pieces, 7.50
// bob: 10 pieces, 17.91
// cid: 1 pieces, 99.00
// dora: 12 pieces, 5.40
// emil: 9 pieces, 9.00
