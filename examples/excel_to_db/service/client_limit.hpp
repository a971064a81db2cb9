// examples/excel_to_db/service/client_limit.hpp — how much one client may have under way.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <runnel/mutex.hpp>
#include <string>
#include <utility>

namespace excel_to_db {

/// Counts what each address has under way. Any goroutine may use it; it outlives its slots.
class client_limit {
public:
    /// `most` for each; 0: no limit.
    explicit client_limit(std::size_t most) : most_(most) {}

    /// Given back by the destructor.
    class slot {
    public:
        slot(client_limit& of, std::string address) : of_(&of), address_(std::move(address)) {}
        slot(slot&& other) noexcept
            : of_(std::exchange(other.of_, nullptr)), address_(std::move(other.address_)) {}
        slot& operator=(slot&&) = delete;
        ~slot() {
            if (of_ != nullptr) of_->give_back(address_);
        }

    private:
        client_limit* of_;
        std::string address_;
    };

    /// Nothing if the address has all of its own. One without an address is not limited: a proxy's socket file stands
    /// for all clients behind it.
    std::optional<slot> take(std::string address) {
        if (most_ > 0 && !address.empty()) {
            const std::lock_guard guard(lock_);
            std::size_t& count = counts_[address];
            if (count == most_) return std::nullopt;
            ++count;
        } else {
            address.clear();
        }
        return slot(*this, std::move(address));
    }

private:
    void give_back(const std::string& address) {
        if (address.empty()) return;
        const std::lock_guard guard(lock_);
        const auto found = counts_.find(address);
        if (--found->second == 0) counts_.erase(found);
    }

    const std::size_t most_;
    runnel::mutex lock_;
    std::map<std::string, std::size_t> counts_;  // guarded by lock_
};

}  // namespace excel_to_db
