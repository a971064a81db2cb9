// examples/excel_to_db/workbook/zip_archive.hpp — the zip file that an .xlsx is.
// SPDX-License-Identifier: BSL-1.0
//
//   libzip finds the entries and hands over their raw bytes; inflating is done here with zlib,
//   because only then can the bytes that went in and came out be counted as they pass.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <runnel/mutex.hpp>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "workbook/limits.hpp"

struct zip;
struct zip_file;

namespace excel_to_db {

class zip_archive;

/// One entry being read from its beginning to its end, once. Refers to its archive. Used by one goroutine at a time;
/// several entries of an archive may be used at once.
class zip_entry {
public:
    zip_entry(zip_entry&&) noexcept;
    ~zip_entry();

    const std::string& name() const { return name_; }

    /// Fills as much of `out` as there is; 0 at the end, where the checksum has been compared.
    /// The file is read inside `runnel::blocking`.
    std::size_t read(std::span<char> out);

    /// How much of it has been used up, from 0 to 1, as far as the archive's directory tells.
    double fraction_read() const;

private:
    friend class zip_archive;
    struct inflater;

    zip_entry(zip_archive& archive, std::string name, std::uint64_t index);
    std::size_t read_stored(std::span<char> out);
    std::size_t read_deflated(std::span<char> out);
    std::size_t read_raw(std::span<char> out);
    void count(std::size_t produced);

    struct close_file {
        void operator()(zip_file* file) const;
    };

    zip_archive* archive_;
    std::string name_;
    std::unique_ptr<zip_file, close_file> file_;
    std::unique_ptr<inflater> inflater_;  // null for a stored entry
    std::uint64_t compressed_size_ = 0;   // as the directory has it: it may lie
    std::uint64_t consumed_ = 0;
    std::uint64_t produced_ = 0;
    std::uint32_t checksum_ = 0;
    std::uint32_t expected_checksum_ = 0;
    bool ended_ = false;
};

class zip_archive {
public:
    zip_archive(const std::filesystem::path& file, const workbook_limits& limits);
    zip_archive(const zip_archive&) = delete;
    zip_archive& operator=(const zip_archive&) = delete;
    ~zip_archive();

    /// Part names match whatever their case, slashes or leading slash.
    bool contains(std::string_view part) const;
    zip_entry open(std::string_view part);

    const workbook_limits& limits() const { return limits_; }

private:
    friend class zip_entry;

    struct discard {
        void operator()(zip* archive) const;
    };

    workbook_limits limits_;
    std::unique_ptr<zip, discard> archive_;
    std::unordered_map<std::string, std::uint64_t> index_;
    runnel::mutex in_libzip_;                 // its entries share the file, and its place in it
    std::atomic<std::uint64_t> inflated_{0};  // by all entries together
};

}  // namespace excel_to_db
