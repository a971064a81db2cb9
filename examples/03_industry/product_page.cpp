// examples/03_industry/product_page.cpp — a page of a marketplace: four questions at once, as slow as the slowest.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "E-Commerce: Etsy", fetchProductPage. Its Go has no context: after the first error it returns, and
// the other calls go on writing into variables that nobody reads. Here they end with the group, before the page
// that they write to is given away or dropped.
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "../common/guide.hpp"

namespace {

struct product {
    std::string title;
    std::string kind;
    int cents;
};
struct review {
    int stars;
    std::string words;
};

const std::map<int, product> catalogue{{1, {"oak bowl", "bowls", 35'00}},
                                       {2, {"ash bowl", "bowls", 29'00}},
                                       {3, {"wool hat", "hats", 22'00}},
                                       {4, {"elm bowl", "bowls", 41'00}}};
const std::multimap<int, review> reviews{{1, {5, "lovely"}}, {1, {4, "smaller than I thought"}}};
const std::map<int, int> stock{{1, 3}, {2, 0}, {3, 12}};

struct rating {
    double stars = 0;
    int reviews = 0;
};
struct page {
    product details;
    rating liked;
    std::vector<std::string> similar;
    int in_stock = 0;
};

/// How long each of the four services takes.
struct latencies {
    std::chrono::microseconds details = guide::seconds(0.8);
    std::chrono::microseconds reviews = guide::seconds(0.7);
    std::chrono::microseconds similar = guide::seconds(0.6);
    std::chrono::microseconds inventory = guide::seconds(0.4);
};

product details_of(const runnel::context& ctx, int id, const latencies& take) {
    guide::wait(ctx, take.details);
    const auto found = catalogue.find(id);
    if (found == catalogue.end()) throw std::runtime_error("no product " + std::to_string(id));
    return found->second;
}
rating rating_of(const runnel::context& ctx, int id, const latencies& take) {
    guide::wait(ctx, take.reviews);
    rating r;
    const auto [first, last] = reviews.equal_range(id);
    for (auto each = first; each != last; ++each) {
        r.stars += each->second.stars;
        ++r.reviews;
    }
    if (r.reviews > 0) r.stars /= r.reviews;
    return r;
}
std::vector<std::string> similar_to(const runnel::context& ctx, int id, const latencies& take) {
    guide::wait(ctx, take.similar);
    std::vector<std::string> titles;
    const auto found = catalogue.find(id);
    if (found == catalogue.end()) return titles;  // details_of will say so
    for (const auto& [other, o] : catalogue) {
        if (other != id && o.kind == found->second.kind) titles.push_back(o.title);
    }
    return titles;
}
int stock_of(const runnel::context& ctx, int id, const latencies& take) {
    guide::wait(ctx, take.inventory);
    const auto found = stock.find(id);
    if (found != stock.end()) return found->second;
    if (catalogue.contains(id)) throw std::runtime_error("the inventory does not know it");
    return 0;
}

// [fetch]
page fetch(const runnel::context& parent, int id, const latencies& take) {
    page p;
    runnel::group calls(parent);  // gone, with all its goroutines, before the page
    const auto& ctx = calls.context();
    calls.go([&] { p.details = details_of(ctx, id, take); });
    calls.go([&] { p.liked = rating_of(ctx, id, take); });
    calls.go([&] { p.similar = similar_to(ctx, id, take); });
    calls.go([&] { p.in_stock = stock_of(ctx, id, take); });
    calls.wait();  // throws the first failure
    return p;
}
// [/fetch]

void show(int id, std::chrono::microseconds limit, const latencies& take = {}) {
    const auto ctx = runnel::with_timeout(runnel::background(), limit);
    const guide::stopwatch watch;
    std::printf("%d: ", id);
    try {
        const page p = fetch(ctx, id, take);
        std::printf("%s, %d.%02d, %.1f stars of %d, %d in stock; similar:", p.details.title.c_str(),
                    p.details.cents / 100, p.details.cents % 100, p.liked.stars, p.liked.reviews,
                    p.in_stock);
        for (const std::string& title : p.similar) std::printf(" %s", title.c_str());
        std::puts("");
    } catch (const std::exception& e) {
        std::puts(e.what());
    }
    guide::note("%.1f ms\n", watch.milliseconds());
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        show(1, guide::far_away);
        show(3, guide::far_away);
        show(4, guide::far_away);
        show(5, guide::far_away);
        latencies stuck;
        stuck.similar = guide::stuck;
        show(1, guide::seconds(1), stuck);
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// 1: oak bowl, 35.00, 4.5 stars of 2, 3 in stock; similar: ash bowl elm bowl
// 3: wool hat, 22.00, 0.0 stars of 0, 12 in stock; similar:
// 4: the inventory does not know it
// 5: no product 5
// 1: context deadline exceeded
// goroutines left: 0
