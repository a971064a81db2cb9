// examples/excel_to_db/workbook/shared_strings.hpp — the texts that cells name by number.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <runnel/context.hpp>
#include <string_view>

#include "workbook/text_pool.hpp"
#include "workbook/zip_archive.hpp"

namespace excel_to_db {

class shared_strings {
public:
    explicit shared_strings(const workbook_limits& limits)
        : pool_(limits.shared_bytes_in_memory, limits.spool) {}

    /// Millions of strings take seconds: throws `std::system_error` once `ctx` is done.
    void read(const runnel::context& ctx, zip_archive& zip, std::string_view part);

    std::size_t size() const { return pool_.size(); }

    /// Valid until the next call; longer than a cell may be, if the file has it so.
    /// Precondition: `i < size()`.
    std::string_view text(std::size_t i) { return pool_.at(i); }

private:
    text_pool pool_;
};

}  // namespace excel_to_db
