// examples/excel_to_db/import/run.hpp — what the goroutines of one import share.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/mutex.hpp>
#include <string>
#include <utility>
#include <vector>

#include "import/importer.hpp"
#include "import/reasons.hpp"

namespace excel_to_db {

/// The rows of the sheet below the header, blank ones left out. Used by one goroutine.
class row_feed {
public:
    row_feed(row_source& source, sheet_row first, std::uint64_t skipped)
        : source_(source), first_(std::move(first)), skipped_(skipped) {}

    bool next(sheet_row& row);

    std::uint64_t skipped() const { return skipped_; }

    /// How many rows `next` has given, and whether there are no more.
    std::uint64_t given() const { return given_; }
    bool ended() const { return ended_; }

    /// How much of the sheet has been read; any goroutine may ask.
    double fraction_read() const {
        return fraction_.load(std::memory_order_relaxed);  // relaxed: a figure to be shown
    }

private:
    row_source& source_;
    std::optional<sheet_row> first_;
    std::uint64_t skipped_;
    std::uint64_t given_ = 0;
    bool ended_ = false;
    std::atomic<double> fraction_{0};  // written by `next`
};

/// A few successive rows on their way through an import, numbered from 0 in the sheet's order.
struct piece {
    std::uint64_t sequence = 0;
    std::vector<sheet_row> rows;         // to be stored
    std::vector<rejected_row> rejected;  // found faulty before
};

/// What has become of a piece. Rows that are neither committed nor rejected were never settled,
/// because the import was stopped.
struct outcome {
    std::uint64_t sequence = 0;
    std::uint64_t committed = 0;
    std::vector<rejected_row> rejected;  // in the sheet's order
    warning_counts warnings{};           // of the committed rows

    void reject(row_fault fault, sheet_row row) {
        rejected.push_back({std::move(fault.reason), std::move(row), fault.kind});
    }
    /// The database refuses it.
    void reject(std::string words, sheet_row row) {
        rejected.push_back({std::move(words), std::move(row)});
    }
};

/// Counts outcomes and tells rejected rows in the sheet's order, whatever the order in which they
/// come. Belongs to one goroutine: the others send it their outcomes.
class tally {
public:
    /// `told` is given the counts after each addition.
    tally(rejected_sink* sink, std::optional<std::uint64_t> max_errors,
          std::function<void(import_stats)> told)
        : sink_(sink), max_errors_(max_errors), told_(std::move(told)) {}

    /// Counts first; then throws if a rejected row cannot be told, or if there are too many.
    void add(outcome result);

    /// Tells those that waited for a piece that never came.
    void finish();

    /// What was counted as committed was rolled back, or that is not known: it counts no more.
    void take_back(bool known);

    import_stats stats;
    reason_counts reasons;
    std::vector<rejected_row> first_rejected;

private:
    void tell(const outcome& result);

    rejected_sink* sink_;
    std::optional<std::uint64_t> max_errors_;
    std::function<void(import_stats)> told_;
    std::uint64_t next_ = 0;
    std::map<std::uint64_t, outcome> early_;
};

/// The context under which an import's goroutines run, and the first failure of any of them.
class import_run {
public:
    explicit import_run(const runnel::context& parent) : context_(runnel::with_cancel(parent)) {}

    const runnel::context& context() const { return context_; }
    bool stopped() const { return static_cast<bool>(context_.err()); }

    /// Keeps the first failure, or the first that leaves something unknown; the others go on.
    void remember(std::exception_ptr failure);

    /// Keeps the first failure and stops the others.
    void fail(std::exception_ptr failure) {
        remember(std::move(failure));
        context_.cancel();
    }

    /// Calls `f`; an exception fails the run.
    template <class F>
    void guard(F&& f) {
        try {
            std::forward<F>(f)();
        } catch (...) {
            fail(std::current_exception());
        }
    }

    /// Precondition: the goroutines have ended.
    const std::exception_ptr& failure() const { return failure_; }

private:
    runnel::cancel_context context_;
    runnel::mutex mutex_;
    std::exception_ptr failure_;  // guarded by mutex_
};

/// All that a method needs. Lives until its last goroutine has ended.
struct import_task {
    import_run& run;
    row_feed& rows;
    const header_map& columns;
    const import_options& options;
    store& db;
    tally& results;

    std::optional<row_fault> find_fault(const sheet_row& row) const {
        return excel_to_db::find_fault(row, columns, options.checks);
    }
    /// Notes that the row is committed.
    void commit(const sheet_row& row, outcome& result) const {
        ++result.committed;
        // With this check on, a row that deserves one has been rejected.
        if (!options.checks.check_formats) count_warnings(row, columns, result.warnings);
    }
    std::size_t writers() const { return std::min(options.workers, db.useful_sessions()); }
    /// For the i-th of several goroutines that store: one is enough to go on, so only the first waits for its session,
    /// and the others do without if other imports have them all.
    std::unique_ptr<store_session> open_session(std::size_t i) const {
        return i == 0 ? db.open_session() : db.try_open_session();
    }
    std::size_t bulk_writers() const {
        return std::min(options.workers, db.useful_bulk_sessions());
    }
};

/// The reader of the methods that read while others write: cuts the sheet into pieces of `size`
/// rows and sends them until the sheet ends or the import is stopped; then closes the channel.
/// `take(row, piece)` puts a row into the piece. Damage is remembered, not more: the rows above
/// it are imported.
template <class Take>
void read_pieces(const import_task& task, const runnel::chan<piece>& pieces, std::size_t size,
                 Take take) {
    constexpr std::size_t max_bytes = std::size_t{1} << 20;  // cells can be long: a smaller piece
    constexpr std::size_t cell_bytes = 16;  // or many, though there is nothing in them
    const auto& ctx = task.run.context();
    piece next;
    std::size_t bytes = 0;
    try {
        sheet_row row;
        while (task.rows.next(row)) {
            bytes += row.text_bytes() + row.width() * cell_bytes;
            take(std::move(row), next);
            if (next.rows.size() + next.rejected.size() < size && bytes < max_bytes) continue;
            const std::uint64_t sequence = next.sequence;
            if (pieces.send(ctx, std::move(next)) != runnel::op_status::ok) break;
            next = piece{sequence + 1, {}, {}};
            bytes = 0;
        }
    } catch (...) {
        task.run.remember(std::current_exception());
    }
    if (!next.rows.empty() || !next.rejected.empty()) pieces.send(ctx, std::move(next));
    pieces.close();
}

/// Puts the rejected rows into the sheet's order.
void sort_rejected(outcome& result);

// The methods: each returns when all its goroutines have ended.
void import_sequentially(const import_task& task);
void import_concurrently(const import_task& task);
void import_in_batches(const import_task& task);  // by batch, pipeline or copy

}  // namespace excel_to_db
