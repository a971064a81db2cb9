// tests/watch_test.cpp — the latest state of a value.
// SPDX-License-Identifier: BSL-1.0
#include <runnel/watch.hpp>

#include <atomic>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>

#include <runnel/select.hpp>

#include "pipeline_support.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using runnel::background;
using runnel::op_status;
using runnel::watch;

static_assert(!std::is_copy_constructible_v<watch<int>>);
static_assert(std::is_copy_constructible_v<watch<int>::watcher>);

TEST_CASE("a watcher gets the latest value, and none twice", "[watch]") {
    watch<std::string> w("one");
    auto a = w.subscribe();
    CHECK(a.has_changed());
    CHECK(a.recv() == "one");
    CHECK_FALSE(a.has_changed());
    w.set("two");
    w.set("three");
    CHECK(a.get() == "three");
    CHECK(a.has_changed());
    CHECK(a.recv() == "three");
    w.update([](std::string& s) { s += "!"; });
    CHECK(a.recv() == "three!");
    CHECK(w.get() == "three!");
    CHECK(w.subscribe().recv() == "three!");
}

TEST_CASE("a watcher waits for a change", "[watch]") {
    const int n = test::scale(500);
    test::expectations expected;
    test::on_workers([&] {
        const test::nothing_left left;
        watch<int> w(0);
        runnel::wait_group wg;
        for (int g = 0; g < 4; ++g) {
            wg.go([&expected, n, mine = w.subscribe()]() mutable {
                int last = -1;
                bool rises = true;
                while (const auto v = mine.recv()) {
                    rises = rises && *v > last;
                    last = *v;
                }
                expected.check(rises, "no value comes twice, none comes late");
                expected.check_eq(last, n, "the last one is not missed");
            });
        }
        for (int i = 1; i <= n; ++i) {
            w.set(i);
            if (i % 10 == 0) runnel::yield();
        }
        w.close();
        wg.wait();
        expected.check(left.holds(), "nothing left");
    });
    expected.verify();
}

TEST_CASE("a watcher that waits is told of a change, the end and a cancellation", "[watch]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        const auto in_the_background = [&](auto f) {
            wg.wait();
            wg.go([f] {
                static_cast<void>(test::wait_parked(1, "chan receive"));
                f();
            });
        };
        watch<int> w(1);
        auto a = w.subscribe();
        expected.check(*a.recv(background()) == 1, "the first");
        in_the_background([&w] { w.set(2); });
        expected.check(*a.recv(background()) == 2, "a change");
        const auto ctx = runnel::with_cancel(background());
        in_the_background([&ctx] { ctx.cancel(); });
        expected.check(a.recv(ctx).status() == op_status::canceled, "a cancellation");
        w.set(3);
        expected.check(a.recv(ctx).status() == op_status::canceled, "which wins");
        expected.check(a.recv() == 3, "and loses nothing");
        in_the_background([&w] { w.close(); });
        expected.check(!a.recv(), "the end");
        expected.check(a.recv(background()).status() == op_status::closed, "again");
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("changes are a case of select", "[watch]") {
    test::expectations expected;
    test::on_workers([&] {
        watch<int> w(1);
        auto a = w.subscribe();
        static_cast<void>(a.recv());
        const auto other = runnel::make_chan<int>();
        const auto which = [&] {
            return runnel::select(runnel::recv(a.changed()), runnel::recv(other),
                                  runnel::otherwise());
        };
        expected.check_eq(which(), 2, "nothing yet");
        const auto news = a.changed();
        w.set(2);
        expected.check_eq(which(), 0, "there it is");
        expected.check(news.try_recv().status() == op_status::closed, "also of one from before");
        expected.check_eq(which(), 0, "until it is received");
        static_cast<void>(a.recv());
        expected.check_eq(which(), 2, "nothing new");
    });
    expected.verify();
}

TEST_CASE("what one watcher has not seen is no news to another", "[watch]") {
    watch<int> w(1);
    auto a = w.subscribe();
    auto b = w.subscribe();
    CHECK(a.recv() == 1);
    CHECK(b.recv() == 1);
    const auto news_of_a = a.changed();
    const auto news_of_b = b.changed();
    auto c = w.subscribe();
    const auto news_of_c = c.changed();
    CHECK(news_of_c.try_recv().status() == op_status::closed);
    CHECK(c.recv(background()).value() == 1);
    CHECK(c.changed().try_recv().status() == op_status::would_block);
    CHECK(news_of_a.try_recv().status() == op_status::would_block);
    CHECK(news_of_b.try_recv().status() == op_status::would_block);
    CHECK_FALSE(a.has_changed());
    w.set(2);
    CHECK(news_of_a.try_recv().status() == op_status::closed);
    CHECK(news_of_b.try_recv().status() == op_status::closed);
    CHECK(a.recv() == 2);
    const auto next = a.changed();
    CHECK(b.has_changed());
    CHECK(b.changed().try_recv().status() == op_status::closed);
    CHECK(next.try_recv().status() == op_status::would_block);
    w.close();
    CHECK(next.try_recv().status() == op_status::closed);
}

TEST_CASE("a closed watch gives its last value, then the end", "[watch]") {
    std::optional<watch<int>> w(1);
    auto a = w->subscribe();
    w->set(2);
    w->close(std::make_exception_ptr(std::runtime_error("broken")));
    w->close();
    CHECK_THROWS_AS(w->set(3), runnel::closed_channel);
    w.reset();
    CHECK(a.recv() == 2);
    CHECK_THROWS_AS(a.recv(), std::runtime_error);
    CHECK_THROWS_AS(a.recv(background()), std::runtime_error);
    CHECK(a.get() == 2);
    CHECK(a.has_changed());
}

TEST_CASE("an update that throws changes nothing for watchers", "[watch]") {
    watch<int> w(1);
    auto a = w.subscribe();
    CHECK(a.recv() == 1);
    CHECK_THROWS_AS(w.update([](int&) { throw std::runtime_error("no"); }), std::runtime_error);
    CHECK_FALSE(a.has_changed());
    w.set(2);
    CHECK(a.recv() == 2);
}

}  // namespace
