// examples/03_industry/spatial_index.hpp — the free drivers of a city, by where they are.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <vector>

#include <runnel/runnel.hpp>

namespace city {

struct point {
    double x;
    double y;
};
struct driver {
    int id;
    point at;
};

inline double distance(point a, point b) { return std::hypot(a.x - b.x, a.y - b.y); }

/// The free drivers of a city of 100 by 100, in cells of 5 by 5.
class spatial_index {
public:
    void add(driver d) {
        const std::lock_guard guard(mutex_);
        cell(column(d.at.x), column(d.at.y)).push_back(d);
        freed_.notify_one();
    }
    /// Takes the nearest free driver. While there is none it waits for one, at most until ctx is done.
    driver take_nearest(const runnel::context& ctx, point p) {
        if (!(p.x >= 0 && p.x < size && p.y >= 0 && p.y < size)) {
            throw std::runtime_error("outside the city");
        }
        std::unique_lock lock(mutex_);
        for (;;) {
            if (const place best = nearest(p); best.in != nullptr) {
                const driver d = (*best.in)[best.index];
                (*best.in)[best.index] = best.in->back();
                best.in->pop_back();
                return d;
            }
            if (freed_.wait(lock, ctx) != runnel::op_status::ok) {
                throw std::system_error(ctx.err());
            }
        }
    }

private:
    static constexpr int cells = 20;
    static constexpr double size = 100;
    static constexpr double cell_size = size / cells;
    struct place {
        std::vector<driver>* in = nullptr;
        std::size_t index = 0;
        double distance = std::numeric_limits<double>::infinity();
    };

    static int column(double v) { return std::min(static_cast<int>(v / cell_size), cells - 1); }
    std::vector<driver>& cell(int x, int y) {
        return grid_[static_cast<std::size_t>(y * cells + x)];
    }

    place nearest(point p) {
        place best;
        const int px = column(p.x);
        const int py = column(p.y);
        // Who stands in ring r is at least r-1 cells away.
        for (int r = 0; r < cells && (r - 1) * cell_size < best.distance; ++r) {
            for (int y = std::max(py - r, 0); y <= std::min(py + r, cells - 1); ++y) {
                const bool edge = y == py - r || y == py + r;
                for (int x = px - r; x <= px + r; x += edge || r == 0 ? 1 : 2 * r) {
                    if (x < 0 || x >= cells) continue;
                    std::vector<driver>& c = cell(x, y);
                    for (std::size_t i = 0; i < c.size(); ++i) {
                        const double d = distance(p, c[i].at);
                        if (d < best.distance) best = {&c, i, d};
                    }
                }
            }
        }
        return best;
    }

    runnel::mutex mutex_;
    runnel::condition_variable freed_;
    std::vector<std::vector<driver>> grid_{cells * cells};  // guarded by mutex_
};

}  // namespace city
