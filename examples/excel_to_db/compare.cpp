// examples/excel_to_db/compare.cpp — the guide's table, measured: each method, on fresh databases.
// SPDX-License-Identifier: BSL-1.0
#include <fmt/format.h>
#include <stdlib.h>

#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.hpp"
#include "store/pg_store.hpp"
#include "store/sqlite_store.hpp"
#include "workbook/error.hpp"

namespace excel_to_db {

namespace {

class temporary_folder {
public:
    explicit temporary_folder(const std::filesystem::path& parent) {
        std::string name = (parent / "excel_to_db-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) {
            throw std::system_error(errno, std::generic_category(),
                                    "cannot make a folder in " + parent.string());
        }
        path_ = name;
    }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;
    ~temporary_folder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

struct contender {
    std::string_view name;
    import_method method;
    std::vector<import_stats> runs;

    const import_stats& median() {
        const auto middle = runs.begin() + static_cast<std::ptrdiff_t>(runs.size() / 2);
        std::nth_element(runs.begin(), middle, runs.end(),
                         [](const auto& a, const auto& b) { return a.duration < b.duration; });
        return *middle;
    }
};

// A database that nobody has used, and that is gone afterwards.
class fresh_store {
public:
    fresh_store(const runnel::context& ctx, const compare_command& command) {
        if (!command.db.empty()) {
            static unsigned count = 0;
            const std::string schema = fmt::format("excel_to_db_{}_{}", ::getpid(), ++count);
            server_ = std::make_unique<pg_store>(
                ctx, command.db, conflict_rule::none,
                pg_options{.connections = command.options.workers, .schema = schema});
            return;
        }
        folder_.emplace(command.folder.empty() ? std::filesystem::temp_directory_path()
                                               : command.folder);
        file_ = std::make_unique<sqlite_store>(folder_->path() / "businesses.db");
    }
    fresh_store(const fresh_store&) = delete;
    fresh_store& operator=(const fresh_store&) = delete;
    ~fresh_store() {
        try {
            if (server_) server_->drop_schema();
        } catch (const std::exception& error) {
            complain(fmt::format("a schema is left behind: {}", error.what()));
        }
    }

    store& get() const { return server_ ? static_cast<store&>(*server_) : *file_; }

private:
    std::optional<temporary_folder> folder_;
    std::unique_ptr<sqlite_store> file_;
    std::unique_ptr<pg_store> server_;
};

// Opening the workbook counts; opening the database does not, as in the guide.
import_report measure(const runnel::context& ctx, const compare_command& command,
                      import_method method) {
    const fresh_store db(ctx, command);
    import_options options = command.options;
    options.method = method;
    import_report report = importer(ctx, command.file, options).run(ctx, db.get(), nullptr);
    if (report.failure) std::rethrow_exception(report.failure);
    return report;
}

// The table speaks of the same rows for all: each method is held to what the first one found.
void require_agreement(const import_stats& first, const import_stats& other) {
    if (first.success_count != other.success_count || first.error_count != other.error_count) {
        throw std::runtime_error("the methods disagree about the rows");
    }
}

// What one question to the database and its answer take, at the median.
std::chrono::nanoseconds round_trip(const runnel::context& ctx, const compare_command& command) {
    const fresh_store db(ctx, command);
    std::vector<std::chrono::nanoseconds> times;
    for (int i = 0; i < 51; ++i) {
        const auto start = std::chrono::steady_clock::now();
        db.get().ping();
        times.push_back(std::chrono::steady_clock::now() - start);
    }
    std::nth_element(times.begin(), times.begin() + 25, times.end());
    return times[25];
}

std::string database_text(const runnel::context& ctx, const compare_command& command) {
    if (command.db.empty()) return "SQLite, WAL, synchronous=FULL";
    return fmt::format("PostgreSQL, round trip {}", duration_text(round_trip(ctx, command)));
}

void print_table(const compare_command& command, const std::string& database,
                 std::vector<contender>& contenders) {
    const double baseline =
        std::chrono::duration<double>(contenders.front().median().duration).count();
    fmt::print("{:<12} {:>10} {:>14} {:>9}   {}\n", "Method", "Time", "Records/sec", "Speedup",
               "Improvement");
    for (contender& each : contenders) {
        const import_stats& stats = each.median();
        const double seconds = std::chrono::duration<double>(stats.duration).count();
        const double speedup = baseline / seconds;
        const std::string improvement = &each == contenders.data() ? "baseline"
                                        : seconds <= baseline
                                            ? fmt::format("{:.0f}% faster", 100 - 100 / speedup)
                                            : fmt::format("{:.0f}% slower", 100 / speedup - 100);
        fmt::print("{:<12} {:>10} {:>14} {:>8.1f}x   {}\n", each.name,
                   duration_text(stats.duration),
                   fmt::format("{:.0f} rec/s", stats.records_per_second()), speedup, improvement);
    }
    const import_stats& stats = contenders.front().median();
    fmt::print(
        "\n{} rows: {} imported, {} rejected by each method. {} workers, batches of {};\n"
        "time includes reading the workbook; {}{}.\n",
        stats.total_records(), stats.success_count, stats.error_count, command.options.workers,
        command.options.batch_size, database,
        command.rounds > 1 ? fmt::format("; medians of {} rounds", command.rounds) : "");
}

}  // namespace

int compare_methods(const runnel::context& ctx, const compare_command& command) {
    std::vector<contender> contenders = {{"Sequential", import_method::sequential, {}},
                                         {"Concurrent", import_method::concurrent, {}},
                                         {"Batch", import_method::batch, {}}};
    if (!command.db.empty()) {
        contenders.push_back({"Pipeline", import_method::pipeline, {}});
        contenders.push_back({"Copy", import_method::copy, {}});
    }
    std::string database;
    try {
        database = database_text(ctx, command);
        // The rounds are interleaved, so that a slow moment of the machine strikes all methods.
        for (unsigned round = 0; round < command.rounds; ++round) {
            for (contender& each : contenders) {
                const import_report report = measure(ctx, command, each.method);
                if (report.ending == import_ending::canceled) {
                    complain("interrupted");
                    return exit_interrupted;
                }
                each.runs.push_back(report.stats);
                require_agreement(contenders.front().runs.front(), report.stats);
            }
        }
    } catch (const workbook_error& error) {
        complain(fmt::format("{}: {}", command.file.string(), error.what()));
        return exit_failed;
    } catch (const std::exception& error) {
        if (ctx.err()) {
            complain("interrupted");
            return exit_interrupted;
        }
        complain(error.what());
        return exit_failed;
    }
    print_table(command, database, contenders);
    return exit_done;
}

}  // namespace excel_to_db
