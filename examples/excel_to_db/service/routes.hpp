// examples/excel_to_db/service/routes.hpp — what is answered to which request.
// SPDX-License-Identifier: BSL-1.0
//
//   GET    /                        the page, with /page.css and /page.js
//   GET    /health                  whether the database answers
//   POST   /upload?method=…         imports the workbook in the form's field `file`; ?sheet=… ?async=1 ?dry_run=1
//                                   ?all_or_nothing=1
//   GET    /imports/{id}            how far it is, or what became of it
//   DELETE /imports/{id}            cancels it
//   GET    /imports/{id}/events     the same as server-sent events
//   GET    /imports/{id}/errors.csv its rejected rows
#pragma once

#include <runnel/context.hpp>
#include <runnel/semaphore.hpp>
#include <runnel/singleflight.hpp>
#include <runnel/wait_group.hpp>
#include <string>

#include "service/client_limit.hpp"
#include "service/http.hpp"
#include "service/imports.hpp"
#include "service/options.hpp"
#include "service/page.hpp"

namespace excel_to_db {

class routes {
public:
    /// All of it must outlive the routes. What goes on after an answer runs in `background`. Once
    /// `stopping` is done nothing new is begun.
    routes(const service_options& options, import_registry& imports, store& db,
           runnel::context stopping, runnel::wait_group& background);

    /// Answers the connection's present request, or throws `http_error` or `connection_lost`.
    void answer(http_connection& connection);

private:
    void require_same_origin(const http_request& request) const;
    void check_health(http_connection& connection);
    void upload(http_connection& connection);
    void show(http_connection& connection, const import_job& job) const;
    void cancel(http_connection& connection, import_job& job) const;
    void send_events(http_connection& connection, const import_job& job) const;
    void send_errors(http_connection& connection, const import_job& job) const;

    const service_options& options_;
    import_registry& imports_;
    store& db_;
    const runnel::context stopping_;
    runnel::wait_group& background_;
    runnel::semaphore upload_places_;
    client_limit clients_;
    runnel::semaphore ping_places_{16};
    runnel::singleflight<std::string, std::string> pings_;
    const page page_;
};

}  // namespace excel_to_db
