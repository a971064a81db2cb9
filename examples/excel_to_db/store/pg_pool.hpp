// examples/excel_to_db/store/pg_pool.hpp — connections that are lent, checked and replaced.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/semaphore.hpp>
#include <string>

#include "store/pg_connection.hpp"

namespace excel_to_db {

/// Is done some time after another context is: for what has to be learnt yet when the others have been told to stop.
class outlasting_context {
public:
    outlasting_context(const runnel::context& ctx, std::chrono::nanoseconds time);
    outlasting_context(const outlasting_context&) = delete;
    outlasting_context& operator=(const outlasting_context&) = delete;
    ~outlasting_context() { told_.stop(); }

    operator const runnel::context&() const { return *own_; }

private:
    const std::shared_ptr<runnel::cancel_context> own_;
    runnel::stop_handle told_;
};

/// At most so many connections at once; those given back wait for the next borrower. Thread-safe.
class pg_pool {
    struct close_connection {
        pg_pool* pool;
        void operator()(pg_connection* connection) const {
            delete connection;
            --pool->open_;
        }
    };
    using connection_ptr = std::unique_ptr<pg_connection, close_connection>;

public:
    /// Connects to nothing yet.
    pg_pool(std::string url, std::size_t most);

    /// A place for one more connection, if there is one: to be handed to a lease.
    bool try_reserve() { return lent_.try_acquire(); }
    enum class place { none, reserved };

    /// One connection, given back by the destructor if it is well. Once `ctx` is done, an answer that is under way is
    /// waited for a little longer, and what has become of a lost connection is asked for a little longer still.
    class lease {
    public:
        /// Waits while all are lent. If the server, which was there before, does not take a new one, tries for
        /// `patience`, or until another is given back. With a place that is reserved tries only once.
        /// Throws `pg_lost`, so too once `ctx` is done.
        lease(pg_pool& pool, runnel::context ctx, place held = place::none);
        lease(const lease&) = delete;
        lease& operator=(const lease&) = delete;
        ~lease();

        pg_connection& operator*() const { return *connection_; }
        pg_connection* operator->() const { return connection_.get(); }

        bool is_ended() const { return static_cast<bool>(ctx_.err()); }

        /// After `pg_lost`: sees to it that the server does nothing more for the lost connection, makes another, and
        /// returns what `ask` answers, which is given it. Tries for `patience`; throws the last `pg_lost`.
        template <class Ask>
        auto replace(Ask ask) {
            for (;;) {
                reconnect();
                try {
                    auto answer = ask(*connection_);
                    connection_->limit_by(answers_);
                    return answer;
                } catch (const pg_lost&) {  // this one too
                }
            }
        }
        void replace() {
            replace([](pg_connection&) { return true; });
        }

    private:
        void reconnect();

        pg_pool& pool_;
        const runnel::context ctx_;
        const outlasting_context answers_;
        const outlasting_context questions_;
        connection_ptr connection_;
    };

    std::size_t size() const { return most_; }

    /// Asks the server, by a connection beside all others if they are lent. Throws `store_error`.
    void ping(const runnel::context& ctx);

    /// A moment that this pool gives to nobody else.
    pg_time new_moment();

    static constexpr std::chrono::seconds patience{30};

private:
    struct idle_connection {
        connection_ptr connection;
        std::chrono::steady_clock::time_point since;
    };

    connection_ptr connect(const runnel::context& ctx);
    /// One that was given back, and is there yet; or null.
    connection_ptr take_idle(const runnel::context& ctx);
    connection_ptr take_or_connect(const runnel::context& ctx);
    connection_ptr take_patiently(const runnel::context& ctx);
    /// Ends the backend of the connection with this label.
    connection_ptr connect_instead(const runnel::context& ctx, const std::string& ended_label);
    template <class Make>
    static connection_ptr try_for(std::chrono::nanoseconds time, const runnel::context& ctx,
                                  Make make);
    static void end_backend(const runnel::context& ctx, pg_connection& through,
                            const std::string& label);

    const std::string url_;
    const std::size_t most_;
    runnel::semaphore lent_;
    std::atomic<std::size_t> open_{0};
    std::atomic<pg_time> last_moment_{0};
    std::atomic<bool> has_connected_{false};
    runnel::chan<idle_connection> idle_;  // the last, for what is in it counts itself out
};

}  // namespace excel_to_db
