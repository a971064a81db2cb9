// tests/excel_to_db_tls_test.cpp — PostgreSQL by TLS, as libpq offers it.
// SPDX-License-Identifier: BSL-1.0
//
//   Run by script/postgres run --tls, which starts the server.
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <runnel/context.hpp>
#include <runnel/net.hpp>
#include <runnel/wait_group.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "excel_to_db_support.hpp"
#include "import/importer.hpp"
#include "sample.hpp"
#include "store/open_store.hpp"
#include "store/pg_connection.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

using namespace excel_to_db;
using namespace std::chrono_literals;

namespace {

std::string server_folder() { return test::server_environment("EXCEL_TO_DB_POSTGRES_FOLDER"); }
std::string own_root() { return server_folder() + "/server.crt"; }
std::string server_port() {
    const std::string url = test::server_environment("EXCEL_TO_DB_POSTGRES");
    const std::size_t begin = url.find("localhost:") + 10;
    return url.substr(begin, url.find('/', begin) - begin);
}
std::string socket_of_server() { return server_folder() + "/.s.PGSQL." + server_port(); }

std::string required() {
    return test::server_environment("EXCEL_TO_DB_POSTGRES") + "&sslmode=require";
}
std::string verified(const std::string& root) {
    return test::server_environment("EXCEL_TO_DB_POSTGRES") +
           "&sslmode=verify-full&sslrootcert=" + root;
}

pg_connection connect(const std::string& url) {
    return pg_connection(runnel::background(), url, "test", 20s);
}

/// The first column of the first row.
std::string query(pg_connection& connection, const std::string& sql) {
    const pg_answer result = connection.execute(sql.c_str());
    return PQntuples(result.get()) == 0 ? "" : PQgetvalue(result.get(), 0, 0);
}
std::string query(const std::string& sql) {
    pg_connection connection = connect(required());
    return query(connection, sql);
}

/// What an import says that cannot reach its database; "" if it can.
std::string complaint(const std::string& url) {
    const std::string text = test::message_of(
        [&] { open_store(runnel::background(), url, conflict_rule::none, 1)->ping(); });
    CHECK(std::count(text.begin(), text.end(), '\n') == 0);
    return text;
}

}  // namespace

// ---- 1. certificates ----

TEST_CASE("each method imports by TLS, whether the certificate is verified or not") {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    write_sample(book, {.rows = 700, .bad = 13});
    for (const std::string& url : {required(), verified(own_root())}) {
        for (const import_method method :
             {import_method::sequential, import_method::concurrent, import_method::batch,
              import_method::pipeline, import_method::copy}) {
            INFO("method " << static_cast<int>(method) << ", " << url);
            const auto db = open_store(runnel::background(), url, conflict_rule::none, 8);
            query("TRUNCATE businesses");
            import_options options;
            options.method = method;
            options.workers = 8;
            std::string all_by_tls;
            options.on_progress = [&](const import_progress&) {
                if (all_by_tls.empty()) {
                    all_by_tls = query(
                        "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                        "WHERE application_name LIKE 'excel_to_db-%'");
                }
            };
            const import_report report = importer(runnel::background(), book, options)
                                             .run(runnel::background(), *db, nullptr);
            CHECK(report.ending == import_ending::finished);
            CHECK(report.stats.success_count == 687);
            CHECK(report.stats.error_count == 13);
            CHECK(all_by_tls == "t");
            CHECK(query("SELECT count(*) FROM businesses") == "687");
        }
    }
}

TEST_CASE("a server that does not prove who it is, is told in one line") {
    const test::temporary_folder folder;
    const std::string other = (folder / "other.crt").string();
    std::string command =
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        "-subj /CN=localhost -keyout ";
    command.append((folder / "other.key").string()).append(" -out ").append(other);
    command += " 2> /dev/null";
    REQUIRE(std::system(command.c_str()) == 0);
    CHECK(complaint(verified(own_root())).empty());
    CHECK_THAT(complaint(verified(other)), Catch::Contains("certificate verify failed"));
    CHECK_THAT(complaint(verified((folder / "none.crt").string())), Catch::Contains("none.crt"));
    std::string elsewhere = verified(own_root());
    elsewhere.replace(elsewhere.find("localhost"), 9, "elsewhere");
    CHECK_THAT(complaint(elsewhere), Catch::Contains("\"elsewhere\""));
}

TEST_CASE("a server that offers no TLS is told in one line") {
    struct switched_off {
        switched_off() { set("SET ssl = off"); }
        switched_off(const switched_off&) = delete;
        switched_off& operator=(const switched_off&) = delete;
        ~switched_off() { set("RESET ssl"); }
        static void set(const std::string& what) {
            // The socket in the folder knows no TLS in any case.
            std::string url = "postgres://postgres@/postgres?host=";
            url.append(server_folder()).append("&port=").append(server_port());
            pg_connection connection = connect(url);
            connection.execute(("ALTER SYSTEM " + what).c_str());
            connection.execute("SELECT pg_reload_conf()");
        }
    };
    {
        const switched_off without_tls;
        // The server reads its settings a moment after it was told to.
        CHECK(test::eventually([] { return !complaint(required()).empty(); }));
        for (const std::string& url : {required(), verified(own_root())}) {
            CHECK_THAT(complaint(url), Catch::Contains("does not support SSL"));
        }
    }
    CHECK(test::eventually([] { return complaint(required()).empty(); }));
}

// ---- 2. waiting ----

TEST_CASE("one worker drives several connections by TLS") {
    constexpr std::size_t many = 8;
    const test::procs one(1);
    runnel::run([&] {
        pg_connection first = connect(required());
        query(first, "SELECT pg_advisory_lock(1)");
        std::atomic<std::size_t> through{0};
        runnel::wait_group waiting;
        for (std::size_t i = 0; i < many; ++i) {
            waiting.go([&] {
                pg_connection connection = connect(verified(own_root()));
                query(connection, "SELECT pg_advisory_lock_shared(1)");
                ++through;
            });
        }
        CHECK(test::eventually([&] {
            return query(first,
                         "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT "
                         "granted") == std::to_string(many);
        }));
        CHECK(test::wait_parked(many, "IO wait"));
        CHECK(through == 0);
        query(first, "SELECT pg_advisory_unlock(1)");
        waiting.wait();
        CHECK(through == many);
    });
}

TEST_CASE("a server that falls silent while TLS is being agreed upon blocks nobody") {
    constexpr std::size_t many = 4;
    const test::procs one(1);
    runnel::run([&] {
        auto silent = runnel::net::listen("127.0.0.1:0");
        std::string url = "postgres://a@";
        url.append(silent.local_endpoint().to_string()).append("/a?sslmode=require");
        auto ctx = runnel::with_cancel(runnel::background());
        std::atomic<std::size_t> told{0};
        runnel::wait_group clients;
        for (std::size_t i = 0; i < many; ++i) {
            clients.go([&] {
                told += test::message_of([&] { pg_connection(ctx, url, "test", 20s); }) ==
                        "no answer from the server";
            });
        }
        std::vector<runnel::net::stream> streams;
        for (std::size_t i = 0; i < many; ++i) {
            runnel::net::stream s = silent.accept();
            std::array<std::byte, 8> request;
            std::array<std::byte, 1024> hello;
            CHECK(s.read(request) == request.size());
            s.write("S");
            CHECK(s.read_some(hello) > 0);
            streams.push_back(std::move(s));
        }
        CHECK(test::wait_parked(many, "IO wait"));
        CHECK(told == 0);
        ctx.cancel();
        clients.wait();
        CHECK(told == many);
    });
}

TEST_CASE("answers of many records are read to their end") {
    runnel::run([] {
        pg_connection connection = connect(required());
        CHECK(query(connection, "SELECT repeat('0123456789', 300000)").size() == 3'000'000);
        const pg_answer rows = connection.execute("SELECT generate_series(1, 100000)");
        CHECK(PQntuples(rows.get()) == 100'000);
        CHECK(std::string(PQgetvalue(rows.get(), 99'999, 0)) == "100000");
    });
}

namespace {

// Ends TLS before the server's own socket, as proxies do, and passes each answer on in the largest records that there
// are, the last of them full; PostgreSQL's are half as large. For one client, that asks one thing after the other.
class large_records {
public:
    large_records() : settings_(SSL_CTX_new(TLS_server_method())) {
        const std::string key = server_folder() + "/server.key";
        if (SSL_CTX_use_certificate_file(settings_, own_root().c_str(), SSL_FILETYPE_PEM) != 1 ||
            SSL_CTX_use_PrivateKey_file(settings_, key.c_str(), SSL_FILETYPE_PEM) != 1) {
            throw std::runtime_error("the server's certificate cannot be read");
        }
        listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* any = reinterpret_cast<sockaddr*>(&address);
        socklen_t size = sizeof address;
        if (::bind(listening_, any, size) != 0 || ::listen(listening_, 1) != 0 ||
            ::getsockname(listening_, any, &size) != 0) {
            throw std::runtime_error("no address to listen on");
        }
        url_ = "postgres://postgres@localhost:";
        url_.append(std::to_string(ntohs(address.sin_port)));
        url_ += "/postgres?hostaddr=127.0.0.1&sslmode=require";
        thread_ = std::thread([this] { serve(); });
    }
    large_records(const large_records&) = delete;
    large_records& operator=(const large_records&) = delete;
    ~large_records() {
        ::shutdown(listening_, SHUT_RDWR);
        thread_.join();
        ::close(listening_);
        SSL_CTX_free(settings_);
    }

    const std::string& url() const { return url_; }
    int full_records() const { return full_records_; }

private:
    static constexpr std::size_t record = 16384;

    void serve() {
        const int client = ::accept(listening_, nullptr, nullptr);
        SSL* tls = SSL_new(settings_);
        const int server = connect_to_server();
        std::array<char, 8> request;
        if (::recv(client, request.data(), request.size(), MSG_WAITALL) == 8 &&
            ::send(client, "S", 1, MSG_NOSIGNAL) == 1 && SSL_set_fd(tls, client) == 1 &&
            SSL_accept(tls) == 1) {
            std::array<char, record> question;
            for (int n = 0; (n = SSL_read(tls, question.data(), record)) > 0;) {
                const auto size = static_cast<std::size_t>(n);
                if (::send(server, question.data(), size, MSG_NOSIGNAL) != n) break;
                pass(answer_of(server), tls);
            }
        }
        SSL_free(tls);
        ::close(server);
        ::close(client);
    }

    static int connect_to_server() {
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        socket_of_server().copy(address.sun_path, sizeof address.sun_path - 1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -1;
        return fd;
    }

    // To the server's word that it is ready for the next question.
    static std::string answer_of(int server) {
        constexpr std::string_view ready("Z\0\0\0\5I", 6);
        std::string answer;
        std::array<char, 65536> some;
        while (!answer.ends_with(ready)) {
            const ssize_t n = ::recv(server, some.data(), some.size(), 0);
            if (n <= 0) break;
            answer.append(some.data(), static_cast<std::size_t>(n));
        }
        return answer;
    }

    void pass(std::string_view answer, SSL* tls) {
        while (!answer.empty()) {
            const std::size_t rest = answer.size() % record;
            const std::size_t size = rest != 0 ? rest : record;
            if (SSL_write(tls, answer.data(), static_cast<int>(size)) <= 0) return;
            full_records_ += size == record;
            answer.remove_prefix(size);
        }
    }

    SSL_CTX* settings_;
    int listening_ = -1;
    std::string url_;
    std::atomic<int> full_records_{0};
    std::thread thread_;
};

}  // namespace

TEST_CASE("what TLS has decrypted already is not waited for") {
    large_records proxy;
    runnel::run([&] {
        pg_connection connection = connect(proxy.url());
        const pg_answer rows =
            connection.execute("SELECT repeat('x', 5000) FROM generate_series(1, 100)");
        CHECK(PQntuples(rows.get()) == 100);
        CHECK(PQgetlength(rows.get(), 99, 0) == 5000);
    });
    CHECK(proxy.full_records() > 20);
}
