// examples/excel_to_db/serve.cpp — the service as a command: its database, its log, its end.
// SPDX-License-Identifier: BSL-1.0
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <mutex>
#include <runnel/blocking.hpp>
#include <runnel/mutex.hpp>
#include <string>

#include "commands.hpp"
#include "printable.hpp"
#include "service/service.hpp"
#include "store/open_store.hpp"

namespace excel_to_db {

namespace {

// To a server, for all imports together.
constexpr std::size_t connections = 32;

// Line by line, at once, and never a reason to fail.
class line_log {
public:
    void print(const std::string& line) {
        const std::lock_guard guard(lock_);
        runnel::blocking([&] {
            std::fputs((printable(line) + "\n").c_str(), stdout);
            std::fflush(stdout);
        });
    }

private:
    runnel::mutex lock_;
};

}  // namespace

int serve(const runnel::context& ctx, const serve_command& command) {
    line_log log;
    service_options options = command.service;
    options.log = [&log](const std::string& line) { log.print(line); };

    std::unique_ptr<service> server;
    try {
        server = std::make_unique<service>(
            std::move(options),
            // Not ended by `ctx`: imports under way may go on for the time of grace.
            shared_stores(runnel::background(), command.db, command.on_conflict, connections));
    } catch (const store_error& error) {
        complain(fmt::format("database {}: {}", shown_store(command.db), error.what()));
        return exit_failed;
    } catch (const std::exception& error) {
        complain(error.what());
        return exit_failed;
    }

    const std::string address = server->address().to_string();
    log.print(
        fmt::format("listening on {}{}", address.starts_with("unix:") ? "" : "http://", address));
    const std::size_t interrupted = server->run(ctx);
    if (interrupted == 0) return exit_done;
    complain(
        fmt::format("{} import{} cancelled", interrupted, interrupted == 1 ? " was" : "s were"));
    return exit_interrupted;
}

}  // namespace excel_to_db
