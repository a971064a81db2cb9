// tests/pipeline_support.hpp — what every stage of a pipeline keeps, and helpers of its tests.
// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/go.hpp>
#include <runnel/wait_group.hpp>

#include "support/support.hpp"

namespace test {

/// A closed channel with the numbers from 0 to n - 1 in it.
inline runnel::chan<int> numbers(int n) {
    const auto ch = runnel::make_chan<int>(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) ch.send(i);
    ch.close();
    return ch;
}

/// All that comes until the channel is closed.
template <class C>
auto all_of(C&& ch) {
    std::vector<typename std::remove_cvref_t<C>::value_type> values;
    for (auto& v : ch) values.push_back(std::move(v));
    return values;
}

inline std::vector<int> count_to(int n) {
    std::vector<int> values;
    for (int i = 0; i < n; ++i) values.push_back(i);
    return values;
}

/// What the exception says. Several goroutines may hold it, and the sanitizer does not see how libstdc++ counts them
/// (docs/memory_model.md): so it must not see this reading, either.
RUNNEL_NO_TSAN inline std::string words_of(const std::exception& e) {
    const char* const text = e.what();
    std::array<char, 200> copy{};
    for (std::size_t i = 0; i + 1 < copy.size() && text[i] != '\0'; ++i) copy[i] = text[i];
    return copy.data();
}

/// What receiving throws once the channel is drained: "" if it ends plainly.
template <class C>
std::string error_at_end(const C& ch) {
    try {
        while (ch.recv()) {
        }
        return "";
    } catch (const std::exception& e) {
        return words_of(e);
    }
}

/// The goroutines there were when it was made are those there are again in the end.
class nothing_left {
public:
    bool holds() const {
        return eventually([this] { return runnel::num_goroutine() <= before_; });
    }

private:
    std::size_t before_ = runnel::num_goroutine();
};

/// What every stage does, whatever it does with its elements. `make(ctx, in)` starts one on a recv_chan<int> and returns
/// its output; of each element something comes out. It holds at most `in_hand` elements that nobody reads.
template <class Make>
void check_stage(expectations& expected, std::size_t in_hand, Make make) {
    on_workers([&] {
        const nothing_left left;
        {  // the input ends
            auto out = make(runnel::background(), runnel::recv_chan<int>(numbers(20)));
            std::size_t n = 0;
            for (auto& v : out) {
                static_cast<void>(v);
                ++n;
            }
            expected.check(n >= 1, "the input's elements come out");
            expected.check(out.try_recv().status() == runnel::op_status::closed, "closed");
            expected.check(left.holds(), "nothing is left when the input has ended");
        }
        {  // cancelled while it waits for an element
            const auto ctx = runnel::with_cancel(runnel::background());
            const auto in = runnel::make_chan<int>();
            auto out = make(ctx, runnel::recv_chan<int>(in));
            expected.check(wait_parked(1), "it waits");
            ctx.cancel(std::make_error_code(std::errc::io_error));
            expected.check(!out.recv().has_value(), "closed by the cancellation");
            expected.check(ctx.cause() == std::errc::io_error, "the cause is the context's");
            expected.check(left.holds(), "nothing is left after a cancellation");
            expected.check(in.try_send(1) == runnel::op_status::would_block,
                           "the input is still open, and nobody receives");
        }
        {  // the reader walks away: back-pressure first, then the cancellation
            const auto ctx = runnel::with_cancel(runnel::background());
            const auto in = runnel::make_chan<int>(in_hand + 100);
            for (std::size_t i = 0; i < in_hand + 100; ++i) in.send(1);
            auto out = make(ctx, runnel::recv_chan<int>(in));
            expected.check(eventually([&] { return in.len() < in_hand + 100; }), "it has begun");
            expected.check(wait_parked(1), "it waits for a reader");
            for (int i = 0; i < 100; ++i) runnel::yield();
            expected.check(in.len() >= 100, "it holds no more than it may");
            ctx.cancel();
            expected.check(left.holds(), "nothing is left when the reader has gone");
            expected.check(out.recv().has_value() == false, "closed");
            expected.check(in.len() >= 100, "nothing more was received");
        }
        {  // the input is closed with an exception
            const auto in = runnel::make_chan<int>();
            auto out = make(runnel::background(), runnel::recv_chan<int>(in));
            in.close(std::make_exception_ptr(std::runtime_error("broken input")));
            expected.check_eq(error_at_end(out), "broken input", "passed on");
            expected.check(left.holds(), "nothing is left after an exception");
        }
        {  // born done
            const auto ctx = runnel::with_cancel(runnel::background());
            ctx.cancel();
            const auto in = runnel::make_chan<int>(1);
            in.send(1);
            auto out = make(ctx, runnel::recv_chan<int>(in));
            expected.check(!out.recv().has_value(), "closed");
            expected.check_eq(in.len(), 1, "nothing was received");
            expected.check(left.holds(), "nothing is left of one that was born done");
        }
    });
    expected.verify();
}

}  // namespace test
