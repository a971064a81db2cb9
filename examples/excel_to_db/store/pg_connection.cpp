// examples/excel_to_db/store/pg_connection.cpp — connecting, sending, and waiting for answers.
// SPDX-License-Identifier: BSL-1.0
#include "store/pg_connection.hpp"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <runnel/blocking.hpp>
#include <runnel/io.hpp>
#include <system_error>
#include <utility>

namespace excel_to_db {

namespace {

using namespace std::chrono_literals;

// libpq keeps what is put into a COPY until it is told to send it.
constexpr std::size_t copy_chunk = std::size_t{32} << 10;

constexpr const char* no_answer = "no answer from the server";

constexpr Oid text_type = 25;
constexpr Oid text_array_type = 1009;
constexpr Oid timestamptz_type = 1184;

// libpq's messages end with a newline, and may have several lines.
std::string one_line(const char* message) {
    std::string text = message != nullptr ? message : "";
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    std::replace(text.begin(), text.end(), '\n', ' ');
    std::erase(text, '\t');
    return text.empty() ? "out of memory" : text;
}

std::string field(const PGresult* result, int code) {
    const char* text = PQresultErrorField(result, code);
    return text != nullptr ? text : "";
}

std::string message_of(const PGresult* result) {
    std::string text = field(result, PG_DIAG_MESSAGE_PRIMARY);
    if (text.empty()) return one_line(PQresultErrorMessage(result));
    if (const std::string detail = field(result, PG_DIAG_MESSAGE_DETAIL); !detail.empty()) {
        text += " (" + detail + ")";
    }
    return one_line(text.c_str());
}

bool is_error(const PGresult* result) {
    switch (PQresultStatus(result)) {
        case PGRES_FATAL_ERROR:
        case PGRES_BAD_RESPONSE:
        case PGRES_NONFATAL_ERROR:
            return true;
        default:
            return false;
    }
}

}  // namespace

// ---- 1. what may go wrong, and values ----

pg_failure::pg_failure(const PGresult* result)
    : store_error(message_of(result)),
      state_(field(result, PG_DIAG_SQLSTATE)),
      severity_(field(result, PG_DIAG_SEVERITY_NONLOCALIZED)) {}

bool pg_failure::is_refusal() const {
    // Data that does not fit, a constraint, a trigger that raises, an index entry that is too long.
    return state_.starts_with("22") || state_.starts_with("23") || state_ == "P0001" ||
           state_ == "54000";
}

bool pg_failure::is_farewell() const {
    return severity_.empty() || severity_ == "FATAL" || severity_ == "PANIC";
}

pg_time pg_now() {
    constexpr auto epoch = std::chrono::sys_days(std::chrono::year{2000} / 1 / 1);
    return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now() -
                                                                 epoch)
        .count();
}

pg_text_array::pg_text_array(std::size_t size, std::size_t bytes) {
    encoded_.reserve(20 + size * 4 + bytes);
    append_number(encoded_, std::uint32_t{1});  // dimension
    append_number(encoded_, std::uint32_t{0});  // no NULL
    append_number(encoded_, std::uint32_t{text_type});
    append_number(encoded_, static_cast<std::uint32_t>(size));
    append_number(encoded_, std::uint32_t{1});  // the first index
}

void pg_text_array::add(std::string_view text) {
    append_number(encoded_, static_cast<std::uint32_t>(text.size()));
    encoded_.append(text);
}

pg_parameters::pg_parameters(std::size_t expected) {
    values_.reserve(expected);
    lengths_.reserve(expected);
    formats_.reserve(expected);
    types_.reserve(expected);
}

void pg_parameters::add(std::string_view value, Oid type) {
    values_.push_back(value.empty() ? "" : value.data());  // a null pointer would be NULL
    lengths_.push_back(static_cast<int>(value.size()));
    formats_.push_back(1);
    types_.push_back(type);
}

void pg_parameters::add(std::string_view text) { add(text, text_type); }

void pg_parameters::add(pg_time time) {
    append_number(owned_.emplace_front(), static_cast<std::uint64_t>(time));
    add(owned_.front(), timestamptz_type);
}

void pg_parameters::add(pg_text_array texts) {
    owned_.push_front(std::move(texts.encoded_));
    add(owned_.front(), text_array_type);
}

std::uint64_t affected_rows(const PGresult* result) {
    // The function reads only, but libpq declares it otherwise.
    return std::strtoull(PQcmdTuples(const_cast<PGresult*>(result)), nullptr, 10);
}

namespace {

// With what is written as %41 written as A.
std::string decoded(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        unsigned code = 0;
        const char* const digits = text.data() + i + 1;
        if (text[i] == '%' && i + 2 < text.size() &&
            std::from_chars(digits, digits + 2, code, 16).ptr == digits + 2) {
            result += static_cast<char>(code);
            i += 2;
        } else {
            result += text[i];
        }
    }
    return result;
}

struct url_parts {
    std::string_view before;    // postgres://joe:
    std::string_view password;  // as it is written
    std::string_view behind;    // @host/db
    std::string_view query;     // ?x=y, or nothing
};

// The last @ counts, for whoever has not written one of the password's as %40.
url_parts parts_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
    const std::size_t question = std::min(url.find('?'), url.size());
    const std::string_view head = url.substr(0, question);
    const std::size_t colon = head.find(':', begin);
    const std::size_t at = head.rfind('@');
    url_parts parts{head, {}, {}, url.substr(question)};
    if (at != std::string_view::npos && colon < at) {
        parts = {head.substr(0, colon + 1), head.substr(colon + 1, at - colon - 1), head.substr(at),
                 parts.query};
    }
    return parts;
}

// libpq's words about a URL that it cannot take apart quote some of it.
bool has_bare_signs(std::string_view password) {
    for (std::size_t i = password.find_first_of("%/@"); i != std::string_view::npos;
         i = password.find_first_of("%/@", i + 1)) {
        const std::string_view sign = password.substr(i, 3);
        if (sign.size() < 3 || decoded(sign).size() != 1) return true;
    }
    return false;
}

}  // namespace

std::string without_password(const std::string& url) {
    const url_parts parts = parts_of(url);
    std::string shown(parts.before);
    if (!parts.password.empty()) shown += "...";
    shown += parts.behind;
    for (std::string_view rest = parts.query; !rest.empty();) {
        const std::size_t end = std::min(rest.find('&', 1), rest.size());
        const std::string_view one = rest.substr(0, end);
        const std::size_t value = std::min(one.find('='), one.size());
        // sslpassword, too
        const bool is_secret = decoded(one.substr(0, value)).ends_with("password");
        shown += is_secret && value < one.size() ? std::string(one.substr(0, value + 1)) + "..."
                                                 : std::string(one);
        rest.remove_prefix(end);
    }
    return shown;
}

// ---- 2. connecting ----

watched_socket::watched_socket(int socket) : fd_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)) {
    if (fd_ < 0) throw pg_lost(std::generic_category().message(errno));
}

watched_socket::~watched_socket() {
    if (fd_ < 0) return;
    runnel::io::forget(fd_);
    ::close(fd_);
}

pg_connection::pg_connection(const runnel::context& ctx, const std::string& url,
                             const std::string& label, std::chrono::nanoseconds patience)
    : limit_(ctx), label_(label) {
    const runnel::cancel_context limit = runnel::with_timeout(ctx, patience);
    const std::array<const char*, 6> names = {
        "dbname", "application_name", "client_encoding", "tcp_user_timeout", "gssencmode", nullptr};
    const std::array<const char*, 6> values = {url.c_str(), label.c_str(), "UTF8",
                                               "30000",     "disable",     nullptr};
    // Names are resolved and small files read in there.
    connection_ = runnel::blocking(
        [&] { return PQconnectStartParams(names.data(), values.data(), /*expand_dbname=*/1); });
    if (connection_ == nullptr) throw pg_lost("out of memory");
    if (PQstatus(connection_) == CONNECTION_BAD && has_bare_signs(parts_of(url).password)) {
        PQfinish(connection_);
        throw pg_lost("in a password %, / and @ are written %25, %2F and %40");
    }
    // What the server remarks goes to standard error else.
    PQsetNoticeReceiver(connection_, [](void*, const PGresult*) {}, nullptr);
    try {
        auto status =
            PQstatus(connection_) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
        while (status != PGRES_POLLING_OK) {
            if (status == PGRES_POLLING_FAILED) lose();
            const int fd = PQsocket(connection_);
            const runnel::op_status ready = status == PGRES_POLLING_READING
                                                ? runnel::io::wait_readable(fd, limit)
                                                : runnel::io::wait_writable(fd, limit);
            if (ready != runnel::op_status::ok) throw pg_lost(no_answer);
            // The next step may close it and make another with the same number.
            runnel::io::forget(fd);
            status = runnel::blocking([this] { return PQconnectPoll(connection_); });
        }
        if (PQsetnonblocking(connection_, 1) != 0) lose();
        socket_ = watched_socket(PQsocket(connection_));
    } catch (...) {
        runnel::io::forget(PQsocket(connection_));
        PQfinish(connection_);
        throw;
    }
}

pg_connection::~pg_connection() { PQfinish(connection_); }

bool pg_connection::is_well() const {
    return PQstatus(connection_) == CONNECTION_OK &&
           PQtransactionStatus(connection_) == PQTRANS_IDLE &&
           PQpipelineStatus(connection_) == PQ_PIPELINE_OFF;
}

void pg_connection::lose() { throw pg_lost(one_line(PQerrorMessage(connection_))); }

// ---- 3. waiting ----

void pg_connection::wait_readable() {
    // What TLS has decrypted already, and libpq has not taken yet, no socket tells.
    const auto* tls = static_cast<const SSL*>(PQsslStruct(connection_, "OpenSSL"));
    if ((tls == nullptr || SSL_pending(tls) == 0) &&
        runnel::io::wait_readable(socket_.fd(), limit_) != runnel::op_status::ok) {
        throw pg_lost(no_answer);
    }
    consume();
}

void pg_connection::consume() {
    if (PQconsumeInput(connection_) == 0) lose();
}

void pg_connection::flush() {
    for (;;) {
        const int left = PQflush(connection_);
        if (left < 0) lose();
        if (left == 0) return;
        if (limit_.err()) throw pg_lost(no_answer);
        // A server that cannot get rid of its answers does not read: take them, and look again.
        runnel::io::wait_writable(socket_.fd(), std::chrono::steady_clock::now() + 20ms);
        consume();
    }
}

PGresult* pg_connection::next_result() {
    while (PQisBusy(connection_) != 0) wait_readable();
    PGresult* result = PQgetResult(connection_);
    if (result == nullptr) return nullptr;
    if (is_error(result) && PQstatus(connection_) != CONNECTION_OK) {
        const pg_answer owner(result);
        throw pg_lost(message_of(result));
    }
    return result;
}

void pg_connection::check_sent(int sent) {
    if (sent != 1) lose();
}

// Reads one statement's results to their end; returns the last, or throws the first that is an error.
pg_answer pg_connection::finish(const char* what) {
    flush();
    pg_answer last;
    pg_answer failed;
    while (PGresult* result = next_result()) {
        last.reset(result);
        if (is_error(result) && !failed) failed = std::move(last);
    }
    if (failed) {
        const pg_failure failure(failed.get());
        if (failure.is_farewell()) throw pg_lost(failure.what());
        throw failure;
    }
    if (!last) throw pg_lost(std::string("no answer to ") + what);
    return last;
}

// ---- 4. one statement ----

pg_answer pg_connection::execute(const char* sql) {
    check_sent(PQsendQuery(connection_, sql));
    return finish(sql);
}

pg_answer pg_connection::execute(const char* sql, const pg_parameters& parameters) {
    send(sql, parameters);
    return finish(sql);
}

pg_answer pg_connection::execute_prepared(const std::string& name,
                                          const pg_parameters& parameters) {
    send_prepared(name, parameters);
    return finish(name.c_str());
}

// ---- 5. pipelines ----

void pg_connection::begin_pipeline() {
    check_sent(PQenterPipelineMode(connection_));
    sent_ = answered_ = 0;
    preparing_.clear();
}

void pg_connection::send(const char* sql) { send(sql, pg_parameters()); }

void pg_connection::send(const char* sql, const pg_parameters& parameters) {
    check_sent(PQsendQueryParams(connection_, sql, static_cast<int>(parameters.values_.size()),
                                 parameters.types_.data(), parameters.values_.data(),
                                 parameters.lengths_.data(), parameters.formats_.data(), 0));
    ++sent_;
}

bool pg_connection::has_prepared(std::string_view name) const {
    return std::find(prepared_.begin(), prepared_.end(), name) != prepared_.end();
}

void pg_connection::send_prepare(const std::string& name, const std::string& sql,
                                 const pg_parameters& like) {
    check_sent(PQsendPrepare(connection_, name.c_str(), sql.c_str(),
                             static_cast<int>(like.types_.size()), like.types_.data()));
    preparing_.push_back({++sent_, name});
}

void pg_connection::send_prepared(const std::string& name, const pg_parameters& parameters) {
    check_sent(PQsendQueryPrepared(
        connection_, name.c_str(), static_cast<int>(parameters.values_.size()),
        parameters.values_.data(), parameters.lengths_.data(), parameters.formats_.data(), 0));
    ++sent_;
}

void pg_connection::sync() {
    check_sent(PQpipelineSync(connection_));
    flush();
}

void pg_connection::request_answers() {
    check_sent(PQsendFlushRequest(connection_));
    flush();
}

pg_answer pg_connection::answer() {
    pg_answer result(next_result());
    if (!result) throw pg_lost("an answer is missing");
    if (is_error(result.get()) && pg_failure(result.get()).is_farewell()) {
        throw pg_lost(message_of(result.get()));
    }
    const pg_answer end(next_result());
    if (end) throw pg_lost("an answer too many");
    ++answered_;
    // Whatever becomes of its transaction, a statement stays prepared.
    if (!preparing_.empty() && preparing_.front().number == answered_) {
        if (!is_error(result.get()) && PQresultStatus(result.get()) != PGRES_PIPELINE_ABORTED) {
            prepared_.push_back(std::move(preparing_.front().name));
        }
        preparing_.erase(preparing_.begin());
    }
    return result;
}

void pg_connection::read_sync() {
    const pg_answer result(next_result());
    if (!result || PQresultStatus(result.get()) != PGRES_PIPELINE_SYNC) {
        throw pg_lost("the answers do not end where they should");
    }
}

void pg_connection::end_pipeline() { check_sent(PQexitPipelineMode(connection_)); }

// ---- 6. COPY ----

void pg_connection::begin_copy(const char* sql) {
    check_sent(PQsendQuery(connection_, sql));
    flush();
    pg_answer failed;
    while (PGresult* next = next_result()) {
        pg_answer result(next);
        if (PQresultStatus(next) == PGRES_COPY_IN) {
            unflushed_ = 0;
            return;
        }
        if (is_error(next) && !failed) failed = std::move(result);
    }
    if (!failed) throw pg_lost("no answer to COPY");
    const pg_failure failure(failed.get());
    if (failure.is_farewell()) throw pg_lost(failure.what());
    throw failure;
}

void pg_connection::put(std::string_view data) {
    if (PQputCopyData(connection_, data.data(), static_cast<int>(data.size())) != 1) lose();
    unflushed_ += data.size();
    if (unflushed_ < copy_chunk) return;
    unflushed_ = 0;
    flush();
}

std::vector<pg_answer> pg_connection::end_copy() {
    check_sent(PQputCopyEnd(connection_, nullptr));
    flush();
    std::vector<pg_answer> answers;
    while (PGresult* result = next_result()) answers.emplace_back(result);
    if (answers.empty()) throw pg_lost("no answer to COPY");
    if (is_error(answers.back().get())) {
        const pg_failure failure(answers.back().get());
        if (failure.is_farewell()) throw pg_lost(failure.what());
    }
    return answers;
}

void pg_connection::roll_back() {
    const auto status = PQtransactionStatus(connection_);
    if (status == PQTRANS_INTRANS || status == PQTRANS_INERROR) execute("ROLLBACK");
}

}  // namespace excel_to_db
