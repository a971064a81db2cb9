// examples/excel_to_db/workbook/ole_file.hpp — the container of an .xls workbook: a file system in a file.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace excel_to_db {

/// An OLE2 compound file, in memory. Whatever it claims, it costs no more than a few times its size.
class ole_file {
public:
    /// Throws `workbook_error` if that is none, or not a whole one.
    explicit ole_file(std::string bytes);

    bool contains(std::string_view stream) const { return find(stream) != nullptr; }
    /// Throws `workbook_error` if there is no such stream, or it leads out of the file.
    std::string read(std::string_view stream) const;

private:
    struct entry {
        std::string name;
        std::uint64_t start = 0;
        std::uint64_t size = 0;
    };

    const entry* find(std::string_view stream) const;
    std::string_view sector(std::uint64_t number) const;
    void read_allocation();
    void read_directory();
    std::string chain(std::uint64_t start, std::uint64_t size) const;
    std::string chain_to_end(std::uint64_t start) const;

    std::string bytes_;
    std::size_t sector_size_ = 512;
    std::vector<std::uint32_t> next_;  // of each sector, the one that follows
    std::vector<entry> streams_;
    entry small_streams_;  // where those are that are smaller than a sector or two
};

}  // namespace excel_to_db
