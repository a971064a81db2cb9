// tests/stage_test.cpp — stages of one's own: their results, their end, what they leave behind.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/stage.hpp>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::emitter;
using runnel::recv_chan;

TEST_CASE("a stage keeps what all stages keep", "[stage]") {
    test::expectations expected;
    test::check_stage(expected, 1, [](const runnel::context& ctx, recv_chan<int> in) {
        return runnel::stage<int>(ctx, [in](const emitter<int>& emit) {
            while (auto v = in.recv(emit.context())) {
                if (!emit(std::move(*v))) return;
            }
        });
    });
}

TEST_CASE("what is emitted comes out in order, then the channel is closed", "[stage]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto out = runnel::stage<int>(background(), [](auto& emit) {
            for (int i = 0; i < 50; ++i) emit(i);
        });
        expected.check(test::all_of(out) == test::count_to(50), "in order");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("emit says false once the context is done", "[stage]") {
    test::expectations expected;
    test::on_workers([&] {
        const auto ctx = runnel::with_cancel(background());
        const auto said = runnel::make_chan<bool>(2);
        const auto out = runnel::stage<int>(ctx, [said](auto& emit) {
            said.send(emit(1));
            said.send(emit(2));
        });
        expected.check_eq(out.recv().value_or(0), 1, "the first one");
        expected.check(said.recv() == true, "was taken");
        expected.check(test::wait_parked(1), "the second waits");
        ctx.cancel();
        expected.check(said.recv() == false, "the second was not");
        expected.check(!out.recv(), "closed");
    });
    expected.verify();
}

TEST_CASE("an exception closes a stage's output after what came before", "[stage]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto out = runnel::stage<std::string>(background(), [](auto& emit) {
            emit("before");
            throw std::runtime_error("broken");
        });
        expected.check_eq(out.recv().value_or(""), "before", "first the value");
        expected.check_eq(test::error_at_end(out), "broken", "then the exception");
        expected.check_eq(test::error_at_end(out), "broken", "to every receive");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

/// Takes its time to be destroyed, and says when it is done.
struct slow_to_go {
    std::atomic<bool>* gone;

    explicit slow_to_go(std::atomic<bool>& g) : gone(&g) {}
    slow_to_go(slow_to_go&& o) noexcept : gone(std::exchange(o.gone, nullptr)) {}
    slow_to_go& operator=(slow_to_go&&) = delete;
    ~slow_to_go() {
        if (gone == nullptr) return;
        for (int i = 0; i < 20; ++i) runnel::yield();
        *gone = true;
    }
};

TEST_CASE("a stage's function is destroyed before its output is closed", "[stage]") {
    test::expectations expected;
    test::on_workers([&] {
        for (const bool fails : {false, true}) {
            std::atomic<bool> gone{false};
            const auto out =
                runnel::stage<int>(background(), [fails, own = slow_to_go(gone)](auto& emit) {
                    emit(1);
                    if (fails) throw std::runtime_error("on purpose");
                });
            static_cast<void>(test::error_at_end(out));
            expected.check(gone, "gone with all that it held");
            expected.check(test::eventually([&] { return gone.load(); }), "before it is forgotten");
        }
    });
    expected.verify();
}

TEST_CASE("goexit closes a stage's output like a return", "[stage]") {
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        const auto out = runnel::stage<int>(background(), [](auto& emit) {
            emit(1);
            runnel::goexit();
        });
        expected.check(test::all_of(out) == std::vector<int>{1}, "what came before");
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a stage's function and its elements may be move-only", "[stage]") {
    test::expectations expected;
    test::on_workers([&] {
        auto out = runnel::stage<test::move_only>(background(),
                                                  [p = std::make_unique<int>(7)](auto& emit) {
                                                      emit(test::move_only(*p));
                                                      emit(test::move_only(*p + 1));
                                                  });
        const auto all = test::all_of(out);
        expected.check(all.size() == 2 && all[0].value == 7 && all[1].value == 8, "both");
    });
    expected.verify();
}

TEST_CASE("a stage can be read by a thread", "[stage]") {
    const auto out = runnel::stage<int>(background(), [](auto& emit) {
        for (int i = 0; i < 10; ++i) emit(i);
    });
    CHECK(test::all_of(out) == test::count_to(10));
}

}  // namespace
