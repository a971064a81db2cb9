// examples/excel_to_db/import/run.cpp — feeding rows, and counting what became of them.
// SPDX-License-Identifier: BSL-1.0
#include "import/run.hpp"

#include <string>

namespace excel_to_db {

namespace {

constexpr std::size_t shown_rejected = 5;

bool leaves_unknown(const std::exception_ptr& failure) {
    try {
        std::rethrow_exception(failure);
    } catch (const commit_unknown&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

bool row_feed::next(sheet_row& row) {
    if (first_) {
        row = std::move(*first_);
        first_.reset();
        ++given_;
        return true;
    }
    while (source_.next(row)) {
        fraction_.store(source_.fraction_read(), std::memory_order_relaxed);
        if (!is_blank_row(row)) {
            ++given_;
            return true;
        }
        ++skipped_;
    }
    ended_ = true;
    return false;
}

void tally::add(outcome result) {
    stats.success_count += result.committed;
    stats.warnings += result.warnings;
    stats.error_count += result.rejected.size();
    for (const rejected_row& each : result.rejected) reasons.add(each);
    told_(stats);

    if (result.sequence != next_) {
        early_.emplace(result.sequence, std::move(result));
    } else {
        ++next_;
        tell(result);
        while (!early_.empty() && early_.begin()->first == next_) {
            ++next_;
            tell(early_.extract(early_.begin()).mapped());
        }
    }

    if (max_errors_ && stats.error_count > *max_errors_) {
        const std::uint64_t limit = *std::exchange(max_errors_, std::nullopt);
        throw too_many_errors("more than " + std::to_string(limit) + " rows were rejected");
    }
}

void tally::finish() {
    while (!early_.empty()) tell(early_.extract(early_.begin()).mapped());
    if (rejected_sink* const sink = std::exchange(sink_, nullptr)) sink->end();
}

void tally::take_back(bool known) {
    const std::uint64_t count = std::exchange(stats.success_count, 0);
    if (known) stats.rolled_back_count = count;
    stats.warnings = {};
    told_(stats);
}

void tally::tell(const outcome& result) {
    for (const rejected_row& rejected : result.rejected) {
        if (first_rejected.size() < shown_rejected) first_rejected.push_back(rejected);
        // A sink that has thrown is not asked again.
        if (rejected_sink* const sink = std::exchange(sink_, nullptr)) {
            sink->add(rejected);
            sink_ = sink;
        }
    }
}

void import_run::remember(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!failure_ || (leaves_unknown(failure) && !leaves_unknown(failure_))) {
        failure_ = std::move(failure);
    }
}

void sort_rejected(outcome& result) {
    std::sort(result.rejected.begin(), result.rejected.end(),
              [](const rejected_row& a, const rejected_row& b) {
                  return a.row.number() < b.row.number();
              });
}

}  // namespace excel_to_db
