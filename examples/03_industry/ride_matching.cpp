// examples/03_industry/ride_matching.cpp — riders and drivers: a worker pool over a spatial index.
// SPDX-License-Identifier: BSL-1.0
//
//   requests ──┬─ worker ─┐       +---+---+---+
//              ├─ worker ─┼─────> |   | d | r |   the rider's cell first, then rings around it,
//              └─ worker ─┘       +---+---+---+   until no cell outside can hold a nearer driver
//
// In the guide: "Ride-Sharing: Uber", matchRides. Its Go looks for the nearest driver in one step and assigns him
// in another: two workers may find the same one in between. Here finding is taking, under the index's lock.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

#include "../common/guide.hpp"
#include "spatial_index.hpp"

namespace {

using city::driver;
using city::point;
using city::spatial_index;

struct request {
    int rider;
    point at;
};
struct match {
    int rider;
    int driver_id = 0;
    std::string error;
};

// [match-rides]
/// The pool: `workers` goroutines serve what comes, and are gone when no more comes.
std::vector<match> match_rides(const runnel::context& ctx, spatial_index& index,
                               const runnel::recv_chan<request>& requests, int workers) {
    std::vector<match> matches;
    runnel::mutex mutex;
    runnel::wait_group wg;
    for (int i = 0; i < workers; ++i) {
        wg.go([&] {
            for (const request& r : requests) {
                match m{r.rider, 0, {}};
                try {
                    m.driver_id = index.take_nearest(ctx, r.at).id;
                } catch (const std::exception& e) {
                    m.error = e.what();
                }
                const std::lock_guard guard(mutex);
                matches.push_back(m);
            }
        });
    }
    wg.wait();
    std::sort(matches.begin(), matches.end(),
              [](const match& a, const match& b) { return a.rider < b.rider; });
    return matches;
}
// [/match-rides]

/// Places that are everywhere the same ones.
class places {
public:
    point next() { return {coordinate(), coordinate()}; }

private:
    double coordinate() {
        state_ = state_ * 6364136223846793005u + 1442695040888963407u;
        return static_cast<double>(state_ >> 40) / static_cast<double>(1u << 24) * 100;
    }
    std::uint64_t state_ = 1;
};

runnel::recv_chan<request> send_all(const std::vector<request>& all) {
    auto ch = runnel::make_chan<request>(all.size());
    for (const request& r : all) ch.send(r);
    ch.close();
    return ch;
}

void nearest_is_nearest() {
    spatial_index index;
    std::vector<driver> free;
    places random;
    for (int id = 1; id <= 300; ++id) {
        free.push_back({id, random.next()});
        index.add(free.back());
    }
    int right = 0;
    for (int i = 0; i < 300; ++i) {
        const point p = random.next();
        const auto expected = std::min_element(free.begin(), free.end(), [&](auto& a, auto& b) {
            return distance(a.at, p) < distance(b.at, p);
        });
        right += index.take_nearest(runnel::background(), p).id == expected->id;
        free.erase(expected);
    }
    std::printf("%d of 300 got the nearest driver\n", right);
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();
        nearest_is_nearest();

        spatial_index index;
        places random;
        std::vector<request> requests;
        for (int i = 1; i <= 1000; ++i) index.add({i, random.next()});
        for (int i = 1; i <= 1000; ++i) requests.push_back({i, random.next()});
        requests.push_back({1001, {-1, 7}});
        guide::stopwatch watch;
        std::vector<bool> taken(1001);
        int twice = 0;
        int matched = 0;
        for (const match& m : match_rides(runnel::background(), index, send_all(requests), 8)) {
            if (m.error.empty()) {
                ++matched;
                if (taken[static_cast<std::size_t>(m.driver_id)]) ++twice;
                taken[static_cast<std::size_t>(m.driver_id)] = true;
            } else {
                std::printf("rider %d: %s\n", m.rider, m.error.c_str());
            }
        }
        guide::note("%.1f ms\n", watch.milliseconds());
        std::printf("%d riders matched, drivers sent to two: %d\n", matched, twice);

        // Everybody is on the way. One rider waits until a driver comes back; another one's patience ends.
        auto waiting = runnel::async([&] {
            return match_rides(runnel::background(), index, send_all({{1002, {1, 1}}}), 1);
        });
        index.add({7, {50, 50}});
        for (const match& m : waiting.get())
            std::printf("rider %d: driver %d\n", m.rider, m.driver_id);
        const auto patience = runnel::with_timeout(runnel::background(), guide::seconds(2));
        for (const match& m : match_rides(patience, index, send_all({{1003, {2, 2}}}), 1)) {
            std::printf("rider %d: %s\n", m.rider, m.error.c_str());
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// 300 of 300 got the nearest driver
// rider 1001: outside the city
// 1000 riders matched, drivers sent to two: 0
// rider 1002: driver 7
// rider 1003: context deadline exceeded
// goroutines left: 0
