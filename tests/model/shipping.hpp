// tests/model/shipping.hpp — what programs of shipping primitives have in common.
// SPDX-License-Identifier: BSL-1.0
//
//   To the library each thread of the model is a foreign thread: it waits in its thread_parker.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

#include <runnel/detail/park.hpp>

#include <model/report.hpp>

namespace model {

/// The base of a program: leaves out what is constant for it, to have more room for what is not.
struct shipping {
    shipping() {
        runnel::detail::process_forked.leave_out();
        runnel::detail::process_ended.leave_out();
    }
};

/// An object that one of the threads destroys: whoever touches its atomics later is found out.
template <class T>
class mortal {
public:
    template <class... Arguments>
    explicit mortal(Arguments&&... arguments)
        : object_(::new(static_cast<void*>(memory_)) T(std::forward<Arguments>(arguments)...)) {}
    T* operator->() noexcept { return object_; }
    T& operator*() noexcept { return *object_; }
    void end() noexcept { std::destroy_at(object_); }

private:
    alignas(T) std::byte memory_[sizeof(T)];
    T* object_;
};

}  // namespace model
