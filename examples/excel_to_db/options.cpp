// examples/excel_to_db/options.cpp — the command line, described to CLI11.
// SPDX-License-Identifier: BSL-1.0
#include "options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>

#include "import/methods.hpp"

namespace excel_to_db {

namespace {

const std::map<std::string, import_method> methods = [] {
    std::map<std::string, import_method> all;
    for (const named_method& each : import_methods) all.emplace(each.name, each.method);
    return all;
}();
const std::map<std::string, conflict_rule> rules = {
    {"none", conflict_rule::none},
    {"skip", conflict_rule::skip},
    {"update", conflict_rule::update},
    {"error", conflict_rule::error},
};

void add_reading_options(CLI::App& app, import_options& options) {
    app.add_option("--sheet", options.sheet, "sheet by name or number (default: first visible)");
    app.add_option("--workers", options.workers,
                   "goroutines of the concurrent method, and connections to a server at most")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{10'000}));
    app.add_option("--batch-size", options.batch_size, "rows in one INSERT of the batch method")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, max_batch_size));
    app.add_flag("--pad-short", options.checks.pad_short,
                 "complete rows that lack their last cells instead of rejecting them");
    app.add_flag("--check-formats", options.checks.check_formats,
                 "reject rows whose email or website does not look like one, instead of warning");
}

void add_writing_options(CLI::App& app, import_options& options, conflict_rule& on_conflict) {
    app.add_option("--on-conflict", on_conflict,
                   "a row whose name, phone and email are stored already is inserted "
                   "(none), left out (skip), used to update (update) or rejected (error)")
        ->transform(CLI::CheckedTransformer(rules, CLI::ignore_case))
        ->default_str("none");
    app.add_option("--max-errors", options.max_errors,
                   "give up when more rows than this are rejected");
    app.add_flag("--all-or-nothing", options.all_or_nothing,
                 "store all rows in one transaction, or none if the database refuses one");
}

void add_seconds(CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
                 const std::string& what) {
    app.add_option_function<double>(
           name,
           [&value](double seconds) {
               value = std::chrono::milliseconds(std::llround(seconds * 1000));
           },
           what)
        ->check(CLI::Range(0.001, 1e6))
        ->type_name("SECONDS")
        ->default_str(fmt::format("{}", std::chrono::duration<double>(value).count()));
}

template <class Size>
void add_size(CLI::App& app, const std::string& name, Size& value, const std::string& what) {
    app.add_option(name, value, what)
        ->transform(CLI::AsSizeValue(false))
        ->type_name("SIZE")
        ->capture_default_str();
}

void add_service_options(CLI::App& app, service_options& service) {
    app.add_option("--listen", service.address, "host:port or unix:/path; :8080 is every interface")
        ->capture_default_str();
    app.add_option("--spool", service.spool, "where uploads wait (default: the temporary folder)")
        ->check(CLI::ExistingDirectory);
    add_size(app, "--max-upload", service.max_upload, "the largest file that may be uploaded");
    add_size(app, "--max-inflated", service.import.limits.inflated_bytes,
             "the most that a workbook may inflate to");
    app.add_option("--max-rows", service.import.limits.rows, "the last row that a sheet may have")
        ->capture_default_str();
    app.add_option("--host-name", service.host_names,
                   "a name by which browsers call the service, beside its addresses and localhost");
    app.add_option("--max-imports", service.max_imports, "imports at once")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{1000}));
    app.add_option("--max-uploads", service.max_uploads, "files being uploaded at once")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{1000}));
    app.add_option("--max-per-client", service.max_per_client,
                   "uploads and imports of one address at once; 0 for no limit")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{0}, std::size_t{1000}));
    app.add_option("--max-connections", service.max_connections, "connections at once")
        ->capture_default_str()
        ->check(CLI::Range(std::size_t{1}, std::size_t{100'000}));
    app.add_option("--max-header", service.http.header_bytes, "bytes of a request's header")
        ->capture_default_str()
        ->check(CLI::Range(1024U, 32'768U));
    add_seconds(app, "--header-timeout", service.http.header_time,
                "for a request's header to come");
    add_seconds(app, "--body-timeout", service.http.body_time, "for a request's body to come");
    add_seconds(app, "--import-timeout", service.import_time, "for an import");
    add_seconds(app, "--grace", service.grace, "for what is under way when the service is ended");
}

}  // namespace

any_command parse_options(int argc, const char* const* argv) {
    CLI::App app("Imports business listings from an Excel sheet into SQLite or PostgreSQL.",
                 "excel_to_db");
    app.require_subcommand(1);
    app.footer(
        "Exit status: 0 done, 1 failed, 2 wrong usage, 3 rows rejected under --strict,\n"
        "130 interrupted.");

    generate_command generate;
    CLI::App* on_generate = app.add_subcommand("generate", "write a sample workbook");
    on_generate->add_option("file", generate.file, "the .xlsx file to write")->required();
    on_generate->add_option("--rows", generate.sample.rows, "rows below the header")
        ->capture_default_str();
    on_generate->add_option("--bad", generate.sample.bad, "how many of them lack cells")
        ->capture_default_str();
    on_generate->add_flag("--constant-memory", generate.sample.constant_memory,
                          "write rows as they are made, without a table of shared texts");

    import_command import;
    CLI::App* on_import = app.add_subcommand("import", "import a workbook into a database");
    on_import->add_option("file", import.file, "the workbook (.xlsx or .xls)")->required();
    on_import->add_option("--db", import.db,
                          "an SQLite file, made if missing, or postgres://user@host/database");
    on_import->add_flag("--dry-run", import.dry_run,
                        "read, check and report, but store nothing: no database is needed");
    on_import
        ->add_option("--method", import.options.method,
                     "sequential, concurrent, batch, pipeline or copy")
        ->transform(CLI::CheckedTransformer(methods, CLI::ignore_case))
        ->default_str("batch");
    add_reading_options(*on_import, import.options);
    add_writing_options(*on_import, import.options, import.on_conflict);
    on_import->add_option("--errors", import.errors, "write the rejected rows to this CSV file");
    on_import->add_flag("--json", import.json, "print nothing but the statistics, as JSON");
    on_import->add_flag("-q,--quiet", import.quiet, "print nothing but failures");
    on_import->add_flag("--strict", import.strict, "exit with 3 if any row was rejected");

    compare_command compare;
    CLI::App* on_compare =
        app.add_subcommand("compare", "import by each method into a fresh database; print times");
    on_compare->add_option("file", compare.file, "the workbook (.xlsx or .xls)")->required();
    on_compare->add_option("--folder", compare.folder,
                           "where the databases are made (default: the temporary folder)");
    on_compare->add_option(
        "--db", compare.db,
        "compare on this PostgreSQL server (postgres://…), in schemas of their own");
    on_compare->add_option("--rounds", compare.rounds, "measure so many times, show the medians")
        ->capture_default_str()
        ->check(CLI::Range(1U, 1000U));
    add_reading_options(*on_compare, compare.options);

    serve_command serve;
    CLI::App* on_serve = app.add_subcommand("serve", "import what is uploaded over HTTP");
    on_serve
        ->add_option("--db", serve.db,
                     "an SQLite file, made if missing, or postgres://user@host/database")
        ->required();
    add_service_options(*on_serve, serve.service);
    add_reading_options(*on_serve, serve.service.import);
    add_writing_options(*on_serve, serve.service.import, serve.on_conflict);

    try {
        app.parse(argc, argv);
    } catch (const CLI::CallForHelp&) {
        for (const CLI::App* sub : app.get_subcommands()) return help_command{sub->help()};
        return help_command{app.help()};
    } catch (const CLI::ParseError& error) {
        throw usage_error(error.what());
    }
    if (on_generate->parsed()) return generate;
    if (on_import->parsed()) {
        if (import.db.empty() && !import.dry_run) {
            throw usage_error("--db is required, or --dry-run");
        }
        return import;
    }
    if (on_serve->parsed()) return serve;
    return compare;
}

}  // namespace excel_to_db
