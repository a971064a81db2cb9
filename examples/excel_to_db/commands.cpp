// examples/excel_to_db/commands.cpp — generate and import: calling, explaining.
// SPDX-License-Identifier: BSL-1.0
#include "commands.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <runnel/blocking.hpp>
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <string_view>
#include <system_error>
#include <utility>

#include "printable.hpp"
#include "progress.hpp"
#include "report.hpp"
#include "store/dry_store.hpp"
#include "store/open_store.hpp"
#include "workbook/error.hpp"

namespace excel_to_db {

namespace {

// Says whose fault a failure is. Called within a catch block or with what one has kept.
std::string explain(const std::exception_ptr& failure, const import_command& command) {
    try {
        std::rethrow_exception(failure);
    } catch (const workbook_error& error) {
        return fmt::format("{}: {}", command.file.string(), error.what());
    } catch (const store_error& error) {
        return fmt::format("database {}: {}", shown_store(command.db), error.what());
    } catch (const std::exception& error) {
        return error.what();
    }
}

// What went wrong, and what that leaves.
std::string failure_text(const import_report& report, const import_command& command) {
    try {
        std::rethrow_exception(report.failure);
    } catch (const commit_unknown& error) {
        std::string text = fmt::format("database {}: {}", shown_store(command.db), error.what());
        if (command.options.all_or_nothing) return text;
        return text.append("; ").append(committed_text(report.stats));
    } catch (...) {
        return fmt::format("{}; {}", explain(std::current_exception(), command),
                           committed_text(report.stats));
    }
}

std::size_t columns_of_terminal() {
    constexpr std::size_t usual = 80;
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

// On standard error: a bar where somebody looks, else a line now and then. Nothing where nobody is to be told.
std::unique_ptr<progress_display> show_progress(const import_command& command) {
    if (command.json || command.quiet) return nullptr;
    const bool is_terminal = ::isatty(STDERR_FILENO) == 1;
    return std::make_unique<progress_display>(
        is_terminal ? progress_style::bar : progress_style::lines, columns_of_terminal(),
        [](std::string_view text) {
            runnel::blocking([&] { std::fwrite(text.data(), 1, text.size(), stderr); });
        });
}

bool same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
    std::error_code error;
    return a == b || std::filesystem::equivalent(a, b, error);
}

}  // namespace

void complain(const std::string& message) {
    fmt::print(stderr, "excel_to_db: {}\n", printable(message));
}

int generate_file(const runnel::context& ctx, const generate_command& command) {
    const auto written = runnel::make_chan<std::exception_ptr>(1);
    runnel::go([&command, written] {
        std::exception_ptr failure;
        try {
            runnel::blocking([&] { write_sample(command.file, command.sample); });
        } catch (...) {
            failure = std::current_exception();
        }
        written.send(failure);
    });

    const auto failure = written.recv(ctx);
    if (!failure) {
        // libxlsxwriter cannot be asked to stop, and closing a large workbook takes it seconds: the
        // program ends while it writes on.
        std::error_code ignored;
        std::filesystem::remove(partial_sample(command.file), ignored);
        complain("interrupted");
        std::_Exit(exit_interrupted);
    }
    try {
        if (*failure) std::rethrow_exception(*failure);
    } catch (const sample_error& error) {
        complain(fmt::format("{}: {}", command.file.string(), error.what()));
        return exit_failed;
    }
    fmt::print("{}: {} rows, {} of them too short\n", command.file.string(), command.sample.rows,
               command.sample.bad);
    return exit_done;
}

int import_file(const runnel::context& ctx, const import_command& command) {
    import_stats nothing;
    nothing.dry_run = command.dry_run;

    std::unique_ptr<progress_display> progress = show_progress(command);
    import_options options = command.options;
    if (progress) {
        options.on_progress = [&](const import_progress& now) { progress->update(now); };
    }

    // 1. Everything that can be refused is refused before anything is written.
    std::unique_ptr<importer> job;
    std::unique_ptr<rejected_csv> rejected;
    std::unique_ptr<store> db;
    try {
        job = std::make_unique<importer>(ctx, command.file, std::move(options));
        if (!command.errors.empty()) {
            if (same_file(command.errors, command.file) || same_file(command.errors, command.db)) {
                throw errors_file_error("the errors file must not be the workbook or the database");
            }
            rejected = std::make_unique<rejected_csv>(command.errors);
        }
        if (command.dry_run) {
            db = std::make_unique<dry_store>();
        } else {
            db = open_store(ctx, command.db, command.on_conflict, command.options.workers);
        }
    } catch (...) {
        if (ctx.err()) {
            if (command.json) fmt::print("{}\n", to_json(nothing));
            complain(fmt::format("interrupted; {}", committed_text(nothing)));
            return exit_interrupted;
        }
        complain(explain(std::current_exception(), command));
        return exit_failed;
    }

    // 2. Import.
    import_report report = job->run(ctx, *db, rejected.get());
    report.stats.dry_run = command.dry_run;
    progress.reset();

    // 3. Report.
    if (command.json) {
        fmt::print("{}\n", to_json(report.stats));
    } else if (!command.quiet && (report.ending == import_ending::finished ||
                                  report.ending == import_ending::refused)) {
        print_report(command, *job, report);
    }
    switch (report.ending) {
        case import_ending::refused:
            complain(
                fmt::format("the database refused {} row{}, and it was to be all or nothing; {}",
                            report.refused_count, report.refused_count == 1 ? "" : "s",
                            committed_text(report.stats)));
            return exit_failed;
        case import_ending::failed:
            complain(failure_text(report, command));
            return exit_failed;
        case import_ending::canceled:
            complain(fmt::format("interrupted; {}", committed_text(report.stats)));
            return exit_interrupted;
        case import_ending::finished:
            break;
    }
    return command.strict && report.stats.error_count > 0 ? exit_rejected : exit_done;
}

}  // namespace excel_to_db
