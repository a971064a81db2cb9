// tests/consumers/shared_libraries/producer.cpp — makes, starts and throws.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/runnel.hpp>

#include "api.hpp"

namespace producer {

runnel::chan<int> make() { return runnel::make_chan<int>(); }

std::uint64_t start(runnel::chan<int> out, int n) {
    auto id = runnel::make_chan<std::uint64_t>(1);
    runnel::go([=] {
        id.send(runnel::goroutine_id());
        for (int i = 1; i <= n; ++i) out.send(i);
    });
    return id.recv().value();
}

void send_on_closed() {
    auto ch = runnel::make_chan<int>();
    ch.close();
    ch.send(1);
}

std::size_t goroutines() { return runnel::num_goroutine(); }
std::uint64_t current_id() { return runnel::goroutine_id(); }
std::size_t max_procs() { return runnel::max_procs(); }
std::error_code canceled() { return make_error_code(runnel::errc::canceled); }

}  // namespace producer
