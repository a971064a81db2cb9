// examples/excel_to_db/service/service.hpp — the service: connections come in, and in the end it drains.
// SPDX-License-Identifier: BSL-1.0
//
//   accept ─▶ a goroutine for each connection ─▶ routes ─▶ imports ─▶ database
//
//   Ending: no more connections; those that are idle close; what is under way may end within the grace
//   period; then its contexts are cancelled, and what has been committed is reported.
#pragma once

#include <cstddef>
#include <memory>
#include <runnel/context.hpp>
#include <runnel/mutex.hpp>
#include <runnel/net.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/wait_group.hpp>
#include <set>

#include "service/http.hpp"
#include "service/imports.hpp"
#include "service/options.hpp"
#include "service/routes.hpp"

namespace excel_to_db {

class service {
public:
    /// Opens the database and listens. Throws `store_error` or `std::system_error`.
    service(service_options options, store_opener open);
    service(const service&) = delete;
    service& operator=(const service&) = delete;

    runnel::net::endpoint address() const { return listener_.local_endpoint(); }

    /// Serves until `stop` is done and what was under way has ended. Once. Returns how many imports had
    /// to be cancelled.
    std::size_t run(const runnel::context& stop);

private:
    class open_connection;

    void accept(const runnel::context& stop, routes& answers);
    void serve(runnel::net::stream stream, routes& answers);
    void refuse(runnel::net::stream stream);
    void finish_connections();
    void cut_connections();

    const service_options options_;
    const runnel::cancel_context
        working_;  // of all imports; cancelled when the grace period is over
    import_registry imports_;
    std::unique_ptr<store> db_;
    runnel::net::listener listener_;
    runnel::semaphore connection_places_;
    runnel::semaphore refusal_places_;

    runnel::mutex lock_;
    std::set<http_connection*> connections_;  // guarded by lock_
    bool finishing_ = false;                  // guarded by lock_

    runnel::wait_group tasks_;  // connections, imports without a client, pings
};

}  // namespace excel_to_db
