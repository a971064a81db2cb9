// runnel/detail/intrusive_list.hpp — doubly linked FIFO of nodes that the list does not own.
// SPDX-License-Identifier: BSL-1.0
//
//   Layer   0
//   Invariants  a node is in at most one list; an unlinked node has linked == false; removal is O(1).
#pragma once

#include <runnel/detail/config.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

/// `Node` has members `Node* next`, `Node* prev`, `bool linked`. Guarded by its owner's lock.
template <class Node>
class intrusive_list {
public:
    bool empty() const noexcept { return head_ == nullptr; }
    Node* front() const noexcept { return head_; }

    void push_back(Node* n) noexcept {
        n->next = nullptr;
        n->prev = tail_;
        n->linked = true;
        if (tail_ != nullptr) {
            tail_->next = n;
        } else {
            head_ = n;
        }
        tail_ = n;
    }
    void push_front(Node* n) noexcept {
        n->prev = nullptr;
        n->next = head_;
        n->linked = true;
        if (head_ != nullptr) {
            head_->prev = n;
        } else {
            tail_ = n;
        }
        head_ = n;
    }
    void remove(Node* n) noexcept {
        if (!n->linked) return;
        (n->prev != nullptr ? n->prev->next : head_) = n->next;
        (n->next != nullptr ? n->next->prev : tail_) = n->prev;
        n->linked = false;
    }
    Node* pop_front() noexcept {
        Node* n = head_;
        if (n != nullptr) remove(n);
        return n;
    }

private:
    Node* head_ = nullptr;
    Node* tail_ = nullptr;
};

}  // namespace detail
}  // namespace v0
}  // namespace runnel
