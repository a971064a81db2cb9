// expect-error: runnel::tee: each side gets a copy of the element
// tests/compile_fail/pipeline_tee_of_move_only.cpp — two readers cannot have one unique object.
// SPDX-License-Identifier: BSL-1.0
#include <memory>

#include <runnel/pipeline.hpp>

void use(const runnel::context& ctx, const runnel::recv_chan<std::shared_ptr<int>>& shared,
         const runnel::recv_chan<std::unique_ptr<int>>& unique) {
    runnel::tee(ctx, shared);
    runnel::or_done(ctx, unique);
#ifdef RUNNEL_EXPECT_FAIL
    runnel::tee(ctx, unique);
#endif
}
