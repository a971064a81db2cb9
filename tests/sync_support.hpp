// tests/sync_support.hpp — what the tests of the synchronisation primitives share.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <system_error>

#include <runnel/chan.hpp>
#include <runnel/error.hpp>

namespace test {

/// A context as a primitive sees it, done when the test says so. Copies share it.
class manual_context {
public:
    runnel::recv_chan<runnel::unit> done() const { return shared_->done; }
    std::error_code err() const {
        const int e = shared_->error.load();
        return e == 0 ? std::error_code() : make_error_code(static_cast<runnel::errc>(e));
    }

    void cancel() const { end(runnel::errc::canceled); }
    void expire() const { end(runnel::errc::deadline_exceeded); }

private:
    struct shared {
        runnel::chan<runnel::unit> done = runnel::make_chan<runnel::unit>();
        std::atomic<int> error{0};
    };

    void end(runnel::errc e) const {
        shared_->error.store(static_cast<int>(e));
        shared_->done.close();
    }

    std::shared_ptr<shared> shared_ = std::make_shared<shared>();
};

/// A context that is never done, with a nil done channel: as background().
struct endless_context {
    runnel::recv_chan<runnel::unit> done() const { return {}; }
    std::error_code err() const { return {}; }
};

/// Measures; for "never early".
class stopwatch {
public:
    std::chrono::steady_clock::duration elapsed() const {
        return std::chrono::steady_clock::now() - start_;
    }

private:
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace test
