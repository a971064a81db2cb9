// tests/consumers/shared_libraries/main.cpp — asks both libraries what runtime they are in.
// SPDX-License-Identifier: BSL-1.0
#include <cstdio>
#include <runnel/runnel.hpp>

#include "api.hpp"

namespace {

int failures = 0;

void check(bool held, const char* what) {
    if (held) return;
    ++failures;
    std::printf("consumer: does not hold: %s\n", what);
}

void one_runtime() {
    const auto id = runnel::goroutine_id();
    check(id != 0, "the main goroutine has an id");
    check(producer::current_id() == id && consumer::current_id() == id,
          "both libraries know the goroutine they are called in");

    // Three goroutines that stay: main, one of each library.
    auto parked = producer::make();
    const auto first = producer::start(parked, 1);
    auto also_parked = producer::make();
    const auto second = producer::start(also_parked, 1);
    check(first != second && first != id && second != id, "ids are not given twice");
    check(
        producer::goroutines() == 3 && consumer::goroutines() == 3 && runnel::num_goroutine() == 3,
        "all count the same goroutines");
    check(parked.recv() == 1 && also_parked.recv() == 1, "main receives what a library sends");

    auto numbers = producer::make();
    producer::start(numbers, 100);
    check(consumer::sum(numbers, 100) == 5050, "one library receives what the other sends");

    const auto before = consumer::set_max_procs(3);
    check(producer::max_procs() == 3 && runnel::max_procs() == 3, "max_procs is one number");
    consumer::set_max_procs(before);

    check(consumer::catches_closed_channel(), "a closed_channel is caught across libraries");
    check(consumer::catches_panic(), "a panic is caught across libraries");
    check(producer::canceled() == consumer::canceled() &&
              producer::canceled() == make_error_code(runnel::errc::canceled),
          "there is one error category");
}

}  // namespace

int main() {
    runnel::run(one_runtime);
    if (failures != 0) return 1;
    std::printf("consumer: ok\n");
    return 0;
}
