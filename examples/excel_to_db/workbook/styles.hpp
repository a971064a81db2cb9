// examples/excel_to_db/workbook/styles.hpp — which cell formats show a number as a date.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "workbook/cell_text.hpp"
#include "workbook/zip_archive.hpp"

namespace excel_to_db {

/// The look of a number under a format that every workbook knows without declaring it.
number_look look_of_builtin(unsigned id);

/// The look of a number under a format code such as `yyyy-mm-dd`.
number_look look_of_format(std::string_view code);

class cell_styles {
public:
    cell_styles() = default;  // a workbook without styles: every number is a number
    cell_styles(zip_archive& zip, std::string_view part);

    number_look look(std::size_t style) const {
        return style < looks_.size() ? looks_[style] : number_look::number;
    }

private:
    std::vector<number_look> looks_;  // by the index that a cell's `s` names
};

}  // namespace excel_to_db
