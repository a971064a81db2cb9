# tests/regressions/mutants.cmake — the library as it would be with each of the bugs in README.md.
# SPDX-License-Identifier: BSL-1.0
#
#   One header is changed in one place. The program of the named test is built once more with that header
#   in front; script/mutants builds these programs, which are part of nothing else, and runs what carries the bug's
#   tag: it must fail. A text that is no longer in its header, or is there twice, stops the configuration.
#   Nothing may change what an object looks like, unless all of the program is compiled anew (WHOLE).
#
#   <bug> is a number in README.md, or `ours` for one of our own: its test's tag is the mutant's name.
#   regression_mutant(<bug> <name> <test program> <header> <what is wrong with it> <text> <text instead>
#       [WHOLE] [SANITIZE thread] [OPTIONS …])
# (The model checker's tests are not there with a sanitizer.)
if(NOT RUNNEL_TEST_MUTANTS OR NOT TARGET model_idle_test)
    return()
endif()

function(regression_mutant bug name test header what text instead)
    cmake_parse_arguments(PARSE_ARGV 7 mutant "WHOLE" "SANITIZE" "OPTIONS")
    runnel_mutated_header(overlay "${name}" "${header}" "${text}" "${instead}")

    # As the test's own program, but for the header.
    get_target_property(folder ${test} SOURCE_DIR)
    get_target_property(written ${test} SOURCES)
    set(sources "")
    foreach(source IN LISTS written)
        if(source MATCHES "^[$]<|^/")
            list(APPEND sources "${source}")
        else()
            list(APPEND sources "${folder}/${source}")
        endif()
    endforeach()
    get_target_property(libraries ${test} LINK_LIBRARIES)
    if(mutant_SANITIZE OR mutant_WHOLE)
        list(APPEND sources "${PROJECT_SOURCE_DIR}/tests/support/support.cpp")
        list(REMOVE_ITEM libraries runnel_test_support)
        list(APPEND libraries runnel_dev Catch2::Catch2)
    endif()
    set(program regression_mutant_${name})
    add_executable(${program} EXCLUDE_FROM_ALL ${sources})
    target_include_directories(${program} BEFORE PRIVATE "${overlay}")
    target_include_directories(${program} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
    target_link_libraries(${program} PRIVATE ${libraries})
    foreach(property IN ITEMS COMPILE_DEFINITIONS COMPILE_OPTIONS)
        get_target_property(values ${test} ${property})
        if(values)
            set_property(TARGET ${program} APPEND PROPERTY ${property} ${values})
        endif()
    endforeach()
    set(tag "[bug-${bug}]")
    if(bug STREQUAL "ours")
        set(tag "[${name}]")
    endif()
    # What is wrong with it may be what a warning is for.
    target_compile_options(${program} PRIVATE -g0 -w ${mutant_OPTIONS})
    if(mutant_SANITIZE)
        target_compile_options(${program} PRIVATE -O1 -fsanitize=${mutant_SANITIZE})
        target_link_options(${program} PRIVATE -fsanitize=${mutant_SANITIZE})
    endif()
    set_property(GLOBAL APPEND PROPERTY runnel_mutants
        "${name}|${header}|${what}|${program}|${test}|${tag}")
endfunction()

# ---- sleeping and waking ----

regression_mutant(01 tokio_1788 model_idle_test detail/scheduler.hpp
    "who queues work looks for sleepers with a load alone, which may be older than the queue"
    "        w->queue.publish();  // [ID-1]
"
    "")
regression_mutant(02 tokio_4383 model_idle_test detail/scheduler.hpp
    "the last worker that looked for work wakes nobody for what was made meanwhile"
    "    if (spinning_of(s) == 1 && has_work(nullptr)) wake_if_needed();"
    "")
regression_mutant(03 crystal_ec_18 model_idle_test detail/scheduler.hpp
    "a worker that has looked in vain goes to sleep without a second look"
    "    if (has_work(w)) wake_if_needed();
    RUNNEL_POINT(\"scheduler.idle.before_sleep\");"
    "    RUNNEL_POINT(\"scheduler.idle.before_sleep\");")
regression_mutant(04 tokio_8372 regressions_scheduler_test detail/scheduler.hpp
    "a worker that wakes by itself stays on the idle list"
    "    for (worker** at = &idle_; *at != nullptr; at = &(*at)->idle_next) {
        if (*at == w) {
            *at = w->idle_next;
            break;
        }
    }
    w->idle = false;"
    "    w->idle = false;")
regression_mutant(05 compio_948 model_locks_test detail/thread_parker.hpp
    "a second waker finds the wake-up under way and leaves, in two steps instead of one"
    "        const std::uint32_t was = word_.exchange(token, memory_order_release);  // [TP-1]"
    "        const std::uint32_t was = word_.load(memory_order_relaxed);
        if (was == token) return;
        word_.store(token, memory_order_release);")
regression_mutant(06 zio_610 model_idle_test detail/scheduler.hpp
    "who arms a timer may read who keeps the time before the timer is published"
    "keeper_deadline_.load(memory_order_seq_cst);  // [TK-1]"
    "keeper_deadline_.load(memory_order_acquire);")
regression_mutant(16 go_42515 stress_go_lost_wakeup_test detail/scheduler.hpp
    "whoever sleeps until a later deadline is not told of an earlier one"
    "        if (when.time_since_epoch().count() < until) {
            tell_keeper();"
    "        if (when.time_since_epoch().count() < until) {")

# ---- waiters and queues ----

regression_mutant(07 zio_650 stress_select_race_test detail/select_core.hpp
    "a select leaves its entries in the queues of the channels that were not chosen"
    "        dequeue_all(f);
        unlock_all(f);"
    "        unlock_all(f);")
regression_mutant(08 zio_667 detail_intrusive_list_test detail/intrusive_list.hpp
    "a node that is not in the list is unlinked again"
    "        if (!n->linked) return;
"
    "")
regression_mutant(09 libgodc_8 stress_select_race_test detail/select_core.hpp
    "which case was chosen is guessed from which channel is closed"
    "        select_entry& e = f.entries[claimed - 1];
        switch (e.place.outcome) {"
    "        for (std::uint32_t i = 0; i < f.live; ++i) {
            if (f.entries[f.polling[i]].channel->closed.load(memory_order_relaxed)) {
                return {f.polling[i], wait_outcome::closed};
            }
        }
        select_entry& e = f.entries[claimed - 1];
        switch (e.place.outcome) {")
regression_mutant(10 tinygo_5513 model_sync_test detail/countdown.hpp
    "those who waited are woken while the lock is held"
    "        word().fetch_and(~(held | waiting), memory_order_release);  // [WL-1] [CD-1]
        woken.wake_all();"
    "        woken.wake_all();
        word().fetch_and(~(held | waiting), memory_order_release);")
regression_mutant(11 go_40641 hazards_publish_test detail/dispatch.hpp
    "a goroutine that parks can be woken before its registers are saved"
    "    w->after = after;
    w->after_arg = arg;
    tsan::release(
        g->scope"
    "    after(w, arg);
    tsan::release(
        g->scope")
regression_mutant(14 go_10541 regressions_scheduler_test detail/dispatch.hpp
    "a goroutine's block is used again with its last owner's pin to a thread"
    "    g->pinned.store(nullptr, memory_order_relaxed);
    end_fiber(s);"
    "    end_fiber(s);")
regression_mutant(15 go_14064 conformance_sync_condition_variable_test condition_variable.hpp
    "a waiter unlocks the mutex before it is in the queue"
    "        wait_lock guard(lock_, done);
        waiting_.store(true, memory_order_relaxed);  // [CV-1]
        RUNNEL_POINT(\"condition_variable.unlock\");
        // Its waiter is woken with lock_ held, though only a wake-up should follow a lock: we are
        // about to park, and have no later moment. Nobody can be waiting for us meanwhile.
        if (waiter* next = m->release(); next != nullptr) next->who->wake();"
    "        if (waiter* next = m->release(); next != nullptr) next->who->wake();
        if (worker* here = current_worker(); here != nullptr) yield_goroutine(here, here->current.load());
        wait_lock guard(lock_, done);
        waiting_.store(true, memory_order_relaxed);")
regression_mutant(23 tokio_2340 model_sync_test detail/waiter.hpp
    "the next to be woken is read from a waiter that has been woken"
    "            waiter* following = w->next;  // before the wake-up: then it may be gone
            w->who->wake();
            w = following;"
    "            w->who->wake();
            w = w->next;")
regression_mutant(24 tokio_3652 stress_sync_timeout_test detail/waiter.hpp
    "a waiter that was chosen as its time ran out keeps what it was given, and says it got nothing"
    "        return w.outcome;
    }
    // The locks that we parked under"
    "        return deadline <= now() ? wait_outcome::timed_out : w.outcome;
    }
    // The locks that we parked under")
regression_mutant(40 polyphony_33 detail_waiter_test detail/park.hpp
    "a later wake-up overwrites what the first has said"
    "        return claimed_.compare_exchange_strong(none, as, memory_order_acq_rel,
                                                memory_order_relaxed);"
    "        return claimed_.exchange(as, memory_order_acq_rel) == none;")

# ---- channels ----

regression_mutant(12 go_36714 conformance_happens_before_test detail/chan_core.hpp
    "a receive that finds the channel closed is not ordered after the close"
    "        tsan::acquire(&closed);
        return attempt::closed;"
    "        return attempt::closed;" SANITIZE thread)
regression_mutant(13 go_27778 conformance_happens_before_test detail/chan_core.hpp
    "close writes plainly what len reads without the lock"
    "        closed.store(true, memory_order_release);
        note_change();
        while"
    "        closed.store(true, memory_order_release);
        note_change();
        {
            const tsan::user_scope seen;
            auto* plain = reinterpret_cast<volatile std::size_t*>(&count_);
            *plain = *plain;
        }
        while" SANITIZE thread)
regression_mutant(25 tokio_2854 stress_chan_close_test detail/chan_core.hpp
    "a sender that waits when the channel is closed is told that its value was sent"
    "        while (waiter* w = senders_.claim_front()) {
            w->outcome = wait_outcome::closed;"
    "        while (waiter* w = senders_.claim_front()) {
            w->outcome = wait_outcome::ok;")
regression_mutant(26 crossbeam_1187 stress_chan_close_test detail/chan_core.hpp
    "what is left in a channel is destroyed twice"
    "            std::destroy_at(front());
            drop_front();"
    "            std::destroy_at(front());
            std::destroy_at(front());
            drop_front();")
regression_mutant(30 boost_fiber_268 conformance_chan_matrix_test detail/chan_core.hpp
    "a receiver waits without having announced it"
    "            note_receiver_waits(true);
            const wait_outcome o ="
    "            const wait_outcome o =")
regression_mutant(31 boost_fiber_114 conformance_chan_matrix_test detail/chan_core.hpp
    "try_send wakes nobody"
    "        if (woken != nullptr) woken->who->wake();
        if (a == attempt::closed) throw_send_on_closed();
        if (a == attempt::threw) failure.rethrow();
        return a;"
    "        if (a == attempt::closed) throw_send_on_closed();
        if (a == attempt::threw) failure.rethrow();
        return a;")

# ---- time ----

regression_mutant(17 go_38070 regressions_simulated_test detail/timer_chan.hpp
    "a goroutine may be interrupted while it changes a timer"
    "        const bool was = disarm();
        period_ = period;"
    "        const bool was = disarm();
        interruption_point();
        period_ = period;")
regression_mutant(18 go_38860 stress_time_queue_test detail/monitor.hpp
    "goroutines that compute keep their places, whoever waits"
    "                    take_place(w);
"
    "")
regression_mutant(19 go_69312 stress_time_model_test detail/timer_chan.hpp
    "a tick that was sent stays in the channel when its timer is stopped or set again"
    "return channel_->may_receive() && channel_->discard_buffered();"
    "return false;")
regression_mutant(20 tokio_8334 regressions_simulated_test detail/timer_queue.hpp
    "deadlines more than thirteen days away wrap around"
    "        place(size_, {when, n});"
    "        constexpr duration turn(duration::rep{1} << 50);
        if (when != no_deadline && when - now() > turn) when -= turn;
        place(size_, {when, n});")
regression_mutant(21 tokio_3229 stress_time_queue_test detail/timer_chan.hpp
    "a timer whose last handle goes does not wait for the queue, which may be about to expire it"
    "    ~chan_timer() override { scheduler_.cancel(this); }"
    "    ~chan_timer() override {}")
regression_mutant(22 tokio_8252 stress_time_queue_test detail/timer_chan.hpp
    "a timer that was stopped stays in the queue until its time has come"
    "        const bool was_queued = was && scheduler_.cancel(this);"
    "        const bool was_queued = false;")
regression_mutant(29 boost_fiber_212 stress_go_storm_test detail/park.hpp
    "a deadline is armed before its goroutine has left its stack"
    "            park_goroutine(worker_, goroutine_, reason_, waiting_for_, arm_then_after, this);"
    "            goroutine_->home->arm(timer, deadline);
            park_goroutine(worker_, goroutine_, reason_, waiting_for_, after, arg);")
regression_mutant(34 marl_133 stress_chan_timeout_test detail/park.hpp
    "a wait that was served leaves its deadline armed, on a stack that is used again"
    "                goroutine_->home->cancel(timer);
"
    "")

# ---- the scheduler ----

regression_mutant(27 crossbeam_726 model_queues_test detail/run_queue.hpp
    "a thief reads the slots after it has given them back"
    "            Item* first = slots_[h % capacity].load(memory_order_relaxed);
            for (std::uint32_t i = 1; i < n; ++i) {
                Item* item = slots_[(h + i) % capacity].load(memory_order_relaxed);
                mine.slots_[(at + i - 1) % capacity].store(item, memory_order_relaxed);
            }
            RUNNEL_POINT(\"run_queue.steal.before_commit\");
            // [RQ-2], [RQ-3] the slots are ours, or somebody was faster.
            if (head_.compare_exchange_strong(h, h + n, memory_order_acq_rel,
                                              memory_order_relaxed)) {"
    "            if (head_.compare_exchange_strong(h, h + n, memory_order_acq_rel,
                                              memory_order_relaxed)) {
                Item* first = slots_[h % capacity].load(memory_order_relaxed);
                for (std::uint32_t i = 1; i < n; ++i) {
                    Item* item = slots_[(h + i) % capacity].load(memory_order_relaxed);
                    mine.slots_[(at + i - 1) % capacity].store(item, memory_order_relaxed);
                }")
regression_mutant(28 release_sequence model_queues_test detail/run_queue.hpp
    "what is in a slot is not published with it"
    "        tail_.store(t + 1, memory_order_release);                // [RQ-1] publishes the slot"
    "        tail_.store(t + 1, memory_order_relaxed);")
regression_mutant(32 boost_fiber_254 regressions_scheduler_test detail/monitor.hpp
    "nobody is woken for the place of a worker that does not come back"
    "        hurry_ = waiting ? wake_some() : 0;"
    "")
regression_mutant(33 boost_fiber_217 runtime_test detail/scheduler.hpp
    "that a runtime has ended is said for all runtimes of the process"
    "    atomic<std::uint32_t> attention_{0};"
    "    static inline atomic<std::uint32_t> attention_{0};" WHOLE)
regression_mutant(35 marl_256 stress_runtime_ends_test detail/scheduler.hpp
    "a run returns while its goroutines still run"
    "    if (!wait_until_quiet(nullptr, scope, deadline)) return false;
"
    "")
# An inline function's address of a thread_local is remembered in code that could be in a shared library.
regression_mutant(36 libgo_187 hazards_tls_probe detail/this_worker.hpp
    "the present worker is looked up by an inline function that the compiler may merge"
    "RUNNEL_NOINLINE RUNNEL_NO_TSAN inline worker* current_worker() noexcept {
    asm volatile(\"\" ::: \"memory\");  // not pure: two calls may not be merged"
    "RUNNEL_ALWAYS_INLINE worker* current_worker() noexcept {" OPTIONS -O2 -fPIC)

# ---- I/O ----

regression_mutant(37 nature_341 io_test detail/descriptor.hpp
    "what can be written wakes those who read"
    "            descriptor::take_all(d->of(direction::write), wait_outcome::ok, woken);"
    "            descriptor::take_all(d->of(direction::write), wait_outcome::ok, woken);
            descriptor::take_all(d->of(direction::read), wait_outcome::ok, woken);")
regression_mutant(38 moonbit_571 io_test detail/descriptor.hpp
    "an event of a former life of the number is taken for one of this"
    "        if (d->generation != e.data.u64 >> 32) return;  // of a former life"
    "")
regression_mutant(39 go_45211 io_test detail/descriptor.hpp
    "giving up a descriptor wakes those who read from it alone"
    "        for (descriptor::side& s : d->sides) descriptor::take_all(s, wait_outcome::closed, woken);"
    "        descriptor::take_all(d->sides[0], wait_outcome::closed, woken);")

# ---- our own ----

regression_mutant(ours starved_hog detail_monitor_test detail/monitor.hpp
    "a worker that is stuck for want of a processor loses its place"
    "w->watched_time >= period / 2 || !is_runnable(tid);"
    "w->watched_time >= duration::zero() || !is_runnable(tid);")
regression_mutant(ours late_reader faults_windows_test shared_mutex.hpp
    "a reader that comes late takes what was granted to an earlier one, and overtakes a writer"
    "    if (((word().load(memory_order_relaxed) ^ arrived) & phase) != 0) {"
    "    if (grants_ > 0) {")
regression_mutant(ours canceller_holds_nothing faults_windows_test detail/context_core.hpp
    "who cancels a context goes on to use what the one who was woken has let go of"
    "        top->retain();
        cancel_held(top, reason, cause);
        release(top);"
    "        cancel_held(top, reason, cause);")
regression_mutant(ours unwoken_monitor faults_windows_test detail/monitor.hpp
    "the first worker does not wake the monitor, which may have fallen asleep before it was there"
    "    wake_monitor();
    started_.store(true, memory_order_release);"
    "    started_.store(true, memory_order_release);")
regression_mutant(ours one_after_another faults_windows_test detail/monitor.hpp
    "all work waits for one that was woken and gets no processor"
    "        hurry_ = waiting ? wake_some() : 0;"
    "        if (waiting) s_.wake_if_needed();")
regression_mutant(ours overslept faults_windows_test detail/monitor.hpp
    "the monitor goes to sleep on what it has seen before the last goroutine parked"
    "s_.unkept() || activity_of(s_) != seen_) {"
    "s_.unkept()) {")
regression_mutant(ours thread_waits_unkept blocking_test detail/descriptor.hpp
    "a thread waits for I/O, and the only worker, inside blocking(), does not come by any more"
    "        default_scheduler().see_to_keeper_if_all_left();"
    "")
