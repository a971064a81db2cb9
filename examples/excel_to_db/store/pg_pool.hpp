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

/// At most so many connections at once; those given back wait for the next borrower. Thread-safe.
class pg_pool {
public:
    /// Connects to nothing yet.
    pg_pool(std::string url, std::size_t most);

    /// A place for one more connection, if there is one: to be handed to a lease.
    bool try_reserve() { return lent_.try_acquire(); }
    enum class place { none, reserved };

    /// One connection, given back by the destructor if it is well.
    class lease {
    public:
        /// Waits while all are lent. If the server, which was there before, does not take a new one, tries for
        /// `patience`, unless one is enough to know. Throws `pg_lost`, so too once `ctx` is done.
        lease(pg_pool& pool, runnel::context ctx, bool patiently = true, place held = place::none);
        lease(const lease&) = delete;
        lease& operator=(const lease&) = delete;
        ~lease();

        pg_connection& operator*() const { return *connection_; }
        pg_connection* operator->() const { return connection_.get(); }

        /// After `pg_lost`: sees to it that the server does nothing more for the lost connection, and makes another.
        /// Tries for `patience`, and no longer than until `ctx` is done; throws the last `pg_lost`.
        void replace();

    private:
        friend class pg_pool;
        pg_pool& pool_;
        const runnel::context ctx_;
        std::unique_ptr<pg_connection> connection_;
    };

    std::size_t size() const { return most_; }

    /// A moment that this pool gives to nobody else.
    pg_time new_moment();

    static constexpr std::chrono::seconds patience{30};

private:
    struct idle_connection {
        std::unique_ptr<pg_connection> connection;
        std::chrono::steady_clock::time_point since;
    };

    std::unique_ptr<pg_connection> connect(const runnel::context& ctx);
    /// Ends the backend of the connection with this label, if any.
    std::unique_ptr<pg_connection> connect_patiently(const runnel::context& ctx,
                                                     const std::string& ended_label);
    static void end_backend(const runnel::context& ctx, pg_connection& through,
                            const std::string& label);

    const std::string url_;
    const std::size_t most_;
    runnel::semaphore lent_;
    runnel::chan<idle_connection> idle_;
    std::atomic<pg_time> last_moment_{0};
    std::atomic<bool> has_connected_{false};
};

}  // namespace excel_to_db
