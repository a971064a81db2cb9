// examples/excel_to_db/import/reasons.hpp — for what rows were rejected, and how many for each.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace excel_to_db {

struct rejected_row;

/// What all rows have in common that the database refuses with such words: without the numbers and the details of
/// the one row, "name, phone and email are those of the stored business …".
std::string kind_of_refusal(std::string_view words);

struct reason_count {
    std::string reason;
    std::uint64_t count = 0;

    friend bool operator==(const reason_count&, const reason_count&) = default;
};

/// Counts rejected rows by reason. A database may have words of its own for every row: of so many different
/// reasons the rest is put together.
class reason_counts {
public:
    static constexpr std::size_t most_reasons = 20;
    static constexpr std::string_view other_reasons = "other reasons";

    void add(const rejected_row& rejected);

    /// Of the rejected rows, how many the database refused.
    std::uint64_t refused() const { return refused_; }

    /// The most frequent first, and of equal ones the earliest; the rest at the end.
    std::vector<reason_count> sorted() const;

private:
    std::vector<reason_count> counts_;  // in the order in which they came
    std::uint64_t others_ = 0;
    std::uint64_t refused_ = 0;
};

}  // namespace excel_to_db
