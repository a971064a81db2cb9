// examples/excel_to_db/store/pg_pool.cpp — borrowing, giving back, and starting anew after a loss.
// SPDX-License-Identifier: BSL-1.0
#include "store/pg_pool.hpp"

#include <unistd.h>

#include <algorithm>
#include <random>
#include <runnel/retry.hpp>
#include <runnel/time.hpp>
#include <system_error>
#include <utility>

namespace excel_to_db {

namespace {

using namespace std::chrono_literals;

constexpr auto connect_patience = 10s;
// A connection that has been idle for longer is asked whether it still is one.
constexpr auto trusted_idle = 10s;
constexpr auto look_again = 10ms;

// Names a connection in pg_stat_activity; no other client's has the same.
std::string new_label() {
    static std::atomic<unsigned> count{0};
    static const unsigned chance = std::random_device()();
    return "excel_to_db-" + std::to_string(::getpid()) + "-" + std::to_string(chance) + "-" +
           std::to_string(++count);
}

}  // namespace

pg_pool::pg_pool(std::string url, std::size_t most)
    : url_(std::move(url)),
      most_(std::max<std::size_t>(most, 1)),
      lent_(static_cast<std::ptrdiff_t>(most_)),
      idle_(runnel::make_chan<idle_connection>(most_)) {}

std::unique_ptr<pg_connection> pg_pool::connect(const runnel::context& ctx) {
    auto made = std::make_unique<pg_connection>(ctx, url_, new_label(), connect_patience);
    has_connected_ = true;
    return made;
}

// A transaction of the lost connection might still be under way: only when its backend is gone it is certain what
// has become of it.
void pg_pool::end_backend(const runnel::context& ctx, pg_connection& through,
                          const std::string& label) {
    pg_parameters parameters(1);
    parameters.add(label);
    for (;;) {
        const pg_answer left = through.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1",
            parameters);
        if (PQntuples(left.get()) == 0) return;
        if (ctx.err()) throw pg_lost("the lost connection's backend does not end");
        runnel::sleep_for(look_again);
    }
}

std::unique_ptr<pg_connection> pg_pool::connect_patiently(const runnel::context& ctx,
                                                          const std::string& ended_label) {
    const runnel::cancel_context limit = runnel::with_timeout(ctx, patience);
    const runnel::retry_policy policy{.attempts = 0, .first_delay = 20ms, .max_delay = 1s};
    std::string last = "the connection to the server is lost";
    try {
        return runnel::retry(limit, policy, [&] {
            try {
                auto made = connect(ctx);
                if (!ended_label.empty()) end_backend(limit, *made, ended_label);
                return made;
            } catch (const store_error& error) {
                last = error.what();
                throw;
            }
        });
    } catch (const std::system_error&) {  // the time is over
        throw pg_lost(last);
    }
}

pg_time pg_pool::new_moment() {
    pg_time last = last_moment_.load();
    pg_time next = 0;
    do {
        next = std::max(pg_now(), last + 1);
    } while (!last_moment_.compare_exchange_weak(last, next));
    return next;
}

pg_pool::lease::lease(pg_pool& pool, runnel::context ctx, bool patiently, place held)
    : pool_(pool), ctx_(std::move(ctx)) {
    if (held == place::none && pool_.lent_.acquire(ctx_) != runnel::op_status::ok)
        throw pg_lost("interrupted");
    try {
        while (auto idle = pool_.idle_.try_recv()) {
            connection_ = std::move(idle->connection);
            if (std::chrono::steady_clock::now() - idle->since < trusted_idle) return;
            try {
                connection_->execute("SELECT 1");
                return;
            } catch (const store_error&) {
                connection_.reset();
            }
        }
        connection_ = patiently && pool_.has_connected_ ? pool_.connect_patiently(ctx_, {})
                                                        : pool_.connect(ctx_);
    } catch (...) {
        pool_.lent_.release();
        throw;
    }
}

pg_pool::lease::~lease() {
    if (connection_ != nullptr && connection_->is_well()) {
        // There is room for every connection that can be lent.
        static_cast<void>(pool_.idle_.try_send(
            idle_connection{std::move(connection_), std::chrono::steady_clock::now()}));
    }
    connection_.reset();
    pool_.lent_.release();
}

void pg_pool::lease::replace() {
    const std::string label = connection_->label();
    connection_.reset();
    connection_ = pool_.connect_patiently(ctx_, label);
}

}  // namespace excel_to_db
