// examples/excel_to_db/workbook/relationships.hpp — which part plays which role for another part.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "workbook/zip_archive.hpp"

namespace excel_to_db {

struct relationship {
    std::string role;  // the last word of the type's URI: the same in Strict and Transitional files
    std::string part;  // full name inside the zip
};

/// The relationships of `part` by id; of the whole package if `part` is empty. None if the part
/// has no such list.
std::unordered_map<std::string, relationship> read_relationships(zip_archive& zip,
                                                                 std::string_view part);

}  // namespace excel_to_db
