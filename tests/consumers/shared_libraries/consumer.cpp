// tests/consumers/shared_libraries/consumer.cpp — receives, catches and counts.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/runnel.hpp>

#include "api.hpp"

namespace consumer {

int sum(runnel::chan<int> in, int n) {
    auto result = runnel::make_chan<int>();
    runnel::go([=] {
        int total = 0;
        for (int i = 0; i < n; ++i) {
            runnel::select(runnel::recv(in, [&](std::optional<int> v) { total += v.value(); }));
        }
        result.send(total);
    });
    return result.recv().value();
}

bool catches_closed_channel() {
    try {
        producer::send_on_closed();
    } catch (const runnel::closed_channel&) {
        return true;
    } catch (...) {
    }
    return false;
}

bool catches_panic() {
    try {
        producer::send_on_closed();
    } catch (const runnel::panic&) {
        return true;
    } catch (...) {
    }
    return false;
}

std::size_t goroutines() { return runnel::num_goroutine(); }
std::uint64_t current_id() { return runnel::goroutine_id(); }
std::size_t set_max_procs(std::size_t n) { return runnel::set_max_procs(n); }
std::error_code canceled() { return make_error_code(runnel::errc::canceled); }

}  // namespace consumer
