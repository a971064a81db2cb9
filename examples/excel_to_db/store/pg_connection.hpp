// examples/excel_to_db/store/pg_connection.hpp — libpq without blocking: one connection to PostgreSQL.
// SPDX-License-Identifier: BSL-1.0
//
//   libpq's non-blocking interface tells which way its socket has to become ready; the goroutine parks until it is
//   (runnel::io), so that one thread drives many connections.
#pragma once

#include <libpq-fe.h>

#include <array>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <runnel/context.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/store.hpp"

namespace excel_to_db {

/// The connection is gone, or cannot be made. Whether what was under way has been done is not known.
class pg_lost : public store_error {
public:
    using store_error::store_error;
};

/// The server's answer to one statement: no.
class pg_failure : public store_error {
public:
    explicit pg_failure(const PGresult* result);

    /// The five characters of SQLSTATE.
    const std::string& state() const { return state_; }

    /// Whether it is the row's fault, the database being well.
    bool is_refusal() const;
    /// Whether the same may succeed when it is tried again: a deadlock, a conflict of transactions, a lock that was not
    /// to be had in time.
    bool is_transient() const { return state_.starts_with("40") || state_ == "55P03"; }
    /// Whether the server ends the connection, or libpq says in its place that it is lost; whatever the state, of
    /// which a statement may make any.
    bool is_farewell() const;

private:
    std::string state_;
    std::string severity_;
};

struct clear_pg_answer {
    void operator()(PGresult* result) const { PQclear(result); }
};
using pg_answer = std::unique_ptr<PGresult, clear_pg_answer>;

/// Microseconds since 2000-01-01 UTC, as PostgreSQL counts.
using pg_time = std::int64_t;
pg_time pg_now();

/// Appends a whole number as the server's binary formats have it, the most significant byte first.
template <std::unsigned_integral Number>
void append_number(std::string& to, Number value) {
    std::array<char, sizeof(Number)> bytes;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<char>(value >> (8 * (bytes.size() - 1 - i)));
    }
    to.append(bytes.data(), bytes.size());
}

/// An array of texts, as PostgreSQL's binary format has it.
class pg_text_array {
public:
    /// `size` texts are going to be added, of so many bytes together.
    pg_text_array(std::size_t size, std::size_t bytes);
    void add(std::string_view text);

private:
    friend class pg_parameters;
    std::string encoded_;
};

/// Parameters of a statement, in the binary format: texts are taken as they are, and must live until they are sent.
class pg_parameters {
public:
    explicit pg_parameters(std::size_t expected = 0);
    pg_parameters(pg_parameters&&) = default;
    pg_parameters& operator=(pg_parameters&&) = default;

    void add(std::string_view text);
    void add(pg_time time);
    void add(pg_text_array texts);

private:
    friend class pg_connection;
    void add(std::string_view value, Oid type);

    std::vector<const char*> values_;
    std::vector<int> lengths_;
    std::vector<int> formats_;
    std::vector<Oid> types_;
    std::forward_list<std::string> owned_;  // what values_ points to, unless it is a text
};

/// A number of our own for libpq's socket, to wait by. libpq closes its own in many a call, when it finds the connection
/// lost; then the number is anybody's, and whoever waits by it must not be woken in our name.
class watched_socket {
public:
    watched_socket() = default;
    explicit watched_socket(int socket);
    watched_socket(watched_socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    watched_socket& operator=(watched_socket&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~watched_socket();

    int fd() const { return fd_; }

private:
    int fd_ = -1;
};

/// Used by one goroutine at a time. Everything throws `pg_lost` once the connection is broken, or nobody is to wait for
/// it any more.
class pg_connection {
public:
    /// `url` as libpq takes it, `label` for pg_stat_activity. Waits for `patience`, or until `ctx` is done, which ends
    /// all later waiting as well. Throws `pg_lost` if there is no connection then, or none will be.
    pg_connection(const runnel::context& ctx, const std::string& url, const std::string& label,
                  std::chrono::nanoseconds patience);
    pg_connection(const pg_connection&) = delete;
    pg_connection& operator=(const pg_connection&) = delete;
    ~pg_connection();

    const std::string& label() const { return label_; }

    /// What tells one life of the server from the next, for those who want to know; empty until they have asked.
    std::string server;

    bool is_well() const;

    /// All waiting for the server ends when `ctx` is done, from now on.
    void limit_by(const runnel::context& ctx) { limit_ = ctx; }

    // ---- one statement: to its end, and throws `pg_failure` for the server's no ----

    pg_answer execute(const char* sql);
    pg_answer execute(const char* sql, const pg_parameters& parameters);
    /// Of a statement that has been prepared before.
    pg_answer execute_prepared(const std::string& name, const pg_parameters& parameters);

    // ---- several under way at once; all between two syncs is one transaction ----
    // When one fails, the server passes over all that follows, a COMMIT too, until the sync.

    void begin_pipeline();
    void send(const char* sql);
    void send(const char* sql, const pg_parameters& parameters);
    /// Whether this connection has prepared a statement under this name, and had the answer.
    bool has_prepared(std::string_view name) const;
    void send_prepare(const std::string& name, const std::string& sql, const pg_parameters& like);
    void send_prepared(const std::string& name, const pg_parameters& parameters);
    void sync();
    /// Asks for the answers so far, without an end of the transaction.
    void request_answers();
    /// The next statement's answer, whatever it is.
    pg_answer answer();
    /// To be read where sync() was called.
    void read_sync();
    void end_pipeline();

    // ---- COPY … FROM STDIN; in `sql` other statements may stand before and behind it ----
    // When one fails, the server passes over those that follow.

    void begin_copy(const char* sql);
    void put(std::string_view data);
    /// The answers from that to COPY on, one a statement: all are good, but for the last, which may be a failure.
    std::vector<pg_answer> end_copy();

    /// Leaves a transaction that is open.
    void roll_back();

private:
    [[noreturn]] void lose();
    void flush();
    PGresult* next_result();
    pg_answer finish(const char* what);
    void check_sent(int sent);
    void wait_readable();
    void consume();

    runnel::context limit_;
    std::string label_;
    PGconn* connection_ = nullptr;
    watched_socket socket_;
    std::vector<std::string> prepared_;
    struct preparation {
        std::size_t number;  // of the statement in its pipeline, from 1
        std::string name;
    };
    std::vector<preparation> preparing_;  // in the present pipeline
    std::size_t sent_ = 0;                // statements of that
    std::size_t answered_ = 0;            // of those
    std::size_t unflushed_ = 0;           // bytes of COPY data
};

/// `url` without its passwords, for messages.
std::string without_password(const std::string& url);

/// How many rows a statement has stored.
std::uint64_t affected_rows(const PGresult* result);

}  // namespace excel_to_db
