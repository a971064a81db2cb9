// examples/excel_to_db/import/sequential.cpp — the baseline: read a row, insert it, commit, repeat.
// SPDX-License-Identifier: BSL-1.0
#include "import/run.hpp"

namespace excel_to_db {

void import_sequentially(const import_task& task) {
    const auto session = task.db.open_session();
    sheet_row row;
    for (std::uint64_t n = 0; !task.run.stopped() && task.rows.next(row); ++n) {
        outcome result{n, 0, {}};
        if (auto fault = task.find_fault(row)) {
            result.reject(std::move(*fault), std::move(row));
        } else if (auto refused = session->insert(make_business(row, task.columns))) {
            result.reject(std::move(*refused), std::move(row));
        } else {
            task.commit(row, result);
        }
        task.results.add(std::move(result));
    }
}

}  // namespace excel_to_db
