// examples/excel_to_db/service/routes.cpp — uploads, imports, events, and the page.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. choosing   2. health   3. uploads   4. an import by its id
#include "service/routes.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <runnel/chan.hpp>
#include <runnel/select.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "import/methods.hpp"
#include "service/multipart.hpp"

namespace excel_to_db {

namespace {

using namespace std::chrono_literals;
using json = nlohmann::ordered_json;

constexpr std::size_t multipart_overhead = 64 * 1024;  // that a form may need beside its file
constexpr std::size_t shown_file_name = 200;
constexpr auto cancel_patience = 10s;

std::string dump(const json& object, int indent = 2) {
    return object.dump(indent, ' ', false, json::error_handler_t::replace);
}

http_response json_response(unsigned status, const json& object) {
    http_response response;
    response.status = status;
    response.body = dump(object) + "\n";
    return response;
}

// ---- what is said of an import ----

std::string_view state_name(import_state state) {
    switch (state) {
        case import_state::importing:
            return "importing";
        case import_state::finished:
            return "finished";
        case import_state::canceled:
            return "canceled";
        case import_state::failed:
            break;
    }
    return "failed";
}

json stats_json(const import_stats& stats) { return json::parse(to_json(stats)); }

// Why rows were rejected, and what is odd about those that were not.
void add_counts(json& object, const import_status& status) {
    object["reasons"] = json::array();
    for (const reason_count& each : status.reasons) {
        object["reasons"].push_back({{"reason", each.reason}, {"count", each.count}});
    }
    object["warnings"] = json::array();
    for (const named_warning& each : row_warnings) {
        const std::uint64_t count = status.progress.stats.warnings.of(each.warning);
        if (count == 0) continue;
        object["warnings"].push_back(
            {{"name", each.name}, {"reason", each.text}, {"count", count}});
    }
}

json status_json(const import_job& job, const import_status& status) {
    const import_stats& stats = status.progress.stats;
    json object = {
        {"id", job.id()},
        {"file", job.request().file_name},
        {"sheet", status.sheet},
        {"method", method_name(job.request().method)},
        {"state", state_name(status.state)},
        {"progress", status.progress.fraction},
        {"stats", stats_json(stats)},
        {"seconds", std::chrono::duration<double>(stats.duration).count()},
        {"skipped_count", status.skipped_count},
        {"rejected", json::array()},
        {"errors_truncated", status.errors_truncated},
    };
    for (const auto& [row, reason] : status.first_rejected) {
        object["rejected"].push_back({{"row", row}, {"reason", reason}});
    }
    add_counts(object, status);
    if (!status.message.empty()) object["error"] = status.message;
    return object;
}

unsigned http_status(const import_status& status) {
    switch (status.stopped) {
        case stop_reason::too_long:
            return 504;
        case stop_reason::shutting_down:
            return 503;
        case stop_reason::asked:
        case stop_reason::client_gone:
            return 409;
        case stop_reason::none:
            break;
    }
    switch (status.fault) {
        case import_fault::none:
            return 200;
        case import_fault::workbook:
            return 400;
        case import_fault::too_large:
            return 413;
        case import_fault::too_many_errors:
        case import_fault::refused:
            return 422;
        case import_fault::database:
        case import_fault::service:
            break;
    }
    return 500;
}

// The guide's answer, the import's id, and the counts behind those of the guide.
http_response import_response(const import_job& job, const import_status& status) {
    json object;
    if (status.state == import_state::finished) {
        object["message"] = "Import completed successfully";
    } else {
        object["error"] = status.message;
    }
    object["method"] = method_name(job.request().method);
    object["stats"] = stats_json(status.progress.stats);
    object["id"] = job.id();
    add_counts(object, status);
    http_response response = json_response(http_status(status), object);
    response.fields.emplace_back("Location", "/imports/" + job.id());
    return response;
}

// ---- what is asked ----

std::string query_value(const http_request& request, const std::string& name) {
    const auto found = request.query.find(name);
    return found == request.query.end() ? std::string() : found->second;
}

bool query_flag(const http_request& request, const std::string& name) {
    const std::string value = query_value(request, name);
    return !value.empty() && value != "0" && value != "false";
}

bool is_read(const http_request& request) {
    return request.method == "GET" || request.method == "HEAD";
}

void allow(http_connection& connection, std::string_view methods) {
    http_response response = json_response(405, {{"error", fmt::format("use {}", methods)}});
    response.fields.emplace_back("Allow", methods);
    connection.respond(response);
}

// Whether no name server can make it lead here but this machine's own.
bool is_fixed_name(std::string_view name) {
    in6_addr address;
    const bool bracketed = name.starts_with('[') && name.ends_with(']');
    const std::string plain(bracketed ? name.substr(1, name.size() - 2) : name);
    return plain == "localhost" ||
           ::inet_pton(bracketed ? AF_INET6 : AF_INET, plain.c_str(), &address) == 1;
}

}  // namespace

// ---- 1. choosing ----

routes::routes(const service_options& options, import_registry& imports, store& db,
               runnel::context stopping, runnel::wait_group& background)
    : options_(options),
      imports_(imports),
      db_(db),
      stopping_(std::move(stopping)),
      background_(background),
      upload_places_(static_cast<std::ptrdiff_t>(options.max_uploads)),
      clients_(options.max_per_client) {}

// A page of somebody else's must not import or cancel by the browser of one who may. That its origin is the host it asks is
// not enough: whoever owns a name can have it lead to this machine once the page is there. An address leads where it says.
void routes::require_same_origin(const http_request& request) const {
    const std::string origin = request.field("origin");
    if (origin.empty()) return;
    const std::string host = request.field("host");
    const auto scheme_end = origin.find("://");
    if (scheme_end == std::string::npos || origin.substr(scheme_end + 3) != host) {
        throw http_error(403, "requests from other sites' pages are refused");
    }
    const std::string name =
        host.substr(0, host.starts_with('[') ? host.find(']') + 1 : host.find(':'));
    const auto& names = options_.host_names;
    if (options_.address.starts_with("unix:") || is_fixed_name(name) ||
        std::find(names.begin(), names.end(), name) != names.end()) {
        return;
    }
    throw http_error(403, fmt::format("the service is not called \"{}\": --host-name tells it that "
                                      "it is",
                                      name));
}

void routes::answer(http_connection& connection) {
    const http_request& request = connection.request();
    const std::string_view path = request.path;

    if (path == "/upload") {
        if (request.method != "POST") return allow(connection, "POST");
        return upload(connection);
    }
    constexpr std::string_view prefix = "/imports/";
    if (path.starts_with(prefix)) {
        const std::string_view rest = path.substr(prefix.size());
        const auto slash = std::min(rest.find('/'), rest.size());
        const auto job = imports_.find(std::string(rest.substr(0, slash)));
        const std::string_view what = rest.substr(slash);
        if (!job) throw http_error(404, "there is no such import");
        if (what.empty()) {
            if (request.method == "DELETE") return cancel(connection, *job);
            if (!is_read(request)) return allow(connection, "GET, HEAD, DELETE");
            return show(connection, *job);
        }
        if (what == "/events" || what == "/errors.csv") {
            if (!is_read(request)) return allow(connection, "GET, HEAD");
            return what == "/events" ? send_events(connection, *job)
                                     : send_errors(connection, *job);
        }
    }
    if (path == "/health") {
        if (!is_read(request)) return allow(connection, "GET, HEAD");
        return check_health(connection);
    }
    if (const http_response* file = page_.find(request.path)) {
        if (!is_read(request)) return allow(connection, "GET, HEAD");
        return connection.respond(*file);
    }
    throw http_error(404, "there is nothing here");
}

// ---- 2. health ----

void routes::check_health(http_connection& connection) {
    if (stopping_.err()) {
        return connection.respond(json_response(
            503, {{"status", "unhealthy"}, {"error", "the service is shutting down"}}));
    }
    // Those who ask at the same time share one question to the database, and nobody waits for long.
    const auto answers = runnel::make_chan<std::string>(1);
    const auto ask = [this, answers] {
        std::string fault;
        try {
            fault = pings_
                        .run("ping",
                             [this] {
                                 db_.ping();
                                 return std::string();
                             })
                        .value;
        } catch (const std::exception& error) {
            fault = fmt::format("database: {}", error.what());
        }
        ping_places_.release();
        answers.send(std::move(fault));
    };
    if (ping_places_.try_acquire()) {
        background_.go(ask);
    } else {
        answers.send(std::string("database: others wait for its answer already"));
    }
    const auto answer = answers.recv_for(options_.ping_time);
    const std::string fault = answer ? *answer : "database: no answer in time";
    if (fault.empty()) return connection.respond(json_response(200, {{"status", "healthy"}}));
    connection.respond(json_response(503, {{"status", "unhealthy"}, {"error", fault}}));
}

// ---- 3. uploads ----

namespace {

struct uploaded_file {
    spool_file file;
    std::string name;
};

http_error too_many_imports() { return {503, "too many imports are under way"}; }

// The first part named `file`; others are passed over.
uploaded_file receive_file(http_connection& connection, const service_options& options) {
    const auto boundary = multipart_boundary(connection.request().field("content-type"));
    if (!boundary) throw http_error(400, "No file uploaded");
    const auto too_large = [&] {
        return http_error(413, fmt::format("the file is larger than {} bytes", options.max_upload));
    };
    const std::uint64_t most = options.max_upload + multipart_overhead;
    if (connection.body_size().value_or(0) > most) throw too_large();

    uploaded_file upload{spool_file(options.spool), ""};
    bool seen = false;
    bool wanted = false;
    std::uint64_t received = 0;
    std::uint64_t stored = 0;
    multipart_splitter parts(
        *boundary,
        [&](const multipart_part& part) {
            wanted = part.name == "file" && !seen;
            seen = seen || wanted;
            if (wanted) upload.name = part.file_name.substr(0, shown_file_name);
        },
        [&](std::string_view bytes) {
            if (!wanted) return;
            stored += bytes.size();
            if (stored > options.max_upload) throw too_large();
            upload.file.append(bytes);
        });
    try {
        for (auto bytes = connection.read_body(); !bytes.empty(); bytes = connection.read_body()) {
            received += bytes.size();
            if (received > most) throw too_large();
            parts.feed(bytes);
        }
        parts.finish();
    } catch (const multipart_error& error) {
        throw http_error(400, fmt::format("the form is damaged: {}", error.what()));
    }
    if (!seen) throw http_error(400, "No file uploaded");
    return upload;
}

}  // namespace

void routes::upload(http_connection& connection) {
    // 1. All that can be refused without reading the file.
    const http_request& request = connection.request();
    require_same_origin(request);
    const std::string name = query_value(request, "method");
    const auto method = name.empty() ? options_.import.method : find_method(name);
    if (!method) throw http_error(400, fmt::format("Invalid method. Use: {}", method_names()));
    if (stopping_.err()) throw http_error(503, "the service is shutting down");
    auto client = clients_.take(connection.peer());
    if (!client) throw http_error(429, "this client has too many uploads and imports under way");
    if (imports_.under_way() >= options_.max_imports) throw too_many_imports();

    // 2. The file, which must come whole: nothing can be read from the beginning of a zip. Whoever sends it slowly takes
    //    no place from those who import.
    uploaded_file workbook = [&] {
        if (!upload_places_.try_acquire()) throw http_error(503, "too many uploads are under way");
        const import_registry::place upload_place(upload_places_);
        return receive_file(connection, options_);
    }();
    auto place = imports_.take_place();
    if (!place) throw too_many_imports();
    const auto job = imports_.add({.method = *method,
                                   .sheet = query_value(request, "sheet"),
                                   .dry_run = query_flag(request, "dry_run"),
                                   .all_or_nothing = query_flag(request, "all_or_nothing"),
                                   .file_name = workbook.name});

    // 3. Import it, for the client who waits, or behind its back.
    if (query_flag(request, "async")) {
        background_.go([this, job, client = std::move(client), place = std::move(place),
                        file = std::move(workbook.file)] { imports_.run(*job, file); });
        http_response response = json_response(
            202,
            {{"message", "Import started"}, {"method", method_name(*method)}, {"id", job->id()}});
        response.fields.emplace_back("Location", "/imports/" + job->id());
        return connection.respond(response);
    }
    {
        const spool_file file = std::move(workbook.file);
        const client_watch watch(connection, [&] { job->cancel(stop_reason::client_gone); });
        imports_.run(*job, file);
    }
    place.reset();  // before the answer, after which the client may come with the next one
    client.reset();
    const import_status status = job->status();
    if (status.stopped == stop_reason::client_gone) throw connection_lost();
    connection.respond(import_response(*job, status));
}

// ---- 4. an import by its id ----

void routes::show(http_connection& connection, const import_job& job) const {
    connection.respond(json_response(200, status_json(job, job.status())));
}

void routes::cancel(http_connection& connection, import_job& job) const {
    require_same_origin(connection.request());
    if (job.status().has_ended()) throw http_error(409, "the import has ended");
    job.cancel(stop_reason::asked);
    auto watcher = job.subscribe();
    const runnel::cancel_context patience =
        runnel::with_timeout(runnel::background(), cancel_patience);
    import_status status = job.status();
    while (!status.has_ended()) {
        auto news = watcher.recv(patience);
        if (!news) break;
        status = std::move(*news);
    }
    // It may have come to its end just before; its state says so.
    json object = {{"message", status.has_ended() ? "Import ended" : "Import is being cancelled"}};
    object.update(status_json(job, status));
    connection.respond(json_response(status.has_ended() ? 200 : 202, object));
}

void routes::send_events(http_connection& connection, const import_job& job) const {
    // The last event's id is its name: a browser that asks for what follows it is told to stop.
    constexpr std::string_view last_id = "end";
    if (connection.request().field("last-event-id") == last_id) {
        http_response response;
        response.status = 204;
        response.content_type.clear();
        return connection.respond(response);
    }

    http_response head;
    head.content_type = "text/event-stream";
    connection.begin(head, std::nullopt);
    if (connection.request().method == "HEAD") return;
    connection.write("retry: 2000\n\n");

    const runnel::cancel_context gone = runnel::with_cancel(runnel::background());
    const client_watch watch(connection, [&] { gone.cancel(); });
    auto watcher = job.subscribe();
    for (std::uint64_t number = 1;; ++number) {
        auto news = watcher.recv(runnel::with_timeout(gone, options_.heartbeat));
        if (!news) {
            if (gone.err()) return;
            connection.write(": still there\n\n");
            continue;
        }
        const bool ended = news->has_ended();
        connection.write(fmt::format("id: {}\nevent: {}\ndata: {}\n\n",
                                     ended ? std::string(last_id) : std::to_string(number),
                                     ended ? "end" : "progress",
                                     dump(status_json(job, *news), -1)));
        if (ended) return;
        // States in between are passed over: the next event has the latest.
        runnel::select(runnel::done(gone), runnel::timeout(options_.event_pause));
    }
}

void routes::send_errors(http_connection& connection, const import_job& job) const {
    if (!job.status().has_ended()) throw http_error(409, "the import is still under way");
    const auto errors = job.errors();
    if (!errors) throw http_error(404, "the import was refused before its first row");
    const std::uint64_t size = errors->size();
    http_response head;
    head.content_type = "text/csv; charset=utf-8";
    head.fields.emplace_back("Content-Disposition",
                             fmt::format("attachment; filename=\"errors-{}.csv\"", job.id()));
    connection.begin(head, size);
    if (connection.request().method == "HEAD") return;
    std::vector<char> piece(64 * 1024);
    for (std::uint64_t sent = 0; sent < size;) {
        const std::size_t n = errors->read_at(sent, piece);
        if (n == 0) throw connection_lost();  // the client must notice that something is missing
        connection.write({piece.data(), n});
        sent += n;
    }
}

}  // namespace excel_to_db
