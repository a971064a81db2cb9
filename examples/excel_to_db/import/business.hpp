// examples/excel_to_db/import/business.hpp — what a row is imported as: the guide's model.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace excel_to_db {

/// The columns that come from the sheet, in the order of the guide's model.
inline constexpr std::array<std::string_view, 9> business_columns = {
    "name", "category", "phone", "email", "address", "city", "country", "website", "description"};

inline constexpr std::size_t name_column = 0;
inline constexpr std::size_t phone_column = 2;
inline constexpr std::size_t email_column = 3;

/// One business as views into the row it was read from, which must outlive it.
struct business {
    std::array<std::string_view, business_columns.size()> fields;
};

}  // namespace excel_to_db
