// examples/excel_to_db/import/importer.cpp — the beginning and the end that all methods share.
// SPDX-License-Identifier: BSL-1.0
#include "import/importer.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

#include "import/run.hpp"
#include "store/transaction_store.hpp"
#include "workbook/open_workbook.hpp"

namespace excel_to_db {

namespace {

using clock = std::chrono::steady_clock;

// The next row with anything in it, or none.
std::optional<sheet_row> next_row(const runnel::context& ctx, row_source& source,
                                  std::uint64_t& skipped) {
    sheet_row row;
    while (source.next(row)) {
        if (!is_blank_row(row)) return row;
        if (const std::error_code done = ctx.err()) throw std::system_error(done);
        ++skipped;
    }
    return std::nullopt;
}

bool is_store_error(const std::exception_ptr& failure) {
    try {
        if (failure) std::rethrow_exception(failure);
    } catch (const store_error&) {
        return true;
    } catch (...) {
        return false;
    }
    return false;
}

enum class whole_ending { committed, rolled_back, unknown };

// `whole` is null if it could not even begin.
whole_ending end_transaction(import_run& run, std::unique_ptr<store_transaction> whole,
                             bool to_be_committed) {
    auto ending = whole_ending::rolled_back;
    if (!whole || !to_be_committed) return ending;
    run.guard([&] {
        try {
            whole->commit();
            ending = whole_ending::committed;
        } catch (const commit_unknown&) {
            ending = whole_ending::unknown;
            throw;
        }
    });
    return ending;
}

}  // namespace

importer::importer(const runnel::context& ctx, const std::filesystem::path& file,
                   import_options options)
    : options_(std::move(options)) {
    const auto start = clock::now();
    options_.workers = std::max<std::size_t>(options_.workers, 1);
    options_.batch_size = std::clamp<std::size_t>(options_.batch_size, 1, max_batch_size);
    source_ = open_workbook(ctx, file, options_.sheet, options_.limits);

    // Row 1 is the header whatever it says. A sheet that begins further down has a header there
    // only if one of its titles is known: no row may get lost.
    std::uint64_t above = 0;
    if (auto row = next_row(ctx, *source_, above)) {
        if (row->number() == 1 || has_known_title(*row)) {
            columns_ = header_map(*row);
            header_ = std::move(*row);
            first_ = next_row(ctx, *source_, skipped_);
        } else {
            first_ = std::move(row);
        }
    }
    if (!first_) {
        throw workbook_error("has no rows below the header in sheet \"" + sheet_name() + "\"");
    }
    opening_ = clock::now() - start;
}

import_report importer::run(const runnel::context& ctx, store& db, rejected_sink* rejected) {
    const auto start = clock::now();
    import_run run(ctx);
    row_feed rows(*source_, std::move(*first_), skipped_);
    first_.reset();
    tally results(rejected, options_.max_errors, [&](import_stats so_far) {
        if (!options_.on_progress) return;
        so_far.duration = opening_ + (clock::now() - start);
        options_.on_progress({so_far, rows.fraction_read()});
    });

    std::unique_ptr<store_transaction> whole;
    run.guard([&] {
        if (rejected != nullptr) rejected->begin(header_);
        std::optional<transaction_store> one;
        if (options_.all_or_nothing) {
            whole = db.begin();
            one.emplace(*whole);
        }
        const import_task task{run, rows, columns_, options_, one ? *one : db, results};
        switch (options_.method) {
            case import_method::sequential:
                import_sequentially(task);
                break;
            case import_method::concurrent:
                import_concurrently(task);
                break;
            case import_method::batch:
            case import_method::pipeline:
            case import_method::copy:
                import_in_batches(task);
                break;
        }
    });
    run.guard([&] { results.finish(); });

    const bool complete = rows.ended() && rows.given() == results.stats.total_records();
    const bool refused = options_.all_or_nothing && results.reasons.refused() > 0;
    bool undone = false;
    if (options_.all_or_nothing) {
        const whole_ending ending =
            end_transaction(run, std::move(whole), complete && !refused && !run.failure());
        undone = ending != whole_ending::committed;
        if (undone) results.take_back(ending == whole_ending::rolled_back);
    }

    import_report report;
    report.stats = results.stats;
    report.stats.duration = opening_ + (clock::now() - start);
    report.skipped_count = rows.skipped();
    report.first_rejected = std::move(results.first_rejected);
    report.reasons = results.reasons.sorted();
    report.refused_count = results.reasons.refused();
    report.failure = run.failure();
    // Whoever waited for a locked database has given up because of the cancellation.
    if (ctx.err() && is_store_error(report.failure)) report.failure = nullptr;
    // A cancellation that came after the last row was settled has changed nothing.
    if (report.failure) {
        report.ending = import_ending::failed;
    } else if (complete && refused) {
        report.ending = import_ending::refused;
    } else if (!complete || undone) {
        report.ending = import_ending::canceled;
    }
    return report;
}

}  // namespace excel_to_db
