// examples/excel_to_db/service/options.hpp — what a service is asked to do, and how much it may take.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <runnel/context.hpp>
#include <string>
#include <vector>

#include "import/importer.hpp"
#include "service/http.hpp"
#include "store/store.hpp"

namespace excel_to_db {

/// Opens the database for one import; waiting for it ends when `ctx` is done. Throws `store_error`.
using store_opener = std::function<std::unique_ptr<store>(const runnel::context& ctx)>;

struct service_options {
    std::string address = "127.0.0.1:8080";
    std::vector<std::string>
        host_names;  // by which browsers may call it, beside addresses and localhost
    import_options import = [] {
        import_options options;
        options.limits.inflated_bytes = std::uint64_t{2} << 30;
        return options;
    }();

    std::size_t max_connections = 256;
    std::size_t max_uploads = 16;
    std::size_t max_imports = 4;     // once their files are there
    std::size_t max_per_client = 8;  // uploads and imports of one address; 0: no limit
    std::uint64_t max_upload = std::uint64_t{256} << 20;
    http_limits http;
    std::chrono::milliseconds import_time{3'600'000};

    std::size_t kept_imports = 64;                         // that have ended
    std::uint64_t errors_bytes = std::uint64_t{16} << 20;  // of one import's rejected rows
    std::filesystem::path spool;                           // empty: the temporary folder

    std::chrono::milliseconds ping_time{2'000};
    std::chrono::milliseconds heartbeat{15'000};
    std::chrono::milliseconds event_pause{100};  // between two events of one stream
    std::chrono::milliseconds grace{10'000};     // for what is under way when the service ends

    std::function<void(const std::string&)> log = [](const std::string&) {};
};

}  // namespace excel_to_db
