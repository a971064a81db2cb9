// examples/excel_to_db/service/imports.cpp — running an import, and saying what became of it.
// SPDX-License-Identifier: BSL-1.0
#include "service/imports.hpp"

#include <fmt/format.h>

#include <exception>
#include <mutex>
#include <random>
#include <system_error>

#include "import/methods.hpp"
#include "import/rejected_rows.hpp"
#include "store/dry_store.hpp"
#include "workbook/error.hpp"

namespace excel_to_db {

namespace {

// 128 bits that cannot be guessed: who knows an import's id may read its rows and cancel it.
std::string random_id() {
    std::random_device random;
    std::string id;
    for (int i = 0; i < 4; ++i) id += fmt::format("{:08x}", random());
    return id;
}

void explain(const std::exception_ptr& failure, import_status& status) {
    const auto say = [&](import_fault fault, std::string text) {
        status.fault = fault;
        status.message = std::move(text);
    };
    try {
        std::rethrow_exception(failure);
    } catch (const workbook_too_large& error) {
        say(import_fault::too_large, fmt::format("the workbook {}", error.what()));
    } catch (const workbook_error& error) {
        say(import_fault::workbook, fmt::format("the file {}", error.what()));
    } catch (const too_many_errors& error) {
        say(import_fault::too_many_errors, error.what());
    } catch (const commit_unknown& error) {
        say(import_fault::database, fmt::format("database: {}", error.what()));
    } catch (const store_error& error) {
        say(import_fault::database, fmt::format("database: {}", error.what()));
    } catch (const std::exception& error) {
        say(import_fault::service, error.what());
    }
}

std::string_view stop_text(stop_reason reason) {
    switch (reason) {
        case stop_reason::client_gone:
            return "the client has gone";
        case stop_reason::too_long:
            return "the import has taken too long";
        case stop_reason::shutting_down:
            return "the service is shutting down";
        case stop_reason::asked:
        case stop_reason::none:
            break;
    }
    return "the import was cancelled";
}

}  // namespace

// ---- 1. one import ----

import_job::import_job(std::string id, import_request request, const runnel::context& parent,
                       std::chrono::milliseconds limit)
    : id_(std::move(id)),
      request_(std::move(request)),
      context_(runnel::with_timeout(parent, limit)) {}

void import_job::cancel(stop_reason reason) {
    auto none = stop_reason::none;
    reason_.compare_exchange_strong(none, reason);
    context_.cancel();
}

stop_reason import_job::why_stopped() const {
    const stop_reason told = reason_.load();
    if (told != stop_reason::none) return told;
    return context_.err() == runnel::errc::deadline_exceeded ? stop_reason::too_long
                                                             : stop_reason::shutting_down;
}

std::shared_ptr<const spool_file> import_job::errors() const {
    const std::lock_guard guard(lock_);
    return errors_;
}

// ---- 2. all of them ----

import_registry::import_registry(const service_options& options, store_opener open,
                                 runnel::context parent)
    : options_(options),
      open_(std::move(open)),
      parent_(std::move(parent)),
      places_(static_cast<std::ptrdiff_t>(options.max_imports)) {}

std::optional<import_registry::place> import_registry::take_place() {
    if (!places_.try_acquire()) return std::nullopt;
    return place(places_);
}

std::shared_ptr<import_job> import_registry::add(import_request request) {
    auto job = std::make_shared<import_job>(random_id(), std::move(request), parent_,
                                            options_.import_time);
    const std::lock_guard guard(lock_);
    jobs_.emplace(job->id(), job);
    return job;
}

std::shared_ptr<import_job> import_registry::find(const std::string& id) const {
    const std::lock_guard guard(lock_);
    const auto found = jobs_.find(id);
    return found == jobs_.end() ? nullptr : found->second;
}

std::size_t import_registry::under_way() const {
    const std::lock_guard guard(lock_);
    return jobs_.size() - ended_.size();
}

void import_registry::retire(const import_job& job) {
    std::vector<std::shared_ptr<import_job>> forgotten;  // destroyed without the lock
    const std::lock_guard guard(lock_);
    ended_.push_back(job.id());
    while (ended_.size() > options_.kept_imports) {
        forgotten.push_back(std::move(jobs_.extract(ended_.front()).mapped()));
        ended_.pop_front();
    }
}

void import_registry::run(import_job& job, const spool_file& upload) {
    import_status status;
    try {
        status = perform(job, upload);
    } catch (...) {
        // Nothing has been committed. What was interrupted may have failed because of that.
        status.state = job.context_.err() ? import_state::canceled : import_state::failed;
        if (!job.context_.err()) explain(std::current_exception(), status);
    }
    if (status.state == import_state::canceled) {
        status.stopped = job.why_stopped();
        status.message = stop_text(status.stopped);
    }
    const import_stats& stats = status.progress.stats;
    if (status.state != import_state::finished) {
        status.message += job.request().dry_run
                              ? std::string("; nothing is stored by a dry run")
                              : fmt::format("; {} row{} committed", stats.success_count,
                                            stats.success_count == 1 ? " is" : "s are");
    }
    options_.log(fmt::format("import {} ({}): {} rows, {} imported, {} rejected, {}{}{}", job.id(),
                             method_name(job.request().method), stats.total_records(),
                             stats.success_count, stats.error_count, duration_text(stats.duration),
                             status.message.empty() ? "" : ": ", status.message));
    retire(job);
    job.status_.set(std::move(status));
}

import_status import_registry::perform(import_job& job, const spool_file& upload) {
    import_options options = options_.import;
    options.method = job.request().method;
    options.all_or_nothing = options.all_or_nothing || job.request().all_or_nothing;
    options.limits.spool = options_.spool;
    if (!job.request().sheet.empty()) options.sheet = job.request().sheet;
    options.on_progress = [&job](const import_progress& now) {
        job.status_.update([&](import_status& status) { status.progress = now; });
    };

    importer work(job.context_, upload.path(), std::move(options));
    job.status_.update([&](import_status& status) { status.sheet = work.sheet_name(); });
    const std::unique_ptr<store> db =
        job.request().dry_run ? std::make_unique<dry_store>() : open_(job.context_);
    auto errors = std::make_shared<spool_file>(options_.spool);
    rejected_csv rejected(errors->path(), options_.errors_bytes);
    const import_report report = work.run(job.context_, *db, &rejected);
    {
        const std::lock_guard guard(job.lock_);
        job.errors_ = std::move(errors);
    }

    import_status status;
    status.progress.stats = report.stats;
    status.progress.stats.dry_run = job.request().dry_run;
    status.progress.fraction =
        report.ending == import_ending::finished ? 1 : job.status().progress.fraction;
    status.sheet = work.sheet_name();
    status.skipped_count = report.skipped_count;
    for (const rejected_row& each : report.first_rejected) {
        status.first_rejected.emplace_back(each.row.number(), each.reason);
    }
    status.reasons = report.reasons;
    status.errors_truncated = rejected.truncated();
    switch (report.ending) {
        case import_ending::finished:
            status.state = import_state::finished;
            break;
        case import_ending::canceled:
            status.state = import_state::canceled;
            break;
        case import_ending::refused:
            status.state = import_state::failed;
            status.fault = import_fault::refused;
            status.message =
                fmt::format("the database refused {} row{}, and it was to be all or nothing",
                            report.refused_count, report.refused_count == 1 ? "" : "s");
            break;
        case import_ending::failed:
            status.state = import_state::failed;
            explain(report.failure, status);
            break;
    }
    return status;
}

}  // namespace excel_to_db
