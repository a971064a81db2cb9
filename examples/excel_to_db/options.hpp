// examples/excel_to_db/options.hpp — the command line, parsed.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <variant>

#include "import/importer.hpp"
#include "sample.hpp"
#include "service/options.hpp"
#include "store/store.hpp"

namespace excel_to_db {

struct generate_command {
    std::filesystem::path file;
    sample_options sample;
};

struct import_command {
    std::filesystem::path file;
    std::string db;                // a file, or postgres://…; may be empty in a dry run
    std::filesystem::path errors;  // empty: rejected rows are only counted and shown
    import_options options;
    conflict_rule on_conflict = conflict_rule::none;
    bool dry_run = false;  // no database is touched
    bool json = false;
    bool quiet = false;  // nothing but failures
    bool strict = false;
};

struct compare_command {
    std::filesystem::path file;
    std::filesystem::path folder;  // for the databases; empty: the system's temporary folder
    std::string db;                // a PostgreSQL server instead
    import_options options;
    unsigned rounds = 1;
};

struct serve_command {
    std::string db;  // a file, or postgres://…
    conflict_rule on_conflict = conflict_rule::none;
    service_options service;
};

/// The text to print for --help; the program then ends well.
struct help_command {
    std::string text;
};

using any_command =
    std::variant<generate_command, import_command, compare_command, serve_command, help_command>;

class usage_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// Throws `usage_error`.
any_command parse_options(int argc, const char* const* argv);

}  // namespace excel_to_db
