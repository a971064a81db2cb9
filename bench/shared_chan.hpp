// bench/shared_chan.hpp — a channel that several tasks keep: the contender's own, or a counted one.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "bench.hpp"

namespace bench {

template <class T>
using local_chan = decltype(contender::template make_chan<T>(0));

/// A handle to a channel that has none of its own.
template <class T>
class chan_handle {
public:
    explicit chan_handle(std::size_t capacity)
        : channel_(new local_chan<T>(contender::template make_chan<T>(capacity))) {}

    void send(T value) const { channel_->send(std::move(value)); }
    auto recv() const { return channel_->recv(); }
    void close() const { channel_->close(); }

private:
    std::shared_ptr<local_chan<T>> channel_;
};

template <class T>
using shared_chan =
    std::conditional_t<std::is_copy_constructible_v<local_chan<T>>, local_chan<T>, chan_handle<T>>;

template <class T>
shared_chan<T> make_shared_chan(std::size_t capacity) {
    if constexpr (std::is_copy_constructible_v<local_chan<T>>) {
        return contender::template make_chan<T>(capacity);
    } else {
        return shared_chan<T>(capacity);
    }
}

}  // namespace bench
