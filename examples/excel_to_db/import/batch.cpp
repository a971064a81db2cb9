// examples/excel_to_db/import/batch.cpp — a hundred rows at a time; a bad one sinks no other.
// SPDX-License-Identifier: BSL-1.0
//
//   reader ─ batches ─▶ writer 1..N ─ outcomes ─▶ collector (the calling goroutine)
//
//   Reading goes on while the database works, until the channel is full: memory holds a few
//   batches, never the sheet. Batches that have queued up meanwhile are committed together. A
//   batch that the database refuses is cut in halves until its bad rows are found.
#include <algorithm>
#include <runnel/chan.hpp>
#include <runnel/wait_group.hpp>
#include <span>

#include "import/run.hpp"

namespace excel_to_db {

namespace {

constexpr std::size_t queued_batches = 16;
// By COPY, which has no parameters: more rows, and fewer of those batches at once.
constexpr std::size_t batches_in_copy = 5;
constexpr std::size_t queued_copies = 8;

bool copies(const import_task& task) { return task.options.method == import_method::copy; }
std::size_t queue_limit(const import_task& task) {
    return copies(task) ? queued_copies : queued_batches;
}

// Stores batches and says what has become of their rows, as far as they have been settled.
class batch_writer {
public:
    batch_writer(const import_task& task, store_session& session)
        : task_(task), session_(session) {}

    /// Stores the batches with one commit if the database takes every row, else one by one.
    std::vector<outcome> write(std::vector<piece> batches) {
        std::vector<outcome> results;
        std::vector<business> rows;
        for (piece& batch : batches) {
            results.push_back({batch.sequence, 0, std::move(batch.rejected)});
            for (const sheet_row& row : batch.rows) {
                rows.push_back(make_business(row, task_.columns));
            }
        }
        task_.run.guard([&] {
            clean_ = insert_all(rows);
            if (clean_) {
                for (std::size_t i = 0; i < batches.size(); ++i) {
                    commit(batches[i].rows, results[i]);
                }
                return;
            }
            std::span<const business> rest = rows;
            for (std::size_t i = 0; i < batches.size(); ++i) {
                const auto batch = rest.first(batches[i].rows.size());
                rest = rest.subspan(batch.size());
                refused_ = 0;
                if (batches.size() > 1) {
                    store(batch, batches[i].rows, results[i]);
                } else {
                    store_halves(batch, batches[i].rows, results[i]);
                }
            }
        });
        for (outcome& result : results) sort_rejected(result);
        return results;
    }

    /// Whether the database took all that was last written.
    bool clean() const { return clean_; }

private:
    // With so many bad rows in a batch, asking for each row costs less than cutting on.
    static constexpr std::size_t bisect_limit = 3;

    bool insert_all(std::span<const business> rows) {
        if (rows.empty()) return true;
        switch (task_.options.method) {
            case import_method::pipeline:
                return !session_.insert_pipelined(rows);
            case import_method::copy:
                return !session_.load(rows);
            default:
                return !session_.insert_all(rows, task_.options.batch_size);
        }
    }

    void commit(std::span<const sheet_row> rows, outcome& result) {
        for (const sheet_row& row : rows) task_.commit(row, result);
    }

    // `sources` are the sheet rows that `rows` were made from.
    void store(std::span<const business> rows, std::span<sheet_row> sources, outcome& result) {
        if (task_.run.stopped()) return;
        if (rows.size() == 1 || refused_ >= bisect_limit) {
            store_each(rows, sources, result);
        } else if (insert_all(rows)) {
            commit(sources, result);
        } else {
            store_halves(rows, sources, result);
        }
    }

    void store_halves(std::span<const business> rows, std::span<sheet_row> sources,
                      outcome& result) {
        const std::size_t half = rows.size() - rows.size() / 2;
        store(rows.first(half), sources.first(half), result);
        if (half < rows.size()) store(rows.subspan(half), sources.subspan(half), result);
    }

    void store_each(std::span<const business> rows, std::span<sheet_row> sources, outcome& result) {
        try {
            count(session_.insert_each(rows), sources, result);
        } catch (const store_error& error) {
            count(error.settled(), sources, result);
            throw;
        }
    }

    void count(std::vector<refusal> answers, std::span<sheet_row> sources, outcome& result) {
        for (std::size_t i = 0; i < answers.size(); ++i) {
            if (!answers[i]) {
                task_.commit(sources[i], result);
            } else {
                ++refused_;
                result.reject(std::move(*answers[i]), std::move(sources[i]));
            }
        }
    }

    const import_task& task_;
    store_session& session_;
    std::size_t refused_ = 0;  // rows of the present batch
    bool clean_ = true;
};

void write_batches(const import_task& task, std::size_t i, const runnel::recv_chan<piece>& batches,
                   const runnel::send_chan<outcome>& outcomes) {
    const auto session = task.open_session(i);
    if (!session) return;
    batch_writer writer(task, *session);
    while (auto first = batches.recv(task.run.context())) {
        std::vector<piece> group;
        group.push_back(std::move(*first));
        // Among bad rows a commit for several batches would only fail. The other writers get their share, or one would
        // still be storing when they have long ended.
        const std::size_t share =
            std::min(1 + batches.len() / task.bulk_writers(), queue_limit(task));
        while (writer.clean() && group.size() < share) {
            auto more = batches.try_recv();
            if (!more) break;
            group.push_back(std::move(*more));
        }
        for (outcome& result : writer.write(std::move(group))) outcomes.send(std::move(result));
    }
}

}  // namespace

void import_in_batches(const import_task& task) {
    const auto batches = runnel::make_chan<piece>(queue_limit(task));
    const auto outcomes = runnel::make_chan<outcome>(queued_batches);

    runnel::wait_group writers;
    runnel::wait_group others;
    others.go([&] {
        const std::size_t size = task.options.batch_size * (copies(task) ? batches_in_copy : 1);
        read_pieces(task, batches, size, [&](sheet_row row, piece& batch) {
            if (auto fault = task.find_fault(row)) {
                batch.rejected.push_back({std::move(fault->reason), std::move(row), fault->kind});
            } else {
                batch.rows.push_back(std::move(row));
            }
        });
    });
    for (std::size_t i = 0; i < task.bulk_writers(); ++i) {
        writers.go([&, i] { task.run.guard([&] { write_batches(task, i, batches, outcomes); }); });
    }
    others.go([&] {
        writers.wait();
        outcomes.close();
    });

    for (outcome& result : outcomes) {
        task.run.guard([&] { task.results.add(std::move(result)); });
    }
    others.wait();
}

}  // namespace excel_to_db
