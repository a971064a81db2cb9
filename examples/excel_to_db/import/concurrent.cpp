// examples/excel_to_db/import/concurrent.cpp — workers, each with its own rows to store.
// SPDX-License-Identifier: BSL-1.0
//
//   reader ─ jobs ─▶ worker 1..N ─ rows ─▶ connection 1..N ─▶ database
//                      └─ outcomes ─▶ collector (the calling goroutine)
//
//   A worker takes a few rows, checks them, stores one after the other, each with a commit of its
//   own, and goes on. But a database with a single writer makes N connections wait for each other.
//   There, one writer takes whatever the workers have queued, commits it together, and answers
//   each: while it waits for the disk, the next group forms.
//
//   reader ─ jobs ─▶ worker 1..N ─ writes ─▶ writer ─▶ database
//                      │    ▲──── answers ─────┘
//                      └─ outcomes ─▶ collector
#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/wait_group.hpp>
#include <span>

#include "import/run.hpp"

namespace excel_to_db {

namespace {

constexpr std::size_t queued_jobs = 32;
constexpr std::size_t rows_per_job = 4;

// One refusal a row, or fewer if the database failed: then none of the other rows is in it.
using answer = std::vector<refusal>;

struct write_request {
    std::span<const business> rows;  // the worker's: it waits for the answer
    runnel::send_chan<answer> reply;
};

// `store(rows)` returns their answers.
template <class Store>
void work(const import_task& task, const runnel::recv_chan<piece>& jobs,
          const runnel::send_chan<outcome>& outcomes, Store store) {
    std::vector<business> rows;
    std::vector<sheet_row*> sources;
    while (auto job = jobs.recv(task.run.context())) {
        outcome result{job->sequence, 0, {}};
        rows.clear();
        sources.clear();
        for (sheet_row& row : job->rows) {
            if (auto fault = task.find_fault(row)) {
                result.reject(std::move(*fault), std::move(row));
            } else {
                rows.push_back(make_business(row, task.columns));
                sources.push_back(&row);
            }
        }

        answer answers = store(std::span<const business>(rows));
        for (std::size_t i = 0; i < answers.size(); ++i) {
            if (answers[i]) {
                result.reject(std::move(*answers[i]), std::move(*sources[i]));
            } else {
                task.commit(*sources[i], result);
            }
        }
        sort_rejected(result);
        outcomes.send(std::move(result));
    }
}

// ---- 1. a connection for each worker ----

void work_alone(const import_task& task, std::size_t i, const runnel::recv_chan<piece>& jobs,
                const runnel::send_chan<outcome>& outcomes) {
    const auto session = task.open_session(i);
    if (!session) return;
    work(task, jobs, outcomes, [&](std::span<const business> rows) {
        answer answers;
        task.run.guard([&] {
            for (const business& row : rows) {
                if (task.run.stopped()) break;
                answers.push_back(session->insert(row));
            }
        });
        return answers;
    });
}

// ---- 2. one writer for all ----

void work_for_writer(const import_task& task, const runnel::recv_chan<piece>& jobs,
                     const runnel::send_chan<write_request>& writes,
                     const runnel::send_chan<outcome>& outcomes) {
    const auto reply = runnel::make_chan<answer>(1);
    work(task, jobs, outcomes, [&](std::span<const business> rows) {
        if (rows.empty()) return answer();
        if (writes.send(task.run.context(), {rows, reply}) != runnel::op_status::ok) {
            return answer();
        }
        // Waited for even if the import is stopped now: only the writer knows whether the rows
        // are committed.
        return reply.recv().value();
    });
}

// Answers every request, whatever happens.
void write_groups(const import_task& task, const runnel::recv_chan<write_request>& writes) {
    std::unique_ptr<store_session> session;
    task.run.guard([&] { session = task.db.open_session(); });

    std::vector<write_request> group;
    std::vector<business> rows;
    const auto take = [&](const write_request& request) {
        group.push_back(request);
        rows.insert(rows.end(), request.rows.begin(), request.rows.end());
    };

    for (const write_request& first : writes) {
        group.clear();
        rows.clear();
        take(first);
        runnel::yield();  // the workers that the last commit has woken queue behind this request
        while (group.size() < task.options.workers) {
            const auto more = writes.try_recv();
            if (!more) break;
            take(*more);
        }

        std::vector<refusal> answers;
        if (session) {
            task.run.guard([&] {
                try {
                    answers = session->insert_each(rows);
                } catch (const store_error& error) {
                    answers = error.settled();
                    throw;
                }
            });
        }
        if (answers.size() < rows.size()) session.reset();  // it has failed: nothing more is stored
        auto next = answers.begin();
        for (const write_request& request : group) {
            answer part;
            for (std::size_t i = 0; i < request.rows.size() && next != answers.end(); ++i) {
                part.push_back(std::move(*next++));
            }
            request.reply.send(std::move(part));
        }
    }
}

}  // namespace

// [import-concurrently]
void import_concurrently(const import_task& task) {
    const auto jobs = runnel::make_chan<piece>(queued_jobs);
    const auto writes = runnel::make_chan<write_request>(task.options.workers);
    const auto outcomes = runnel::make_chan<outcome>(queued_jobs);

    runnel::wait_group workers;
    runnel::wait_group others;
    others.go([&] {
        read_pieces(task, jobs, rows_per_job,
                    [](sheet_row row, piece& job) { job.rows.push_back(std::move(row)); });
    });
    const bool alone = task.db.useful_sessions() > 1;
    if (!alone) others.go([&] { write_groups(task, writes); });
    for (std::size_t i = 0; i < (alone ? task.writers() : task.options.workers); ++i) {
        workers.go([&, i] {
            task.run.guard([&] {
                if (alone) {
                    work_alone(task, i, jobs, outcomes);
                } else {
                    work_for_writer(task, jobs, writes, outcomes);
                }
            });
        });
    }
    others.go([&] {
        workers.wait();
        writes.close();
        outcomes.close();
    });

    for (outcome& result : outcomes) {
        task.run.guard([&] { task.results.add(std::move(result)); });
    }
    others.wait();
}
// [/import-concurrently]

}  // namespace excel_to_db
