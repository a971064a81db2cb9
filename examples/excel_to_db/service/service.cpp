// examples/excel_to_db/service/service.cpp — accepting, bounding, draining.
// SPDX-License-Identifier: BSL-1.0
#include "service/service.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <exception>
#include <filesystem>
#include <mutex>
#include <runnel/select.hpp>
#include <string_view>
#include <system_error>
#include <utility>

namespace excel_to_db {

namespace {

using namespace std::chrono_literals;

constexpr std::ptrdiff_t refusals_at_once = 32;
constexpr auto refusal_time = 1s;
constexpr auto accept_pause = 100ms;  // after an error
constexpr auto cut_time = 1s;         // for the last answers

constexpr std::string_view too_many_connections =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 40\r\n"
    "Retry-After: 1\r\n"
    "Connection: close\r\n"
    "\r\n"
    "{\"error\": \"too many connections, sorry\"}";

service_options with_spool(service_options options) {
    if (!options.spool.empty()) return options;
    std::error_code error;
    options.spool = std::filesystem::temp_directory_path(error);
    if (error) {
        throw std::system_error(error, "the temporary folder, which --spool may take the place of");
    }
    return options;
}

}  // namespace

// One that is told when the service ends.
class service::open_connection {
public:
    open_connection(service& of, runnel::net::stream stream)
        : of_(of), connection_(std::move(stream), of.options_.http) {
        const std::lock_guard guard(of_.lock_);
        of_.connections_.insert(&connection_);
        if (of_.finishing_) connection_.finish();
    }
    open_connection(const open_connection&) = delete;
    open_connection& operator=(const open_connection&) = delete;
    ~open_connection() {
        const std::lock_guard guard(of_.lock_);
        of_.connections_.erase(&connection_);
    }

    http_connection& operator*() { return connection_; }

private:
    service& of_;
    http_connection connection_;
};

service::service(service_options options, store_opener open)
    : options_(with_spool(std::move(options))),
      working_(runnel::with_cancel(runnel::background())),
      imports_(options_, open, working_),
      db_(open(working_)),
      listener_(runnel::net::listen(options_.address)),
      connection_places_(static_cast<std::ptrdiff_t>(options_.max_connections)),
      refusal_places_(refusals_at_once) {}

std::size_t service::run(const runnel::context& stop) {
    routes answers(options_, imports_, *db_, stop, tasks_);
    accept(stop, answers);
    listener_.close();
    finish_connections();
    if (tasks_.wait_for(options_.grace)) return 0;

    const std::size_t interrupted = imports_.under_way();
    working_.cancel();
    cut_connections();
    tasks_.wait();
    return interrupted;
}

void service::accept(const runnel::context& stop, routes& answers) {
    while (!stop.err()) {
        std::error_code e;
        runnel::net::stream stream = listener_.accept(stop, e);
        if (e) {
            if (stop.err()) return;
            options_.log(fmt::format("accept: {}", e.message()));
            runnel::select(runnel::done(stop), runnel::timeout(accept_pause));
        } else if (connection_places_.try_acquire()) {
            tasks_.go([this, &answers, s = std::move(stream)]() mutable {
                serve(std::move(s), answers);
                connection_places_.release();
            });
        } else if (refusal_places_.try_acquire()) {
            tasks_.go([this, s = std::move(stream)]() mutable {
                refuse(std::move(s));
                refusal_places_.release();
            });
        }
    }
}

void service::serve(runnel::net::stream stream, routes& answers) {
    try {
        open_connection connection(*this, std::move(stream));
        (*connection).serve([&](http_connection& c) { answers.answer(c); });
    } catch (const std::exception& error) {
        options_.log(fmt::format("a connection was given up: {}", error.what()));
    }
}

// What the client has sent is read, since closing would otherwise take the answer away from it.
void service::refuse(runnel::net::stream stream) {
    std::error_code e;
    stream.set_deadline(runnel::clock::now() + refusal_time);
    stream.write(too_many_connections, e);
    if (!e) stream.shutdown(runnel::net::half::write, e);
    std::array<std::byte, 4096> dropped;
    while (!e && stream.read_some(dropped, e) != 0) {
    }
}

void service::finish_connections() {
    const std::lock_guard guard(lock_);
    finishing_ = true;
    for (http_connection* each : connections_) each->finish();
}

void service::cut_connections() {
    const auto last = runnel::clock::now() + cut_time;
    const std::lock_guard guard(lock_);
    for (http_connection* each : connections_) each->cut(last);
}

}  // namespace excel_to_db
