// examples/excel_to_db/service/spool_file.hpp — a temporary file that nobody else can open.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>

namespace excel_to_db {

/// A file without a name: it is gone with its descriptor, however the process ends. Used by one
/// goroutine at a time; all calls do their work inside `runnel::blocking`. Throws `std::system_error`.
class spool_file {
public:
    explicit spool_file(const std::filesystem::path& folder);
    spool_file(spool_file&& other) noexcept;
    spool_file& operator=(spool_file&&) = delete;
    ~spool_file();

    void append(std::string_view bytes);

    std::uint64_t size() const;

    /// Fills as much of `out` as there is from `offset` on.
    std::size_t read_at(std::uint64_t offset, std::span<char> out) const;

    /// By which this process, and no other, can open it as long as this object lives.
    std::filesystem::path path() const;

private:
    int file_ = -1;
};

}  // namespace excel_to_db
