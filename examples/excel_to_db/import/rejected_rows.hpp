// examples/excel_to_db/import/rejected_rows.hpp — what was not imported, and its CSV.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "workbook/row.hpp"

namespace excel_to_db {

struct rejected_row {
    std::string reason;
    sheet_row row;
    std::string_view kind = {};  // of its fault, a literal; empty: the database refused the row
};

/// Takes the rejected rows of one import, in the sheet's order.
class rejected_sink {
public:
    rejected_sink() = default;
    rejected_sink(const rejected_sink&) = delete;
    rejected_sink& operator=(const rejected_sink&) = delete;
    virtual ~rejected_sink() = default;

    virtual void begin(const sheet_row& header) = 0;
    virtual void add(const rejected_row& rejected) = 0;
    virtual void end() = 0;
};

class errors_file_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Writes `sheet_row,reason,` and the original cells as CSV (RFC 4180): every record has as many as the header at least,
/// as those who read CSV expect. A cell that a spreadsheet would take for a formula (= or @ in front, or behind blanks)
/// is guarded by an apostrophe; + and - are not, for phone numbers begin with them.
class rejected_csv final : public rejected_sink {
public:
    /// Opens the file, creating it if need be; what it holds is lost only when an import begins.
    /// Throws `errors_file_error`, as every call does that cannot write. A record that would make the file larger than
    /// `room`, and all that follow it, are left out.
    explicit rejected_csv(std::filesystem::path file,
                          std::uint64_t room = std::numeric_limits<std::uint64_t>::max());

    void begin(const sheet_row& header) override;
    void add(const rejected_row& rejected) override;
    void end() override;

    /// Whether a record was left out.
    bool truncated() const { return truncated_; }

private:
    struct close_file {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };

    void append_cells(const sheet_row& row);
    void write();
    [[noreturn]] void fail(int error) const;

    std::filesystem::path path_;
    std::unique_ptr<std::FILE, close_file> file_;
    std::string pending_;
    std::size_t width_ = 0;  // of the header
    std::uint64_t room_;     // that is left, what is pending counted
    bool truncated_ = false;
};

}  // namespace excel_to_db
