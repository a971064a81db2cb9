// examples/13_confinement/confinement_lexical.cpp — data that only one goroutine can name needs no lock.
// SPDX-License-Identifier: BSL-1.0
//
// In the guide: "Lexical Confinement", process. Its Go starts the goroutine and returns without waiting, so that it may
// never print. In C++ a lambda's capture by value is the copy: it is made before the goroutine starts, and belongs to it
// alone, whatever becomes of the original.
#include <cstdio>
#include <numeric>
#include <string>
#include <vector>

#include "../common/guide.hpp"

namespace {

std::string text(const std::vector<int>& numbers) {
    std::string s;
    for (const int n : numbers) {
        if (!s.empty()) s += ' ';
        s += std::to_string(n);
    }
    return s;
}

/// The vector lives in the goroutine, and leaves it by the channel: nobody else ever sees it half done. Only this
/// function can send on the channel or close it.
runnel::recv_chan<std::vector<int>> triangle_numbers(int rows) {
    auto out = runnel::make_chan<std::vector<int>>();
    runnel::go([out, rows] {
        std::vector<int> row;
        for (int i = 1; i <= rows; ++i) {
            row.push_back(i);
            std::vector<int> sums(row.size());
            std::partial_sum(row.begin(), row.end(), sums.begin());
            out.send(std::move(sums));  // moved: it is the receiver's from here on
        }
        out.close();
    });
    return out;
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        std::vector<int> data{1, 2, 3, 4, 5};
        auto doubled = runnel::async([own = data]() mutable {
            for (int& n : own) n *= 2;
            return own;
        });
        for (int& n : data) n = -n;  // at the same time, and no race: the other has its own
        std::printf("here: %s\n", text(data).c_str());
        std::printf("there: %s\n", text(doubled.get()).c_str());

        for (const std::vector<int>& row : triangle_numbers(4))
            std::printf("row: %s\n", text(row).c_str());
        return 0;
    });
}
// Output:
// here: -1 -2 -3 -4 -5
// there: 2 4 6 8 10
// row: 1
// row: 1 3
// row: 1 3 6
// row: 1 3 6 10
