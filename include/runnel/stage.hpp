// runnel/stage.hpp — a stage of a pipeline: a goroutine that owns the channel of its results.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      out := make(chan T); go func() { defer close(out); … }(); return out
//   Layer   5; includes layers 0-5
//   Tests   tests/stage_test.cpp
//
//   All stages of pipeline.hpp are made of this one, and keep its promises.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <runnel/chan.hpp>
#include <runnel/context.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/go.hpp>
#include <runnel/select.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// What a stage receives from: a channel, its receiving end, or what becomes one, such as a flow.
template <class C>
concept stage_input =
    requires { typename value_of<C>; } && std::is_convertible_v<C, recv_chan<value_of<C>>>;

/// What a stage's goroutine runs: `body` with the channels of its results, which it closes whatever happens, and
/// after everything that the body has kept is gone.
template <class Body, class... Ts>
class stage_goroutine {
public:
    explicit stage_goroutine(Body&& body, const chan<Ts>&... outs)
        : body_(std::move(body)), outs_(outs...) {}

    void operator()() {
        struct at_end {
            stage_goroutine& self;
            std::exception_ptr error;
            ~at_end() {
                self.body_.reset();
                // The last one gets ours: it is the reader who lets go of the exception.
                std::size_t left = sizeof...(Ts);
                std::apply(
                    [&](const auto&... out) {
                        (out.close(--left == 0 ? std::move(error) : error), ...);
                    },
                    self.outs_);
            }
        };
        at_end whatever_happens{*this, nullptr};
        try {
            std::apply(*body_, std::as_const(outs_));
        } catch (const goexit_token&) {
            throw;
        } catch (...) {
            whatever_happens.error = std::current_exception();
        }
    }

private:
    std::optional<Body> body_;
    std::tuple<chan<Ts>...> outs_;
};

/// Starts `body(out)` as a stage.
template <class T, class Body>
recv_chan<T> start_stage(Body body, source_place place) {
    const chan<T> out = make_chan<T>();
    runnel::go(stage_goroutine<Body, T>(std::move(body), out), place);
    return out;
}

/// Sends unless the context is done first.
template <class T>
bool pass_on(const context& ctx, const chan<T>& out, T&& value) {
    return out.send(ctx, std::forward<T>(value)) == op_status::ok;
}

}  // namespace detail

/// Where a stage's function sends its results.
template <class T>
class emitter {
public:
    emitter(const context& ctx, const chan<T>& out) noexcept : context_(&ctx), out_(&out) {}

    /// Sends `value` on, parking until the reader takes it. False once the context is done: the value is dropped, and
    /// the stage should return.
    bool operator()(T&& value) const { return detail::pass_on(*context_, *out_, std::move(value)); }
    bool operator()(const T& value) const
        requires std::is_copy_constructible_v<T>
    {
        T copy(value);
        return (*this)(std::move(copy));
    }

    /// The stage's context.
    const runnel::context& context() const noexcept { return *context_; }

private:
    const runnel::context* context_;
    const chan<T>* out_;
};

/// Starts a stage of one's own: `f(emit)` runs in a goroutine, and what it gives to `emit`, an emitter<T>, comes out of
/// the channel that is returned. It is unbuffered: the stage works as fast as it is read.
/// The channel is closed when `f` returns, and with the exception if it throws; `f` with all that it holds has been
/// destroyed before. Whoever stops reading before the end cancels the context, and the stage ends.
/// If `f` calls goexit the channel is closed like on a return.
/// Cost  one goroutine and one channel.
template <class T, class F>
recv_chan<T> stage(const context& ctx, F&& f,
                   detail::source_place place = detail::source_place::here()) {
    static_assert(std::is_invocable_v<std::decay_t<F>&, const emitter<T>&>,
                  "runnel::stage: the function is called with an emitter of the stage's results");
    return detail::start_stage<T>(
        [ctx, f = std::decay_t<F>(std::forward<F>(f))](const chan<T>& out) mutable {
            const emitter<T> emit(ctx, out);
            static_cast<void>(std::invoke(f, emit));
        },
        place);
}

template <class T>
RUNNEL_MISTAKE(a_source_is_given_a_context_and_a_range_or_a_function, stage(...));

}  // namespace v0
}  // namespace runnel
