// tests/excel_to_db_postgres_test.cpp — what a real PostgreSQL server is asked to do, refuses, and loses.
// SPDX-License-Identifier: BSL-1.0
//
//   Run by script/postgres run, which starts the server.
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/future.hpp>
#include <runnel/io.hpp>
#include <runnel/net.hpp>
#include <runnel/wait_group.hpp>
#include <string>
#include <utility>
#include <vector>

#include "excel_to_db_support.hpp"
#include "import/importer.hpp"
#include "sample.hpp"
#include "store/open_store.hpp"
#include "store/pg_rows.hpp"
#include "store/pg_store.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

using namespace excel_to_db;
using namespace std::chrono_literals;

namespace {

std::string server_url() { return test::server_environment("EXCEL_TO_DB_POSTGRES"); }

// A schema of its own, gone at the end.
class fresh_schema {
public:
    fresh_schema() {
        static int count = 0;
        name_ = "test_" + std::to_string(++count);
        query("CREATE SCHEMA " + name_);
    }
    fresh_schema(const fresh_schema&) = delete;
    fresh_schema& operator=(const fresh_schema&) = delete;
    ~fresh_schema() { drop(); }

    std::unique_ptr<pg_store> open(conflict_rule rule = conflict_rule::none,
                                   std::size_t connections = 8,
                                   const std::string& url = server_url()) const {
        return std::make_unique<pg_store>(runnel::background(), url, rule,
                                          pg_options{.connections = connections, .schema = name_});
    }

    const std::string& name() const { return name_; }
    std::string url() const { return server_url() + "&options=-csearch_path%3D" + name_; }

    /// The first column of the first row; "" for NULL or no row.
    std::string query(const std::string& sql) const {
        pg_connection connection(runnel::background(), server_url(), "test", 20s);
        connection.execute(("SET search_path = " + name_).c_str());
        const pg_answer result = connection.execute(sql.c_str());
        return PQntuples(result.get()) == 0 ? "" : PQgetvalue(result.get(), 0, 0);
    }
    std::string rows() const { return query("SELECT count(*) FROM businesses"); }
    std::string names() const {
        return query("SELECT string_agg(name, ',' ORDER BY id) FROM businesses");
    }

    // A table that refuses the name "bad".
    void refuse_bad(const std::string& how) const {
        const auto make_table = open();
        before_each_insert("IF NEW.name = 'bad' THEN " + how + " END IF;");
    }

    void before_each_insert(const std::string& what) const {
        query("CREATE FUNCTION " + name_ + ".check_row() RETURNS trigger LANGUAGE plpgsql AS " +
              "$$ BEGIN " + what + " RETURN NEW; END $$");
        query(
            "CREATE TRIGGER check_row BEFORE INSERT ON businesses FOR EACH ROW EXECUTE FUNCTION " +
            name_ + ".check_row()");
    }

private:
    void drop() const {
        // A lost connection's backend may be at its transaction yet, and each of us wait for the other. It ends
        // before we have lost for the third time.
        for (int attempts_left = 3;; --attempts_left) {
            try {
                query("DROP SCHEMA " + name_ + " CASCADE");
                return;
            } catch (const pg_failure& e) {
                if (!e.is_transient() || attempts_left == 1) throw;
            }
        }
    }

    std::string name_;
};

void end_all_backends() {
    pg_connection connection(runnel::background(), server_url(), "test", 20s);
    connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
        "application_name LIKE 'excel_to_db-%'");
}

business named(std::string_view name) {
    business result;
    result.fields = {name, "shop", "1", "a@b.c", "street", "town", "land", "web", "text"};
    return result;
}

using store_rows = std::function<std::vector<refusal>(store_session&, std::span<const business>)>;

std::vector<refusal> for_all(std::span<const business> rows, const refusal& one) {
    return std::vector<refusal>(rows.size(), one);
}

// Every way to store rows, each answering for every row.
struct way {
    const char* name;
    bool all_or_none;
    store_rows call;
};
const std::array<way, 6>& ways() {
    static const std::array<way, 6> all = {{
        {"insert", false,
         [](store_session& session, std::span<const business> rows) {
             std::vector<refusal> answers;
             for (const business& row : rows) answers.push_back(session.insert(row));
             return answers;
         }},
        {"insert_all", true,
         [](store_session& session, std::span<const business> rows) {
             return for_all(rows, session.insert_all(rows, rows.size()));
         }},
        {"insert_all, three by three", true,
         [](store_session& session, std::span<const business> rows) {
             return for_all(rows, session.insert_all(rows, 3));
         }},
        {"insert_pipelined", true,
         [](store_session& session, std::span<const business> rows) {
             return for_all(rows, session.insert_pipelined(rows));
         }},
        {"load", true,
         [](store_session& session, std::span<const business> rows) {
             return for_all(rows, session.load(rows));
         }},
        {"insert_each", false,
         [](store_session& session, std::span<const business> rows) {
             return session.insert_each(rows);
         }},
    }};
    return all;
}

// Rows of which the database refuses one, and the answers that are due.
struct refused_row {
    const fresh_schema& schema;
    store& db;
    const way& each;
    const std::vector<business>& rows;
    const std::vector<refusal>& answers;
};

// Calls `check` for each way, and for each manner of refusing.
void with_a_refused_row(const std::function<void(const refused_row&)>& check) {
    struct {
        const char* how;
        const char* reason;
    } const cases[] = {{"RAISE EXCEPTION 'no';", "no"},
                       {"RETURN NULL;", "the database ignored the row"}};
    const std::vector<business> rows = {named("a"), named("bad"), named("c"), named("d")};
    for (const auto& [how, reason] : cases) {
        for (const way& each : ways()) {
            INFO(how << " " << each.name);
            const fresh_schema schema;
            schema.refuse_bad(how);
            const auto db = schema.open();
            std::vector<refusal> answers(4, each.all_or_none ? refusal(reason) : std::nullopt);
            answers[1] = reason;
            check({schema, *db, each, rows, answers});
        }
    }
}

}  // namespace

// ---- 1. storing ----

TEST_CASE("a new database has the guide's columns and indexes") {
    const fresh_schema schema;
    const auto db = schema.open();
    CHECK(schema.query("SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM "
                       "information_schema.columns WHERE table_schema = current_schema()") ==
          "id,name,category,phone,email,address,city,country,website,description,"
          "created_at,updated_at,deleted_at");
    CHECK(schema.query("SELECT string_agg(indexname, ',' ORDER BY indexname) FROM pg_indexes "
                       "WHERE schemaname = current_schema()") ==
          "businesses_pkey,idx_businesses_category,idx_businesses_city,idx_businesses_country,"
          "idx_businesses_deleted_at,idx_businesses_email,idx_businesses_name");
    CHECK(db->count_rows() == 0);
    CHECK(db->useful_sessions() == 8);
    CHECK_NOTHROW(db->ping());
    CHECK_NOTHROW(schema.open());  // what is there already is left alone
}

TEST_CASE(
    "rows are stored field by field and are committed when the call returns, whatever the way") {
    for (const way& each : ways()) {
        INFO(each.name);
        const fresh_schema schema;
        const auto db = schema.open();
        const auto session = db->open_session();
        std::vector<business> rows(7, named("O'Neill; DROP TABLE \xE2\x82\xAC"));
        for (business& row : rows) row.fields[1] = {};
        CHECK(each.call(*session, rows) == std::vector<refusal>(7));
        CHECK(schema.rows() == "7");
        CHECK(schema.query(
                  "SELECT DISTINCT concat_ws('|', name, category, phone, email, address, city, "
                  "country, website, description) FROM businesses") ==
              "O'Neill; DROP TABLE \xE2\x82\xAC||1|a@b.c|street|town|land|web|text");
        CHECK(schema.query("SELECT bool_and(created_at = updated_at AND deleted_at IS NULL AND "
                           "abs(extract(epoch FROM now() - created_at)) < 600) FROM businesses") ==
              "t");
    }
}

TEST_CASE("thousands of rows go by one call") {
    const fresh_schema schema;
    const auto db = schema.open();
    const auto session = db->open_session();
    const std::vector<business> rows(max_batch_size + 1, named("x"));
    std::uint64_t expected = 0;
    for (const way& each : ways()) {
        INFO(each.name);
        const auto answers = each.call(*session, rows);
        CHECK(answers == std::vector<refusal>(rows.size()));
        expected += rows.size();
        CHECK(db->count_rows() == expected);
    }
    CHECK_FALSE(session->insert_all(rows, max_batch_size));
    CHECK(db->count_rows() == expected + rows.size());
}

TEST_CASE("no rows are stored without a question") {
    const fresh_schema schema;
    const auto db = schema.open();
    const auto session = db->open_session();
    CHECK_FALSE(session->insert_all({}, 100));
    CHECK_FALSE(session->insert_pipelined({}));
    CHECK_FALSE(session->load({}));
    CHECK(session->insert_each({}).empty());
    CHECK(db->count_rows() == 0);
}

// ---- 2. refusals ----

TEST_CASE("a row that the database refuses takes all with it, or only itself, as asked") {
    with_a_refused_row([](const refused_row& r) {
        const auto session = r.db.open_session();
        CHECK(r.each.call(*session, r.rows) == r.answers);
        CHECK(r.schema.names() == (r.each.all_or_none ? "" : "a,c,d"));
        CHECK_FALSE(session->insert(r.rows[0]));  // the session is as good as before
    });
}

TEST_CASE("rows that begin to vanish in mid-import are refused from then on") {
    struct {
        const char* how;
        bool copy_too;
    } const cases[] = {
        {"CREATE TRIGGER refuse BEFORE INSERT ON businesses FOR EACH ROW EXECUTE FUNCTION refuse()",
         true},
        {"CREATE RULE refuse AS ON INSERT TO businesses WHERE NEW.name = 'bad' DO INSTEAD NOTHING",
         false}};
    const std::vector<business> rows = {named("a"), named("bad"), named("c")};
    for (const auto& [how, copy_too] : cases) {
        for (const way& each : ways()) {
            INFO(how << " " << each.name);
            if (!copy_too && std::string_view(each.name) == "load") continue;
            const fresh_schema schema;
            const auto db = schema.open();
            const auto session = db->open_session();
            schema.query(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN IF NEW.name = 'bad' THEN RETURN NULL; END IF; RETURN NEW; END $$");
            CHECK(each.call(*session, rows) == std::vector<refusal>(3));
            schema.query(how);
            const auto answers = each.call(*session, rows);
            CHECK(answers[1] == "the database ignored the row");
            CHECK(answers[0].has_value() == each.all_or_none);
            CHECK(schema.names() == (each.all_or_none ? "a,bad,c" : "a,bad,c,a,c"));
            CHECK(each.call(*session, std::span(rows).first(1)) == std::vector<refusal>(1));
        }
    }
}

TEST_CASE("rows are stored under any isolation") {
    const fresh_schema schema;
    const auto make_table = schema.open();
    struct isolation {
        explicit isolation(const fresh_schema& s) : schema(s) {
            schema.query("ALTER ROLE postgres SET default_transaction_isolation = 'serializable'");
        }
        isolation(const isolation&) = delete;
        isolation& operator=(const isolation&) = delete;
        ~isolation() { schema.query("ALTER ROLE postgres RESET default_transaction_isolation"); }
        const fresh_schema& schema;
    };
    const isolation strict(schema);
    const auto db = schema.open();
    const std::vector<business> rows = {named("a"), named("b")};
    for (const way& each : ways()) {
        INFO(each.name);
        CHECK(each.call(*db->open_session(), rows) == std::vector<refusal>(2));
        const auto whole = db->begin();
        CHECK(each.call(*whole, rows) == std::vector<refusal>(2));
        whole->commit();
    }
    CHECK(schema.rows() == std::to_string(4 * ways().size()));
}

TEST_CASE("an error that speaks of a connection, over one that is well, is a failure and no loss") {
    const std::vector<business> rows = {named("a"), named("bad"), named("c")};
    for (const std::string state : {"08006", "57P01"}) {
        for (const way& each : ways()) {
            INFO(each.name << " " << state);
            const fresh_schema schema;
            schema.refuse_bad("RAISE 'no way to another server' USING ERRCODE = '" + state + "';");
            const auto db = schema.open();
            const auto session = db->open_session();
            CHECK_THROWS_WITH(each.call(*session, rows),
                              Catch::Contains("no way to another server"));
            CHECK(each.call(*session, std::span(rows).first(1)) == std::vector<refusal>(1));
        }
    }
}

TEST_CASE("texts that PostgreSQL cannot hold are refused, not failures") {
    const std::string no_utf8 = "caf\xE9";
    const std::string with_nul("a\0b", 3);
    std::string too_long(30'000, ' ');  // for an index; compression would make it short
    std::uint32_t state = 1;
    for (char& c : too_long) {
        state = state * 1664525U + 1013904223U;
        c = static_cast<char>('!' + (state >> 16) % 90);
    }
    for (const std::string& text : {no_utf8, with_nul, too_long}) {
        for (const way& each : ways()) {
            INFO(each.name << " " << text.substr(0, 5));
            const fresh_schema schema;
            const auto db = schema.open();
            const auto session = db->open_session();
            const std::vector<business> rows = {named("a"), named(text), named("c")};
            const auto answers = each.call(*session, rows);
            REQUIRE(answers.size() == 3);
            CHECK(answers[1]);
            CHECK(answers[0].has_value() == each.all_or_none);
            CHECK(schema.rows() == (each.all_or_none ? "0" : "2"));
        }
    }
}

TEST_CASE("a constraint that is checked at the commit refuses all rows of the transaction") {
    const fresh_schema schema;
    const auto db = schema.open();
    schema.query(
        "ALTER TABLE businesses ADD CONSTRAINT one_name UNIQUE (name) DEFERRABLE INITIALLY "
        "DEFERRED");
    const auto session = db->open_session();
    const std::vector<business> rows = {named("a"), named("a")};
    CHECK(session->insert_all(rows, 1));
    CHECK(session->insert_pipelined(rows));
    CHECK(session->load(rows));
    CHECK(schema.rows() == "0");
    CHECK_FALSE(session->insert(rows[0]));
    CHECK(session->insert(rows[1]));
    CHECK(schema.rows() == "1");
}

TEST_CASE("a constraint that is checked at the commit refuses the first row of a connection, too") {
    const fresh_schema schema;
    const auto make_table = schema.open();
    schema.query(
        "ALTER TABLE businesses ADD CONSTRAINT one_name UNIQUE (name) DEFERRABLE INITIALLY "
        "DEFERRED");
    schema.query("INSERT INTO businesses (name) VALUES ('a')");
    const auto db = schema.open();
    const auto session = db->open_session();
    CHECK(session->insert(named("a")));
    CHECK_FALSE(session->insert(named("b")));
    CHECK(schema.names() == "a,b");
}

TEST_CASE("a table that is gone is a failure") {
    for (const way& each : ways()) {
        INFO(each.name);
        const fresh_schema schema;
        const auto db = schema.open();
        const auto session = db->open_session();
        const auto whole = db->begin();
        schema.query("DROP TABLE businesses");
        const std::vector<business> rows = {named("a"), named("b")};
        for (int i = 0; i < 2; ++i) {
            CHECK_THROWS_WITH(each.call(*session, rows), Catch::Contains("businesses"));
        }
        CHECK_THROWS_WITH(each.call(*whole, rows), Catch::Contains("businesses"));
    }
}

TEST_CASE("a lock that cannot be had in time is tried for again") {
    const fresh_schema schema;
    const auto db = schema.open();
    const auto session = db->open_session();
    schema.query("CREATE SEQUENCE tries");
    schema.before_each_insert("IF nextval('" + schema.name() +
                              ".tries') < 3 THEN RAISE 'locked' USING ERRCODE = "
                              "'lock_not_available'; END IF;");
    CHECK_FALSE(session->insert(named("a")));
    CHECK(schema.names() == "a");
}

// ---- 3. conflicts ----

TEST_CASE(
    "rows whose key is stored are left out, used for an update, or refused, as the rule says") {
    for (const way& each : ways()) {
        INFO(each.name);
        business changed = named("a");
        changed.fields[5] = "other town";
        const std::vector<business> rows = {named("b"), changed, named("c"), named("c")};
        {
            const fresh_schema schema;
            const auto db = schema.open(conflict_rule::skip);
            CHECK(db->useful_sessions() == 1);
            const auto session = db->open_session();
            CHECK_FALSE(session->insert(named("a")));
            CHECK(each.call(*session, rows) == std::vector<refusal>(4));
            CHECK(schema.names() == "a,b,c");
            CHECK(schema.query("SELECT city FROM businesses WHERE name = 'a'") == "town");
        }
        {
            const fresh_schema schema;
            const auto db = schema.open(conflict_rule::update);
            const auto session = db->open_session();
            CHECK_FALSE(session->insert(named("a")));
            CHECK(each.call(*session, rows) == std::vector<refusal>(4));
            CHECK(schema.names() == "a,b,c");
            CHECK(schema.query("SELECT city FROM businesses WHERE name = 'a'") == "other town");
            CHECK(schema.query("SELECT string_agg(name, ',') FROM businesses WHERE updated_at > "
                               "created_at") == "a");
        }
        {
            const fresh_schema schema;
            const auto db = schema.open(conflict_rule::error);
            const auto session = db->open_session();
            CHECK_FALSE(session->insert(named("a")));
            const auto answers = each.call(*session, rows);
            REQUIRE(answers.size() == 4);
            CHECK(answers[1] == "name, phone and email are those of the stored business 1");
            CHECK(schema.names() == (each.all_or_none ? "a" : "a,b,c"));
        }
    }
}

TEST_CASE("importers at the same time store a key once") {
    const fresh_schema schema;
    test::on_workers([&] {
        schema.open();
        schema.query("TRUNCATE businesses");
        const std::vector<business> rows = {named("a"), named("b"), named("c"), named("d")};
        runnel::wait_group importers;
        for (int i = 0; i < 6; ++i) {
            importers.go([&, i] {
                const auto db = schema.open(conflict_rule::skip);
                const auto session = db->open_session();
                if (i % 2 == 0) {
                    session->insert_all(rows, 100);
                } else {
                    session->insert_each(rows);
                }
            });
        }
        importers.wait();
    });
    CHECK(schema.query("SELECT string_agg(name, ',' ORDER BY name) FROM businesses") == "a,b,c,d");
}

// ---- 4. losses ----

TEST_CASE("a connection that was ended while nobody used it is replaced") {
    for (const way& each : ways()) {
        INFO(each.name);
        const fresh_schema schema;
        const auto db = schema.open();
        const auto session = db->open_session();
        end_all_backends();
        const std::vector<business> rows = {named("a"), named("b"), named("c"), named("d")};
        CHECK(each.call(*session, rows) == std::vector<refusal>(4));
        CHECK(schema.names() == "a,b,c,d");
    }
    const fresh_schema schema;
    const auto db = schema.open();
    {
        const auto give_back = db->open_session();
    }
    end_all_backends();
    CHECK_THROWS_AS(db->ping(), store_error);  // said, and the connection is thrown away
    CHECK_NOTHROW(db->ping());
}

TEST_CASE("a lost connection wakes nobody who has got its socket's number since") {
    test::on_workers([&] {
        std::atomic<bool> over{false};
        std::atomic<int> opened{0};
        std::atomic<int> woken{0};
        runnel::wait_group others;
        for (int i = 0; i < 64; ++i) {
            others.go([&] {
                while (!over) {
                    std::array<int, 2> pair{};
                    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                                     pair.data()) != 0) {
                        continue;
                    }
                    ++opened;
                    const auto soon = std::chrono::steady_clock::now() + 1ms;
                    if (runnel::io::wait_readable(pair[0], soon) != runnel::op_status::timeout) {
                        ++woken;
                    }
                    runnel::io::forget(pair[0]);
                    ::close(pair[0]);
                    ::close(pair[1]);
                }
            });
        }
        const int rounds = test::scale(150);
        for (int i = 0; i < rounds; ++i) {
            pg_connection lost(runnel::background(), server_url(), "excel_to_db-lost", 20s);
            end_all_backends();
            CHECK_THROWS_AS(([&] {
                                for (;;) lost.execute("SELECT 1");
                            }()),
                            pg_lost);
        }
        over = true;
        others.wait();
        CHECK(opened > rounds);
        CHECK(woken == 0);
    });
}

namespace {

// When a proxy breaks off both its connections.
enum class breaks {
    before_it_is_passed_on,  // the word: the server never gets it
    at_once,                 // the server may be at any point, and the client hears nothing more
    after_the_answer,        // the server has done it all, but nobody hears of it
};

// Passes bytes on in both directions and counts the round trips, until so many times `word` has come from the client:
// then it breaks.
class watching_proxy {
public:
    watching_proxy() : watching_proxy("no such word", 1) {}
    watching_proxy(std::string word, int occurrence, breaks when = breaks::at_once)
        : word_(std::move(word)),
          left_(occurrence),
          when_(when),
          listener_(runnel::net::listen("127.0.0.1:0")) {
        goroutines_.go([this] { accept(); });
    }
    watching_proxy(const watching_proxy&) = delete;
    watching_proxy& operator=(const watching_proxy&) = delete;
    ~watching_proxy() {
        listener_.close();
        goroutines_.wait();
    }

    std::string url() const {
        return "postgres://postgres@" + listener_.local_endpoint().to_string() + "/postgres";
    }
    bool has_broken() const { return left_ <= 0; }
    /// From when it breaks on nobody gets through any more.
    void stay_away() { stays_away_ = true; }
    /// How often the client has spoken when the server had. Of one connection at a time.
    int round_trips() const { return round_trips_; }

private:
    void accept() {
        const std::string target =
            "unix:" + test::server_environment("EXCEL_TO_DB_POSTGRES_FOLDER") + "/.s.PGSQL.5432";
        for (;;) {
            std::error_code error;
            auto client = std::make_shared<runnel::net::stream>(listener_.accept(error));
            if (error) return;
            if (stays_away_ && has_broken()) continue;
            auto server = std::make_shared<runnel::net::stream>(runnel::net::dial(target));
            goroutines_.go([this, client, server] { carry(*client, *server, true); });
            goroutines_.go([this, client, server] { carry(*server, *client, false); });
        }
    }

    void carry(runnel::net::stream& from, runnel::net::stream& to, bool to_server) {
        std::array<char, 16384> buffer;
        std::error_code error;
        for (;;) {
            const std::size_t n = from.read_some(std::as_writable_bytes(std::span(buffer)), error);
            if (error || n == 0) break;
            const std::string_view bytes(buffer.data(), n);
            if (server_spoke_.exchange(!to_server) && to_server) ++round_trips_;
            if (!to_server && answer_is_lost_.exchange(false)) break;
            const bool last =
                to_server && bytes.find(word_) != std::string_view::npos && --left_ == 0;
            if (last && when_ == breaks::before_it_is_passed_on) break;
            if (last && when_ == breaks::after_the_answer) answer_is_lost_ = true;
            if (last && when_ == breaks::at_once)
                from.close(error);  // or the answer might come back first
            to.write(bytes, error);
            if (last && when_ == breaks::at_once) break;
        }
        from.close(error);  // so may the other direction
        to.close(error);
    }

    const std::string word_;
    std::atomic<int> left_;
    const breaks when_;
    std::atomic<bool> answer_is_lost_{false};
    std::atomic<bool> stays_away_{false};
    std::atomic<bool> server_spoke_{true};
    std::atomic<int> round_trips_{0};
    runnel::net::listener listener_;
    runnel::wait_group goroutines_;
};

}  // namespace

TEST_CASE("a connection that breaks while rows are on their way doubles none and loses none") {
    struct {
        const char* word;  // in what is sent last before the connection breaks
        int occurrence;
    } const moments[] = {{"bravo", 1}, {"COMMIT", 1}, {"COMMIT", 2}, {"delta", 1}};
    for (const auto& moment : moments) {
        for (const way& each : ways()) {
            INFO(each.name << ", " << moment.word << " " << moment.occurrence);
            const fresh_schema schema;
            runnel::run([&] {
                watching_proxy proxy(moment.word, moment.occurrence);
                {
                    const auto db = schema.open(conflict_rule::none, 2, proxy.url());
                    const auto session = db->open_session();
                    const std::vector<business> rows = {named("alpha"), named("bravo"),
                                                        named("charlie"), named("delta")};
                    CHECK(each.call(*session, rows) == std::vector<refusal>(4));
                    CHECK_FALSE(session->insert(named("echo")));
                }
                CHECK((proxy.has_broken() || std::string(moment.word) == "COMMIT"));
            });
            CHECK(schema.names() == "alpha,bravo,charlie,delta,echo");
        }
    }
}

TEST_CASE("rows are stored once, whether they or the answer to them got lost") {
    for (const breaks when : {breaks::before_it_is_passed_on, breaks::after_the_answer}) {
        for (const way& each : ways()) {
            INFO(each.name << ", " << static_cast<int>(when));
            const fresh_schema schema;
            runnel::run([&] {
                watching_proxy proxy("delta", 1, when);
                {
                    const auto db = schema.open(conflict_rule::none, 2, proxy.url());
                    const auto session = db->open_session();
                    const std::vector<business> rows = {named("alpha"), named("bravo"),
                                                        named("charlie"), named("delta")};
                    CHECK(each.call(*session, rows) == std::vector<refusal>(4));
                }
                CHECK(proxy.has_broken());
            });
            CHECK(schema.names() == "alpha,bravo,charlie,delta");
            CHECK(schema.query("SELECT max(id) FROM businesses") == "4");  // nor tried in vain
        }
    }
}

namespace {

// Tables that do not keep the moment they are given, of which there are more than triggers.
const std::array<std::function<void(const fresh_schema&)>, 3>& tables_with_other_times() {
    static const std::array<std::function<void(const fresh_schema&)>, 3> all = {
        [](const fresh_schema& schema) {
            schema.before_each_insert("NEW.created_at := now(); NEW.updated_at := now();");
        },
        [](const fresh_schema& schema) {
            schema.query("ALTER TABLE businesses ALTER created_at TYPE timestamptz(0)");
        },
        [](const fresh_schema& schema) {
            schema.query(
                "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "UPDATE businesses SET created_at = now() WHERE id = NEW.id; "
                "RETURN NULL; END $$");
            schema.query(
                "CREATE TRIGGER later AFTER INSERT ON businesses FOR EACH ROW "
                "EXECUTE FUNCTION " +
                schema.name() + ".later()");
        }};
    return all;
}

void store_in_other_table(const way& each, int commit, breaks when, int table) {
    const fresh_schema schema;
    {
        const auto make_table = schema.open();
        tables_with_other_times()[static_cast<std::size_t>(table)](schema);
    }
    runnel::run([&] {
        watching_proxy proxy("COMMIT", commit, when);
        {
            const auto db = schema.open(conflict_rule::none, 2, proxy.url());
            const auto session = db->open_session();
            const std::vector<business> rows = {named("alpha"), named("bravo"), named("charlie"),
                                                named("delta")};
            CHECK(each.call(*session, rows) == std::vector<refusal>(4));
            CHECK_FALSE(session->insert(named("echo")));
        }
        CHECK(proxy.has_broken());
    });
    CHECK(schema.names() == "alpha,bravo,charlie,delta,echo");
}

}  // namespace

TEST_CASE("rows of a table that changes their times are stored once, whatever gets lost") {
    for (const breaks when : {breaks::before_it_is_passed_on, breaks::after_the_answer}) {
        for (const way& each : ways()) {
            for (int table = 0; table < 3; ++table) {
                // The first makes the table, the second fails in such a table, the third does not.
                for (int commit = 2; commit <= 4; ++commit) {
                    INFO(each.name << ", " << static_cast<int>(when) << ", table " << table
                                   << ", commit " << commit);
                    store_in_other_table(each, commit, when, table);
                }
            }
        }
    }
}

TEST_CASE("a table that got a trigger after the first row says nothing about a row that got lost") {
    const fresh_schema schema;
    runnel::run([&] {
        watching_proxy proxy("delta", 1, breaks::after_the_answer);
        {
            const auto db = schema.open(conflict_rule::none, 2, proxy.url());
            const auto session = db->open_session();
            CHECK_FALSE(session->insert(named("alpha")));
            schema.before_each_insert("NEW.created_at := now();");
            CHECK_THROWS_AS(session->insert(named("delta")), commit_unknown);
        }
        CHECK(proxy.has_broken());
    });
    CHECK(schema.names() == "alpha,delta");
}

TEST_CASE("another program's row of the same moment is not taken for ours") {
    const fresh_schema schema;
    const auto make_table = schema.open();
    runnel::run([&] {
        pg_pool pool(schema.url(), 1);
        pg_trace trace(pool.new_moment());
        trace.found_by = pg_trace::means::rows;
        pg_pool::lease connection(pool, runnel::background());
        for (const char* name : {"theirs", "ours"}) {
            pg_parameters parameters;
            parameters.add(trace.moment);
            parameters.add(std::string_view(name));
            connection->execute("INSERT INTO businesses (created_at, name) VALUES ($1, $2)",
                                parameters);
            trace.name = "ours";
            CHECK(was_committed(connection, trace) == (std::string_view(name) == "ours"));
        }
    });
}

namespace {

// "kill", as a power cut does, or "start".
void tell_server(const std::string& word) {
    const std::string command = std::string(POSTGRES_SCRIPT) + " " + word + " " +
                                test::server_environment("EXCEL_TO_DB_POSTGRES_FOLDER") +
                                " > /dev/null";
    CHECK(runnel::blocking([&] { return std::system(command.c_str()); }) == 0);
}

}  // namespace

TEST_CASE("a transaction's id proves nothing once the server has crashed and given it again") {
    const fresh_schema schema;
    const auto make_table = schema.open();
    runnel::run([&] {
        pg_pool pool(schema.url(), 2);
        pg_pool::lease connection(pool, runnel::background());
        pg_trace trace(pool.new_moment());
        begin_traced(*connection, conflict_rule::none, trace);
        trace.found_by = pg_trace::means::transaction_id;
        tell_server("kill");  // before anything of the transaction is on the disk
        tell_server("start");
        CHECK_FALSE(was_committed(connection, trace));

        const auto take_id = [&] { return std::stoull(schema.query("SELECT txid_current()")); };
        std::uint64_t taken = 0;
        while (taken < std::stoull(trace.id)) taken = take_id();
        CHECK(taken == std::stoull(trace.id));
        CHECK_THROWS_AS(was_committed(connection, trace), commit_unknown);
    });
}

namespace {

// What speaks like a server to one client, and takes its leave whatever it is asked: as something between client and
// server may, which has lost the latter, the former's connection staying as it is.
void take_leave(runnel::net::listener& listener) {
    using namespace std::string_view_literals;
    constexpr auto ready = "Z\0\0\0\x05I"sv;
    const std::string welcome = std::string("R\0\0\0\x08\0\0\0\0"sv).append(ready);
    constexpr auto fields = "SFATAL\0C57P01\0Mgoing down\0\0"sv;
    std::string farewell("E\0\0\0"sv);
    farewell += static_cast<char>(4 + fields.size());
    farewell.append(fields).append(ready);

    std::error_code error;
    runnel::net::stream client = listener.accept(error);
    std::array<char, 4096> buffer;
    // The client waits for each answer, so what is read at once is one message.
    for (bool begun = false; !error; begun = true) {
        const auto bytes = std::as_writable_bytes(std::span(buffer));
        if (client.read_some(bytes, error) == 0) return;
        client.write(begun ? farewell : welcome, error);
    }
}

}  // namespace

TEST_CASE("a farewell is a loss whatever was asked, even if the connection stays") {
    runnel::run([&] {
        runnel::net::listener listener = runnel::net::listen("127.0.0.1:0");
        runnel::wait_group server;
        server.go([&] { take_leave(listener); });
        {
            std::string url = "postgres://a@";
            url.append(listener.local_endpoint().to_string()).append("/a?sslmode=disable");
            pg_connection connection(runnel::background(), url, "test", 20s);
            CHECK_THROWS_AS(connection.execute("SELECT 1"), pg_lost);
            CHECK_THROWS_AS(connection.begin_copy("COPY businesses FROM STDIN"), pg_lost);
        }
        server.wait();
    });
}

TEST_CASE("what was refused is known though the connection broke") {
    const fresh_schema schema;
    schema.refuse_bad("RETURN NULL;");
    runnel::run([&] {
        watching_proxy proxy("COMMIT", 2);  // the first is that of the table's making
        const auto db = schema.open(conflict_rule::none, 2, proxy.url());
        const auto session = db->open_session();
        const std::vector<business> rows = {named("a"), named("bad"), named("c")};
        const auto answers = session->insert_each(rows);
        REQUIRE(answers.size() == 3);
        CHECK_FALSE(answers[0]);
        CHECK(answers[1]);
        CHECK_FALSE(answers[2]);
        CHECK(proxy.has_broken());
    });
    CHECK(schema.names() == "a,c");
}

// ---- 5. round trips ----

TEST_CASE("rows and their commit take one round trip, a COPY two, and preparing none of its own") {
    const std::vector<business> rows = {named("a"), named("b"), named("c"), named("d")};
    for (const way& each : ways()) {
        INFO(each.name);
        const std::string_view name = each.name;
        const int once = name == "insert" ? 4 : name == "load" ? 2 : 1;
        const int in_transaction = name == "insert_each" ? 4 : once;
        const fresh_schema schema;
        runnel::run([&] {
            watching_proxy proxy;
            const auto trips_of = [&](const std::function<void()>& call) {
                const int before = proxy.round_trips();
                call();
                return proxy.round_trips() - before;
            };
            const auto store_by = [&](store_session& session) {
                CHECK(each.call(session, rows) == std::vector<refusal>(4));
            };
            for (int i = 0; i < 2; ++i) {  // each time by a new connection
                const auto db = schema.open(conflict_rule::none, 1, proxy.url());
                if (i == 0) {
                    const auto session = db->open_session();
                    CHECK(trips_of([&] { store_by(*session); }) == once);
                    CHECK(trips_of([&] { store_by(*session); }) == once);
                } else {
                    const auto whole = db->begin();
                    CHECK(trips_of([&] { store_by(*whole); }) == in_transaction);
                    CHECK(trips_of([&] { store_by(*whole); }) == in_transaction);
                    CHECK(trips_of([&] { whole->commit(); }) == 1);
                }
            }
        });
        CHECK(schema.rows() == "16");
    }
}

// ---- 6. transactions ----

TEST_CASE("what a transaction stores is there when it is committed, whatever the way") {
    for (const way& each : ways()) {
        INFO(each.name);
        const fresh_schema schema;
        const auto db = schema.open();
        const std::vector<business> rows(7, named("x"));
        {
            const auto whole = db->begin();
            CHECK(each.call(*whole, rows) == std::vector<refusal>(7));
            CHECK(each.call(*whole, rows) == std::vector<refusal>(7));
            CHECK(schema.rows() == "0");
            whole->commit();
            CHECK(schema.rows() == "14");
        }
        {
            const auto given_up = db->begin();
            CHECK(each.call(*given_up, rows) == std::vector<refusal>(7));
        }
        CHECK(schema.rows() == "14");
        CHECK(each.call(*db->open_session(), rows) == std::vector<refusal>(7));  // its connection
        CHECK(schema.rows() == "21");
    }
}

TEST_CASE("within a transaction a refused row takes its own call with it, no more") {
    with_a_refused_row([](const refused_row& r) {
        const auto whole = r.db.begin();
        CHECK_FALSE(whole->insert(named("first")));
        CHECK(r.each.call(*whole, r.rows) == r.answers);
        CHECK_FALSE(whole->insert(named("last")));
        whole->commit();
        CHECK(r.schema.names() == (r.each.all_or_none ? "first,last" : "first,a,c,d,last"));
    });
}

TEST_CASE("thousands of rows, and rows with a key, go into a transaction too") {
    const fresh_schema schema;
    const std::vector<business> rows(max_batch_size + 1, named("x"));
    std::uint64_t expected = 0;
    for (const way& each : ways()) {
        INFO(each.name);
        const auto db = schema.open();
        const auto whole = db->begin();
        CHECK(each.call(*whole, rows) == std::vector<refusal>(rows.size()));
        whole->commit();
        expected += rows.size();
        CHECK(schema.rows() == std::to_string(expected));

        const fresh_schema other;
        const auto skip = other.open(conflict_rule::skip);
        const auto first = skip->begin();
        const std::vector<business> two = {named("a"), named("b"), named("a")};
        CHECK(each.call(*first, two) == std::vector<refusal>(3));
        first->commit();
        CHECK(other.names() == "a,b");
    }
}

TEST_CASE("a constraint that is checked at the commit undoes the transaction") {
    const fresh_schema schema;
    const auto db = schema.open();
    schema.query(
        "ALTER TABLE businesses ADD CONSTRAINT one_name UNIQUE (name) DEFERRABLE INITIALLY "
        "DEFERRED");
    const std::vector<business> rows = {named("a"), named("a")};
    {
        const auto whole = db->begin();
        CHECK_FALSE(whole->insert_all(rows, 2));
        CHECK_THROWS_WITH(whole->commit(), Catch::Contains("one_name"));
    }
    CHECK(schema.rows() == "0");
    CHECK_FALSE(db->open_session()->insert(rows[0]));
}

TEST_CASE("a connection that breaks takes its transaction with it") {
    for (const way& each : ways()) {
        INFO(each.name);
        const fresh_schema schema;
        runnel::run([&] {
            watching_proxy proxy("bravo", 1);
            {
                const auto db = schema.open(conflict_rule::none, 2, proxy.url());
                const auto whole = db->begin();
                const std::vector<business> rows = {named("alpha"), named("bravo"), named("c")};
                CHECK_FALSE(whole->insert(named("first")));
                CHECK_THROWS_AS(each.call(*whole, rows), pg_lost);
            }
            CHECK(proxy.has_broken());
        });
        CHECK(schema.rows() == "0");
    }
}

TEST_CASE("what has become of a commit whose answer was lost is found out") {
    int committed = 0;
    for (const way& each : ways()) {
        INFO(each.name);
        const fresh_schema schema;
        bool said_so = false;
        runnel::run([&] {
            watching_proxy proxy("COMMIT", 2);  // the first is that of the table's making
            {
                const auto db = schema.open(conflict_rule::none, 2, proxy.url());
                const auto whole = db->begin();
                const std::vector<business> rows = {named("a"), named("b"), named("c")};
                CHECK(each.call(*whole, rows) == std::vector<refusal>(3));
                said_so = test::message_of([&] { whole->commit(); }).empty();
            }
            CHECK(proxy.has_broken());
        });
        CHECK(schema.rows() == (said_so ? "3" : "0"));
        committed += said_so ? 1 : 0;
    }
    // The server ends the backend if it has not come to the commit yet, but it mostly has.
    CHECK(committed > 0);
}

TEST_CASE("a commit of which nothing can be learnt is said to be one") {
    const fresh_schema schema;
    runnel::run([&] {
        auto ctx = runnel::with_cancel(runnel::background());
        watching_proxy proxy("COMMIT", 2);
        proxy.stay_away();
        {
            pg_store db(ctx, proxy.url(), conflict_rule::none,
                        pg_options{.connections = 1, .schema = schema.name()});
            const auto whole = db.begin();
            CHECK_FALSE(whole->insert(named("a")));
            ctx.cancel();  // no connection is made for long
            CHECK_THROWS_AS(whole->commit(), commit_unknown);
        }
        CHECK(proxy.has_broken());
    });
}

// ---- 7. the pool ----

TEST_CASE("no more connections are open than may be") {
    const fresh_schema schema;
    test::on_workers([&] {
        const auto open_connections = [&] {
            return std::stoi(
                schema.query("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE "
                             "'excel_to_db-%'"));
        };
        // A backend is there for a moment after its connection was closed.
        CHECK(test::eventually([&] { return open_connections() == 0; }));
        const auto db = schema.open(conflict_rule::none, 3);
        runnel::wait_group users;
        std::atomic<int> most{0};
        for (int i = 0; i < 12; ++i) {
            users.go([&] {
                const auto session = db->open_session();
                const int open = open_connections();
                int seen = most;
                while (open > seen && !most.compare_exchange_weak(seen, open)) {
                }
                session->insert(named("x"));
            });
        }
        users.wait();
        CHECK(most <= 3);
    });
    CHECK(schema.rows() == std::to_string(12 * test::worker_counts().size()));
}

TEST_CASE("whoever waits for a connection goes when the context is done") {
    const fresh_schema schema;
    runnel::run([&] {
        auto ctx = runnel::with_cancel(runnel::background());
        pg_pool pool(server_url(), 1);
        const pg_pool::lease held(pool, runnel::background());
        const auto said = runnel::make_chan<std::string>(1);
        runnel::go([&pool, own = runnel::context(ctx), said] {
            said.send(test::message_of([&] { const pg_pool::lease second(pool, own); }));
        });
        ctx.cancel();
        CHECK(said.recv() == "interrupted");
    });
    CHECK(schema.query("SELECT 1") == "1");
}

TEST_CASE(
    "whoever has lost a connection waits not for long when the context is done, and says what is "
    "not known") {
    for (const way& each : ways()) {
        INFO(each.name);
        const fresh_schema schema;
        runnel::run([&] {
            auto ctx = runnel::with_cancel(runnel::background());
            watching_proxy proxy("bravo", 1);
            proxy.stay_away();
            {
                const pg_store server(runnel::background(), proxy.url(), conflict_rule::none,
                                      pg_options{.connections = 2, .schema = schema.name()});
                pg_store db(ctx, server);
                const auto session = db.open_session();
                ctx.cancel();
                const std::vector<business> rows = {named("alpha"), named("bravo"), named("c")};
                CHECK_THROWS_AS(each.call(*session, rows), commit_unknown);
            }
            CHECK(proxy.has_broken());
        });
    }
}

TEST_CASE("what was under way when the context was done is known if the server answers") {
    for (const breaks when : {breaks::before_it_is_passed_on, breaks::after_the_answer}) {
        for (const way& each : ways()) {
            INFO(each.name << ", " << static_cast<int>(when));
            const fresh_schema schema;
            bool stored = false;
            runnel::run([&] {
                auto ctx = runnel::with_cancel(runnel::background());
                watching_proxy proxy("bravo", 1, when);
                {
                    const pg_store server(runnel::background(), proxy.url(), conflict_rule::none,
                                          pg_options{.connections = 2, .schema = schema.name()});
                    pg_store db(ctx, server);
                    const auto session = db.open_session();
                    ctx.cancel();
                    const std::vector<business> rows = {named("bravo")};
                    try {
                        stored = each.call(*session, rows) == std::vector<refusal>(1);
                    } catch (const pg_lost&) {
                    }
                }
                CHECK(proxy.has_broken());
            });
            CHECK(schema.names() == (stored ? "bravo" : ""));
            if (std::string_view(each.name) !=
                "load") {  // whose answer is not the one that got lost
                CHECK(stored == (when == breaks::after_the_answer));
            }
        }
    }
}

namespace {

// How `call` ends.
enum class end { none, lost, unknown };

end end_of(const std::function<void()>& call) {
    try {
        call();
        return end::none;
    } catch (const commit_unknown&) {
        return end::unknown;
    } catch (const store_error&) {
        return end::lost;
    }
}

// The backends of `excel_to_db` get a signal.
void signal_backends(int signal) {
    pg_connection connection(runnel::background(), server_url(), "test", 20s);
    const pg_answer pids = connection.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'excel_to_db-%'");
    for (int i = 0; i < PQntuples(pids.get()); ++i) {
        CHECK(::kill(std::stoi(PQgetvalue(pids.get(), i, 0)), signal) == 0);
    }
}

// They stand still meanwhile.
class frozen_backends {
public:
    frozen_backends() { signal_backends(SIGSTOP); }
    frozen_backends(const frozen_backends&) = delete;
    frozen_backends& operator=(const frozen_backends&) = delete;
    ~frozen_backends() { signal_backends(SIGCONT); }
};

}  // namespace

TEST_CASE("whoever waits for a lock goes when the context is done, and nothing is stored later") {
    const std::vector<business> rows = {named("a"), named("b")};
    for (const bool plain : {true, false}) {
        for (const way& each : ways()) {
            INFO(each.name << ", plain " << plain);
            const fresh_schema schema;
            runnel::run([&] {
                auto ctx = runnel::with_cancel(runnel::background());
                const pg_store server(runnel::background(), server_url(), conflict_rule::none,
                                      pg_options{.connections = 2, .schema = schema.name()});
                if (!plain) schema.before_each_insert("");
                pg_store db(ctx, server);
                const auto session = db.open_session();
                pg_connection other(runnel::background(), schema.url(), "test", 20s);
                other.execute("BEGIN; LOCK TABLE businesses IN EXCLUSIVE MODE");
                auto said =
                    runnel::async([&] { return end_of([&] { each.call(*session, rows); }); });
                CHECK(test::eventually([&] {
                    return schema.query("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1";
                }));
                ctx.cancel();
                CHECK(said.get() == end::lost);
                other.execute("COMMIT");
            });
            CHECK(schema.rows() == "0");
        }
    }
}

TEST_CASE("whoever waits for a backend that stands still goes when the context is done") {
    // More than sockets and servers hold, so that sending waits as well.
    const std::string text(30'000, 'x');
    const std::vector<business> many(1'000, named(text));
    const std::vector<business> one = {named("a")};
    for (const auto& rows : {one, many}) {
        for (const way& each : ways()) {
            INFO(each.name << ", " << rows.size());
            const fresh_schema schema;
            runnel::run([&] {
                auto ctx = runnel::with_cancel(runnel::background());
                const pg_store server(runnel::background(), server_url(), conflict_rule::none,
                                      pg_options{.connections = 2, .schema = schema.name()});
                pg_store db(ctx, server);
                const auto session = db.open_session();
                const frozen_backends standing_still;
                auto said =
                    runnel::async([&] { return end_of([&] { each.call(*session, rows); }); });
                CHECK(test::wait_parked(1, "IO wait"));
                ctx.cancel();
                CHECK(said.get() == end::unknown);
            });
        }
    }
}

TEST_CASE("a backend that stands still is told by a ping, which ends") {
    const fresh_schema schema;
    runnel::run([&] {
        const auto db = schema.open();
        const frozen_backends standing_still;
        CHECK_THROWS_AS(db->ping(), store_error);
    });
}

TEST_CASE("a ping needs none of the connections that are lent") {
    const fresh_schema schema;
    runnel::run([&] {
        const auto db = schema.open(conflict_rule::none, 1);
        const auto held = db->open_session();
        CHECK_NOTHROW(db->ping());
    });
}

TEST_CASE("a server that is not there, or says nothing, is told in one line") {
    const auto open = [](const std::string& url) {
        return test::message_of(
            [&] { open_store(runnel::background(), url, conflict_rule::none, 1); });
    };
    CHECK_THAT(open("postgres:///postgres?host=/nowhere/at/all"),
               Catch::Contains("/nowhere/at/all"));
    CHECK_THAT(open("postgres:///no_such_database?user=postgres&host=" +
                    test::server_environment("EXCEL_TO_DB_POSTGRES_FOLDER")),
               Catch::Contains("no_such_database"));
    CHECK_THAT(open("postgres://[broken"), !Catch::Equals(""));
    runnel::run([&] {
        auto silent = runnel::net::listen("127.0.0.1:0");
        auto ctx = runnel::with_timeout(runnel::background(), 50ms);
        CHECK(test::message_of([&] {
                  open_store(ctx, "postgres://a@" + silent.local_endpoint().to_string() + "/a",
                             conflict_rule::none, 1);
              }) == "no answer from the server");
    });
}

TEST_CASE("a password is not shown") {
    CHECK(shown_store("postgres://joe:secret@host:5432/db") == "postgres://joe:...@host:5432/db");
    CHECK(shown_store("postgres://joe@host/db?password=secret&x=y") ==
          "postgres://joe@host/db?password=...&x=y");
    CHECK(shown_store("postgres://joe@host/db?password=secret") ==
          "postgres://joe@host/db?password=...");
    CHECK(shown_store("postgres://joe@[::1]:5432/db") == "postgres://joe@[::1]:5432/db");
    CHECK(shown_store("postgres:///db") == "postgres:///db");
    CHECK(shown_store("postgres://h/d?sslpassword=a&password=SECRET&x=y") ==
          "postgres://h/d?sslpassword=...&password=...&x=y");
    CHECK(shown_store("postgres://h/d?pass%77ord=SECRET") == "postgres://h/d?pass%77ord=...");
    CHECK(shown_store("postgres://h/d?options=-cx%3Dpassword%3Da&password") ==
          "postgres://h/d?options=-cx%3Dpassword%3Da&password");
    CHECK(shown_store("postgres://joe:a@b/c@host/d") == "postgres://joe:...@host/d");
    for (const std::string password : {"sec%ret", "se/cret", "s@cret", "secret%"}) {
        const std::string url = "postgres://joe:" + password + "@localhost/x";
        CHECK(test::message_of([&] {
                  open_store(runnel::background(), url, conflict_rule::none, 1);
              }) == "in a password %, / and @ are written %25, %2F and %40");
    }
    CHECK(shown_store("file.db") == "file.db");
}

// ---- 8. whole imports ----

namespace {

constexpr import_method all_methods[] = {import_method::sequential, import_method::concurrent,
                                         import_method::batch, import_method::pipeline,
                                         import_method::copy};

import_report import_sample(const std::filesystem::path& book, import_method method, store& db,
                            import_options options = {},
                            const runnel::context& ctx = runnel::background()) {
    options.method = method;
    options.workers = 8;
    return importer(runnel::background(), book, options).run(ctx, db, nullptr);
}

}  // namespace

TEST_CASE("each method imports the same rows and leaves nothing behind") {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    sample_options sample;
    sample.rows = 1000;
    sample.bad = 13;
    write_sample(book, sample);
    for (const import_method method : all_methods) {
        INFO("method " << static_cast<int>(method));
        const fresh_schema schema;
        test::on_workers([&] {
            {
                const auto db = schema.open();
                schema.query("TRUNCATE businesses");
                const std::size_t before = runnel::num_goroutine();
                const import_report report = import_sample(book, method, *db);
                CHECK(report.ending == import_ending::finished);
                CHECK(report.stats.success_count == 987);
                CHECK(report.stats.error_count == 13);
                CHECK(db->count_rows() == 987);
                // A goroutine counts until it has left its stack, which is after its group was told.
                CHECK(test::eventually([&] { return runnel::num_goroutine() == before; }));
            }
            CHECK(schema.query("SELECT count(DISTINCT name) FROM businesses") ==
                  schema.query("SELECT count(*) FROM businesses"));
        });
    }
}

/// How many rows `imports` of the book at the same time have stored, those that finished.
std::uint64_t stored_by(int imports, const auto& make, const std::filesystem::path& book,
                        import_method method) {
    runnel::wait_group running;
    std::atomic<std::uint64_t> stored{0};
    for (int i = 0; i < imports; ++i) {
        running.go([&] {
            const auto db = make(runnel::background());
            const import_report report = import_sample(book, method, *db);
            if (report.ending == import_ending::finished) stored += report.stats.success_count;
        });
    }
    running.wait();
    return stored;
}

void share_connections(import_method method) {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    write_sample(book, {500, 3, false});
    const fresh_schema schema;
    test::on_workers([&] {
        const auto make = shared_stores(runnel::background(), schema.url(), conflict_rule::none, 3);
        schema.query("TRUNCATE businesses");
        // Two connections of the three are held until all imports have ended.
        const auto first = make(runnel::background());
        const auto held_1 = first->open_session();
        const auto held_2 = first->open_session();
        CHECK(stored_by(4, make, book, method) == 4 * 497);
        CHECK(schema.rows() == "1988");
    });
}

TEST_CASE("imports at the same time share the connections: sequential") {
    share_connections(import_method::sequential);
}

TEST_CASE("imports at the same time share the connections: concurrent") {
    share_connections(import_method::concurrent);
}

TEST_CASE("imports at the same time share the connections: batch") {
    share_connections(import_method::batch);
}

TEST_CASE("imports at the same time share the connections: pipeline") {
    share_connections(import_method::pipeline);
}

TEST_CASE("imports at the same time share the connections: copy") {
    share_connections(import_method::copy);
}

void use_few_connections(import_method method) {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    write_sample(book, {1'500, 13, false});
    const fresh_schema schema;
    struct limited_role {
        explicit limited_role(const fresh_schema& s) : schema(s) {
            schema.query("CREATE ROLE few LOGIN CONNECTION LIMIT 3");
            schema.query("ALTER SCHEMA " + schema.name() + " OWNER TO few");
        }
        limited_role(const limited_role&) = delete;
        limited_role& operator=(const limited_role&) = delete;
        ~limited_role() {
            schema.query("DROP OWNED BY few");
            schema.query("DROP ROLE few");
            schema.query("CREATE SCHEMA " + schema.name());
        }
        const fresh_schema& schema;
    };
    const limited_role few(schema);
    std::string url = schema.url();
    url.replace(url.find("postgres@"), 9, "few@");
    test::on_workers([&] {
        const auto make = shared_stores(runnel::background(), url, conflict_rule::none, 16);
        schema.query("TRUNCATE businesses");
        CHECK(stored_by(3, make, book, method) == 3 * 1'487);
        CHECK(schema.rows() == std::to_string(3 * 1'487));
    });
}

TEST_CASE("a server that grants fewer connections than asked for is no failure: sequential") {
    use_few_connections(import_method::sequential);
}

TEST_CASE("a server that grants fewer connections than asked for is no failure: concurrent") {
    use_few_connections(import_method::concurrent);
}

TEST_CASE("a server that grants fewer connections than asked for is no failure: batch") {
    use_few_connections(import_method::batch);
}

TEST_CASE("a server that grants fewer connections than asked for is no failure: pipeline") {
    use_few_connections(import_method::pipeline);
}

TEST_CASE("a server that grants fewer connections than asked for is no failure: copy") {
    use_few_connections(import_method::copy);
}

TEST_CASE("an import that waits for a connection ends when it is cancelled, and the others go on") {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    write_sample(book, {500, 3, false});
    const fresh_schema schema;
    for (const import_method method : all_methods) {
        for (const bool all_or_nothing : {false, true}) {
            INFO("method " << static_cast<int>(method) << ", all or nothing " << all_or_nothing);
            test::on_workers([&] {
                const auto make =
                    shared_stores(runnel::background(), schema.url(), conflict_rule::none, 1);
                const auto other = make(runnel::background());
                auto held = other->open_session();
                auto ctx = runnel::with_cancel(runnel::background());
                import_options options;
                options.all_or_nothing = all_or_nothing;
                std::atomic<bool> ended{false};
                auto import = runnel::async([&] {
                    const auto db = make(ctx);
                    import_report report = import_sample(book, method, *db, options, ctx);
                    ended = true;
                    return report;
                });
                CHECK(test::wait_parked(1, "semacquire"));
                CHECK_FALSE(ended);
                ctx.cancel();
                CHECK(test::eventually([&] { return ended.load(); }));
                CHECK_FALSE(held->insert(named("x")));
                held.reset();  // if it has not ended, it does now
                const import_report report = import.get();
                CHECK(report.ending == import_ending::canceled);
                CHECK(report.stats.total_records() == 0);
                CHECK(schema.query("SELECT count(*) FROM businesses WHERE name <> 'x'") == "0");
            });
        }
    }
}

namespace {

// Imports 700 rows, some of which the table refuses, by each method. `check` is told how many, and how many are
// stored in the end.
void import_refused_rows(const import_options& options,
                         const std::function<void(const import_report&, std::uint64_t bad,
                                                  const std::string& stored)>& check) {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    std::string rows = test::header_row();
    std::uint64_t bad = 0;
    for (std::uint32_t i = 2; i <= 701; ++i) {
        const bool is_bad = i % 100 == 7 || (i > 300 && i < 340);
        bad += is_bad ? 1 : 0;
        rows += test::business_row(i, is_bad ? "bad" : test::numbered("n", i));
    }
    test::write_zip(book, test::one_sheet(rows));
    for (const import_method method : all_methods) {
        INFO("method " << static_cast<int>(method));
        const fresh_schema schema;
        {
            const auto make_table = schema.open();
            schema.query("ALTER TABLE businesses ADD CHECK (name NOT LIKE 'bad%')");
        }
        const auto db = schema.open();
        const import_report report = import_sample(book, method, *db, options);
        check(report, bad, schema.rows());
    }
}

}  // namespace

TEST_CASE("rows that the server refuses are found in each method") {
    import_refused_rows(
        {}, [](const import_report& report, std::uint64_t bad, const std::string& stored) {
            CHECK(report.ending == import_ending::finished);
            CHECK(report.stats.error_count == bad);
            CHECK(report.stats.success_count == 700 - bad);
            CHECK(stored == std::to_string(700 - bad));
        });
}

TEST_CASE("an import of all or nothing is one transaction in each method") {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    write_sample(book, {1'000, 13, false});
    for (const import_method method : all_methods) {
        INFO("method " << static_cast<int>(method));
        const fresh_schema schema;
        test::on_workers([&] {
            const auto db = schema.open();
            schema.query("TRUNCATE businesses");
            import_options options;
            options.all_or_nothing = true;
            std::uint64_t told = 0;
            std::uint64_t seen = 0;
            options.on_progress = [&](const import_progress&) {
                if (told++ % 50 == 0) seen += std::stoull(schema.rows());
            };
            const import_report report = import_sample(book, method, *db, options);
            CHECK(report.ending == import_ending::finished);
            CHECK(report.stats.success_count == 987);
            CHECK(report.stats.error_count == 13);
            CHECK(seen == 0);
            CHECK(db->count_rows() == 987);
        });
        CHECK(schema.query("SELECT count(DISTINCT created_at) FROM businesses") == "1");
    }
}

TEST_CASE("rows that the server refuses undo an import of all or nothing, in each method") {
    import_options options;
    options.all_or_nothing = true;
    import_refused_rows(
        options, [](const import_report& report, std::uint64_t bad, const std::string& stored) {
            CHECK(report.ending == import_ending::refused);
            CHECK(report.refused_count == bad);
            CHECK(report.stats.success_count == 0);
            CHECK(report.stats.error_count == bad);
            CHECK(report.stats.rolled_back_count == 700 - bad);
            REQUIRE(report.reasons.size() == 1);
            CHECK_THAT(report.reasons[0].reason, Catch::Contains("businesses_name_check"));
            CHECK(stored == "0");
        });
}

TEST_CASE("a backend that ends in mid-import undoes an import of all or nothing") {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    write_sample(book, {1'500, 0, false});
    for (const import_method method : all_methods) {
        INFO("method " << static_cast<int>(method));
        const fresh_schema schema;
        const auto db = schema.open();
        import_options options;
        options.all_or_nothing = true;
        options.on_progress = [ended = false](const import_progress&) mutable {
            if (!std::exchange(ended, true)) end_all_backends();
        };
        const import_report report = import_sample(book, method, *db, options);
        CHECK(report.ending == import_ending::failed);
        CHECK(report.stats.success_count == 0);
        CHECK(schema.rows() == "0");
    }
}

namespace {

// `disturb(over)` goes on beside the import.
void import_while(import_method method,
                  const std::function<void(const std::atomic<bool>& over)>& disturb) {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    write_sample(book, {1500, 13, false});
    const fresh_schema schema;
    runnel::run([&] {
        const auto db = schema.open();
        runnel::wait_group disturbing;
        std::atomic<bool> over{false};
        disturbing.go([&] { disturb(over); });
        const import_report report = import_sample(book, method, *db);
        over = true;
        disturbing.wait();
        const std::string failure = test::message_of([&] {
            if (report.failure) std::rethrow_exception(report.failure);
        });
        CHECK(failure == "");
        CHECK(report.ending == import_ending::finished);
        CHECK(report.stats.success_count == 1487);
        CHECK(report.stats.error_count == 13);
    });
    CHECK(schema.rows() == "1487");
    CHECK(schema.query("SELECT count(DISTINCT name) FROM businesses") == "1487");
}

// Until the import is over, or so often.
void end_backends_often(const std::atomic<bool>& over) {
    for (int i = 0; i < 10 && !over; ++i) end_all_backends();
}

void end_server_once(const std::atomic<bool>&) {
    tell_server("kill");
    tell_server("start");
}

// The server is not there again before the import has given up.
void import_until_server_ends(import_method method) {
    const test::temporary_folder folder;
    const auto book = folder / "book.xlsx";
    constexpr std::uint64_t rows = 5000;
    write_sample(book, {rows, 0, false});
    const fresh_schema schema;
    std::uint64_t told = 0;
    runnel::run([&] {
        const std::size_t goroutines = runnel::num_goroutine();
        auto waiting = runnel::with_cancel(runnel::background());
        {
            pg_store db(waiting, server_url(), conflict_rule::none,
                        pg_options{.connections = 8, .schema = schema.name()});
            import_options options;
            // Small, so that most rows wait until the first progress has been told.
            options.batch_size = 10;
            options.on_progress = [&, ended = false](const import_progress&) mutable {
                if (std::exchange(ended, true)) return;
                tell_server("kill");
                waiting.cancel();  // else it waits for half a minute
            };
            const import_report report = import_sample(book, method, db, options);
            CHECK(report.ending == import_ending::failed);
            CHECK(test::message_of([&] { std::rethrow_exception(report.failure); }) != "");
            CHECK(report.stats.error_count == 0);
            told = report.stats.success_count;
        }
        CHECK(test::eventually([&] { return runnel::num_goroutine() == goroutines; }));
    });
    tell_server("start");
    // What was under way may have been committed without an answer. It is not told, and not doubled either.
    const std::uint64_t there = std::stoull(schema.rows());
    CHECK(told > 0);
    CHECK(told <= there);
    CHECK(there < rows);
    CHECK(schema.query("SELECT count(DISTINCT name) FROM businesses") == std::to_string(there));
}

}  // namespace

// A case for each: the server takes seconds to come back.
TEST_CASE("backends that end in mid-import cost no row and double none: sequential") {
    import_while(import_method::sequential, end_backends_often);
}
TEST_CASE("backends that end in mid-import cost no row and double none: concurrent") {
    import_while(import_method::concurrent, end_backends_often);
}
TEST_CASE("backends that end in mid-import cost no row and double none: batch") {
    import_while(import_method::batch, end_backends_often);
}
TEST_CASE("backends that end in mid-import cost no row and double none: pipeline") {
    import_while(import_method::pipeline, end_backends_often);
}
TEST_CASE("backends that end in mid-import cost no row and double none: copy") {
    import_while(import_method::copy, end_backends_often);
}
TEST_CASE("a server that ends in mid-import and starts again costs no row: sequential") {
    import_while(import_method::sequential, end_server_once);
}
TEST_CASE("a server that ends in mid-import and starts again costs no row: concurrent") {
    import_while(import_method::concurrent, end_server_once);
}
TEST_CASE("a server that ends in mid-import and starts again costs no row: copy") {
    import_while(import_method::copy, end_server_once);
}
TEST_CASE(
    "a server that ends in mid-import takes nothing that was told to be committed: sequential") {
    import_until_server_ends(import_method::sequential);
}
TEST_CASE(
    "a server that ends in mid-import takes nothing that was told to be committed: concurrent") {
    import_until_server_ends(import_method::concurrent);
}
TEST_CASE("a server that ends in mid-import takes nothing that was told to be committed: batch") {
    import_until_server_ends(import_method::batch);
}
TEST_CASE("a server that ends in mid-import takes nothing that was told to be committed: copy") {
    import_until_server_ends(import_method::copy);
}
