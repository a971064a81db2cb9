# tests/model/mutants.cmake — each of these changes must be found by the model test that is named with it.
# SPDX-License-Identifier: BSL-1.0
#
#   A second tree of headers gets all of them, each behind model::mutated("its name"); the tests are
#   compiled once more with that tree, and run with one mutant each. A text that is no longer in its
#   header, or is there twice, stops the configuration.
#
#   mutate(<name> <test> <its case> <what it must say> <header> <text> <text instead>)
set(mutated_headers "${CMAKE_CURRENT_BINARY_DIR}/mutants")
set(mutated_tests "")
set(mutated_list "")

function(mutate name test case says header text instead)
    set(source "${PROJECT_SOURCE_DIR}/include/runnel/${header}")
    set(known "${mutated_list}")
    if(NOT header IN_LIST known)
        list(APPEND known "${header}")
        set(mutated_list "${known}" PARENT_SCOPE)
        file(READ "${source}" all)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${source}")
    else()
        file(READ "${mutated_headers}.next/runnel/${header}" all)
    endif()
    runnel_replace_once(all "${name}" "${header}" "${text}" "${instead}")
    file(WRITE "${mutated_headers}.next/runnel/${header}" "${all}")

    set(tests "${mutated_tests}")
    if(NOT test IN_LIST tests)
        list(APPEND tests "${test}")
        set(mutated_tests "${tests}" PARENT_SCOPE)
    endif()
    add_test(NAME model_mutant_${name} COMMAND model_${test}_mutants "${case}")
    set_tests_properties(model_mutant_${name} PROPERTIES
        LABELS model TIMEOUT 120 ENVIRONMENT "MODEL_MUTANT=${name}" PASS_REGULAR_EXPRESSION "${says}")
    string(REPLACE "_" " " what "${name}")
    set_property(GLOBAL APPEND PROPERTY runnel_mutants
        "${name}|${header}|${what}|model_${test}_mutants|ctest|model_mutant_${name}")
endfunction()

# ---- locks and queues ----
mutate(word_lock_store locks "word_lock*" "a bit was lost" detail/word_lock.hpp
    "        word.fetch_and(static_cast<Word>(~held),"
    "        if (::model::mutated(\"word_lock_store\")) {
            word.store(0, memory_order_release);
            return;
        }
        word.fetch_and(static_cast<Word>(~held),")
mutate(try_lock_by_store locks "spin_lock*" "data race|two are inside" detail/spin_lock.hpp
    "        return !locked_.load(memory_order_relaxed)"
    "        if (::model::mutated(\"try_lock_by_store\")) {
            if (locked_.load(memory_order_acquire)) return false;
            locked_.store(true, memory_order_relaxed);
            return true;
        }
        return !locked_.load(memory_order_relaxed)")
mutate(parker_no_loop locks "thread_parker*" "what the waker wrote is not seen|data race|deadlock" detail/thread_parker.hpp
    "            const int r = futex_wait(word_, empty, deadline);"
    "            const int r = futex_wait(word_, empty, deadline);
            if (::model::mutated(\"parker_no_loop\") && r != -ETIMEDOUT) return true;")
mutate(pop_by_store queues "run_queue loses*" "data race|taken twice" detail/run_queue.hpp
    "            // [RQ-2] gives the slot back to push()."
    "            if (::model::mutated(\"pop_by_store\")) {
                head_.store(h + 1, memory_order_release);
                return item;
            }
            // [RQ-2] gives the slot back to push().")
mutate(newest_by_count queues "run_queue loses*" "data race|taken twice|it does not end" detail/run_queue.hpp
    "        return count > most_ - most_ / 2;"
    "        if (::model::mutated(\"newest_by_count\")) return count > 1;
        return count > most_ - most_ / 2;")
mutate(newest_without_second_look queues "run_queue loses*" "data race|taken twice|it does not end" detail/run_queue.hpp
    "        if (now != h && !out_of_reach(newest, now)) {"
    "        if (now != h && !out_of_reach(newest, now) && !::model::mutated(\"newest_without_second_look\")) {")
mutate(most_of_the_moment queues "run_queue loses*" "data race|taken twice|it does not end" detail/run_queue.hpp
    "        if (h != seen_head_ || most_ < count) most_ = count;"
    "        if (h != seen_head_ || most_ < count || ::model::mutated(\"most_of_the_moment\")) most_ = count;")

# ---- waiting ----
mutate(countdown_mark_blindly sync "countdown: nobody*" "deadlock" detail/countdown.hpp
    "            if ((s & waiting) == 0) return wait_outcome::ok;"
    "            if (::model::mutated(\"countdown_mark_blindly\")) word().fetch_or(waiting, memory_order_acquire);
            else if ((s & waiting) == 0) return wait_outcome::ok;")
mutate(countdown_unmarked sync "countdown: nobody*" "deadlock" detail/countdown.hpp
    "                    s |= waiting;"
    "                    s |= waiting;
                    if (::model::mutated(\"countdown_unmarked\")) word().fetch_and(~waiting, memory_order_relaxed);")
mutate(mutex_mark_after sync "mutex lets*" "deadlock" mutex.hpp
    "        if ((s & locked) == 0) {
            guard.unlock();"
    "        if (::model::mutated(\"mutex_mark_after\")) state_.word.fetch_or(mark, memory_order_relaxed);
        else if ((s & locked) == 0) {
            guard.unlock();")
mutate(mutex_wakes_nobody sync "mutex lets*" "deadlock" mutex.hpp
    "        next |= woken;"
    "        next |= woken;
        if (::model::mutated(\"mutex_wakes_nobody\")) w = nullptr;")
mutate(once_unmarked sync "once runs*" "deadlock" once.hpp
    "        const bool first = (s & running) == 0;"
    "        const bool first = (s & running) == 0;
        if (::model::mutated(\"once_unmarked\") && !first) {
            waiter me;
            wait(waiters_, guard, me, wait_reason::once, this);
            return false;
        }")
mutate(semaphore_gives_up_alone sync "semaphore loses*" "deadlock" semaphore.hpp
    "    // We may have stood in the way of smaller requests."
    "    if (::model::mutated(\"semaphore_gives_up_alone\")) return wait_outcome::timed_out;
    // We may have stood in the way of smaller requests.")
mutate(writer_gives_up_alone waiting "shared_mutex: one*" "deadlock" shared_mutex.hpp
    "    if (!writer_is_there()) admit_readers(woken);
    state_.unlock();"
    "    if (!writer_is_there() && !::model::mutated(\"writer_gives_up_alone\")) admit_readers(woken);
    state_.unlock();")
mutate(hand_over_by_store waiting "shared_mutex: one*" "own assertion|deadlock" shared_mutex.hpp
    "        RUNNEL_POINT(\"shared_mutex.hand_over\");"
    "        if (::model::mutated(\"hand_over_by_store\")) {
            word().store(t, memory_order_release);
            break;
        }")
mutate(condition_unmarked waiting "condition_variable loses*" "deadlock" condition_variable.hpp
    "        waiting_.store(true, memory_order_relaxed);  // [CV-1]"
    "        if (!::model::mutated(\"condition_unmarked\")) waiting_.store(true, memory_order_relaxed);")
# ---- channels ----
mutate(close_forgets_senders chan "a look without*" "deadlock" detail/chan_core.hpp
    "        while (waiter* w = senders_.claim_front()) {"
    "        while (waiter* w = ::model::mutated(\"close_forgets_senders\") ? nullptr : senders_.claim_front()) {")
mutate(claim_by_store chan "a deadline loses*" "sent and received differ|data race|received twice" detail/park.hpp
    "        // acq_rel: what the winner does next is ordered after what the sleeper prepared."
    "        if (::model::mutated(\"claim_by_store\")) {
            if (claimed_.load(memory_order_acquire) != unclaimed) return false;
            claimed_.store(as, memory_order_release);
            return true;
        }
        // acq_rel: what the winner does next is ordered after what the sleeper prepared.")
mutate(sender_is_not_admitted chan "what is sent*" "deadlock" detail/chan_core.hpp
    "            if (senders_.empty() || !admit_sender(woken)) {"
    "            if (::model::mutated(\"sender_is_not_admitted\") || senders_.empty() || !admit_sender(woken)) {")
mutate(send_passes_receivers chan "what is sent*" "deadlock" detail/chan_core.hpp
    "        if (!receivers.empty()) {
            const attempt a = hand_to_receiver"
    "        if (!receivers.empty() && !::model::mutated(\"send_passes_receivers\")) {
            const attempt a = hand_to_receiver")
mutate(change_is_not_noted chan "otherwise needs*" "none was found" detail/chan_core.hpp
    "        if (from_a_limit) note_change();"
    "        if (from_a_limit && !::model::mutated(\"change_is_not_noted\")) note_change();")
mutate(otherwise_after_one_look chan "otherwise needs*" "none was found" select.hpp
    "    return !several || (has_not_changed(cases) && ...);"
    "    return !several || ::model::mutated(\"otherwise_after_one_look\") || (has_not_changed(cases) && ...);")

# ---- timers ----
mutate(tick_is_left timers "a timer that*" "a stale tick" detail/timer_chan.hpp
    "        return take_tick_back() || was;"
    "        return (!::model::mutated(\"tick_is_left\") && take_tick_back()) || was;")
mutate(old_claim_fires timers "a timer that*" "a stale tick|two ticks|not set again and a tick" detail/timer_chan.hpp
    "        if (!armed_ || claimed_generation_.load(memory_order_relaxed) != generation_) return false;"
    "        if (!armed_ || (!::model::mutated(\"old_claim_fires\") &&
                        claimed_generation_.load(memory_order_relaxed) != generation_))
            return false;")
mutate(retained_at_its_end timers "a timer goes*" "after its end|data race" detail/timer_chan.hpp
    "        if (self->channel_->try_retain()) {"
    "        if (::model::mutated(\"retained_at_its_end\")) {
            self->channel_->retain();
            self->deferred = true;
        } else if (self->channel_->try_retain()) {")
mutate(stop_forgets_reference timers "a function is*" "somebody refers to it" detail/timer_chan.hpp
    "        if (was_queued) unqueued();"
    "        if (was_queued && !::model::mutated(\"stop_forgets_reference\")) unqueued();")

# ---- the scheduler ----
# These two jump to what is not saved: where plain accesses are not checked they crash before anything is told.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
mutate(after_comes_before goroutines "a goroutine is woken*" "data race" detail/dispatch.hpp
    "    tsan::release(
        g->scope.load(memory_order_relaxed));  // if it never goes on: run() has waited for that"
    "    if (::model::mutated(\"after_comes_before\")) {
        w->after = nullptr;
        after(w, arg);
    }
    tsan::release(
        g->scope.load(memory_order_relaxed));  // if it never goes on: run() has waited for that")
mutate(deadline_takes_all goroutines "a goroutine's deadline*" "deadlock|data race|sent and received differ|made runnable twice" detail/park.hpp
    "        return s->claim(by_deadline) ? s->goroutine_ : nullptr;"
    "        if (::model::mutated(\"deadline_takes_all\")) s->claimed_.store(by_deadline, memory_order_relaxed);
        else if (!s->claim(by_deadline)) return nullptr;
        return s->goroutine_;")
endif()
mutate(kicked_after idle "ID-1*" "deadlock" detail/scheduler.hpp
    "            if (goroutine* kicked = take_next(w); kicked != nullptr) push_kicked(w, kicked);"
    "            if (::model::mutated(\"kicked_after\")) {
                if (goroutine* late = w->next.exchange(g, memory_order_seq_cst); late != nullptr) push_local(w, late);
                return wake_if_needed();
            }
            if (goroutine* kicked = take_next(w); kicked != nullptr) push_kicked(w, kicked);")
mutate(moves_silently idle "ID-1*" "deadlock" detail/scheduler.hpp
    "            } else if (moves && !w->queue.empty()) {"
    "            } else if (moves && !w->queue.empty() && !::model::mutated(\"moves_silently\")) {")
mutate(looks_at_rings_first idle "ID-1*" "deadlock" detail/scheduler.hpp
    "        const bool has_next = w->next.load(memory_order_seq_cst) != nullptr;"
    "        if (::model::mutated(\"looks_at_rings_first\")) {
            if (!w->queue.empty()) return true;
            if (w == self ? w->next.load(memory_order_seq_cst) != nullptr : next_is_stale(w)) return true;
            continue;
        }
        const bool has_next = w->next.load(memory_order_seq_cst) != nullptr;")
mutate(no_second_look idle "ID-1*" "deadlock" detail/scheduler.hpp
    "    if (has_work(w)) wake_if_needed();
    RUNNEL_POINT(\"scheduler.idle.before_sleep\");"
    "    if (!::model::mutated(\"no_second_look\") && has_work(w)) wake_if_needed();")
mutate(keeper_looks_once idle "TK-1*" "deadlock|slept through" detail/scheduler.hpp
    "            if (timers_.earliest() < limit) continue;"
    "            if (!::model::mutated(\"keeper_looks_once\") && timers_.earliest() < limit) continue;")
mutate(leaves_unkept idle "KP-1*" "deadlock" detail/scheduler.hpp
    "        if (has_work(w)) wake_if_needed();
        see_to_keeper();"
    "        if (has_work(w)) wake_if_needed();
        if (!::model::mutated(\"leaves_unkept\")) see_to_keeper();")
mutate(retires_blindly idle "KP-1*" "deadlock" detail/scheduler.hpp
    "            s = state_.load(memory_order_seq_cst);  // [KP-1]"
    "            if (!::model::mutated(\"retires_blindly\")) s = state_.load(memory_order_seq_cst);")
mutate(arms_unkept idle "KP-1*" "deadlock" detail/scheduler.hpp
    "        } else if (until == nobody_keeps) {"
    "        } else if (until == nobody_keeps && !::model::mutated(\"arms_unkept\")) {")
mutate(stops_looking_blindly idle "ID-1*" "deadlock" detail/scheduler.hpp
    "    if (spinning_of(s) == 1 && has_work(nullptr)) wake_if_needed();"
    "    if (!::model::mutated(\"stops_looking_blindly\") && spinning_of(s) == 1 && has_work(nullptr)) wake_if_needed();")
mutate(end_does_not_wait idle "RS-2*" "data race|after its run" detail/scheduler.hpp
    "            if (only == nullptr || is_within(announced, only)) quiet = false;"
    "            if (!::model::mutated(\"end_does_not_wait\") && (only == nullptr || is_within(announced, only))) quiet = false;")

# ---- contexts ----

mutate(second_canceller_leaves context "a cancelled context*" "and a (grand)?child is not" detail/context_core.hpp
    "        while ((under_way_.load(memory_order_acquire) & below) != 0) waiting.pause();"
    "        while (!::model::mutated(\"second_canceller_leaves\") &&
               (under_way_.load(memory_order_acquire) & below) != 0) {
            waiting.pause();
        }")
mutate(error_before_its_waiters context "a cancelled context*" "got what came later|and it is not done"
    detail/context_core.hpp
    "        if ((under_way_.load(memory_order_acquire) & closing) != 0) {"
    "        if ((under_way_.load(memory_order_acquire) & closing) != 0 &&
            !::model::mutated(\"error_before_its_waiters\")) {")
mutate(leaves_its_parent_first context "a cancelled context*" "and a (grand)?child is not" detail/context_core.hpp
    "        // The children of those that are done: linked by next, held."
    "        if (::model::mutated(\"leaves_its_parent_first\")) top->leave_parent();
        // The children of those that are done: linked by next, held.")

# ---- the poller ----

mutate(poller_left_silently poller "NP-1*" "deadlock" detail/scheduler.hpp
    "    if (k != nullptr && k != w) k->parker.unpark();"
    "    if (!::model::mutated(\"poller_left_silently\") && k != nullptr && k != w) k->parker.unpark();")
mutate(poller_not_interrupted poller "a worker that sleeps*" "deadlock|misses|slept" detail/thread_parker.hpp
    "        if (RUNNEL_UNLIKELY(was == polling)) the_event_poll.interrupt();"
    "        if (was == polling && !::model::mutated(\"poller_not_interrupted\")) the_event_poll.interrupt();")
mutate(poller_forgets_token poller "TP-1*" "deadlock" detail/thread_parker.hpp
    "        return word_.exchange(empty, memory_order_acquire) == token;  // [TP-1]
    }

    /// The sleeper"
    "        if (::model::mutated(\"poller_forgets_token\")) {
            word_.store(empty, memory_order_relaxed);
            return false;
        }
        return word_.exchange(empty, memory_order_acquire) == token;  // [TP-1]
    }

    /// The sleeper")
mutate(event_not_counted poller "DS-1*" "deadlock" detail/descriptor.hpp
    "        s.events.fetch_add(1, memory_order_release);"
    "        if (!::model::mutated(\"event_not_counted\")) s.events.fetch_add(1, memory_order_release);")

# ---- turns ----
mutate(turn_given_to_sleepers_alone sync "turn*" "the turn was lost" detail/turn.hpp
    "                first->has_turn = true;
                next = wake_up(*first, wait_outcome::ok);"
    "                next = wake_up(*first, wait_outcome::ok);
                first->has_turn = next != nullptr || !::model::mutated(\"turn_given_to_sleepers_alone\");")
mutate(turn_not_looked_at_again sync "turn*" "deadlock" detail/turn.hpp
    "                if (waiter* w = wake_up(*p, wait_outcome::retry); w != nullptr) woken.push(w);"
    "                if (::model::mutated(\"turn_not_looked_at_again\")) continue;
                if (waiter* w = wake_up(*p, wait_outcome::retry); w != nullptr) woken.push(w);")

# Only what has changed is compiled again.
foreach(header IN LISTS mutated_list)
    configure_file("${mutated_headers}.next/runnel/${header}" "${mutated_headers}/runnel/${header}"
        COPYONLY)
endforeach()
foreach(test IN LISTS mutated_tests)
    runnel_model_program(model_${test}_mutants ${test}_test.cpp)
    target_include_directories(model_${test}_mutants BEFORE PRIVATE "${mutated_headers}")
endforeach()
