// examples/16_next_steps/site.hpp — a site on loopback for the web scraper, which counts who asks for what.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <charconv>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

#include <runnel/runnel.hpp>

#include "../common/guide.hpp"
#include "../common/http.hpp"

namespace web {

/// 40 pages that lead to each other, and some links that lead nowhere.
class site {
public:
    std::string address() const { return server_.address(); }
    int asked_twice() const {
        const std::lock_guard guard(mutex_);
        return static_cast<int>(std::count_if(asked_.begin(), asked_.end(),
                                              [](const auto& a) { return a.second > 1; }));
    }
    int most_at_once() const {
        const std::lock_guard guard(mutex_);
        return most_;
    }

private:
    http::response answer(const std::string& path) {
        {
            const std::lock_guard guard(mutex_);
            ++asked_[path];
            most_ = std::max(most_, ++now_);
        }
        runnel::sleep_for(guide::seconds(0.1));
        const std::lock_guard guard(mutex_);
        --now_;
        if (path == "/") return {200, R"(<a href="pages/1">first</a> <a href="/#top">up</a>)"};
        if (path == "/crash") throw std::runtime_error("division by zero");
        if (path == "/cut") return {200, "<p>half of", {{"Content-Length", "1000"}}};
        const std::string folder = "/pages/";
        if (!path.starts_with(folder)) return {404};
        int n = 0;
        std::from_chars(path.data() + folder.size(), path.data() + path.size(), n);
        if (n < 1 || n >= 40) return {404};
        std::string html = "<a href=\"../\">home</a>\n";
        const auto link = [&](const std::string& to) {
            html.append("<a href=\"").append(to).append("\">on</a>\n");
        };
        if (2 * n < 40) link(std::to_string(2 * n));
        if (2 * n < 40) link(std::string(folder).append(std::to_string(2 * n + 1)));
        link(std::string("./").append(std::to_string(n / 2 + 1)).append("#middle"));
        if (n == 7) link("/missing");
        if (n == 20) link("/crash");
        if (n == 21) link("/cut");
        if (n == 22) link("/not a path");
        if (n % 10 == 0) link("https://example.org/");
        return {200, html};
    }

    mutable runnel::mutex mutex_;
    std::map<std::string, int> asked_;  // guarded by mutex_, like all below
    int now_ = 0;
    int most_ = 0;
    http::server server_{guide::loopback(0),
                         [this](const auto&, const auto& r) { return answer(r.target); }};
};

}  // namespace web
