// expect-error: runnel::recv: a \(T\) handler needs a default-constructible T
// tests/compile_fail/select_value_handler_without_default.cpp — a (T) handler needs a T for the closed channel.
// SPDX-License-Identifier: BSL-1.0
#include <optional>
#include <runnel/select.hpp>

struct no_default {
    explicit no_default(int) {}
};

void use() {
    auto ch = runnel::make_chan<no_default>(1);
    runnel::select(runnel::recv(ch, [](std::optional<no_default>) {}));
#ifdef RUNNEL_EXPECT_FAIL
    runnel::select(runnel::recv(ch, [](no_default) {}));
#endif
}
