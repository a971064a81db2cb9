// tests/hazards/exceptions_test.cpp — a goroutine may park inside a handler and while it unwinds.
// SPDX-License-Identifier: BSL-1.0
//
//   The C++ library keeps the exceptions that are being handled, and the count of those in flight, in the
//   thread. They belong to the goroutine: each switch carries them along.
#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <runnel/chan.hpp>
#include <runnel/go.hpp>
#include <runnel/runtime.hpp>
#include <runnel/thread_lock.hpp>
#include <runnel/time.hpp>
#include <runnel/wait_group.hpp>

#include "hazards/migrate.hpp"
#include "support/catch.hpp"
#include "support/support.hpp"

namespace {

using namespace std::chrono_literals;

std::string current_text() {
    try {
        throw;
    } catch (const std::exception& e) {
        return e.what();
    }
}

std::string text_of(const std::exception_ptr& p) {
    try {
        std::rethrow_exception(p);
    } catch (const std::exception& e) {
        return e.what();
    }
}

TEST_CASE("each goroutine handles its own exception, parked in between", "[hazards][exceptions]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 20; ++i) {
            wg.go([&, i] {
                const std::string mine = "exception " + std::to_string(i);
                try {
                    throw std::runtime_error(mine);
                } catch (const std::runtime_error& e) {
                    for (int k = 0; k < 20; ++k) {
                        runnel::yield();
                        expected.check(current_text() == mine, "throw; gives " + current_text());
                        expected.check(text_of(std::current_exception()) == mine,
                                       "current_exception");
                        expected.check(e.what() == mine, "the object is alive");
                        expected.check(std::uncaught_exceptions() == 0, "none is in flight");
                    }
                }
                expected.check(std::current_exception() == nullptr, "handled");
            });
        }
        wg.wait();
        expected.check(std::current_exception() == nullptr, "none of theirs is ours");
    });
    expected.verify();
}

TEST_CASE("handlers within handlers, each in another goroutine's company",
          "[hazards][exceptions]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i) {
            wg.go([&, i] {
                const std::string outer = "outer " + std::to_string(i);
                const std::string inner = "inner " + std::to_string(i);
                for (int k = 0; k < 10; ++k) {
                    try {
                        try {
                            throw std::runtime_error(outer);
                        } catch (const std::runtime_error&) {
                            runnel::yield();
                            try {
                                throw std::logic_error(inner);
                            } catch (const std::logic_error&) {
                                runnel::yield();
                                expected.check(current_text() == inner, "the inner one");
                            }
                            runnel::yield();
                            expected.check(current_text() == outer, "the outer one again");
                            throw;
                        }
                    } catch (const std::runtime_error& e) {
                        expected.check(e.what() == outer, "rethrown");
                    }
                }
            });
        }
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("a goroutine migrates inside its handler", "[hazards][exceptions]") {
    const std::size_t before = runnel::set_max_procs(2);
    test::expectations expected;
    const int rounds = test::scale(50);
    runnel::run([&] {
        for (int i = 0; i < rounds; ++i) {
            bool rethrown = false;
            try {
                try {
                    throw std::runtime_error("travels");
                } catch (...) {
                    const std::exception_ptr kept = std::current_exception();
                    test::migrate();
                    expected.check(std::current_exception() == kept, "the same exception");
                    test::migrate();
                    throw;
                }
            } catch (const std::runtime_error& e) {
                rethrown = e.what() == std::string("travels");
            }
            expected.check(rethrown, "rethrown on another thread");
        }
    });
    runnel::set_max_procs(before);
    expected.verify();
}

// Parks in its destructor, which may run while an exception unwinds the stack.
struct parks_at_the_end {
    test::expectations& expected;
    bool migrates;
    int in_flight;
    ~parks_at_the_end() {
        expected.check(std::uncaught_exceptions() == in_flight, "before the park");
        if (migrates) {
            test::migrate();
        } else {
            runnel::yield();
        }
        expected.check(std::uncaught_exceptions() == in_flight, "after the park");
        try {
            throw std::logic_error("and one more");
        } catch (const std::logic_error&) {
            runnel::yield();
            expected.check(std::uncaught_exceptions() == in_flight, "after another exception");
        }
    }
};

TEST_CASE("a destructor parks while its goroutine unwinds", "[hazards][exceptions]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 20; ++i) {
            wg.go([&] {
                for (int k = 0; k < 10; ++k) {
                    const std::string text = std::to_string(k);
                    try {
                        const parks_at_the_end a{expected, false, 1};
                        const parks_at_the_end b{expected, false, 1};
                        throw std::runtime_error(text);
                    } catch (const std::runtime_error& e) {
                        expected.check(e.what() == text, "caught what was thrown");
                    }
                    expected.check(std::uncaught_exceptions() == 0, "none is in flight");
                }
            });
            // Neighbours are not in the middle of anything.
            wg.go([&] {
                for (int k = 0; k < 50; ++k) {
                    expected.check(std::uncaught_exceptions() == 0, "none of ours is in flight");
                    runnel::yield();
                }
            });
        }
        wg.wait();
        expected.check(std::uncaught_exceptions() == 0, "none of main's is in flight");
    });
    expected.verify();
    CHECK(std::uncaught_exceptions() == 0);
}

TEST_CASE("a goroutine migrates while it unwinds", "[hazards][exceptions]") {
    const std::size_t before = runnel::set_max_procs(2);
    test::expectations expected;
    const int rounds = test::scale(30);
    runnel::run([&] {
        for (int i = 0; i < rounds; ++i) {
            bool caught = false;
            try {
                const parks_at_the_end a{expected, true, 1};
                throw std::runtime_error("unwinds");
            } catch (const std::runtime_error&) {
                caught = true;
            }
            expected.check(caught, "caught on another thread");
        }
    });
    runnel::set_max_procs(before);
    expected.verify();
}

TEST_CASE("exceptions while pinned and inside blocking stay with their goroutine",
          "[hazards][exceptions]") {
    test::expectations expected;
    test::on_workers([&] {
        runnel::wait_group wg;
        for (int i = 0; i < 6; ++i) {
            wg.go([&, i] {
                const std::string mine = std::to_string(i);
                try {
                    throw std::runtime_error(mine);
                } catch (const std::runtime_error&) {
                    if (i % 2 == 0) {
                        const runnel::thread_lock pin;
                        runnel::sleep_for(100us);
                        expected.check(current_text() == mine, "pinned");
                    }
                    runnel::blocking(
                        [&] { expected.check(current_text() == mine, "inside blocking"); });
                    runnel::sleep_for(100us);
                    expected.check(current_text() == mine, "after it");
                }
            });
        }
        wg.wait();
    });
    expected.verify();
}

TEST_CASE("an exception object lives as long as the goroutine that handles it",
          "[hazards][exceptions]") {
    const long live = test::counted::live();
    const int rounds = test::scale(2'000);
    test::on_workers([&] {
        const auto token = runnel::make_chan<int>();
        runnel::wait_group wg;
        for (int g = 0; g < 4; ++g) {
            wg.go([&] {
                for (int i = 0; i < rounds; ++i) {
                    try {
                        try {
                            throw test::counted(i);
                        } catch (test::counted&) {
                            token.recv();
                            throw;
                        }
                    } catch (const test::counted& c) {
                        if (c.value != i) std::abort();
                    }
                }
            });
        }
        for (int i = 0; i < 4 * rounds; ++i) token.send(i);
        wg.wait();
    });
    CHECK(test::counted::live() == live);
}

// The exception of one goroutine is handled by several others at once.
TEST_CASE("an exception_ptr crosses goroutines", "[hazards][exceptions]") {
    test::expectations expected;
    test::on_workers([&] {
        std::exception_ptr shared;
        try {
            throw std::runtime_error("for all");
        } catch (...) {
            shared = std::current_exception();
        }
        runnel::wait_group wg;
        for (int i = 0; i < 10; ++i) {
            wg.go([&] {
                for (int k = 0; k < 20; ++k) {
                    try {
                        std::rethrow_exception(shared);
                    } catch (const std::runtime_error& e) {
                        runnel::yield();
                        expected.check(e.what() == std::string("for all"), "its text");
                    }
                }
            });
        }
        wg.wait();
    });
    expected.verify();
}

}  // namespace
