// examples/excel_to_db/workbook/sheet_choice.hpp — which of a workbook's sheets is meant.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace excel_to_db {

struct sheet_entry {
    std::string name;
    std::string relationship;  // where it is, in an .xlsx
    bool visible = true;
};

/// The sheet with this name, whatever its case, else the one with this number, else throws `workbook_error`. Without a
/// name: the first visible one.
const sheet_entry& choose_sheet(const std::vector<sheet_entry>& sheets, std::string_view wanted);

/// ASCII's letters as small ones.
std::string lowered(std::string_view text);

}  // namespace excel_to_db
