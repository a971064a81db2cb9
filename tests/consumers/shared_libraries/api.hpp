// tests/consumers/shared_libraries/api.hpp — what the two libraries export.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <runnel/chan.hpp>
#include <system_error>

#define SHARED_API __attribute__((visibility("default")))

// libproducer
namespace producer {
SHARED_API runnel::chan<int> make();
/// Starts a goroutine that sends 1 … n; its id.
SHARED_API std::uint64_t start(runnel::chan<int> out, int n);
/// Sends on a closed channel: throws runnel::closed_channel.
SHARED_API void send_on_closed();
SHARED_API std::size_t goroutines();
SHARED_API std::uint64_t current_id();
SHARED_API std::size_t max_procs();
SHARED_API std::error_code canceled();
}  // namespace producer

// libconsumer_side
namespace consumer {
SHARED_API int sum(runnel::chan<int> in, int n);
/// Runs producer::send_on_closed; true if its exception is caught by its type.
SHARED_API bool catches_closed_channel();
/// True if it is caught as the base, runnel::panic.
SHARED_API bool catches_panic();
SHARED_API std::size_t goroutines();
SHARED_API std::uint64_t current_id();
SHARED_API std::size_t set_max_procs(std::size_t n);
SHARED_API std::error_code canceled();
}  // namespace consumer
