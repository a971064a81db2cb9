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
// For how long an answer is waited for, and then for what became of it, once nobody waits for the import any more.
constexpr auto time_for_answers = 1s;
constexpr auto time_for_questions = 3s;
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

outlasting_context::outlasting_context(const runnel::context& ctx, std::chrono::nanoseconds time)
    : own_(std::make_shared<runnel::cancel_context>(runnel::with_cancel(runnel::background()))),
      told_(runnel::after_func(
          ctx, [own = own_, time] { runnel::after_func(time, [own] { own->cancel(); }); })) {}

pg_pool::pg_pool(std::string url, std::size_t most)
    : url_(std::move(url)),
      most_(std::max<std::size_t>(most, 1)),
      lent_(static_cast<std::ptrdiff_t>(most_)),
      idle_(runnel::make_chan<idle_connection>(most_)) {}

pg_pool::connection_ptr pg_pool::connect(const runnel::context& ctx) {
    auto made = std::make_unique<pg_connection>(ctx, url_, new_label(), connect_patience);
    has_connected_ = true;
    ++open_;
    return {made.release(), close_connection{this}};
}

pg_pool::connection_ptr pg_pool::take_idle(const runnel::context& ctx) {
    while (auto idle = idle_.try_recv()) {
        connection_ptr taken = std::move(idle->connection);
        if (std::chrono::steady_clock::now() - idle->since < trusted_idle) return taken;
        try {
            const runnel::cancel_context limit = runnel::with_timeout(ctx, connect_patience);
            taken->limit_by(limit);
            taken->execute("SELECT 1");
            return taken;
        } catch (const store_error&) {
        }
    }
    return {nullptr, close_connection{this}};
}

pg_pool::connection_ptr pg_pool::take_or_connect(const runnel::context& ctx) {
    connection_ptr idle = take_idle(ctx);
    return idle ? std::move(idle) : connect(ctx);
}

template <class Make>
pg_pool::connection_ptr pg_pool::try_for(std::chrono::nanoseconds time, const runnel::context& ctx,
                                         Make make) {
    const runnel::cancel_context limit = runnel::with_timeout(ctx, time);
    const runnel::retry_policy policy{.attempts = 0, .first_delay = 20ms, .max_delay = 1s};
    std::string last = "the connection to the server is lost";
    try {
        return runnel::retry(limit, policy, [&] {
            try {
                return make(limit);
            } catch (const store_error& error) {
                last = error.what();
                throw;
            }
        });
    } catch (const std::system_error&) {  // the time is over
        throw pg_lost(last);
    }
}

// A server that grants fewer connections than this pool may lend is waited for as a pool is of which all are lent.
pg_pool::connection_ptr pg_pool::take_patiently(const runnel::context& ctx) {
    for (;;) {
        try {
            return try_for(patience, ctx,
                           [this](const runnel::context& limit) { return take_or_connect(limit); });
        } catch (const pg_lost&) {
            if (ctx.err() || open_ == 0) throw;
        }
    }
}

pg_pool::connection_ptr pg_pool::connect_instead(const runnel::context& ctx,
                                                 const std::string& ended_label) {
    return try_for(patience, ctx, [&](const runnel::context& limit) {
        connection_ptr made = connect(limit);
        end_backend(limit, *made, ended_label);
        return made;
    });
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

void pg_pool::ping(const runnel::context& ctx) {
    if (try_reserve()) {
        const lease connection(*this, ctx, place::reserved);
        connection->limit_by(ctx);
        connection->execute("SELECT 1");
    } else {
        connect(ctx)->execute("SELECT 1");
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

pg_pool::lease::lease(pg_pool& pool, runnel::context ctx, place held)
    : pool_(pool),
      ctx_(std::move(ctx)),
      answers_(ctx_, time_for_answers),
      questions_(ctx_, time_for_questions),
      connection_(nullptr, close_connection{&pool}) {
    if (held == place::none && pool_.lent_.acquire(ctx_) != runnel::op_status::ok)
        throw pg_lost("interrupted");
    try {
        const bool patiently = held == place::none && pool_.has_connected_;
        connection_ = patiently ? pool_.take_patiently(ctx_) : pool_.take_or_connect(ctx_);
    } catch (...) {
        pool_.lent_.release();
        throw;
    }
    connection_->limit_by(answers_);
}

pg_pool::lease::~lease() {
    if (connection_ != nullptr && connection_->is_well()) {
        connection_->limit_by(runnel::background());
        // There is room for every connection that can be lent.
        static_cast<void>(pool_.idle_.try_send(
            idle_connection{std::move(connection_), std::chrono::steady_clock::now()}));
    }
    connection_.reset();
    pool_.lent_.release();
}

void pg_pool::lease::reconnect() {
    const std::string label = connection_->label();
    connection_.reset();
    connection_ = pool_.connect_instead(questions_, label);
    connection_->limit_by(questions_);
}

}  // namespace excel_to_db
