// examples/excel_to_db/import/reasons.cpp — telling reasons apart, but not rows.
// SPDX-License-Identifier: BSL-1.0
#include "import/reasons.hpp"

#include <algorithm>
#include <numeric>

#include "import/rejected_rows.hpp"

namespace excel_to_db {

namespace {

constexpr std::string_view something = "…";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

std::string kind_of_refusal(std::string_view words) {
    // PostgreSQL's detail, which quotes the row.
    if (const std::size_t detail = words.find(" ("); words.ends_with(')') && detail > 0) {
        words = words.substr(0, detail);
    }
    std::string kind;
    while (!words.empty()) {
        const std::string_view word = words.substr(0, words.find(' '));
        words.remove_prefix(std::min(word.size() + 1, words.size()));
        const bool varies = !word.empty() && is_digit(word.front());
        if (varies && kind.ends_with(something)) continue;
        if (!kind.empty()) kind += ' ';
        kind += varies ? something : word;
    }
    return kind;
}

void reason_counts::add(const rejected_row& rejected) {
    std::string kind(rejected.kind);
    if (kind.empty()) {
        kind = kind_of_refusal(rejected.reason);
        ++refused_;
    }
    const auto found = std::find_if(counts_.begin(), counts_.end(),
                                    [&](const reason_count& each) { return each.reason == kind; });
    if (found != counts_.end()) {
        ++found->count;
    } else if (counts_.size() < most_reasons) {
        counts_.push_back({std::move(kind), 1});
    } else {
        ++others_;
    }
}

std::vector<reason_count> reason_counts::sorted() const {
    std::vector<std::size_t> order(counts_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [this](std::size_t a, std::size_t b) {
        return counts_[a].count != counts_[b].count ? counts_[a].count > counts_[b].count : a < b;
    });
    std::vector<reason_count> result;
    for (const std::size_t each : order) result.push_back(counts_[each]);
    if (others_ > 0) result.push_back({std::string(other_reasons), others_});
    return result;
}

}  // namespace excel_to_db
