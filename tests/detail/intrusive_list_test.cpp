// tests/detail/intrusive_list_test.cpp — the list of waiters, against a deque.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/detail/intrusive_list.hpp>

#include <algorithm>
#include <deque>
#include <random>
#include <vector>

#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

struct node {
    node* next = nullptr;
    node* prev = nullptr;
    bool linked = false;
    int value = 0;
};
using list = runnel::detail::intrusive_list<node>;

// The whole list by its links, forwards; checks the links backwards on the way.
std::vector<int> values(const list& l) {
    std::vector<int> out;
    node* before = nullptr;
    for (node* n = l.front(); n != nullptr; before = n, n = n->next) {
        if (n->prev != before || !n->linked) return {-1};
        out.push_back(n->value);
    }
    return out;
}

TEST_CASE("an empty list has no front", "[intrusive_list]") {
    list l;
    CHECK(l.empty());
    CHECK(l.front() == nullptr);
    CHECK(l.pop_front() == nullptr);
}

TEST_CASE("nodes come out in the order they went in", "[intrusive_list]") {
    list l;
    node n[4];
    for (int i = 0; i < 4; ++i) n[i].value = i;
    l.push_back(&n[1]);
    l.push_back(&n[2]);
    l.push_front(&n[0]);
    l.push_back(&n[3]);
    CHECK(values(l) == std::vector<int>{0, 1, 2, 3});
    for (int i = 0; i < 4; ++i) {
        CHECK(l.pop_front() == &n[i]);
        CHECK_FALSE(n[i].linked);
    }
    CHECK(l.empty());
}

TEST_CASE("removing works anywhere, and twice is as good as once", "[intrusive_list][bug-08]") {
    list l;
    node n[3];
    for (int i = 0; i < 3; ++i) {
        n[i].value = i;
        l.push_back(&n[i]);
    }
    l.remove(&n[1]);
    l.remove(&n[1]);
    CHECK(values(l) == std::vector<int>{0, 2});
    l.remove(&n[2]);
    CHECK(values(l) == std::vector<int>{0});
    // Its neighbours of then are no neighbours any more.
    l.remove(&n[1]);
    CHECK(values(l) == std::vector<int>{0});
    node never;
    l.remove(&never);
    CHECK(values(l) == std::vector<int>{0});
    l.push_back(&n[1]);
    l.remove(&n[0]);
    CHECK(values(l) == std::vector<int>{1});
    l.remove(&n[1]);
    CHECK(l.empty());
}

TEST_CASE("random operations agree with a deque", "[intrusive_list]") {
    std::mt19937_64 random(test::seed());
    list l;
    std::deque<int> model;
    std::vector<node> nodes(64);
    for (int i = 0; i < 64; ++i) nodes[static_cast<std::size_t>(i)].value = i;
    const int steps = test::scale(100'000);
    int wrong = 0;
    for (int i = 0; i < steps; ++i) {
        node& n = nodes[random() % nodes.size()];
        switch (random() % 4) {
            case 0:
                if (!n.linked) {
                    l.push_back(&n);
                    model.push_back(n.value);
                }
                break;
            case 1:
                if (!n.linked) {
                    l.push_front(&n);
                    model.push_front(n.value);
                }
                break;
            case 2:
                l.remove(&n);
                model.erase(std::remove(model.begin(), model.end(), n.value), model.end());
                break;
            default: {
                const node* first = l.pop_front();
                if ((first == nullptr) != model.empty()) ++wrong;
                if (first != nullptr && !model.empty()) {
                    if (first->value != model.front()) ++wrong;
                    model.pop_front();
                }
            }
        }
        if (l.empty() != model.empty()) ++wrong;
        if (i % 64 == 0 && values(l) != std::vector<int>(model.begin(), model.end())) ++wrong;
    }
    CHECK(wrong == 0);
}

}  // namespace
