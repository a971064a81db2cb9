// examples/16_next_steps/web_scraper.cpp — a site read by a pool of workers that follow its links, each page once.
// SPDX-License-Identifier: BSL-1.0
//
//   to visit ──┬─ worker ─┐
//              ├─ worker ─┼──> page: its links ──> those not seen yet are to be visited
//              └─ worker ─┘
//
// Only one goroutine knows what has been seen, so there is no lock; it has found everything when no page is on its
// way any more. In the guide: "Next Steps", web scraper with worker pools. The site is the program's own, on
// loopback, unless --port names another on this machine.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "../common/guide.hpp"
#include "../common/http.hpp"
#include "site.hpp"

namespace {

struct page {
    std::string path;
    std::vector<std::string> links{};  // paths on the same site
    int links_elsewhere = 0;
    std::string error{};
};

/// Fills in where the <a href="…"> lead.
void find_links(const std::string& html, page& p) {
    const std::string tag = "<a href=\"";
    for (std::size_t at = 0; (at = html.find(tag, at)) != std::string::npos;) {
        at += tag.size();
        std::string link = html.substr(at, html.find('"', at) - at);
        link.resize(std::min(link.find('#'), link.size()));  // a place within the page
        if (link.find(':') != std::string::npos || link.starts_with("//")) {
            ++p.links_elsewhere;
        } else if (!link.empty()) {
            const auto base = std::filesystem::path(p.path).parent_path();
            p.links.push_back((base / link).lexically_normal().string());
        }
    }
}

page read_page(const runnel::context& parent, const std::string& site, const std::string& path) {
    page p{path};
    try {
        const auto ctx = runnel::with_timeout(parent, guide::far_away);
        const http::response r = http::call(ctx, site, {"GET", path});
        if (r.status != 200) throw std::runtime_error(http::status_text(r.status));
        find_links(r.body, p);
    } catch (const std::exception& e) {
        p.error = guide::reason(e);
    }
    return p;
}

/// All pages that can be reached from the first one, by path.
std::map<std::string, page> scrape(const std::string& site, long long workers) {
    const auto ctx = runnel::with_cancel(runnel::background());
    // Its results wait in a channel without bounds: the workers always come back for the next page.
    runnel::worker_pool<std::string, page> pool(
        ctx, workers, [&](const std::string& path) { return read_page(ctx, site, path); });
    std::map<std::string, page> pages;
    std::set<std::string> seen;
    std::size_t on_their_way = 0;
    const auto visit = [&](const std::string& path) {
        if (!seen.insert(path).second) return;
        pool.jobs().send(path);
        ++on_their_way;
    };
    for (visit("/"); on_their_way > 0; --on_their_way) {
        page p = pool.results().recv()->value();
        for (const std::string& link : p.links) visit(link);
        pages[p.path] = std::move(p);
    }
    return pages;
}

}  // namespace

int main(int argc, char** argv) {
    long long port = 0;
    long long workers = 4;
    guide::parse(argc, argv, {{"--port", port, 1, 65535}, {"--workers", workers, 1, 1000}});
    return guide::run([port, workers] {
        const std::size_t base = runnel::num_goroutine();
        {
            std::optional<web::site> own;
            if (port == 0) own.emplace();
            const std::string address = own ? own->address() : guide::loopback(port);
            const guide::stopwatch watch;
            const auto pages = scrape(address, workers);
            const std::string& start = pages.at("/").error;
            if (!start.empty()) throw std::runtime_error(address + ": " + start);
            guide::note("%.1f ms\n", watch.milliseconds());
            std::size_t read = 0;
            int elsewhere = 0;
            for (const auto& [path, p] : pages) {
                if (!p.error.empty()) std::printf("%s: %s\n", path.c_str(), p.error.c_str());
                read += p.error.empty() ? 1U : 0U;
                elsewhere += p.links_elsewhere;
            }
            std::printf("%zu pages read, %zu failed\n", read, pages.size() - read);
            std::printf("links to elsewhere, not followed: %d\n", elsewhere);
            if (own) {
                std::printf("pages asked for twice: %d\n", own->asked_twice());
                std::printf("more requests at once than workers: %s\n",
                            own->most_at_once() > workers ? "yes" : "no");
                guide::note("%d at once\n", own->most_at_once());
            }
        }
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// /crash: 500 Internal Server Error
// /cut: unexpected end of the stream
// /missing: 404 Not Found
// /not a path: malformed request
// 40 pages read, 4 failed
// links to elsewhere, not followed: 3
// pages asked for twice: 0
// more requests at once than workers: no
// goroutines left: 0
