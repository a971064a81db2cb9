// examples/excel_to_db/import/warnings.hpp — what is odd about a row that is imported all the same.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace excel_to_db {

enum class row_warning : std::uint8_t { email, website };

struct named_warning {
    row_warning warning;
    std::string_view name;  // for programs
    std::string_view text;  // for people; the reason, where it is one for rejecting the row
};

inline constexpr std::array row_warnings = {
    named_warning{row_warning::email, "email", "the email is not an address"},
    named_warning{row_warning::website, "website", "the website is not a URL"},
};

/// How many rows were given each warning.
class warning_counts {
public:
    void add(row_warning warning) { ++counts_[static_cast<std::size_t>(warning)]; }
    warning_counts& operator+=(const warning_counts& other) {
        for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
        return *this;
    }

    std::uint64_t of(row_warning warning) const {
        return counts_[static_cast<std::size_t>(warning)];
    }

private:
    std::array<std::uint64_t, row_warnings.size()> counts_{};
};

}  // namespace excel_to_db
