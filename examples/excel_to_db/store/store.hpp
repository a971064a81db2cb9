// examples/excel_to_db/store/store.hpp — where businesses go: what the importer asks of a database.
// SPDX-License-Identifier: BSL-1.0
//
//   store              one database; opens sessions
//   store_session      one connection; any goroutine may use it, one at a time
//   store_transaction  a session that commits at its end, and then everything
//
//   An embedded database blocks the thread, so its sessions wrap each call in runnel::blocking; a
//   client of a server would park the goroutine on its socket instead. The importer cannot tell.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "import/business.hpp"

namespace excel_to_db {

/// What happens to a row whose name, phone and email are in the table already.
enum class conflict_rule {
    none,    // inserted all the same
    skip,    // left alone; counts as success
    update,  // the stored row takes the other values; counts as success
    error,   // rejected
};

/// Why the database will not have a row; nothing if the row is committed.
using refusal = std::optional<std::string>;

/// The database failed (disk, lock, connection, schema), as opposed to refusing one row. Nothing
/// of the call that threw it has been stored, but what `settled` says.
class store_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
    store_error(const std::string& what, std::vector<refusal> settled)
        : std::runtime_error(what),
          settled_(std::make_shared<const std::vector<refusal>>(std::move(settled))) {}

    /// The answers to the first rows of `insert_each`, which had to commit them one by one before
    /// it failed; else none.
    std::vector<refusal> settled() const { return settled_ ? *settled_ : std::vector<refusal>(); }

private:
    std::shared_ptr<const std::vector<refusal>> settled_;  // shared: copying must not throw
};

/// The database was lost: whether the call that threw this has stored anything is not known.
class commit_unknown : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

class store_session {
public:
    store_session() = default;
    store_session(const store_session&) = delete;
    store_session& operator=(const store_session&) = delete;
    virtual ~store_session() = default;

    /// Stores one row and commits it.
    virtual refusal insert(const business& row) = 0;

    /// Stores the rows, `rows_per_statement` by one INSERT, with one commit: all of them, or none.
    virtual refusal insert_all(std::span<const business> rows, std::size_t rows_per_statement) = 0;

    /// As insert_all with one row an INSERT, all of them under way at once where that is possible.
    virtual refusal insert_pipelined(std::span<const business> rows) { return insert_all(rows, 1); }

    /// As insert_all, in the fastest way that the database has.
    virtual refusal load(std::span<const business> rows) {
        return insert_all(rows, rows_of_a_load);
    }

    /// Stores the rows one by one with one commit at the end; a refused row does not touch the
    /// others. One answer a row. If the database itself ends the transaction at a row, each row has
    /// a commit of its own, and a `store_error` brings the answers so far.
    virtual std::vector<refusal> insert_each(std::span<const business> rows) = 0;

private:
    static constexpr std::size_t rows_of_a_load = 1'000;
};

/// A session whose calls "commit" for itself alone: what they store is there for others after `commit`, and gone if
/// the transaction is destroyed without it. A refused row takes back its own call, no more.
class store_transaction : public store_session {
public:
    /// The last call. Throws `store_error` if nothing has been stored, `commit_unknown` if that is not known.
    virtual void commit() = 0;
};

class store {
public:
    store() = default;
    store(const store&) = delete;
    store& operator=(const store&) = delete;
    virtual ~store() = default;

    /// How many sessions get more done than one: 1 where the database has a single writer.
    virtual std::size_t useful_sessions() const = 0;

    /// The same for sessions that store many rows at a time.
    virtual std::size_t useful_bulk_sessions() const { return useful_sessions(); }

    /// Waits while as many are open as may be.
    virtual std::unique_ptr<store_session> open_session() = 0;
    /// Does not: null then, or if the server has no connection to spare.
    virtual std::unique_ptr<store_session> try_open_session() { return open_session(); }

    /// Waits as `open_session` does; in a database with a single writer, until no one else writes.
    virtual std::unique_ptr<store_transaction> begin() {
        throw store_error("this database cannot store all or nothing");
    }

    /// Asks whether the database answers; throws `store_error` if it does not.
    virtual void ping() { open_session(); }
};

}  // namespace excel_to_db
