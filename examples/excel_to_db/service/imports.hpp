// examples/excel_to_db/service/imports.hpp — the imports of a service: those under way, and the last ones.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <runnel/context.hpp>
#include <runnel/mutex.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/watch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "service/options.hpp"
#include "service/spool_file.hpp"

namespace excel_to_db {

enum class import_state {
    importing,
    finished,  // every row was either committed or rejected
    canceled,
    failed,
};

/// Whose fault it is that an import did not finish.
enum class import_fault { none, workbook, too_large, too_many_errors, refused, database, service };

/// Why an import was told to stop.
enum class stop_reason { none, client_gone, asked, too_long, shutting_down };

/// What there is to say of an import: of one that goes on, as of some moment ago.
struct import_status {
    import_state state = import_state::importing;
    import_progress progress;
    std::string sheet;
    std::uint64_t skipped_count = 0;
    std::vector<std::pair<std::uint32_t, std::string>> first_rejected;  // sheet row and reason
    std::vector<reason_count> reasons;                                  // why rows were rejected
    bool errors_truncated = false;
    import_fault fault = import_fault::none;
    stop_reason stopped = stop_reason::none;
    std::string message;

    bool has_ended() const { return state != import_state::importing; }
};

/// What a client asks for.
struct import_request {
    import_method method = import_method::batch;
    std::string sheet;     // empty: as the service is told
    bool dry_run = false;  // store nothing
    bool all_or_nothing = false;
    std::string file_name;  // the client's name of the workbook: a label
};

/// One import. Any goroutine may use it.
class import_job {
public:
    import_job(std::string id, import_request request, const runnel::context& parent,
               std::chrono::milliseconds limit);

    const std::string& id() const { return id_; }
    const import_request& request() const { return request_; }

    import_status status() const { return status_.get(); }
    runnel::watch<import_status>::watcher subscribe() const { return status_.subscribe(); }

    /// Tells it to stop; the first reason is the one that is told.
    void cancel(stop_reason reason);

    /// Its rejected rows, once it has ended; null if it was refused before the first row.
    std::shared_ptr<const spool_file> errors() const;

private:
    friend class import_registry;

    stop_reason why_stopped() const;

    const std::string id_;
    const import_request request_;
    const runnel::cancel_context context_;
    std::atomic<stop_reason> reason_{stop_reason::none};
    runnel::watch<import_status> status_{import_status{}};
    mutable runnel::mutex lock_;
    std::shared_ptr<const spool_file> errors_;  // guarded by lock_
};

/// Starts imports, knows them by id, and forgets the oldest that have ended.
class import_registry {
public:
    /// The right to import, of which there are so many. Given back by the destructor.
    class place {
    public:
        explicit place(runnel::semaphore& of) : of_(&of) {}
        place(place&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
        place& operator=(place&&) = delete;
        ~place() {
            if (of_ != nullptr) of_->release();
        }

    private:
        runnel::semaphore* of_;
    };

    /// `options` must outlive the registry. Imports end when `parent` is done.
    import_registry(const service_options& options, store_opener open, runnel::context parent);

    /// Nothing if all places are taken.
    std::optional<place> take_place();

    std::shared_ptr<import_job> add(import_request request);
    std::shared_ptr<import_job> find(const std::string& id) const;

    /// Imports the workbook that was uploaded. Returns when the job has ended; does not throw.
    void run(import_job& job, const spool_file& upload);

    std::size_t under_way() const;

private:
    import_status perform(import_job& job, const spool_file& upload);
    void retire(const import_job& job);

    const service_options& options_;
    const store_opener open_;
    const runnel::context parent_;
    runnel::semaphore places_;
    mutable runnel::mutex lock_;
    std::map<std::string, std::shared_ptr<import_job>> jobs_;  // guarded by lock_
    std::deque<std::string> ended_;                            // guarded by lock_; oldest first
};

}  // namespace excel_to_db
