// tests/excel_to_db_postgres_service_test.cpp — the service over a server that restarts, or stands still.
// SPDX-License-Identifier: BSL-1.0
//
//   Run by script/postgres run, which starts the server.
#include <signal.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <runnel/blocking.hpp>
#include <runnel/context.hpp>
#include <runnel/future.hpp>
#include <runnel/net.hpp>
#include <runnel/runtime.hpp>
#include <span>
#include <stdexcept>
#include <string>
#include <system_error>

#include "excel_to_db_support.hpp"
#include "sample.hpp"
#include "service/service.hpp"
#include "store/open_store.hpp"
#include "store/pg_connection.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

using namespace excel_to_db;
using namespace std::chrono_literals;
using nlohmann::json;

namespace {

std::string server_url() { return test::server_environment("EXCEL_TO_DB_POSTGRES"); }

pg_answer query(const std::string& sql) {
    return pg_connection(runnel::background(), server_url(), "test", 20s).execute(sql.c_str());
}
std::uint64_t rows(const std::string& what = "*") {
    return std::stoull(PQgetvalue(query("SELECT count(" + what + ") FROM businesses").get(), 0, 0));
}

void signal_backends(int signal) {
    const pg_answer pids =
        query("SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'excel_to_db-%'");
    for (int i = 0; i < PQntuples(pids.get()); ++i) {
        CHECK(::kill(std::stoi(PQgetvalue(pids.get(), i, 0)), signal) == 0);
    }
}

// "kill", as a power cut does, or "start".
void tell_server(const std::string& word) {
    const std::string command = std::string(POSTGRES_SCRIPT) + " " + word + " " +
                                test::server_environment("EXCEL_TO_DB_POSTGRES_FOLDER") +
                                " > /dev/null";
    CHECK(runnel::blocking([&] { return std::system(command.c_str()); }) == 0);
}

struct answer {
    int status = 0;
    json object;
};

// A service, used by one client at a time.
class running_service {
public:
    running_service() {
        options_.address = "127.0.0.1:0";
        std::filesystem::create_directory(spool_);
        options_.spool = spool_;
        options_.grace = 100ms;
        server_ = std::make_unique<service>(
            options_, shared_stores(runnel::background(), server_url(), conflict_rule::none, 8));
        query("TRUNCATE businesses");
        running_.emplace(runnel::async([this] { return server_->run(stop_); }));
    }
    running_service(const running_service&) = delete;
    running_service& operator=(const running_service&) = delete;
    ~running_service() {
        if (running_) end();
    }

    /// Returns how many imports were cut.
    std::size_t end() {
        stop_.cancel();
        const std::size_t cut = running_->get();
        running_.reset();
        return cut;
    }

    answer ask(const std::string& line, const std::string& rest = "\r\n") const {
        runnel::net::stream stream = runnel::net::dial(server_->address().to_string());
        stream.set_deadline(runnel::clock::now() + 120s);
        stream.write(line + " HTTP/1.1\r\nHost: test\r\nConnection: close\r\n" + rest);
        std::string text;
        std::array<char, 4096> buffer;
        std::error_code error;
        while (const std::size_t n =
                   stream.read_some(std::as_writable_bytes(std::span(buffer)), error)) {
            text.append(buffer.data(), n);
        }
        const std::size_t body = text.find("\r\n\r\n");
        if (body == std::string::npos) throw std::runtime_error("no answer: " + text);
        return {std::stoi(text.substr(9, 3)), json::parse(text.substr(body + 4))};
    }

    /// Begins an import; the path of what is known of it.
    std::string import(const std::string& method, std::uint32_t count) const {
        const auto book = folder_ / "book.xlsx";
        write_sample(book, {.rows = count, .bad = 13});
        std::string body =
            "--sep\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.xlsx\"\r\n\r\n";
        body += test::read_text(book) + "\r\n--sep--\r\n";
        const answer a = ask("POST /upload?async=1&method=" + method,
                             "Content-Type: multipart/form-data; boundary=sep\r\nContent-Length: " +
                                 std::to_string(body.size()) + "\r\n\r\n" + body);
        CHECK(a.status == 202);
        return "/imports/" + a.object.at("id").get<std::string>();
    }
    json end_of(const std::string& path) const {
        json status;
        CHECK(test::eventually(
            [&] {
                status = ask("GET " + path).object;
                return status.at("state") != "importing";
            },
            60s));
        return status;
    }

private:
    test::temporary_folder folder_;
    std::filesystem::path spool_ = folder_ / "spool";
    service_options options_;
    runnel::cancel_context stop_ = runnel::with_cancel(runnel::background());
    std::unique_ptr<service> server_;
    std::optional<runnel::future<std::size_t>> running_;
};

// Some rows of an import by this method are there, and others to come.
void in_mid_import(const std::string& method,
                   const std::function<void(running_service&, const std::string& path)>& then) {
    INFO(method);
    runnel::run([&] {
        running_service server;
        const std::string path = server.import(method, 4'000);
        CHECK(test::eventually([] { return rows() > 0; }, 20s));
        then(server, path);
    });
}

}  // namespace

TEST_CASE("a database that restarts in mid-import costs no row, and doubles none") {
    for (const std::string method : {"sequential", "concurrent"}) {
        in_mid_import(method, [](running_service& server, const std::string& path) {
            tell_server("kill");
            tell_server("start");
            const json status = server.end_of(path);
            INFO(status.dump());
            CHECK(status.at("state") == "finished");
            CHECK(status.at("stats").at("success_count") == 3'987);
            CHECK(status.at("stats").at("error_count") == 13);
            CHECK(rows() == 3'987);
            CHECK(rows("DISTINCT name") == 3'987);
            CHECK(server.ask("GET /health").status == 200);
        });
    }
}

TEST_CASE("an import is cancelled though its database stands still, and says what is not known") {
    in_mid_import("sequential", [](running_service& server, const std::string& path) {
        signal_backends(SIGSTOP);
        CHECK(server.ask("DELETE " + path).status < 300);  // 202 if it takes long
        const json status = server.end_of(path);
        INFO(status.dump());
        CHECK(status.at("state") == "failed");
        CHECK_THAT(status.at("error").get<std::string>(), Catch::Contains("is not known"));
        const auto told = status.at("stats").at("success_count").get<std::uint64_t>();
        signal_backends(SIGCONT);
        CHECK(told > 0);
        CHECK(told <= rows());
        CHECK(rows() <= told + 1);
    });
}

TEST_CASE("a service ends though its database stands still, and somebody asks for its health") {
    in_mid_import("sequential", [](running_service& server, const std::string&) {
        signal_backends(SIGSTOP);
        CHECK(server.ask("GET /health").status == 200);  // by a connection of its own
        CHECK(server.end() == 1);
        signal_backends(SIGCONT);
    });
    runnel::run([&] {
        running_service server;
        signal_backends(SIGSTOP);
        CHECK(server.ask("GET /health").status == 503);
        CHECK(server.end() == 0);
        signal_backends(SIGCONT);
    });
}
