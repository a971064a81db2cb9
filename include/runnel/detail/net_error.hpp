// runnel/detail/net_error.hpp — the error codes of connections, beyond those of the system.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      net.ErrClosed, os.ErrDeadlineExceeded, io.ErrUnexpectedEOF, net.AddrError, net.DNSError
//   Layer   0
#pragma once

#include <string>
#include <system_error>
#include <type_traits>

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace net {

/// What else a network operation may fail with; the system's own errors are those of std::generic_category().
enum class errc {
    closed = 1,      // by close() on this side, before or during the operation
    timed_out,       // the deadline that was set has passed
    unexpected_end,  // the stream has ended in the middle of what was to be read
    no_port,         // an address is not host:port
    bad_port,        // neither a number up to 65535 nor the name of a service
    bad_address,  // an address with too many colons, a bracket without its partner, a path too long
    unknown_host,      // there is no such name
    resolving_failed,  // nobody could be asked; perhaps later
};

/// The category of net::errc: name "runnel.net". As conditions timed_out is std::errc::timed_out, closed is
/// std::errc::bad_file_descriptor, and what is wrong with an address is std::errc::invalid_argument.
class RUNNEL_API error_category_type final : public std::error_category {
public:
    const char* name() const noexcept override { return "runnel.net"; }
    std::string message(int code) const override {
        switch (static_cast<errc>(code)) {
            case errc::closed:
                return "use of closed network connection";
            case errc::timed_out:
                return "i/o timeout";
            case errc::unexpected_end:
                return "unexpected end of the stream";
            case errc::no_port:
                return "no port in the address";
            case errc::bad_port:
                return "no such port";
            case errc::bad_address:
                return "malformed address";
            case errc::unknown_host:
                return "unknown host";
            case errc::resolving_failed:
                return "the name could not be resolved";
        }
        return "unknown error";
    }
    std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<errc>(code)) {
            case errc::closed:
                return std::errc::bad_file_descriptor;
            case errc::timed_out:
                return std::errc::timed_out;
            case errc::no_port:
            case errc::bad_port:
            case errc::bad_address:
                return std::errc::invalid_argument;
            default:
                return {code, *this};
        }
    }
};

}  // namespace net

namespace detail {
// Never destroyed: a code may be looked at while the process ends.
union RUNNEL_API net_category_holder {
    constexpr net_category_holder() : value() {}
    ~net_category_holder() {}
    net::error_category_type value;
};
RUNNEL_API inline constinit net_category_holder the_net_category{};
}  // namespace detail

namespace net {

inline const std::error_category& error_category() noexcept {
    return detail::the_net_category.value;
}
inline std::error_code make_error_code(errc e) noexcept {
    return {static_cast<int>(e), error_category()};
}

}  // namespace net
}  // namespace v0
}  // namespace runnel

template <>
struct std::is_error_code_enum<runnel::net::errc> : std::true_type {};
