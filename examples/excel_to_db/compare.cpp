// examples/excel_to_db/compare.cpp — the guide's table, measured: three methods, fresh databases.
// SPDX-License-Identifier: BSL-1.0
#include <fmt/format.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "commands.hpp"
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

// Opening the workbook counts; opening the database does not, as in the guide.
import_report measure(const runnel::context& ctx, const compare_command& command,
                      import_method method) {
    const temporary_folder folder(command.folder.empty() ? std::filesystem::temp_directory_path()
                                                         : command.folder);
    sqlite_store db(folder.path() / "businesses.db");
    import_options options = command.options;
    options.method = method;
    import_report report = importer(ctx, command.file, options).run(ctx, db, nullptr);
    if (report.failure) std::rethrow_exception(report.failure);
    return report;
}

// The table speaks of the same rows for all: each method is held to what the first one found.
void require_agreement(const import_stats& first, const import_stats& other) {
    if (first.success_count != other.success_count || first.error_count != other.error_count) {
        throw std::runtime_error("the methods disagree about the rows");
    }
}

void print_table(const compare_command& command, std::array<contender, 3>& contenders) {
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
        "time includes reading the workbook; SQLite, WAL, synchronous=FULL{}.\n",
        stats.total_records(), stats.success_count, stats.error_count, command.options.workers,
        command.options.batch_size,
        command.rounds > 1 ? fmt::format("; medians of {} rounds", command.rounds) : "");
}

}  // namespace

int compare_methods(const runnel::context& ctx, const compare_command& command) {
    std::array<contender, 3> contenders = {{{"Sequential", import_method::sequential, {}},
                                            {"Concurrent", import_method::concurrent, {}},
                                            {"Batch", import_method::batch, {}}}};
    try {
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
    print_table(command, contenders);
    return exit_done;
}

}  // namespace excel_to_db
