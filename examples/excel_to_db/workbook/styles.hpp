// examples/excel_to_db/workbook/styles.hpp — which cell formats show a number as a date.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <optional>
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

    /// The workbook names a part for its styles that is not there.
    static cell_styles missing() {
        cell_styles styles;
        styles.missing_ = true;
        return styles;
    }

    /// Nothing if it is not known: a style of those that are missing, but the first, which is always the plain one.
    std::optional<number_look> look(std::size_t style) const {
        if (missing_ && style > 0) return std::nullopt;
        return style < looks_.size() ? looks_[style] : number_look::number;
    }

private:
    bool missing_ = false;
    std::vector<number_look> looks_;  // by the index that a cell's `s` names
};

}  // namespace excel_to_db
