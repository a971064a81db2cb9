// tests/excel_to_db_service_test.cpp — the importer as a service: routes, limits, clients that go, its end.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. the client   2. the service   3. imports   4. what is refused   5. limits   6. clients that go
//         7. the end   8. the program
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <runnel/future.hpp>
#include <runnel/mutex.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <runnel/time.hpp>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "excel_to_db_process.hpp"
#include "excel_to_db_support.hpp"
#include "import/methods.hpp"
#include "sample.hpp"
#include "service/service.hpp"
#include "store/sqlite_store.hpp"
#include "support/catch.hpp"
#include "support/connections.hpp"
#include "support/support.hpp"

using namespace excel_to_db;
using namespace std::chrono_literals;
using nlohmann::json;
using test::contains;
using test::query;

namespace {

// ---- 1. the client ----

struct answer {
    int status = 0;
    std::map<std::string, std::string> fields;  // names in small letters
    std::string body;

    json object() const { return json::parse(body); }
};

std::string form(const std::string& content, const std::string& field = "file") {
    return "--sep\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nvalue\r\n"
           "--sep\r\nContent-Disposition: form-data; name=\"" +
           field + "\"; filename=\"../../sample.xlsx\"\r\nContent-Type: application/octet-stream" +
           "\r\n\r\n" + content + "\r\n--sep--\r\n";
}

std::string request(const std::string& line, const std::string& fields = {}) {
    return line + " HTTP/1.1\r\nHost: test\r\n" + fields + "\r\n";
}

std::string with_body(const std::string& line, const std::string& body,
                      const std::string& fields =
                          "Content-Type: multipart/form-data; "
                          "boundary=sep\r\n") {
    return request(line, fields + "Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
}

// One connection. Whatever the service does, its operations end.
class client {
public:
    explicit client(const std::string& address) : stream_(runnel::net::dial(address)) {
        stream_.set_deadline(runnel::clock::now() + 120s);
    }

    void send(std::string_view text) { stream_.write(text); }
    // The service may have answered and closed before it has read everything.
    void send_what_is_taken(std::string_view text) {
        std::error_code refused;
        stream_.write(text, refused);
    }

    answer receive(bool to_head = false) {
        const std::string head = until("\r\n\r\n");
        answer result;
        if (!head.starts_with("HTTP/1.1 ")) throw std::runtime_error("no answer: " + head);
        result.status = std::stoi(head.substr(9, 3));
        std::string_view lines = head;
        lines.remove_prefix(lines.find("\r\n") + 2);
        while (lines.size() > 2) {
            const auto end = lines.find("\r\n");
            const auto colon = lines.find(": ");
            std::string name(lines.substr(0, colon));
            for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            result.fields[name] = std::string(lines.substr(colon + 2, end - colon - 2));
            lines.remove_prefix(end + 2);
        }
        if (to_head || result.status == 100 || result.status == 204) return result;
        const auto size = result.fields.find("content-length");
        if (size == result.fields.end()) {
            while (read_more()) {
            }
            result.body = std::exchange(buffer_, "");
        } else {
            const std::size_t wanted = std::stoul(size->second);
            while (buffer_.size() < wanted) {
                if (!read_more()) throw std::runtime_error("an answer is incomplete");
            }
            result.body = buffer_.substr(0, wanted);
            buffer_.erase(0, wanted);
        }
        return result;
    }

    // What comes up to `mark` and with it.
    std::string until(std::string_view mark) {
        std::size_t found = 0;
        while ((found = buffer_.find(mark)) == std::string::npos) {
            if (!read_more()) throw std::runtime_error("the connection ended after: " + buffer_);
        }
        std::string text = buffer_.substr(0, found + mark.size());
        buffer_.erase(0, text.size());
        return text;
    }

    // Whether the service ends the connection without another word.
    bool ends() { return buffer_.empty() && !read_more(); }

    void close() { stream_.close(); }

private:
    bool read_more() {
        std::string more(65536, '\0');
        std::error_code e;
        more.resize(stream_.read_some(test::bytes_of(more), e));
        if (e && e != std::errc::connection_reset) throw std::system_error(e);
        buffer_ += more;
        return !more.empty();
    }

    runnel::net::stream stream_;
    std::string buffer_;
};

// ---- 2. the service ----

// A database whose writers stop after so many rows and go on once they should give up: so an import is caught in the
// middle, however fast or slow the machine.
class stalling_store final : public store {
public:
    stalling_store(const std::filesystem::path& db, const runnel::context& ctx,
                   std::shared_ptr<runnel::mutex> turn, std::uint64_t rows)
        : inner_(
              db, conflict_rule::none, [ctx] { return static_cast<bool>(ctx.err()); },
              std::move(turn)),
          ctx_(ctx),
          left_(rows) {}

    std::size_t useful_sessions() const override { return inner_.useful_sessions(); }
    std::unique_ptr<store_transaction> begin() override { return inner_.begin(); }
    std::unique_ptr<store_session> open_session() override {
        return std::make_unique<session>(*this, inner_.open_session());
    }

private:
    class session final : public store_session {
    public:
        session(stalling_store& owner, std::unique_ptr<store_session> inner)
            : owner_(owner), inner_(std::move(inner)) {}

        refusal insert(const business& row) override {
            owner_.take(1);
            return inner_->insert(row);
        }
        refusal insert_all(std::span<const business> rows, std::size_t step) override {
            owner_.take(rows.size());
            return inner_->insert_all(rows, step);
        }
        std::vector<refusal> insert_each(std::span<const business> rows) override {
            owner_.take(rows.size());
            return inner_->insert_each(rows);
        }

    private:
        stalling_store& owner_;
        std::unique_ptr<store_session> inner_;
    };

    // Called by the one session that writes.
    void take(std::size_t rows) {
        if (left_ >= rows) {
            left_ -= rows;
        } else {
            while (!ctx_.err()) runnel::sleep_for(1ms);
        }
    }

    sqlite_store inner_;
    const runnel::context ctx_;
    std::uint64_t left_;
};

struct fixture {
    test::temporary_folder folder;
    std::filesystem::path book = folder / "book.xlsx";
    std::filesystem::path db = folder / "imported.db";
    std::filesystem::path spool = folder / "spool";
    service_options options;
    std::atomic<bool> gate_closed{false};   // while it is, imports wait for the database
    std::uint64_t stall_after = 1'000'000;  // rows of an import

    fixture() {
        std::filesystem::create_directory(spool);
        options.address = "127.0.0.1:0";
        options.spool = spool;
        options.log = [this](const std::string& line) {
            const std::lock_guard guard(log_lock_);
            log_.push_back(line);
        };
        {
            // What waiting for I/O needs once for the process is there before it is counted.
            test::connection c = test::make_connection();
            c.a.set_read_deadline(runnel::clock::now() + 1ms);
            CHECK(test::take_or_error(c.a) == "i/o timeout");
        }
        goroutines_ = runnel::num_goroutine();
        descriptors_ = test::open_descriptors();
    }
    fixture(const fixture&) = delete;
    fixture& operator=(const fixture&) = delete;
    ~fixture() {
        if (server_) end();
    }

    void generate(std::uint32_t rows, std::uint32_t bad) const {
        write_sample(book, {.rows = rows, .bad = bad});
    }

    void start() {
        server_ = std::make_unique<service>(options, [this](const runnel::context& ctx) {
            while (gate_closed && !ctx.err()) runnel::sleep_for(1ms);
            return std::make_unique<stalling_store>(db, ctx, turn_, stall_after);
        });
        address_ = server_->address().to_string();
        running_.emplace(runnel::async([this] { return server_->run(stop_); }));
    }

    void stop() { stop_.cancel(); }

    // Ends the service, and returns how many imports were cut. Nothing is left of it; the test may still have
    // some clients.
    std::size_t end(std::size_t clients = 0) {
        stop();
        const std::size_t cut = running_->get();
        running_.reset();
        server_.reset();
        CHECK(test::eventually([&] { return runnel::num_goroutine() == goroutines_; }));
        CHECK(test::eventually([&] { return test::open_descriptors() == descriptors_ + clients; }));
        CHECK(std::filesystem::is_empty(spool));
        return cut;
    }

    const std::string& address() const { return address_; }
    client connect() const { return client(address_); }

    // One request on a connection of its own.
    answer ask(const std::string& text) const {
        client c = connect();
        c.send_what_is_taken(text);
        return c.receive();
    }
    answer get(const std::string& target) const { return ask(request("GET " + target)); }
    answer upload(const std::string& query, const std::string& content) const {
        return ask(with_body("POST /upload" + query, form(content)));
    }
    answer upload(const std::string& query = {}) const { return upload(query, content()); }
    std::string content() const { return test::read_text(book); }

    // Starts an import without a client, and returns the path of what is known of it.
    std::string start_import(const std::string& method = "batch") const {
        const answer a = upload("?async=1&method=" + method);
        if (a.status != 202) throw std::runtime_error("not accepted: " + a.body);
        return a.fields.at("location");
    }
    json wait_for_end(const std::string& path) const {
        json status;
        CHECK(test::eventually(
            [&] {
                status = get(path).object();
                return status.at("state") != "importing";
            },
            60s));
        return status;
    }

    std::uint64_t rows_in_db() const {
        return std::stoull(query(db, "SELECT count(*) FROM businesses"));
    }

    // Temporary files that are open: nothing else is left of their names.
    std::size_t spooled() const {
        std::set<std::string> files;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            std::error_code gone;
            std::string file = std::filesystem::read_symlink(entry.path(), gone).string();
            if (file.starts_with(spool.string() + "/")) files.insert(std::move(file));
        }
        return files.size();
    }

    // Whether the service has so many goroutines beside the one that accepts.
    bool comes_to_goroutines(std::size_t n) const {
        return test::eventually([&] { return runnel::num_goroutine() == goroutines_ + 1 + n; });
    }

    bool logged(std::string_view part) const {
        const std::lock_guard guard(log_lock_);
        return std::any_of(log_.begin(), log_.end(),
                           [&](const std::string& line) { return contains(line, part); });
    }

private:
    std::shared_ptr<runnel::mutex> turn_ = std::make_shared<runnel::mutex>();
    mutable std::mutex log_lock_;
    std::vector<std::string> log_;  // guarded by log_lock_
    std::size_t goroutines_ = 0;
    std::size_t descriptors_ = 0;
    runnel::cancel_context stop_ = runnel::with_cancel(runnel::background());
    std::unique_ptr<service> server_;
    std::string address_;
    std::optional<runnel::future<std::size_t>> running_;
};

void check_error(const answer& a, int status, std::string_view part) {
    INFO(a.body);
    CHECK(a.status == status);
    CHECK(a.fields.at("content-type") == "application/json");
    CHECK(contains(a.object().at("error").get<std::string>(), part));
}

// A workbook with one sheet of `rows` complete rows.
std::string small_workbook(const fixture& f, std::uint32_t rows) {
    std::string sheet = test::header_row();
    for (std::uint32_t row = 2; row < 2 + rows; ++row) {
        sheet += test::business_row(row, test::numbered("n", row));
    }
    test::write_zip(f.folder / "small.xlsx", test::one_sheet(sheet));
    return test::read_text(f.folder / "small.xlsx");
}

}  // namespace

// ---- 3. imports ----

TEST_CASE("each method imports what is uploaded, and answers in the guide's words", "[service]") {
    fixture f;
    f.generate(10'000, 13);
    f.start();
    std::uint64_t imports = 0;
    for (const named_method& each : import_methods) {
        INFO(each.name);
        const answer a = f.upload("?method=" + std::string(each.name));
        CHECK(a.status == 200);
        const json object = a.object();
        CHECK(object.at("message") == "Import completed successfully");
        CHECK(object.at("method") == std::string(each.name));
        const json& stats = object.at("stats");
        CHECK(stats.size() == 5);
        CHECK(stats.at("total_records") == 10'000);
        CHECK(stats.at("success_count") == 9'987);
        CHECK(stats.at("error_count") == 13);
        CHECK(stats.at("duration").get<std::string>().ends_with("s"));
        CHECK(stats.at("records_per_second").get<double>() > 0);
        CHECK(f.rows_in_db() == 9'987 * ++imports);

        const std::string path = a.fields.at("location");
        CHECK(path == "/imports/" + object.at("id").get<std::string>());
        const json status = f.get(path).object();
        CHECK(status.at("state") == "finished");
        CHECK(status.at("stats") == stats);
        CHECK(status.at("progress") == 1.0);
        CHECK(status.at("sheet") == "Sheet1");
        CHECK(status.at("file") == "../../sample.xlsx");
        CHECK(status.at("rejected").size() == 5);
        CHECK(status.at("rejected")[0].at("row") == bad_sheet_rows({10'000, 13})[0]);
        CHECK(status.at("reasons") ==
              json::parse(R"([{"reason": "insufficient columns", "count": 13}])"));

        const answer errors = f.get(path + "/errors.csv");
        CHECK(errors.status == 200);
        CHECK(errors.fields.at("content-type") == "text/csv; charset=utf-8");
        CHECK(contains(errors.fields.at("content-disposition"), "attachment"));
        CHECK(errors.body.starts_with(
            "sheet_row,reason,Name,Category,Phone,Email,Address,City,Country,Website,"
            "Description\n386,insufficient columns: 3 of 9 cells,"));
        CHECK(std::count(errors.body.begin(), errors.body.end(), '\n') == 14);
    }
    // Without a method it is the fastest of the guide's.
    CHECK(f.upload("").object().at("method") == "batch");
    CHECK(f.end() == 0);
}

TEST_CASE("rejected rows are counted by reason, and odd ones by kind, beside the guide's figures",
          "[service]") {
    fixture f;
    f.options.import.max_errors = 3;
    f.start();
    const auto workbook = [&f](const std::string& rows) {
        test::write_zip(f.book, test::one_sheet(test::header_row() + rows));
        return f.content();
    };
    const std::string odd = test::contact_row(2, "a@b.c", "x.y") +
                            test::contact_row(3, "ab.c", "x.y") +
                            test::contact_row(4, "a@", "nowhere");
    const std::string bad = test::text_row(5, {"", "", "", "a@b.c", "", "", "", "x.y", ""}) +
                            test::text_row(6, {"short"}) + test::text_row(7, {"short", "too"});
    const json warnings = json::parse(R"([
        {"name": "email", "reason": "the email is not an address", "count": 2},
        {"name": "website", "reason": "the website is not a URL", "count": 1}])");
    const json reasons = json::parse(R"([
        {"reason": "insufficient columns", "count": 2},
        {"reason": "the name is empty", "count": 1}])");

    const answer a = f.upload("", workbook(odd + bad));
    CHECK(a.status == 200);
    CHECK(a.object().at("reasons") == reasons);
    CHECK(a.object().at("warnings") == warnings);
    CHECK(a.object().at("stats").at("error_count") == 3);
    const std::string path = a.fields.at("location");
    const json status = f.get(path).object();
    CHECK(status.at("reasons") == reasons);
    CHECK(status.at("warnings") == warnings);
    const std::string events = f.get(path + "/events").body;
    CHECK(json::parse(events.substr(events.find("data: ") + 6)) == status);

    const json clean = f.upload("", workbook(test::business_row(2, "n"))).object();
    CHECK(clean.at("reasons") == json::array());
    CHECK(clean.at("warnings") == json::array());
    CHECK(clean.at("stats").size() == 5);

    // It is worth the more where there are too many of them.
    const answer refused = f.upload("", workbook(bad + test::text_row(8, {"short"})));
    check_error(refused, 422, "more than 3 rows were rejected");
    CHECK(refused.object().at("reasons") ==
          json::parse(R"([{"reason": "insufficient columns", "count": 3},
                          {"reason": "the name is empty", "count": 1}])"));
}

TEST_CASE("each method imports on any number of workers", "[service]") {
    for (const std::size_t workers : test::worker_counts()) {
        INFO("max_procs = " << workers);
        const test::procs procs(workers);
        fixture f;
        f.generate(500, 13);
        f.start();
        std::uint64_t imports = 0;
        for (const named_method& each : import_methods) {
            INFO(each.name);
            const json stats = f.upload("?method=" + std::string(each.name)).object().at("stats");
            CHECK(stats.at("success_count") == 487);
            CHECK(stats.at("error_count") == 13);
            CHECK(f.rows_in_db() == 487 * ++imports);
        }
        CHECK(f.end() == 0);
    }
}

TEST_CASE("an import without a client is followed by its events", "[service]") {
    fixture f;
    f.options.event_pause = 1ms;
    f.options.heartbeat = 20ms;
    f.generate(10'000, 13);
    f.start();
    f.gate_closed = true;

    const answer accepted = f.upload("?method=sequential&async=1");
    CHECK(accepted.status == 202);
    CHECK(accepted.object().at("method") == "sequential");
    const std::string path = accepted.fields.at("location");
    CHECK(f.get(path).object().at("state") == "importing");
    check_error(f.get(path + "/errors.csv"), 409, "under way");

    client c = f.connect();
    c.send(request("GET " + path + "/events"));
    const std::string head = c.until("\r\n\r\n");
    CHECK(contains(head, "Content-Type: text/event-stream\r\n"));
    CHECK(contains(head, "Connection: close\r\n"));
    client only_head = f.connect();
    only_head.send(request("HEAD " + path + "/events"));
    CHECK(only_head.receive(true).fields.at("content-type") == "text/event-stream");
    CHECK(only_head.ends());
    CHECK(c.until("\n\n") == "retry: 2000\n\n");
    CHECK(c.until("\n\n").starts_with("id: 1\nevent: progress\ndata: {"));
    while (c.until("\n\n") != ": still there\n\n") {
    }
    f.gate_closed = false;

    int progress = 0;
    double fraction = 0;
    std::uint64_t total = 0;
    json last;
    for (bool ended = false; !ended;) {
        const std::string event = c.until("\n\n");
        if (event == ": still there\n\n") continue;
        ended = event.starts_with("id: end\nevent: end\ndata: ");
        CHECK((ended || contains(event, "\nevent: progress\ndata: ")));
        last = json::parse(event.substr(event.find("data: ") + 6));
        CHECK(last.at("progress").get<double>() >= fraction);
        CHECK(last.at("stats").at("total_records").get<std::uint64_t>() >= total);
        fraction = last.at("progress").get<double>();
        total = last.at("stats").at("total_records").get<std::uint64_t>();
        if (!ended && fraction > 0 && fraction < 1) ++progress;
    }
    CHECK(progress > 1);
    CHECK(c.ends());
    CHECK(last.at("state") == "finished");
    CHECK(last.at("progress") == 1.0);
    CHECK(last.at("stats").at("success_count") == 9'987);
    CHECK(last.at("stats").at("error_count") == 13);
    CHECK(f.get(path).object() == last);

    // Who comes later is told the end, and who has been told it, to stop asking.
    CHECK(contains(f.get(path + "/events").body, "event: end\n"));
    CHECK(f.ask(request("GET " + path + "/events", "Last-Event-ID: end\r\n")).status == 204);
}

TEST_CASE("an import is cancelled with what is committed, and the truth about it", "[service]") {
    fixture f;
    f.stall_after = 500;
    f.generate(2'000, 0);
    f.start();
    std::uint64_t rows = 0;
    for (const std::string method : {"sequential", "concurrent"}) {
        INFO(method);
        const std::string path = f.start_import(method);
        CHECK(test::eventually(
            [&] { return f.get(path).object().at("stats").at("success_count") > 400; }));
        const answer canceled = f.ask(request("DELETE " + path));
        CHECK(canceled.status == 200);
        const json status = canceled.object();
        CHECK(status.at("state") == "canceled");
        const auto& stats = status.at("stats");
        CHECK(stats.at("success_count") > 400);
        CHECK(stats.at("success_count") < 2'000);
        CHECK(stats.at("total_records") == stats.at("success_count"));
        CHECK(contains(status.at("error").get<std::string>(),
                       stats.at("success_count").dump() + " rows are committed"));
        rows += stats.at("success_count").get<std::uint64_t>();
        CHECK(f.rows_in_db() == rows);
        CHECK(f.get(path).object().at("stats") == stats);
        check_error(f.ask(request("DELETE " + path)), 409, "has ended");
    }
}

TEST_CASE("an upload may ask for all or nothing, or for a dry run", "[service]") {
    fixture f;
    f.generate(100, 3);
    f.start();
    const answer dry = f.upload("?dry_run=1");
    CHECK(dry.status == 200);
    CHECK(dry.object().at("stats").at("success_count") == 97);
    CHECK(dry.object().at("stats").at("dry_run") == true);
    CHECK_FALSE(f.get(dry.fields.at("location") + "/errors.csv").body.empty());
    CHECK(f.rows_in_db() == 0);
    check_error(f.upload("?dry_run=1", "x"), 400, "nothing is stored by a dry run");

    CHECK(f.upload("?dry_run=0&all_or_nothing=1").status == 200);
    CHECK(f.rows_in_db() == 97);
    test::execute_sql(f.db,
                      "CREATE TRIGGER t BEFORE INSERT ON businesses WHEN NEW.name LIKE '%b' "
                      "BEGIN SELECT RAISE(ABORT, 'no b'); END");
    test::write_zip(f.book, test::one_sheet(test::header_row() + test::business_row(2, "a") +
                                            test::business_row(3, "b")));
    const answer whole = f.upload("?all_or_nothing=1");
    check_error(whole, 422, "the database refused 1 row, and it was to be all or nothing");
    CHECK(whole.object().at("stats").at("success_count") == 0);
    CHECK(f.rows_in_db() == 97);
    CHECK(f.upload().status == 200);
    CHECK(f.rows_in_db() == 98);
}

TEST_CASE("uploads at the same time have each its own counts", "[service]") {
    fixture f;
    f.options.max_imports = 8;
    f.generate(1'000, 13);
    f.start();
    const std::string body = form(f.content());
    const auto ask = [&f, &body](std::size_t i) {
        client c = f.connect();
        std::vector<answer> answers;
        for (std::size_t round = 0; round < 3; ++round) {
            const named_method& each = import_methods[(i + round) % import_methods.size()];
            c.send(with_body("POST /upload?method=" + std::string(each.name), body));
            answers.push_back(c.receive());
        }
        return answers;
    };
    std::vector<runnel::future<std::vector<answer>>> clients;
    for (std::size_t i = 0; i < 8; ++i) clients.push_back(runnel::async(ask, i));
    for (auto& each : clients) {
        for (const answer& a : each.get()) {
            INFO(a.body);
            CHECK(a.status == 200);
            CHECK(a.object().at("stats").at("success_count") == 987);
            CHECK(a.object().at("stats").at("error_count") == 13);
        }
    }
    CHECK(f.rows_in_db() == 24 * 987);
    CHECK(f.end() == 0);
}

TEST_CASE("the sheet is the one that is asked for", "[service]") {
    fixture f;
    f.start();
    const std::string book = small_workbook(f, 3);
    CHECK(f.upload("?sheet=Data", book).object().at("stats").at("success_count") == 3);
    CHECK(f.upload("?sheet=%31", book).status == 200);
    check_error(f.upload("?sheet=No+such", book), 400, "the file has no sheet \"No such\"");
}

TEST_CASE("requests follow each other on one connection", "[service]") {
    fixture f;
    f.start();
    const std::string book = small_workbook(f, 3);
    client c = f.connect();
    // All at once: what follows the upload comes while it is imported.
    c.send(request("GET /health") + with_body("POST /upload", form(book)) +
           request("HEAD /page.css") + request("GET /nothing") + request("GET /health"));
    CHECK(c.receive().status == 200);
    CHECK(c.receive().object().at("stats").at("success_count") == 3);
    CHECK(c.receive(true).fields.at("content-length") != "0");
    CHECK(c.receive().status == 404);
    CHECK(c.receive().object().at("status") == "healthy");
    c.send(request("GET /health", "Connection: close\r\n"));
    CHECK(c.receive().fields.at("connection") == "close");
    CHECK(c.ends());
}

TEST_CASE("bodies come in chunks, or once they are asked for", "[service]") {
    fixture f;
    f.start();
    const std::string body = form(small_workbook(f, 3));
    const std::string type = "Content-Type: multipart/form-data; boundary=\"sep\"\r\n";

    client chunked = f.connect();
    chunked.send(request("POST /upload", type + "Transfer-Encoding: chunked\r\n"));
    for (std::size_t at = 0; at < body.size(); at += 100) {
        const std::string piece = body.substr(at, 100);
        constexpr std::string_view digits = "0123456789abcdef";
        const std::string size = {digits[piece.size() / 16], digits[piece.size() % 16]};
        chunked.send(size + "\r\n" + piece + "\r\n");
    }
    chunked.send("0\r\n\r\n");
    CHECK(chunked.receive().status == 200);

    client expecting = f.connect();
    const std::string head =
        request("POST /upload", type + "Expect: 100-continue\r\n" +
                                    "Content-Length: " + std::to_string(body.size()) + "\r\n");
    expecting.send(head);
    CHECK(expecting.receive().status == 100);
    expecting.send(body);
    CHECK(expecting.receive().status == 200);

    // What is refused is not asked for.
    client refused = f.connect();
    refused.send(request("POST /upload?method=magic",
                         "Expect: 100-continue\r\n"
                         "Content-Length: 10\r\n"));
    CHECK(refused.receive().status == 400);
    CHECK(refused.ends());
}

TEST_CASE("the page comes with the methods and without anything from elsewhere", "[service]") {
    fixture f;
    f.start();
    const answer page = f.get("/");
    CHECK(page.status == 200);
    CHECK(page.fields.at("content-type") == "text/html; charset=utf-8");
    CHECK(contains(page.fields.at("content-security-policy"), "default-src 'none'"));
    for (const named_method& each : import_methods) {
        INFO(each.name);
        CHECK(contains(page.body, "value=\"" + std::string(each.name) + "\""));
    }
    CHECK_FALSE(contains(page.body, "<!-- methods -->"));
    CHECK_FALSE(contains(page.body, "<script>"));
    for (const std::string name : {"/page.css", "/page.js"}) {
        INFO(name);
        CHECK(contains(page.body, "\"" + name + "\""));
        const answer file = f.get(name);
        CHECK(file.status == 200);
        CHECK_FALSE(contains(file.body, "http:"));
        CHECK_FALSE(contains(file.body, "https:"));
        client c = f.connect();
        c.send(request("HEAD " + name));
        CHECK(c.receive(true).fields.at("content-length") == std::to_string(file.body.size()));
    }
}

TEST_CASE("health is the database's", "[service]") {
    fixture f;
    f.start();
    CHECK(f.get("/health").status == 200);
    CHECK(f.get("/health").object() == json{{"status", "healthy"}});
    test::write_text(f.db,
                     "no database any more, and longer than the header of one would have to be: "
                     "SQLite looks at a hundred bytes before it says so");
    const answer sick = f.get("/health");
    check_error(sick, 503, "not a database");
    CHECK(sick.fields.contains("retry-after"));
    CHECK(sick.object().at("status") == "unhealthy");
    check_error(f.upload("", small_workbook(f, 1)), 500, "not a database");
}

// ---- 4. what is refused ----

TEST_CASE("what cannot be imported is refused, and nothing of it is kept", "[service]") {
    fixture f;
    f.generate(100, 1);
    f.options.max_imports = 1;  // a place that was not given back would be missed
    f.start();
    const std::string whole = f.content();

    check_error(f.upload("?method=magic"), 400, "Invalid method. Use: " + method_names());
    check_error(f.ask(with_body("POST /upload", "{}", "Content-Type: application/json\r\n")), 400,
                "No file uploaded");
    check_error(f.ask(with_body("POST /upload", form(whole, "document"))), 400, "No file uploaded");
    check_error(f.ask(request("POST /upload")), 400, "No file uploaded");
    check_error(f.ask(with_body("POST /upload", form(whole).substr(0, whole.size()))), 400,
                "the form is damaged: it ends before its last boundary");
    check_error(f.ask(with_body("POST /upload", "--sep\r\nX: " + std::string(20'000, 'x'))), 400,
                "a part has a header of more than 16 KiB");
    check_error(f.upload("", ""), 400, "the file is empty");
    const answer text = f.upload("", "name phone\n");
    check_error(text, 400, "the file is not an .xlsx workbook; 0 rows are committed");
    CHECK(f.get(text.fields.at("location")).object().at("state") == "failed");
    check_error(f.get(text.fields.at("location") + "/errors.csv"), 404, "before its first row");
    check_error(f.upload("", "\xD0\xCF\x11\xE0 old"), 400, "old binary .xls");
    check_error(f.upload("", whole.substr(0, whole.size() / 2)), 400, "truncated");
    const answer damaged = f.upload("?method=sequential", [&] {
        test::write_zip(f.folder / "damaged.xlsx",
                        test::one_sheet(test::header_row() + test::business_row(2, "a") +
                                        test::business_row(3, "b") + "<row r=\"1\"/>"));
        return test::read_text(f.folder / "damaged.xlsx");
    }());
    check_error(damaged, 400, "row 1 follows row 3; 2 rows are committed");
    CHECK(damaged.object().at("stats").at("success_count") == 2);

    check_error(f.get("/imports/none"), 404, "no such import");
    check_error(f.get("/imports/none/events"), 404, "no such import");
    check_error(f.get("/imports/none/errors.csv"), 404, "no such import");
    check_error(f.ask(request("DELETE /imports/none")), 404, "no such import");
    check_error(f.get("/etc/passwd"), 404, "nothing here");
    check_error(f.get(damaged.fields.at("location") + "/rows"), 404, "nothing here");
    check_error(f.get("/upload"), 405, "use POST");
    CHECK(f.ask(request("PUT " + damaged.fields.at("location"))).fields.at("allow") ==
          "GET, HEAD, DELETE");
    check_error(f.ask(request("POST /health")), 405, "use GET");
    check_error(f.ask("what is this?\r\n\r\n"), 400, "not HTTP");

    CHECK(f.upload().status == 200);
    CHECK(f.rows_in_db() == 2 + 99);
    CHECK(test::eventually([&] { return f.spooled() == 2; }));  // of the two that had rows
}

TEST_CASE("other sites' pages are refused", "[service]") {
    fixture f;
    f.options.host_names = {"test"};
    f.start();
    const std::string body = form(small_workbook(f, 2));
    const auto from = [&](const std::string& origin) {
        return f.ask(with_body(
            "POST /upload", body,
            "Content-Type: multipart/form-data; boundary=sep\r\nOrigin: " + origin + "\r\n"));
    };
    check_error(from("http://elsewhere"), 403, "other sites");
    check_error(from("null"), 403, "other sites");
    CHECK(from("http://test").status == 200);
    const std::string path = f.ask(with_body("POST /upload", body)).fields.at("location");
    check_error(f.ask(request("DELETE " + path, "Origin: http://elsewhere\r\n")), 403,
                "other sites");
    CHECK(f.rows_in_db() == 4);

    // A page whose own name leads here by now.
    const auto as = [&](const std::string& host) {
        return f.ask("POST /upload HTTP/1.1\r\nHost: " + host + "\r\nOrigin: http://" + host +
                     "\r\nContent-Type: multipart/form-data; boundary=sep\r\nContent-Length: " +
                     std::to_string(body.size()) + "\r\n\r\n" + body);
    };
    for (const char* host : {"elsewhere", "elsewhere:8080", "127.0.0.1.elsewhere", "[::1", ":80"}) {
        check_error(as(host), 403, "--host-name");
    }
    for (const std::string& host :
         {f.address(), std::string("localhost:80"), std::string("[::1]:80"), std::string("test")}) {
        CHECK(as(host).status == 200);
    }
}

TEST_CASE("a request has one host, and its target may be a whole URL", "[service]") {
    fixture f;
    f.start();
    CHECK(f.ask("GET http://elsewhere/health?x HTTP/1.1\r\nHost: test\r\n\r\n").status == 200);
    CHECK(f.ask("GET HTTP://elsewhere HTTP/1.1\r\nHost: test\r\n\r\n").status == 200);
    client old = f.connect();
    old.send("GET /health HTTP/1.0\r\n\r\n");
    CHECK(old.until("\r\n\r\n").starts_with("HTTP/1.0 200 OK\r\n"));
    old.close();
    for (const char* hosts : {"", "Host: a\r\nHost: b\r\n"}) {
        client c = f.connect();
        c.send(std::string("GET /health HTTP/1.1\r\n") + hosts + "\r\n");
        const answer a = c.receive();
        check_error(a, 400, "one Host");
        CHECK(a.fields.at("connection") == "close");
        CHECK(c.ends());
    }
}

// ---- 5. limits ----

TEST_CASE("headers have a size", "[service]") {
    fixture f;
    f.options.http.header_bytes = 2'000;
    f.start();
    check_error(f.ask(request("GET /health", "X: " + std::string(3'000, 'x') + "\r\n")), 431,
                "too large");
    check_error(f.ask(request("GET /" + std::string(3'000, 'x'))), 431, "too large");
    CHECK(f.ask(request("GET /health", "X: " + std::string(1'000, 'x') + "\r\n")).status == 200);
}

TEST_CASE("headers have a time", "[service]") {
    fixture f;
    f.options.http.header_time = 1s;
    f.start();
    client slow = f.connect();
    slow.send("GET /health HTTP/1.1\r\nHost:");
    client silent = f.connect();
    client idle = f.connect();
    idle.send(request("GET /health"));
    CHECK(idle.receive().status == 200);
    check_error(slow.receive(), 408, "header took too long");
    CHECK(slow.ends());
    CHECK(silent.ends());
    CHECK(idle.ends());
}

TEST_CASE("bodies have a size", "[service]") {
    fixture f;
    f.options.max_upload = 100'000;
    f.options.max_imports = 1;
    f.start();
    const std::string type = "Content-Type: multipart/form-data; boundary=sep\r\n";
    check_error(f.ask(request("POST /upload", type + "Content-Length: 1000000\r\n")), 413,
                "larger than 100000 bytes");
    check_error(f.upload("", std::string(100'001, 'x')), 413, "larger than 100000 bytes");
    check_error(f.upload("", std::string(100'000, 'x')), 400, "not an .xlsx workbook");
    // Other parts of the form are bounded, too, and so is what announces no size.
    const std::string long_body = form(std::string(200'000, 'x'), "other");
    check_error(f.ask(request("POST /upload", type + "Transfer-Encoding: chunked\r\n") +
                      "30d40\r\n" + long_body),
                413, "larger than 100000 bytes");
    CHECK(test::eventually([&] { return f.spooled() == 0; }));
    CHECK(f.upload("", small_workbook(f, 1)).status == 200);
}

TEST_CASE("bodies have a time, and must not stall", "[service]") {
    for (const bool stalls : {false, true}) {
        INFO("stalls " << stalls);
        fixture f;
        (stalls ? f.options.http.stall_time : f.options.http.body_time) = 100ms;
        f.start();
        client c = f.connect();
        c.send(request("POST /upload",
                       "Content-Type: multipart/form-data; boundary=sep\r\n"
                       "Content-Length: 100\r\n") +
               "--sep\r\n");
        check_error(c.receive(), 408, "body took too long");
        CHECK(c.ends());
    }
}

TEST_CASE("bodies must not trickle in", "[service]") {
    fixture f;
    f.options.http.stall_time = 500ms;
    f.options.max_uploads = 1;
    f.start();
    client c = f.connect();
    c.send(request("POST /upload",
                   "Content-Type: multipart/form-data; boundary=sep\r\nContent-Length: 10000\r\n") +
           "--sep\r\n");
    std::atomic<bool> answered{false};
    auto trickle = runnel::async([&] {
        for (int i = 0; i < 5'000 && !answered; ++i) {
            c.send_what_is_taken("x");
            runnel::sleep_for(10ms);
        }
    });
    check_error(c.receive(), 408, "body took too long");
    answered = true;
    trickle.get();
}

TEST_CASE("more connections than there is room for are told so", "[service]") {
    fixture f;
    f.options.max_connections = 2;
    f.start();
    client first = f.connect();
    client second = f.connect();
    for (client* each : {&first, &second}) {
        each->send(request("GET /health"));
        CHECK(each->receive().status == 200);
    }
    for (int i = 0; i < 3; ++i) {
        const answer a = f.get("/health");
        check_error(a, 503, "too many connections");
        CHECK(a.fields.at("retry-after") == "1");
    }
    first.close();
    CHECK(test::eventually([&] { return f.get("/health").status == 200; }));
}

TEST_CASE("more imports than there is room for are told so before they send their file",
          "[service]") {
    fixture f;
    f.options.max_imports = 1;
    f.start();
    const std::string body = form(small_workbook(f, 3));
    f.gate_closed = true;
    const std::string path = f.ask(with_body("POST /upload?async=1", body)).fields.at("location");
    const answer refused = f.ask(request("POST /upload",
                                         "Content-Type: multipart/form-data; boundary=sep\r\n"
                                         "Content-Length: 1000000\r\n"));
    check_error(refused, 503, "too many imports");
    CHECK(refused.fields.contains("retry-after"));
    f.gate_closed = false;
    f.wait_for_end(path);
    CHECK(test::eventually([&] { return f.ask(with_body("POST /upload", body)).status == 200; }));
    CHECK(f.rows_in_db() == 6);
}

TEST_CASE("whoever sends nothing more keeps nobody from importing, and has not all for himself",
          "[service]") {
    fixture f;
    f.options.max_imports = 1;
    f.options.max_per_client = 4;
    f.start();
    const std::string body = form(small_workbook(f, 3));
    std::vector<std::unique_ptr<client>> idle;
    for (int i = 0; i < 3; ++i) {
        idle.push_back(std::make_unique<client>(f.address()));
        idle.back()->send(request("POST /upload",
                                  "Content-Type: multipart/form-data; boundary=sep\r\n"
                                  "Content-Length: 1000000\r\n") +
                          "--sep\r\n");
    }
    CHECK(test::eventually([&] { return f.spooled() == 3; }));
    CHECK(f.ask(with_body("POST /upload", body)).status == 200);
    f.gate_closed = true;
    const std::string path = f.ask(with_body("POST /upload?async=1", body)).fields.at("location");
    const answer refused = f.ask(with_body("POST /upload", body));
    check_error(refused, 429, "this client");
    CHECK(refused.fields.contains("retry-after"));
    f.gate_closed = false;
    f.wait_for_end(path);
    idle.clear();
    CHECK(test::eventually([&] { return f.ask(with_body("POST /upload", body)).status == 200; }));
    CHECK(f.rows_in_db() == 9);
}

TEST_CASE("more uploads than there is room for are told so before they send their file",
          "[service]") {
    fixture f;
    f.options.max_uploads = 2;
    f.start();
    const std::string body = form(small_workbook(f, 3));
    const std::string request_text = with_body("POST /upload", body);
    client first = f.connect();
    client second = f.connect();
    for (client* each : {&first, &second}) {
        each->send(std::string_view(request_text).substr(0, request_text.size() - 10));
    }
    CHECK(test::eventually([&] { return f.spooled() == 2; }));
    const answer refused = f.ask(request("POST /upload",
                                         "Content-Type: multipart/form-data; boundary=sep\r\n"
                                         "Content-Length: 1000000\r\n"));
    check_error(refused, 503, "too many uploads");
    CHECK(refused.fields.contains("retry-after"));
    for (client* each : {&first, &second}) {
        each->send(std::string_view(request_text).substr(request_text.size() - 10));
        CHECK(each->receive().status == 200);
    }
    CHECK(f.ask(request_text).status == 200);
    CHECK(f.rows_in_db() == 9);
}

TEST_CASE("workbooks have limits", "[service]") {
    fixture f;
    f.options.import.limits.rows = 5;
    f.options.import.limits.inflated_bytes = 10 << 20;
    f.options.import.limits.ratio_free_bytes = 1 << 20;
    f.start();
    const auto upload = [&](const std::string& rows) {
        test::write_zip(f.folder / "large.xlsx", test::one_sheet(test::header_row() + rows));
        return f.upload("?method=sequential", test::read_text(f.folder / "large.xlsx"));
    };
    const answer long_one = f.upload("?method=sequential", small_workbook(f, 20));
    check_error(long_one, 413, "the workbook has a row beyond number 5; 4 rows are committed");
    CHECK(long_one.object().at("stats").at("success_count") == 4);
    CHECK(f.rows_in_db() == 4);

    // Both of nothing but blanks before the first row.
    check_error(upload(std::string(4 << 20, ' ') + test::business_row(2, "a")), 413,
                "looks like a zip bomb");
    f.end();
    fixture g;
    g.options.import.limits.inflated_bytes = 1 << 20;
    g.start();
    test::write_zip(g.folder / "large.xlsx",
                    test::one_sheet(test::header_row() + std::string(4 << 20, ' ')));
    check_error(g.upload("", test::read_text(g.folder / "large.xlsx")), 413,
                "inflates to more than 1 MiB");
}

TEST_CASE("imports have a time, and so many errors as they may", "[service]") {
    fixture f;
    f.options.import_time = 100ms;
    f.start();
    f.gate_closed = true;
    const answer late = f.upload("", small_workbook(f, 3));
    check_error(late, 504, "has taken too long; 0 rows are committed");
    CHECK(late.object().at("stats").at("total_records") == 0);
    CHECK(f.get(late.fields.at("location")).object().at("state") == "canceled");
    f.end();

    fixture g;
    g.options.import.max_errors = 2;
    g.generate(100, 10);
    g.start();
    const answer faulty = g.upload("?method=sequential");
    check_error(faulty, 422, "more than 2 rows were rejected");
    CHECK(faulty.object().at("stats").at("error_count") == 3);
    CHECK(faulty.object().at("stats").at("success_count") == g.rows_in_db());
}

TEST_CASE("only so many rejected rows are kept, and only so many imports", "[service]") {
    fixture f;
    f.options.errors_bytes = 1'000;
    f.options.kept_imports = 2;
    f.generate(1'000, 500);
    f.start();
    std::vector<std::string> paths;
    for (int i = 0; i < 3; ++i) {
        paths.push_back(f.start_import());
        const std::string& path = paths.back();
        const json status = f.wait_for_end(path);
        CHECK(status.at("stats").at("error_count") == 500);
        CHECK(status.at("errors_truncated") == true);
        const std::string csv = f.get(path + "/errors.csv").body;
        CHECK(csv.size() > 500);
        CHECK(csv.size() <= 1'000);
    }
    CHECK(f.get(paths[0]).status == 404);
    CHECK(f.get(paths[1]).status == 200);

    // A header that reaches far makes every record as wide.
    std::string rows = test::header_row();
    rows.insert(rows.rfind("</row>"), R"(<c r="XFD1" t="str"><v>far</v></c>)");
    for (int i = 0; i < 100; ++i) rows += R"(<row><c t="str"><v>x</v></c></row>)";
    test::write_zip(f.book, test::one_sheet(rows));
    const answer wide = f.upload();
    CHECK(wide.object().at("stats").at("error_count") == 100);
    const std::string path = wide.fields.at("location");
    CHECK(f.get(path).object().at("errors_truncated") == true);
    CHECK(f.get(path + "/errors.csv").body.size() < 20'000);  // the header alone
    CHECK(test::eventually([&] { return f.spooled() == 2; }));
}

// ---- 6. clients that go ----

TEST_CASE("nothing is left of a client that goes in the middle of its upload", "[service]") {
    fixture f;
    f.options.max_imports = 1;
    f.generate(2'000, 0);
    f.start();
    const std::string text = with_body("POST /upload", form(f.content()));
    for (const std::size_t size : {text.size() / 3, text.size() - 1}) {
        INFO("size " << size);
        client c = f.connect();
        c.send(std::string_view(text).substr(0, size));
        CHECK(test::eventually([&] { return f.spooled() == 1; }));
        c.close();
        CHECK(test::eventually([&] { return f.spooled() == 0; }));
        CHECK(f.comes_to_goroutines(0));
    }
    CHECK(f.ask(text).status == 200);
    CHECK(f.rows_in_db() == 2'000);
}

TEST_CASE("nothing is left of an upload for which the disk has no room", "[service]") {
    fixture f;
    f.options.max_imports = 1;
    f.generate(2'000, 0);
    f.start();
    const std::string content = f.content();
    {
        const test::full_disk disk(content.size() / 2);
        check_error(f.upload("", content), 500, "cannot write a temporary file");
        CHECK(test::eventually([&] { return f.spooled() == 0; }));
        CHECK(f.comes_to_goroutines(0));
    }
    CHECK(f.upload("", content).status == 200);
    CHECK(f.rows_in_db() == 2'000);
}

TEST_CASE("an import for whose rows the disk has no room is told with what is committed",
          "[service]") {
    fixture f;
    f.generate(8'000, 0);
    f.start();
    const std::string content = f.content();
    std::uint64_t rows = 0;
    {
        const test::full_disk disk(3 << 20);
        REQUIRE(content.size() < 3U << 20);
        const answer a = f.upload("?method=sequential", content);
        check_error(a, 500, "rows are committed");
        rows = a.object().at("stats").at("success_count").get<std::uint64_t>();
        // The list of its rejected rows is kept with the import, the upload is not.
        CHECK(test::eventually([&] { return f.spooled() == 1; }));
        CHECK(f.comes_to_goroutines(0));
    }
    CHECK(rows > 0);
    CHECK(rows < 8'000);
    CHECK(f.rows_in_db() == rows);
    CHECK(f.upload("", small_workbook(f, 3)).status == 200);
    CHECK(f.rows_in_db() == rows + 3);
}

TEST_CASE("a client that goes cancels its import", "[service]") {
    fixture f;
    f.options.max_imports = 1;
    f.stall_after = 500;
    f.generate(2'000, 0);
    f.start();
    client c = f.connect();
    c.send(with_body("POST /upload?method=sequential", form(f.content())));
    CHECK(test::eventually([&] { return f.rows_in_db() == 500; }));
    c.close();
    CHECK(test::eventually([&] { return f.logged("the client has gone"); }));
    const auto rows = f.rows_in_db();
    CHECK(rows < 2'000);
    CHECK(f.logged("; " + std::to_string(rows) + " rows are committed"));
    CHECK(f.upload("", small_workbook(f, 3)).status == 200);
    CHECK(f.rows_in_db() == rows + 3);
}

TEST_CASE("a client that goes does not cancel what it does not wait for", "[service]") {
    fixture f;
    f.generate(1'000, 0);
    f.start();
    f.gate_closed = true;
    const std::string path = f.start_import();
    client c = f.connect();
    c.send(request("GET " + path + "/events"));
    c.until("event: progress");
    CHECK(
        f.comes_to_goroutines(3));  // the import; the stream of events, and who watches its client
    c.close();
    CHECK(f.comes_to_goroutines(1));
    CHECK(f.get(path).object().at("state") == "importing");
    f.gate_closed = false;
    CHECK(f.wait_for_end(path).at("stats").at("success_count") == 1'000);
    CHECK(f.rows_in_db() == 1'000);
}

// ---- 7. the end ----

TEST_CASE("the service ends at once if nothing is under way", "[service]") {
    fixture f;
    f.options.grace = 60s;
    f.start();
    client idle = f.connect();
    client used = f.connect();
    used.send(request("GET /health"));
    CHECK(used.receive().status == 200);
    const auto begin = runnel::clock::now();
    CHECK(f.end(2) == 0);
    CHECK(runnel::clock::now() - begin < 60s);
    CHECK(idle.ends());
    CHECK(used.ends());
    std::error_code refused;
    runnel::net::dial(f.address(), refused);
    CHECK(refused == std::errc::connection_refused);
}

TEST_CASE("what is under way may end", "[service]") {
    fixture f;
    f.options.grace = 60s;
    f.generate(1'000, 13);
    f.start();
    f.gate_closed = true;
    const std::string path = f.start_import();
    client events = f.connect();
    events.send(request("GET " + path + "/events"));
    events.until("event: progress");
    client waiting = f.connect();
    waiting.send(with_body("POST /upload", form(f.content())));
    client sending = f.connect();
    const std::string text = with_body("POST /upload", form(f.content()));
    sending.send(std::string_view(text).substr(0, 1'000));
    // Each import has its upload, and that which is being sent has one.
    CHECK(test::eventually([&] { return f.spooled() == 3; }));
    client idle = f.connect();
    idle.send(request("GET /health"));
    CHECK(idle.receive().status == 200);

    f.stop();
    CHECK(idle.ends());
    sending.send(std::string_view(text).substr(1'000));
    CHECK(test::eventually([&] {
        std::error_code refused;
        runnel::net::dial(f.address(), refused);
        return refused == std::errc::connection_refused;
    }));
    f.gate_closed = false;
    for (client* each : {&waiting, &sending}) {
        const answer a = each->receive();
        CHECK(a.status == 200);
        CHECK(a.fields.at("connection") == "close");
        CHECK(a.object().at("stats").at("success_count") == 987);
        CHECK(each->ends());
    }
    CHECK(contains(events.until("\"state\":\"finished\""), "event: end"));
    CHECK(f.end(4) == 0);
    CHECK(f.rows_in_db() == 3 * 987);
}

TEST_CASE("what does not end in time is cancelled, and the client is told", "[service]") {
    fixture f;
    f.options.grace = 50ms;
    f.stall_after = 500;
    f.generate(2'000, 0);
    f.start();
    client waiting = f.connect();
    waiting.send(with_body("POST /upload?method=sequential", form(f.content())));
    CHECK(test::eventually([&] { return f.rows_in_db() == 500; }));
    const std::size_t spooled = f.spooled();
    client sending = f.connect();
    sending.send(request("POST /upload",
                         "Content-Type: multipart/form-data; boundary=sep\r\n"
                         "Content-Length: 1000\r\n") +
                 "--sep\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nPK");
    // It has begun: else it is told that it comes too late.
    CHECK(test::eventually([&] { return f.spooled() == spooled + 1; }));
    f.stop();
    const answer a = waiting.receive();
    check_error(a, 503, "the service is shutting down; ");
    const json stats = a.object().at("stats");
    CHECK(stats.at("success_count") >= 500);
    CHECK(stats.at("success_count") < 2'000);
    CHECK(f.end(2) == 1);
    CHECK(sending.ends());
    CHECK(stats.at("success_count") == f.rows_in_db());
}

// ---- 8. the program ----

namespace {

// `excel_to_db serve` on a port of its choice.
struct program {
    test::temporary_folder folder;
    std::string db;
    std::filesystem::path out = folder / "stdout.txt";
    test::process process;
    std::string address;

    explicit program(const std::vector<std::string>& more = {}, const std::string& existing_db = {})
        : db(existing_db.empty() ? (folder / "out.db").string() : existing_db),
          process(folder, arguments(db, more)) {
        const std::string_view begin = "listening on http://";
        test::eventually([&] {
            const std::string text = test::read_text(out);
            if (!text.ends_with('\n')) return process.has_ended();
            address = text.substr(begin.size(), text.find('\n') - begin.size());
            return true;
        });
    }

    static std::vector<std::string> arguments(const std::string& db,
                                              const std::vector<std::string>& more) {
        std::vector<std::string> all = {"serve", "--db", db, "--listen", "127.0.0.1:0"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
};

}  // namespace

TEST_CASE("serve is ended by either signal, with status 0", "[service]") {
    for (const int number : {SIGTERM, SIGINT}) {
        INFO("signal " << number);
        program p({"--max-upload", "1MiB", "--grace", "60", "--max-imports", "1"});
        const auto book = p.folder / "book.xlsx";
        write_sample(book, {.rows = 100, .bad = 3});
        client c(p.address);
        c.send(with_body("POST /upload", form(test::read_text(book))));
        CHECK(c.receive().object().at("stats").at("success_count") == 97);
        client large(p.address);
        large.send(request("POST /upload",
                           "Content-Type: multipart/form-data; boundary=sep\r\n"
                           "Content-Length: 2000000\r\n"));
        check_error(large.receive(), 413, "larger than 1048576 bytes");
        p.process.signal(number);
        const test::result r = p.process.wait();
        CHECK(r.status == 0);
        CHECK(r.err.empty());
        CHECK(r.out.starts_with("listening on http://127.0.0.1:"));
        CHECK(contains(r.out, "100 rows, 97 imported, 3 rejected"));
    }
}

TEST_CASE("serve tells that imports were cancelled", "[service]") {
    program p({"--grace", "0.05"});
    const auto book = p.folder / "book.xlsx";
    write_sample(book, {.rows = 60'000, .constant_memory = true});
    client c(p.address);
    c.send(with_body("POST /upload?method=sequential", form(test::read_text(book))));
    CHECK(test::eventually([&] { return query(p.db, "SELECT count(*) FROM businesses") != "0"; },
                           60s));
    p.process.signal(SIGTERM);
    const answer a = c.receive();
    check_error(a, 503, "shutting down");
    const test::result r = p.process.wait();
    CHECK(r.status == 130);
    CHECK(r.err == "excel_to_db: 1 import was cancelled\n");
    CHECK(query(p.db, "SELECT count(*) FROM businesses") ==
          a.object().at("stats").at("success_count").dump());
}

TEST_CASE("serve that is killed leaves what is committed, and no file", "[service]") {
    const test::temporary_folder spool;
    const auto folder_of_spool = (spool / ".").string();
    program p({"--spool", folder_of_spool, "--on-conflict", "skip"});
    const auto book = p.folder / "book.xlsx";
    write_sample(book, {.rows = 10'000});
    const std::string upload =
        with_body("POST /upload?method=sequential", form(test::read_text(book)));
    const auto rows = [&] { return query(p.db, "SELECT count(*) FROM businesses"); };
    client c(p.address);
    c.send(upload);
    CHECK(test::eventually([&] { return rows() != "0"; }, 60s));
    p.process.signal(SIGKILL);
    CHECK(p.process.wait().status == 128 + SIGKILL);
    CHECK(c.ends());
    CHECK(rows() != "10000");
    CHECK(std::filesystem::is_empty(folder_of_spool));
    // Another one completes it, and doubles no row.
    program again({"--on-conflict", "skip"}, p.db);
    client d(again.address);
    d.send(upload);
    CHECK(d.receive().status == 200);
    CHECK(rows() == "10000");
}

TEST_CASE("serve does not begin what it cannot do", "[service]") {
    const test::temporary_folder folder;
    const auto complaint = [&](const std::vector<std::string>& arguments, int status) {
        const test::result r = test::process(folder, arguments).wait();
        CHECK(r.status == status);
        CHECK(r.out.empty());
        CHECK(r.err.starts_with("excel_to_db: "));
        CHECK(std::count(r.err.begin(), r.err.end(), '\n') == 1);
        return r.err;
    };
    const std::string db = (folder / "out.db").string();
    const std::string nowhere = (folder / "no/out.db").string();
    CHECK(contains(complaint({"serve"}, 2), "--db"));
    CHECK(contains(complaint({"serve", "--db", db, "--grace", "never"}, 2), "--grace"));
    CHECK(contains(complaint({"serve", "--db", db, "--spool", nowhere}, 2), "--spool"));
    CHECK(contains(complaint({"serve", "--db", nowhere}, 1), "database " + nowhere));
    CHECK(contains(complaint({"serve", "--db", db, "--listen", "nonsense"}, 1), "nonsense"));
    auto taken = runnel::net::listen("127.0.0.1:0");
    const std::string address = taken.local_endpoint().to_string();
    CHECK(contains(complaint({"serve", "--db", db, "--listen", address}, 1), address));
}
