// tests/fuzz/excel_to_db_workbook.hpp — reading a fuzzer's bytes as a workbook.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <runnel/context.hpp>
#include <string>
#include <string_view>

#include "workbook/error.hpp"
#include "workbook/open_workbook.hpp"

namespace test {

[[noreturn]] inline void fuzz_failure(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

/// A file in memory that has a path as long as it lives.
class memory_file {
public:
    explicit memory_file(std::string_view bytes) : file_(::memfd_create("fuzz", MFD_CLOEXEC)) {
        if (::write(file_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size())) {
            fuzz_failure("no file in memory");
        }
    }
    memory_file(const memory_file&) = delete;
    memory_file& operator=(const memory_file&) = delete;
    ~memory_file() { ::close(file_); }

    std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(file_); }

private:
    int file_;
};

/// Reads it to its end, or to the sentence that says why not. Any other exception is a fault, as is a row that breaks its
/// word.
inline void read_as_workbook(std::string_view bytes) {
    using namespace excel_to_db;
    workbook_limits limits;  // small, so that many can be tried; but for that as ever
    limits.inflated_bytes = std::uint64_t{4} << 20;
    limits.xls_cells = 50'000;
    limits.shared_bytes_in_memory = 4'096;
    const memory_file file(bytes);
    try {
        const auto source = open_workbook(runnel::background(), file.path(), {}, limits);
        std::uint32_t last = 0;
        for (sheet_row row; source->next(row); last = row.number()) {
            if (row.number() <= last || row.number() > limits.rows) fuzz_failure("a row's number");
            if (row.width() > limits.columns) fuzz_failure("a row's width");
            std::size_t size = 0;
            for (std::size_t column = 0; column < row.width(); ++column) {
                if (row.kind(column) == cell_kind::shared) fuzz_failure("a text that is no text");
                size += row.text(column).size();
            }
            if (size > limits.row_bytes) fuzz_failure("a row's text");
        }
    } catch (const workbook_error& error) {
        if (std::string_view(error.what()).empty()) fuzz_failure("no sentence");
    }
}

}  // namespace test
