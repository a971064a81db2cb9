// examples/excel_to_db/main.cpp — importing an Excel sheet into a database, in Go's way.
// SPDX-License-Identifier: BSL-1.0
//
//   excel_to_db generate sample.xlsx --rows 10000 --bad 13
//   excel_to_db import sample.xlsx --db businesses.db --method concurrent --errors rejected.csv
//   excel_to_db compare sample.xlsx
//   excel_to_db import sample.xlsx --db postgres://me@host/database --method copy
//   excel_to_db serve --db businesses.db
//
//   The importer itself is in import/importer.hpp, and its methods in import/sequential.cpp,
//   import/concurrent.cpp and import/batch.cpp.
#include <fmt/format.h>
#include <cstdio>
#include <exception>
#include <runnel/runtime.hpp>
#include <variant>

#include "commands.hpp"
#include "interrupt.hpp"

namespace {

using namespace excel_to_db;

int run_command(const runnel::context& ctx, const any_command& what) {
    struct {
        const runnel::context& ctx;
        int operator()(const generate_command& command) const {
            return generate_file(ctx, command);
        }
        int operator()(const import_command& command) const { return import_file(ctx, command); }
        int operator()(const compare_command& command) const {
            return compare_methods(ctx, command);
        }
        int operator()(const serve_command& command) const { return serve(ctx, command); }
        int operator()(const help_command& command) const {
            fmt::print("{}", command.text);
            return exit_done;
        }
    } const execute{ctx};
    return std::visit(execute, what);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const any_command what = parse_options(argc, argv);
        const interrupt_watch interrupts;
        const int status = runnel::run([&] { return run_command(interrupts.context(), what); });
        // What is printed waits in a buffer: only now it shows that the disk or the pipe is full.
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
            complain("cannot write to standard output");
            return exit_failed;
        }
        return status;
    } catch (const usage_error& error) {
        complain(fmt::format("{} (see excel_to_db --help)", error.what()));
        return exit_usage;
    } catch (const std::exception& error) {
        complain(error.what());
        return exit_failed;
    }
}
