// tests/broadcast_simulated_test.cpp — a publisher, a subscriber and a close() in any order.
// SPDX-License-Identifier: BSL-1.0
#include <exception>
#include <stdexcept>

#include <runnel/testing.hpp>

#include <runnel/broadcast.hpp>
#include <runnel/wait_group.hpp>

#include "support/catch.hpp"
#include "support/simulated.hpp"

namespace {

using runnel::broadcast;
using runnel::slow_subscriber;
using test::on_seeds;
using test::require;

TEST_CASE("what it is closed with is for the subscribers, not for the publisher", "[broadcast]") {
    for (const auto policy : {slow_subscriber::wait, slow_subscriber::drop_newest,
                              slow_subscriber::drop_oldest, slow_subscriber::disconnect}) {
        on_seeds(
            [policy] {
                broadcast<int> b(1, policy);
                auto s = b.subscribe();
                bool other = false;
                runnel::wait_group wg;
                wg.go([&] {
                    try {
                        for (int i = 0; i < 3; ++i) b.publish(i);
                    } catch (const runnel::closed_channel&) {
                        return;
                    } catch (const std::runtime_error&) {
                        other = true;
                    }
                });
                wg.go([&] {
                    try {
                        while (s.chan().recv()) {
                        }
                    } catch (const std::exception&) {
                        return;
                    }
                });
                wg.go([&] { b.close(std::make_exception_ptr(std::runtime_error("over"))); });
                wg.wait();
                require(!other, "it hears of no other error than that it is closed");
            },
            1000);
    }
}

}  // namespace
