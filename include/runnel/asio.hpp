// runnel/asio.hpp — a connection for Boost.Asio's and Boost.Beast's synchronous algorithms, which then park the goroutine.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none: there everything is written for net.Conn
//   Layer   4; includes layers 0-3
//   Map     asio_stream;  the connection itself → net.hpp
//   Tests   tests/asio_test.cpp
//
//   Opt-in, and needs Boost.Asio 1.74 or newer: runnel.hpp does not include it.
//   asio::read, write, read_until, ssl::stream, Beast's HTTP and WebSocket are written against "SyncReadStream" and
//   "SyncWriteStream", whatever is behind them. Their asynchronous forms do not exist here: a goroutine is one.
//   OpenSSL keeps the last error for each thread: ssl::stream asks for it before it reads or writes, so before anything
//   parks.
#pragma once

#include <array>
#include <cstddef>
#include <system_error>
#include <utility>

#include <sys/uio.h>

#if defined(__has_include)
#if !__has_include(<boost/asio/buffer.hpp>)
#error "runnel/asio.hpp needs Boost.Asio"
#endif
#endif
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include <runnel/net.hpp>

namespace boost {
namespace beast {
enum class role_type;
}  // namespace beast
}  // namespace boost

namespace runnel {
inline namespace v0 {
namespace detail {

/// Never run, and never destroyed: what Asio's types want an executor for they do not do here.
inline boost::asio::io_context& idle_io_context() {
    static auto* const context = new boost::asio::io_context(1);
    return *context;
}

/// As Asio's algorithms know it.
inline boost::system::error_code asio_error(const std::error_code& e) {
    namespace error = boost::asio::error;
    if (!e) return {};
    if (e.category() == std::generic_category() || e.category() == std::system_category()) {
        return {e.value(), boost::system::system_category()};
    }
    if (e == net::errc::closed) return error::make_error_code(error::bad_descriptor);
    if (e == std::errc::timed_out) return error::make_error_code(error::timed_out);
    return error::make_error_code(error::operation_aborted);
}

}  // namespace detail

/// A net::stream as Asio's SyncReadStream and SyncWriteStream, and Beast's; it is its own lowest layer. Movable; closed
/// by its destructor. What net::stream says of goroutines and threads holds: one may read while another writes; deadlines
/// and close() through connection().
/// Errors are those of the system, or boost::asio::error::eof at the end of the stream, timed_out, and bad_descriptor
/// once it is closed.
class asio_stream {
public:
    using executor_type = boost::asio::io_context::executor_type;
    using lowest_layer_type = asio_stream;

    asio_stream() noexcept = default;
    explicit asio_stream(net::stream s) noexcept : stream_(std::move(s)) {}

    /// Reads what there is into the buffers, at least one byte, unless there is no room in them.
    /// Blocks      until something comes: parks the goroutine.
    /// Errors      boost::system::system_error, or set.
    template <class MutableBufferSequence>
    std::size_t read_some(const MutableBufferSequence& buffers) {
        boost::system::error_code e;
        const std::size_t n = read_some(buffers, e);
        if (e) throw boost::system::system_error(e, "read_some");
        return n;
    }
    template <class MutableBufferSequence>
    std::size_t read_some(const MutableBufferSequence& buffers, boost::system::error_code& e) {
        pieces all;
        const std::size_t room = all.gather<boost::asio::mutable_buffer>(buffers);
        const std::size_t n = transfer(detail::direction::read, all, room, e);
        if (n == 0 && room != 0 && !e) e = boost::asio::error::eof;
        return n;
    }

    /// Writes from the buffers as much as there is room for, at least one byte, unless they are empty.
    /// Blocks      until there is room: parks the goroutine.
    /// Errors      boost::system::system_error, or set.
    template <class ConstBufferSequence>
    std::size_t write_some(const ConstBufferSequence& buffers) {
        boost::system::error_code e;
        const std::size_t n = write_some(buffers, e);
        if (e) throw boost::system::system_error(e, "write_some");
        return n;
    }
    template <class ConstBufferSequence>
    std::size_t write_some(const ConstBufferSequence& buffers, boost::system::error_code& e) {
        pieces all;
        const std::size_t size = all.gather<boost::asio::const_buffer>(buffers);
        return transfer(detail::direction::write, all, size, e);
    }

    /// The connection itself: for deadlines, half-closing, addresses. Valid as long as this object is; it must not be
    /// moved from while others use it.
    net::stream& connection() noexcept { return stream_; }
    const net::stream& connection() const noexcept { return stream_; }
    /// Itself: there is nothing below that Asio could use.
    lowest_layer_type& lowest_layer() noexcept { return *this; }
    const lowest_layer_type& lowest_layer() const noexcept { return *this; }

    /// Of a context that nobody runs: nothing asynchronous ever happens.
    executor_type get_executor() const { return detail::idle_io_context().get_executor(); }

    /// Whether close() has not been called. False for one that was made by default, or moved from.
    bool is_open() const noexcept { return stream_.is_open(); }
    /// As net::stream::close(): whoever reads or writes goes on with bad_descriptor.
    /// Errors      bad_descriptor if it was closed before: boost::system::system_error, or set.
    /// Thread-safe. Never blocks.
    void close(boost::system::error_code& e) {
        std::error_code why;
        stream_.close(why);
        e = detail::asio_error(why);
    }
    void close() {
        boost::system::error_code e;
        close(e);
        if (e) throw boost::system::system_error(e, "close");
    }

private:
    /// The first of the buffers that are not empty, for one system call.
    struct pieces {
        std::array<iovec, 16> all;
        std::size_t count = 0;

        template <class Buffer, class Sequence>
        std::size_t gather(const Sequence& buffers) noexcept {
            std::size_t size = 0;
            const auto end = boost::asio::buffer_sequence_end(buffers);
            for (auto i = boost::asio::buffer_sequence_begin(buffers); i != end; ++i) {
                if (count == all.size()) break;
                const Buffer b(*i);
                if (b.size() == 0) continue;
                all[count++] = {const_cast<void*>(static_cast<const void*>(b.data())), b.size()};
                size += b.size();
            }
            return size;
        }
    };

    std::size_t transfer(detail::direction which, pieces& p, std::size_t size,
                         boost::system::error_code& e) {
        using detail::net_call;
        const auto order = size == 0 ? net_call::order::at_once : net_call::order::in_turn;
        std::error_code why;
        long n = 0;
        {
            net_call call(detail::net_access::file(stream_), which, order, nullptr, why);
            if (size != 0 && call.goes_on()) {
                n = which == detail::direction::read
                        ? call.perform_read([&](int fd) {
                              return detail::socket_receive(fd, p.all.data(), p.count);
                          })
                        : call.perform([&](int fd) {
                              return detail::socket_send(fd, p.all.data(), p.count);
                          });
            }
        }
        e = detail::asio_error(why);
        return n > 0 ? static_cast<std::size_t>(n) : 0;
    }

    net::stream stream_;
};

/// How Beast's WebSocket ends a connection over it: both ends send no more, and read what is still on its way.
inline void teardown(boost::beast::role_type, asio_stream& s, boost::system::error_code& e) {
    std::error_code why;
    s.connection().shutdown(net::half::write, why);
    std::array<std::byte, 2048> dropped;
    while (!why && s.connection().read_some(dropped, why) != 0) {
    }
    e = detail::asio_error(why);
}

}  // namespace v0
}  // namespace runnel
