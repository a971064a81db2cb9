// examples/15_context/context_kinds.cpp — the kinds of context: root, cancellation, timeout, deadline, value.
// SPDX-License-Identifier: BSL-1.0
//
//   background ── with_cancel ─┬─ with_timeout ── with_value       cancelled from above, never from below
//                              └─ with_deadline
//
// In the guide: "Context Types". Its Go makes a string the key of a value: two packages that both say "requestID" would
// read each other's. Here a key is an object, and is told apart by identity.
#include <cstdio>
#include <string>

#include "../common/guide.hpp"

namespace {

const runnel::context_key<std::string> request_id{"request-id"};
const runnel::context_key<std::string> other_request_id{"request-id"};

void show(const char* name, const runnel::context& ctx) {
    std::printf("%s: %s, %s\n", name, ctx.err() ? ctx.err().message().c_str() : "not done",
                ctx.deadline() ? "with a deadline" : "without a deadline");
}

}  // namespace

int main(int argc, char** argv) {
    guide::parse(argc, argv);
    return runnel::run([] {
        const std::size_t base = runnel::num_goroutine();

        // 1. The root: never done.
        const runnel::context root = runnel::background();
        show("background", root);
        std::printf("  can it be done at all: %s\n", root.done() ? "yes" : "no");

        // 2. A time limit.
        {
            const auto ctx = runnel::with_timeout(root, guide::seconds(5));
            ctx.done().recv();
            show("timeout", ctx);
        }
        // 3. A point in time; a child cannot have more time than its parent.
        {
            const auto ctx = runnel::with_deadline(root, runnel::clock::now() + guide::seconds(10));
            const auto child = runnel::with_timeout(ctx, guide::stuck);
            std::printf("deadline: a child's is %s\n",
                        child.deadline() == ctx.deadline() ? "its parent's" : "another");
            child.done().recv();
            show("its child", child);
        }
        // 4. Cancellation: downwards, with everything below, and with a reason if one is given.
        {
            const auto parent = runnel::with_cancel(root);
            const auto child = runnel::with_cancel(parent);
            const auto sibling = runnel::with_timeout(parent, guide::far_away);
            child.cancel();
            show("cancelled child", child);
            show("its parent", parent);
            auto told = runnel::make_chan<runnel::unit>();
            const auto handle = runnel::after_func(sibling, [told] { told.close(); });
            parent.cancel(std::make_error_code(std::errc::no_space_on_device));
            show("the parent, cancelled", parent);
            show("the other child", sibling);
            std::printf("  because of: %s\n", sibling.cause().message().c_str());
            told.recv();
            std::puts("  and a function was called for it");
        }
        // The end of a scope cancels: no `defer cancel()` to forget.
        runnel::context outlives;
        {
            const auto scoped = runnel::with_timeout(root, guide::far_away);
            outlives = scoped;
            show("within its scope", outlives);
        }
        show("after it", outlives);

        // 5. Values.
        const auto parent = runnel::with_cancel(root);
        const auto ctx = runnel::with_value(parent, request_id, "abc-123");
        std::printf("value: %s\n", ctx.value(request_id)->c_str());
        std::printf("another key of that name: %s\n",
                    ctx.value(other_request_id) != nullptr ? "found" : "nothing");
        const auto log = runnel::without_cancel(ctx);  // for what has to be finished all the same
        parent.cancel();
        show("with the value", ctx);
        show("without the cancellation", log);
        std::printf("  its value: %s\n", log.value(request_id)->c_str());
        std::printf("%s\n", to_string(ctx).c_str());
        std::printf("goroutines left: %zu\n", guide::left_behind(base));
        return 0;
    });
}
// Output:
// background: not done, without a deadline
//   can it be done at all: no
// timeout: context deadline exceeded, with a deadline
// deadline: a child's is its parent's
// its child: context deadline exceeded, with a deadline
// cancelled child: context canceled, without a deadline
// its parent: not done, without a deadline
// the parent, cancelled: context canceled, without a deadline
// the other child: context canceled, with a deadline
//   because of: No space left on device
//   and a function was called for it
// within its scope: not done, with a deadline
// after it: context canceled, with a deadline
// value: abc-123
// another key of that name: nothing
// with the value: context canceled, without a deadline
// without the cancellation: not done, without a deadline
//   its value: abc-123
// background.with_cancel.with_value(request-id, abc-123)
// goroutines left: 0
