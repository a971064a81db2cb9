// examples/excel_to_db/import/importer.hpp — what a command line or a service calls.
// SPDX-License-Identifier: BSL-1.0
//
//   importer job{ctx, file, options};            opens the sheet; nothing is written yet
//   import_report r = job.run(ctx, db, rejected);
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <runnel/context.hpp>
#include <string>
#include <vector>

#include "import/header_map.hpp"
#include "import/reasons.hpp"
#include "import/rejected_rows.hpp"
#include "import/row_check.hpp"
#include "import/stats.hpp"
#include "store/store.hpp"
#include "workbook/limits.hpp"
#include "workbook/row.hpp"

namespace excel_to_db {

enum class import_method {
    sequential,  // one row after the other
    concurrent,  // one row at a time by each of many workers
    batch,       // many rows by one INSERT
    pipeline,    // one INSERT a row, many under way at once
    copy,        // the database's own way for many rows
};

struct import_options {
    import_method method = import_method::batch;
    std::string sheet;  // empty: the first visible one
    std::size_t workers = 16;
    std::size_t batch_size = 100;
    std::optional<std::uint64_t> max_errors;  // more rejected rows than this end the import
    bool all_or_nothing = false;  // one transaction: a row that the database refuses undoes all
    check_options checks;
    workbook_limits limits;

    /// Called whenever some rows have been settled, by one goroutine at a time. Must not throw. May be empty.
    std::function<void(const import_progress&)> on_progress;
};

/// The largest batch whose parameters SQLite and PostgreSQL both take.
inline constexpr std::size_t max_batch_size = 2'000;

enum class import_ending {
    finished,  // every row was either committed or rejected
    canceled,  // the context was cancelled; what the stats count is committed
    refused,  // all or nothing: every row was looked at, the database refused some; nothing is committed
    failed,  // `failure` says why; what the stats count is committed
};

struct import_report {
    import_stats stats;
    std::uint64_t skipped_count = 0;           // blank rows, which the stats do not count
    std::vector<rejected_row> first_rejected;  // a handful, to show
    std::vector<reason_count> reasons;         // of all that were rejected, the most frequent first
    std::uint64_t refused_count = 0;           // of those, by the database
    import_ending ending = import_ending::finished;
    std::exception_ptr failure;
};

class too_many_errors : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class importer {
public:
    /// Opens the workbook, reads its header and looks whether there is a row below it. Throws
    /// `workbook_error`, or `std::system_error` with the context's error once `ctx` is done.
    importer(const runnel::context& ctx, const std::filesystem::path& file, import_options options);

    const std::string& sheet_name() const { return source_->sheet_name(); }
    const header_map& columns() const { return columns_; }

    /// Imports the rows, once. Every row that the report counts as a success is committed, and no
    /// other one is. `rejected` may be null. Does not throw for what happens while importing: the
    /// report says it.
    import_report run(const runnel::context& ctx, store& db, rejected_sink* rejected);

private:
    import_options options_;
    std::chrono::nanoseconds opening_{0};
    std::unique_ptr<row_source> source_;
    sheet_row header_;
    header_map columns_;
    std::optional<sheet_row> first_;  // the row that was read to see that there is one
    std::uint64_t skipped_ = 0;
};

}  // namespace excel_to_db
