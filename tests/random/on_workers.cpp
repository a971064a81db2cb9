// tests/random/on_workers.cpp — a run on real workers from its objects to its end.
// SPDX-License-Identifier: BSL-1.0
//
//   Map   1. when nothing can happen any more   2. a run;   operations → operations.hpp
#include "random/on_workers.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <runnel/runnel.hpp>

#include "random/run.hpp"
#include "support/support.hpp"

namespace test::random {

namespace {

// ---- 1. when nothing can happen any more ----

/// Nobody who will go on by himself.
bool all_wait(world& w) {
    static const std::string of_condition =
        runnel::detail::to_string(runnel::detail::wait_reason::condition);
    for (const runnel::goroutine_info& g : runnel::debug::goroutines()) {
        if (g.name != "main" && g.state != "waiting") return false;
        const bool limited =
            std::find(w.on_condition.begin(), w.on_condition.end(), g.id) != w.on_condition.end();
        if (limited && g.wait_reason == of_condition) return false;
    }
    return true;
}

/// All goroutines wait, at one moment. They are looked at one after the other: but if nothing has happened meanwhile,
/// whoever was seen to wait has waited since. One thing happens without a move: whoever begins to wait for a condition
/// unlocks the mutex on the way, and wakes somebody who was perhaps seen to wait for it before. Hence the second look:
/// if that one waits again he has moved.
bool is_quiet(world& w, const std::atomic<int>& threads) {
    const std::uint64_t moves = w.moves;
    if (w.limited != 0 || w.starts_later != 0 || threads != 0) return false;
    return all_wait(w) && all_wait(w) && w.moves == moves;
}

// ---- 2. a run ----

void start_all(world& w, std::vector<std::thread>& threads, std::atomic<int>& running) {
    for (std::size_t i = 0; i < w.p.bodies.size(); ++i) {
        const auto b = static_cast<std::uint8_t>(i);
        if (!w.p.bodies[b].at_once) continue;
        if (!w.p.bodies[b].thread) {
            start(w, b);
            continue;
        }
        w.all.add(1);
        ++running;
        threads.emplace_back([&w, &running, b] {
            run_body(w, b);
            --running;
        });
    }
}

void free_everybody(world& w) {
    w.freeing = true;
    free_one_round(w, true);
    const bool free = test::eventually([&] {
        free_one_round(w, false);
        while (world::take_one(w.loose)) w.zero.done();
        return w.running() == 0 && runnel::num_goroutine() == 1;
    });
    if (free) return;
    w.fail("somebody waits, though all was closed, cancelled, unlocked and given back");
    runnel::debug::dump();
}

}  // namespace

run_outcome execute_on_workers(const program& p) {
    run_outcome o;
    auto w = std::make_unique<world>(p, false);
    make_objects(*w);
    w->seen.count = 2;
    w->zero.add(2);
    w->loose = 2;
    std::vector<std::thread> threads;
    std::atomic<int> running{0};
    start_all(*w, threads, running);
    if (!test::eventually([&] { return is_quiet(*w, running); })) {
        w->fail("it does not come to rest");
        runnel::debug::dump();
    }
    record at_rest;
    at_rest.kind = moment::idle;
    look_at_lengths(*w, at_rest);
    {
        const auto guard = w->open_book();
        w->seen.records.push_back(at_rest);
        w->recording = false;
    }
    free_everybody(*w);
    for (std::thread& t : threads) t.join();
    if (w->running() == 0) {
        w->all.wait();
        w->zero.wait();
        drain(*w);
        w->settle_accounts();
    }
    // The search goes as deep as the program has effects: more than a goroutine's stack holds under a sanitizer.
    std::thread([&] { judge(std::move(w), false, o); }).join();
    return o;
}

}  // namespace test::random
