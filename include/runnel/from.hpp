// runnel/from.hpp — pipelines written from left to right: from(ctx, in) | transform(f) | filter(p) | …
// SPDX-License-Identifier: BSL-1.0
//
//   Go      none; the same functions, called from the inside out
//   Layer   5; includes layers 0-5
//   Map     the stages → transform.hpp, batch.hpp, fan_out.hpp
//   Tests   tests/from_test.cpp
//
//       for (auto line : from(ctx, lines) | transform(parse) | filter(is_valid) | take(10)) …
//       recv_chan<report> reports = from(ctx, files) | parallel_transform(8, read) | batch(100, 1s);
//
//   What belongs to one goroutine is one: neighbouring transform, filter, flat_map and take are fused, with no
//   channel between them. batch, parallel_transform, ordered_transform, or_done and stages of one's own
//   stand between channels.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <runnel/batch.hpp>
#include <runnel/detail/count.hpp>
#include <runnel/detail/mistake.hpp>
#include <runnel/fan_out.hpp>
#include <runnel/or_done.hpp>
#include <runnel/transform.hpp>

namespace runnel {
inline namespace v0 {

template <class T, class Steps>
class flow;

namespace detail {

/// What transform(f) and the like give: to be fused with its neighbours.
template <class Step>
struct step_closure {
    Step step;
    source_place place;
};

template <class S>
inline constexpr bool is_step_closure = false;
template <class Step>
inline constexpr bool is_step_closure<step_closure<Step>> = true;

template <class First, class Then>
auto fuse(First&& first, Then&& then) {
    if constexpr (std::is_same_v<First, no_step>) {
        return std::forward<Then>(then);
    } else {
        return fused_steps<First, Then>{std::forward<First>(first), std::forward<Then>(then)};
    }
}

/// An optional that is empty once it was moved from.
template <class T>
struct movable_once : std::optional<T> {
    using std::optional<T>::optional;
    movable_once(movable_once&& o) : std::optional<T>(static_cast<std::optional<T>&&>(o)) {
        o.reset();
    }
    movable_once& operator=(movable_once&& o)
        requires std::is_move_assignable_v<T>
    {
        if (this == &o) return *this;
        std::optional<T>::operator=(static_cast<std::optional<T>&&>(o));
        o.reset();
        return *this;
    }
    ~movable_once() = default;
};

template <class S, class T>
concept stage_function = std::is_invocable_v<S, const context&, recv_chan<T>> &&
                         stage_input<std::invoke_result_t<S, const context&, recv_chan<T>>>;

}  // namespace detail

/// A pipeline that is being written: what from(ctx, in) gives, and `|` continues. It becomes a recv_chan of its results
/// when it is converted to one, or iterated; then its goroutine starts. Move-only.
/// Errors   panic (`flow: continued after its start`) if it was continued, moved from, or cannot be continued any more.
/// Threads  one.
template <class T, class Steps>
class [[nodiscard]] flow {
public:
    using value_type = typename Steps::template output<T>;

    /// `obeys`: `in` is closed when the context is done.
    flow(const context& ctx, recv_chan<T> in, Steps steps, bool obeys, detail::source_place place)
        : context_(ctx),
          in_(std::move(in)),
          steps_(std::move(steps)),
          obeys_(obeys),
          place_(place) {}
    flow(flow&&) = default;
    flow& operator=(flow&&) = default;
    flow(const flow&) = delete;
    flow& operator=(const flow&) = delete;
    ~flow() = default;

    /// The channel of the results; the same one each time.
    recv_chan<value_type> chan() {
        if (!out_) {
            Steps steps = take_steps();
            if constexpr (std::is_same_v<Steps, detail::no_step>) {
                if (obeys_) {  // a stage came before: there is nothing more to do
                    return out_.emplace(std::move(in_));
                }
            }
            out_.emplace(detail::start_steps(context_, std::move(in_), std::move(steps), place_));
        }
        return *out_;
    }
    operator recv_chan<value_type>() { return chan(); }  // NOLINT: that is what it is for

    auto begin() { return chan().begin(); }
    std::default_sentinel_t end() const noexcept { return {}; }

    /// `flow | transform(f)`
    template <class Step>
    friend auto operator|(flow&& f, detail::step_closure<Step> next) {
        using all = decltype(detail::fuse(std::declval<Steps>(), std::declval<Step>()));
        return flow<T, all>(f.context_, std::move(f.in_),
                            detail::fuse(f.take_steps(), std::move(next.step)), f.obeys_,
                            next.place);
    }
    /// `flow | stage`, where stage(ctx, in) returns a channel: batch(…), parallel_transform(…), or of one's own,
    /// which closes its output when the context is done. What stands before it is started now.
    template <detail::stage_function<value_type> Stage>
    friend auto operator|(flow&& f, Stage stage) {
        using U =
            detail::value_of<std::invoke_result_t<Stage, const context&, recv_chan<value_type>>>;
        const context ctx = f.context_;
        const detail::source_place place = f.place_;
        recv_chan<value_type> in;
        if constexpr (std::is_same_v<Steps, detail::no_step>) {
            static_cast<void>(f.take_steps());
            in = std::move(f.in_);  // nothing to do in between
        } else {
            in = f.chan();
        }
        return flow<U, detail::no_step>(
            ctx, recv_chan<U>(std::invoke(std::move(stage), ctx, std::move(in))), detail::no_step(),
            true, place);
    }

private:
    Steps take_steps() {
        if (!steps_) throw panic("flow: continued after its start");
        Steps steps = std::move(*steps_);
        steps_.reset();
        return steps;
    }

    context context_;
    recv_chan<T> in_;
    detail::movable_once<Steps> steps_;  // until it is started, continued or moved
    bool obeys_;
    detail::source_place place_;
    detail::movable_once<recv_chan<value_type>> out_;  // once it is started
};

template <class T, class Steps, class Other>
    requires(!detail::is_step_closure<std::remove_cvref_t<Other>> &&
             !detail::stage_function<std::decay_t<Other>, typename flow<T, Steps>::value_type>)
RUNNEL_MISTAKE(a_stage_takes_a_context_and_a_channel_and_returns_one, operator|(flow<T, Steps>&&,
                                                                                Other&&));
template <class T, class Steps, class Other>
RUNNEL_MISTAKE(
    a_pipeline_that_has_a_name_is_continued_with_std_move, operator|(const flow<T, Steps>&,
                                                                     Other&&));

/// Begins a pipeline at the channel `in`. `ctx` ends all of its stages.
template <detail::stage_input C>
auto from(const context& ctx, C&& in, detail::source_place place = detail::source_place::here()) {
    using T = detail::value_of<C>;
    return flow<T, detail::no_step>(ctx, recv_chan<T>(std::forward<C>(in)), detail::no_step(),
                                    false, place);
}
RUNNEL_MISTAKE(a_pipeline_begins_with_a_context_and_a_channel_to_receive_from, from(...));

// ---- the stages, without context and input: what they do stands where those with both are. One may be kept, and used
//      in several pipelines, if its function can be copied. ----

/// transform(ctx, in, f), as a step of a flow.
template <class F>
auto transform(F&& f, detail::source_place place = detail::source_place::here()) {
    using step = detail::transform_step<std::decay_t<F>>;
    return detail::step_closure<step>{step{std::forward<F>(f)}, place};
}
/// filter(ctx, in, predicate), as a step of a flow.
template <class P>
auto filter(P&& predicate, detail::source_place place = detail::source_place::here()) {
    using step = detail::filter_step<std::decay_t<P>>;
    return detail::step_closure<step>{step{std::forward<P>(predicate)}, place};
}
/// flat_map(ctx, in, f), as a step of a flow.
template <class F>
auto flat_map(F&& f, detail::source_place place = detail::source_place::here()) {
    using step = detail::flat_map_step<std::decay_t<F>>;
    return detail::step_closure<step>{step{std::forward<F>(f)}, place};
}
/// take(ctx, in, n), as a step of a flow.
inline auto take(detail::count n, detail::source_place place = detail::source_place::here()) {
    return detail::step_closure<detail::take_step>{detail::take_step(n), place};
}

/// batch(ctx, in, size, max_wait), as a step of a flow.
template <class Rep, class Period>
auto batch(detail::count count, std::chrono::duration<Rep, Period> max_wait,
           detail::source_place place = detail::source_place::here()) {
    const std::size_t size = count.at_least(1, "runnel::batch: the size is at least 1");
    return [=]<class T>(const context& ctx, recv_chan<T> in) {
        return batch(ctx, std::move(in), size, max_wait, place);
    };
}
template <class N>
    requires std::is_arithmetic_v<N>
RUNNEL_MISTAKE(a_time_needs_a_unit_as_in_5ms, batch(detail::count, N));
inline auto batch(detail::count size, detail::source_place place = detail::source_place::here()) {
    return batch(size, duration::max(), place);
}

/// parallel_transform(ctx, in, n, f), as a step of a flow.
template <class F>
auto parallel_transform(detail::count count, F&& f,
                        detail::source_place place = detail::source_place::here()) {
    const std::size_t n =
        count.at_least(1, "runnel::parallel_transform: the number of goroutines is at least 1");
    return [n, f = std::decay_t<F>(std::forward<F>(f)), place]<class T>(const context& ctx,
                                                                        recv_chan<T> in) mutable {
        return parallel_transform(ctx, std::move(in), n, std::move(f), place);
    };
}
/// ordered_transform(ctx, in, n, f), as a step of a flow.
template <class F>
auto ordered_transform(detail::count count, F&& f,
                       detail::source_place place = detail::source_place::here()) {
    const std::size_t n =
        count.at_least(1, "runnel::ordered_transform: the number of goroutines is at least 1");
    return [n, f = std::decay_t<F>(std::forward<F>(f)), place]<class T>(const context& ctx,
                                                                        recv_chan<T> in) mutable {
        return ordered_transform(ctx, std::move(in), n, std::move(f), place);
    };
}
/// or_done(ctx, in), as a step of a flow.
inline auto or_done(detail::source_place place = detail::source_place::here()) {
    return [=]<class T>(const context& ctx, recv_chan<T> in) {
        return or_done(ctx, std::move(in), place);
    };
}

}  // namespace v0
}  // namespace runnel
