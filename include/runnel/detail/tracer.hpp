// runnel/detail/tracer.hpp — what ran where and when, noted by each worker and written as a Chrome trace.
// SPDX-License-Identifier: BSL-1.0
//
//   Go      runtime/trace
//   Layer   2
//   Map     1. text   2. records   3. what workers tell   4. start and stop   5. writing
//           who calls these functions → scheduler.hpp, `observer`;  for users → trace.hpp
//
//   Each worker has a track: an array of records that it fills, and writes out when it is full. While no trace goes on
//   nothing of this is touched: the switch compares its tick with a number of the worker's that a trace changes, the
//   loop looks at the word that also says that it is to end, and a wake-up finds `queues_for` null.
//   [TR-1] A worker may notice late that a trace goes on, or is over. Late is harmless at the end, since all tracks are
//          closed before anybody is told. At the start what ran unnoticed must not be made up: start() notes the worker's
//          goroutine and count of switches, and they count only if the worker finds both unchanged when it first tells
//          something. From then on it tells of all: who sees `looks` sees `attention_` and the_observer, too.
//   [TR-2] A track is made once for each worker, and published to it; all in it is guarded by its lock, which
//          start(), stop() and the worker take. Its store is there from start() to stop() alone.
//
//   A goroutine's fields are read by the worker that runs it, or is about to: nobody else can wake or end it then.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include <dlfcn.h>
#include <unistd.h>

#include <runnel/detail/dump.hpp>
#include <runnel/detail/scheduler.hpp>

namespace runnel {
inline namespace v0 {
namespace detail {

// ---- 1. text ----

/// Events of a trace on their way to the file: whole ones only.
template <std::size_t Capacity>
class trace_text {
public:
    trace_text& operator<<(std::string_view s) noexcept {
        for (const char c : s) put(c);
        return *this;
    }
    trace_text& operator<<(std::uint64_t v) noexcept {
        const decimal number(v);
        return *this << number.view();
    }
    /// Microseconds, to the nanosecond.
    trace_text& operator<<(duration d) noexcept {
        const auto ns = static_cast<std::uint64_t>(d.count() > 0 ? d.count() : 0);
        *this << ns / 1000;
        put('.');
        for (std::uint64_t place = 100, rest = ns % 1000; place != 0; place /= 10) {
            put(static_cast<char>('0' + rest / place % 10));
        }
        return *this;
    }
    /// What stands inside of quotes.
    trace_text& escaped(std::string_view s) noexcept {
        for (const char c : s) {
            const auto code = static_cast<unsigned char>(c);
            if (c == '"' || c == '\\') put('\\');
            if (code < 0x20) {
                *this << "\\u00";
                put("0123456789abcdef"[code >> 4]);
                put("0123456789abcdef"[code & 0xf]);
            } else {
                put(c);
            }
        }
        return *this;
    }

    std::string_view view() const noexcept { return {buffer_, size_}; }
    void clear() noexcept { size_ = 0; }
    /// There may be no room for one more event.
    bool nearly_full() const noexcept { return size_ > Capacity - longest_event; }

private:
    // A source file's name has up to 1024 bytes, of which each may become six.
    static constexpr std::size_t longest_event = 7 * 1024;

    void put(char c) noexcept {
        if (size_ < Capacity) buffer_[size_++] = c;
    }

    char buffer_[Capacity]{};
    std::size_t size_ = 0;
};

// ---- 2. records ----

/// One event, as its worker notes it.
struct trace_record {
    enum class kind : std::uint8_t { none, run, blocking, wake };
    /// Why a goroutine stopped running, other than by waiting for something.
    enum class end : std::uint8_t { waits, yields, ended, dropped, trace_stopped };

    kind what = kind::none;
    end why = end::waits;
    wait_reason reason = wait_reason::none;  // if it waits
    bool is_main = false;
    bool was_woken = false;  // by one whose wake-up was noted
    unsigned line = 0;
    time_point from{};
    time_point to{};
    std::uint64_t id = 0;
    std::uint64_t parent = 0;
    const char* file = "";
    const void* pc = nullptr;
    const void* waiting_for = nullptr;
};

/// A track's memory while a trace goes on.
struct trace_store {
    static constexpr std::size_t capacity = 1024;
    using text_type = trace_text<32 * 1024>;
    std::array<trace_record, capacity> records;
    text_type text;
};

/// What one worker does. Lives for ever, as the worker does.
struct trace_track {
    spin_lock lock;
    // guarded by lock: all of it
    trace_store* store = nullptr;  // there while a trace goes on
    bool takes = false;            // what is told is noted; then there is a store
    std::size_t count = 0;
    bool named = false;              // the file says whose track it is
    trace_record open;               // what goes on now
    const goroutine* who = nullptr;  // and whose it is
    std::uint64_t finished = 0;      // goroutines that had ended on the worker when that began
    // As start() saw it from outside: what ran, to be believed if the worker has not switched since.
    struct {
        bool pending = false;
        const goroutine* running = nullptr;
        std::uint32_t ticks = 0;
        std::uint64_t finished = 0;
        trace_record what;
    } seen;
    const worker* owner = nullptr;
    std::uint64_t runtime = 0;             // its number, 1 for the oldest
    time_point here{};                     // when what runs was certainly still here
    time_point last{};                     // when something was noted
    trace_track* next_of_trace = nullptr;  // guarded by the tracer's tracks_lock_
};

class tracer final : public observer {
public:
    constexpr tracer() noexcept = default;

    // ---- 4. start and stop ----

    enum class outcome : std::uint8_t { done, going_on, failed };
    struct result {
        outcome what = outcome::done;
        int error = 0;  // errno's value if it failed
    };

    /// Begins a trace that is written to `path`.
    result start(const char* path) noexcept;
    /// Ends it: all that happened is in the file then. Done at once if none goes on. `failed`: not all could be
    /// written.
    result stop() noexcept;

    // ---- 3. what workers tell ----

    void switches(worker* w, goroutine* next) noexcept override;
    bool wants_loop(worker* w) noexcept override;
    void comes_to_loop(worker* w) noexcept override;
    void runs(worker* w, goroutine* g) noexcept override;
    void gives_place_up(worker* w) noexcept override;
    void has_place_back(worker* w, goroutine* g) noexcept override;
    void wakes(worker* w, goroutine* g, bool fresh) noexcept override;
    void samples(scheduler& s) noexcept override;
    void process_ends() noexcept override { stop(); }

private:
    static constexpr duration between_samples = std::chrono::milliseconds(2);

    static bool half_full(const trace_track& t) noexcept {
        return t.count > trace_store::capacity / 2;
    }
    static bool wants_samples(const trace_track& t, const scheduler& s) noexcept {
        return t.last.time_since_epoch().count() >= s.sample_due.load(memory_order_relaxed);
    }
    static bool has_store(worker* w) noexcept {
        trace_track* t = track_of(w);
        if (t == nullptr) return false;
        const spin_guard guard(t->lock);
        return t->store != nullptr;
    }
    static std::uint64_t number_of(const scheduler& s) noexcept;
    static trace_track* track_of(worker* w) noexcept {
        return w->track.load(memory_order_acquire);  // [TR-2]
    }
    void begin_track(worker* w, bool by_start) noexcept;
    void note_what_runs(worker* w) noexcept;
    void end_track(trace_track& t) noexcept;
    void watch_all(bool on) noexcept;

    static trace_record about(const goroutine& g, trace_record::kind what,
                              time_point from) noexcept;
    void open(trace_track& t, const worker* w, goroutine* g, trace_record::kind what,
              time_point from) noexcept;
    void close(trace_track& t, trace_record::end why, const goroutine* waiting,
               time_point to) noexcept;
    void open_missed(trace_track& t, const worker* w, time_point at) noexcept;
    void close_behind(trace_track& t, const worker* w) noexcept;
    void close_yielded(trace_track& t) noexcept;
    static bool still_runs(const trace_track& t, const goroutine* g, std::uint64_t id,
                           time_point here) noexcept;
    void settle(trace_track& t, const worker* w, std::uint32_t ticks) noexcept;
    void append(trace_track& t, const trace_record& r) noexcept;

    void write_out(trace_track& t) noexcept;
    void write_record(trace_store::text_type& out, const trace_track& t,
                      const trace_record& r) noexcept;
    void write_whose(trace_store::text_type& out, const trace_track& t) const noexcept;
    void write(std::string_view text) noexcept;

    enum class phase : std::uint8_t { none, changing, going };
    atomic<phase> phase_{phase::none};  // [TR-3] who moves it on has what stands below to itself
    atomic<int> error_{0};              // the first that writing met; written by anyone
    int fd_ = -1;            // changed while no track takes anything, and with samples_lock_ held
    time_point epoch_{};     // likewise
    std::uint8_t mark_ = 0;  // likewise; never 0 while a trace goes on
    pid_t process_ = 0;      // likewise

    spin_lock tracks_lock_;
    bool takes_tracks_ = false;      // guarded by tracks_lock_
    trace_track* tracks_ = nullptr;  // guarded by tracks_lock_: of this trace
    spin_lock samples_lock_;         // held while samples are written
    bool takes_samples_ = false;     // guarded by samples_lock_
    trace_text<1024> samples_;       // guarded by samples_lock_
};

RUNNEL_API inline constinit tracer the_tracer{};

// ---- 2. records ----

inline trace_record tracer::about(const goroutine& g, trace_record::kind what,
                                  time_point from) noexcept {
    // relaxed: of who runs it; from outside, see [TR-1]
    trace_record r;
    r.what = what;
    r.from = from;
    r.id = g.id.load(memory_order_relaxed);
    r.parent = g.parent.load(memory_order_relaxed);
    r.file = g.created_file.load(memory_order_relaxed);
    r.line = g.created_line.load(memory_order_relaxed);
    r.pc = g.created_pc.load(memory_order_relaxed);
    r.is_main = g.is_main.load(memory_order_relaxed);
    return r;
}

inline void tracer::append(trace_track& t, const trace_record& r) noexcept {
    if (t.count == trace_store::capacity) write_out(t);
    t.store->records[t.count++] = r;
}

inline void tracer::open(trace_track& t, const worker* w, goroutine* g, trace_record::kind what,
                         time_point from) noexcept {
    t.open = about(*g, what, from);
    t.who = g;
    t.finished = w->finished.load(memory_order_relaxed);
    t.last = from;
    t.here = from;
    if (what == trace_record::kind::run && g->woken_in.load(memory_order_relaxed) == mark_) {
        // relaxed: whoever woke it has also published it
        g->woken_in.store(0, memory_order_relaxed);
        t.open.was_woken = true;
    }
}

/// `waiting`: who waits now, if that is why.
inline void tracer::close(trace_track& t, trace_record::end why, const goroutine* waiting,
                          time_point to) noexcept {
    t.open.to = to;
    t.open.why = why;
    if (waiting != nullptr) {
        t.open.reason = waiting->reason.load(memory_order_relaxed);
        if (waiting->state.load(memory_order_relaxed) == goroutine_state::waiting) {
            t.open.waiting_for = waiting->waiting_for.load(memory_order_relaxed);
        }
    }
    append(t, t.open);
    t.open.what = trace_record::kind::none;
    t.last = to;
}

/// The worker tells something for the first time; `ticks` is its count as its last switch left it. Was what start() saw
/// there all the time? [TR-1]
inline void tracer::settle(trace_track& t, const worker* w, std::uint32_t ticks) noexcept {
    if (!t.seen.pending) return;
    t.seen.pending = false;
    if (t.open.what != trace_record::kind::none || t.seen.ticks != ticks) return;
    const goroutine* g = w->current.load(memory_order_relaxed);
    if (g == nullptr || g != t.seen.running) return;
    t.open = t.seen.what;
    t.here = t.open.from;
    t.who = g;
    t.finished = t.seen.finished;
}

// ---- 3. what workers tell ----

/// What runs on `w` has a slice from now on, if its beginning was not noticed. [TR-1]
inline void tracer::open_missed(trace_track& t, const worker* w, time_point at) noexcept {
    if (t.open.what != trace_record::kind::none) return;
    if (goroutine* g = w->current.load(memory_order_relaxed); g != nullptr) {
        open(t, w, g, trace_record::kind::run, at);
    }
}

inline void tracer::switches(worker* w, goroutine* next) noexcept {
    trace_track* t = track_of(w);
    if (t == nullptr) return;
    const spin_guard guard(t->lock);
    if (!t->takes) return;
    settle(*t, w, w->ticks.load(memory_order_relaxed) - 1);
    const time_point at = now();
    open_missed(*t, w, at);
    const goroutine* g = w->current.load(memory_order_relaxed);
    if (g->state.load(memory_order_relaxed) == goroutine_state::waiting) {
        close(*t, trace_record::end::waits, g, at);
    } else if (next != nullptr) {
        close(*t, trace_record::end::yields, nullptr, at);
    } else {
        t->here = at;  // or it goes on at once: see comes_to_loop()
    }
    if (next != nullptr) open(*t, w, next, trace_record::kind::run, at);
}

inline bool tracer::wants_loop(worker* w) noexcept {
    trace_track* t = track_of(w);
    if (t == nullptr) return false;
    // One that yields might just go on instead.
    const goroutine* g = w->current.load(memory_order_relaxed);
    if (g->state.load(memory_order_relaxed) != goroutine_state::waiting) return false;
    const spin_guard guard(t->lock);
    return t->takes && (half_full(*t) || wants_samples(*t, *w->home));
}

inline void tracer::comes_to_loop(worker* w) noexcept {
    if (!has_store(w)) begin_track(w, false);
    trace_track* t = track_of(w);
    if (t == nullptr) return;
    bool look = false;
    {
        const spin_guard guard(t->lock);
        if (!t->takes) return;
        // Who parks or yields tells before: if nobody has, and nobody ended, it had left when start() looked.
        if (w->finished.load(memory_order_relaxed) == t->seen.finished) t->seen.pending = false;
        settle(*t, w, w->ticks.load(memory_order_relaxed));
        if (t->open.what == trace_record::kind::run) close_behind(*t, w);
        if (half_full(*t)) write_out(*t);
        look = wants_samples(*t, *w->home);
    }
    if (look) samples(*w->home);
}

/// What ran here has gone already.
inline void tracer::close_behind(trace_track& t, const worker* w) noexcept {
    const goroutine* g = w->current.load(memory_order_relaxed);
    if (w->finished.load(memory_order_relaxed) != t.finished) {
        close(t, trace_record::end::ended, nullptr, now());
    } else if (g != nullptr && g->id.load(memory_order_relaxed) == t.open.id &&
               g->state.load(memory_order_relaxed) == goroutine_state::abandoned) {
        close(t, trace_record::end::dropped, nullptr, now());
    } else {
        close_yielded(t);
    }
}

/// What ran has left, and by now another worker may run it: what counts is when it told something last, as that it wants
/// to yield.
inline void tracer::close_yielded(trace_track& t) noexcept {
    close(t, trace_record::end::yields, nullptr, t.here);
}

inline void tracer::runs(worker* w, goroutine* g) noexcept {
    trace_track* t = track_of(w);
    if (t == nullptr) return;
    const spin_guard guard(t->lock);
    if (t->takes) open(*t, w, g, trace_record::kind::run, now());
}

inline void tracer::gives_place_up(worker* w) noexcept {
    trace_track* t = track_of(w);
    if (t == nullptr) return;
    const spin_guard guard(t->lock);
    if (!t->takes) return;
    settle(*t, w, w->ticks.load(memory_order_relaxed));
    const time_point at = now();
    open_missed(*t, w, at);
    goroutine* g = w->current.load(memory_order_relaxed);
    const goroutine_state state = g->state.load(memory_order_relaxed);
    if (state == goroutine_state::running) {
        close(*t, trace_record::end::yields, nullptr, at);
    } else {
        close(*t, trace_record::end::waits, g, at);
    }
    if (state == goroutine_state::blocking) open(*t, w, g, trace_record::kind::blocking, at);
}

inline void tracer::has_place_back(worker* w, goroutine* g) noexcept {
    trace_track* t = track_of(w);
    if (t == nullptr) return;
    const spin_guard guard(t->lock);
    if (!t->takes) return;
    t->seen.pending = false;  // it did not run
    const time_point at = now();
    if (t->open.what == trace_record::kind::blocking) {
        close(*t, trace_record::end::ended, nullptr, at);
    }
    open(*t, w, g, trace_record::kind::run, at);
}

inline void tracer::wakes(worker* w, goroutine* g, bool fresh) noexcept {
    // The last user of its block may have ended where nothing was noted. relaxed: published with the goroutine
    if (fresh) g->woken_in.store(0, memory_order_relaxed);
    trace_track* t = track_of(w);
    if (t == nullptr) return;
    const spin_guard guard(t->lock);
    if (!t->takes) return;
    settle(*t, w, w->ticks.load(memory_order_relaxed));
    trace_record r;
    r.what = trace_record::kind::wake;
    r.from = now();
    r.id = g->id.load(memory_order_relaxed);
    open_missed(*t, w, r.from);
    // On the loop it is a timer's doing, or the network's.
    if (t->open.what != trace_record::kind::run) return;
    if (g->woken_in.load(memory_order_relaxed) == mark_) return;  // it has run unnoticed since
    append(*t, r);
    t->here = r.from;
    g->woken_in.store(mark_, memory_order_relaxed);  // relaxed: published with the goroutine
}

inline void tracer::samples(scheduler& s) noexcept {
    const tsan::runtime_scope ours;
    const time_point at = now();
    const duration::rep next = (at + between_samples).time_since_epoch().count();
    duration::rep due = s.sample_due.load(memory_order_relaxed);
    // relaxed: it only says whose turn it is
    if (at.time_since_epoch().count() < due ||
        !s.sample_due.compare_exchange_strong(due, next, memory_order_relaxed)) {
        return;
    }
    const spin_guard guard(samples_lock_);
    if (!takes_samples_) return;
    const auto counter = [&](std::string_view name, std::uint64_t value) {
        samples_ << ",\n{\"name\":\"" << name << "\",\"ph\":\"C\",\"ts\":" << at - epoch_
                 << ",\"pid\":" << number_of(s) << ",\"args\":{\"" << name << "\":" << value
                 << "}}";
    };
    counter("goroutines", s.goroutine_count());
    counter("runnable", s.queued());
    counter("active workers", s.active());
    counter("timers", s.timer_count());
    write(samples_.view());
    samples_.clear();
}

// ---- 4. start and stop ----

/// Runtimes in the order of their making: the list begins with the youngest.
inline std::uint64_t tracer::number_of(const scheduler& s) noexcept {
    std::uint64_t n = 0;
    for (const scheduler* at = &s; at != nullptr; at = at->next_scheduler()) ++n;
    return n;
}

/// The worker's own, or start()'s: then it is closed yet.
inline void tracer::begin_track(worker* w, bool by_start) noexcept {
    auto* store = new (std::nothrow) trace_store;
    trace_track* t = track_of(w);
    auto* made = t == nullptr ? new (std::nothrow) trace_track : nullptr;
    {
        const spin_guard guard(tracks_lock_);
        if (t == nullptr) t = track_of(w);
        if ((takes_tracks_ || by_start) && store != nullptr && (t != nullptr || made != nullptr)) {
            if (t == nullptr) {
                t = std::exchange(made, nullptr);
                t->owner = w;
                t->runtime = number_of(*w->home);
                w->track.store(t, memory_order_release);  // [TR-2]
            }
            const spin_guard inside(t->lock);
            if (t->store == nullptr) {
                t->store = std::exchange(store, nullptr);
                t->count = 0;
                t->named = false;
                t->open = {};
                t->who = nullptr;  // what an earlier trace was told says nothing of this one
                t->seen = {};
                t->last = epoch_;
                t->takes = !by_start;
                t->next_of_trace = tracks_;
                tracks_ = t;
            }
        }
    }
    delete made;
    delete store;
}

inline void tracer::note_what_runs(worker* w) noexcept {
    trace_track* t = track_of(w);
    if (t == nullptr) return;
    const spin_guard guard(t->lock);
    if (t->store == nullptr) return;
    t->seen.finished = w->finished.load(memory_order_relaxed);
    t->seen.ticks = w->ticks.load(memory_order_relaxed);
    const goroutine* g = w->current.load(memory_order_relaxed);
    t->seen.running = g;
    t->seen.pending =
        g != nullptr && g->state.load(memory_order_relaxed) == goroutine_state::running;
    if (t->seen.pending) t->seen.what = about(*g, trace_record::kind::run, {});
}

inline void tracer::watch_all(bool on) noexcept {
    const spin_guard guard(observer_lock);
    the_observer.store(this, memory_order_release);  // [TR-1]
    observer_watches = on;
    for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) s->watch(on);
}

inline tracer::result tracer::start(const char* path) noexcept {
    const tsan::runtime_scope ours;
    phase none = phase::none;
    if (!phase_.compare_exchange_strong(none, phase::changing, memory_order_acquire)) {  // [TR-3]
        return {outcome::going_on};
    }
    const auto fails = [this](int error) {
        phase_.store(phase::none, memory_order_release);  // [TR-3]
        return result{outcome::failed, -error};
    };
    const int fd = create_file(path);
    if (fd < 0) return fails(fd);
    static constexpr std::string_view first =
        "[\n{\"name\":\"trace\",\"ph\":\"i\",\"s\":\"g\",\"ts\":0,\"pid\":1,\"tid\":0}";
    if (const int error = append_to_file(fd, first.data(), first.size()); error != 0) {
        close_file(fd);
        return fails(error);
    }
    error_.store(0, memory_order_relaxed);
    {
        const spin_guard guard(samples_lock_);
        fd_ = fd;
        process_ = ::getpid();
        mark_ = static_cast<std::uint8_t>(mark_ % 255 + 1);
    }
    watch_all(true);
    const auto each_worker = [](auto f) {
        for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
            if (s->conducted_by() != nullptr) continue;
            for (std::uint32_t i = 0; i < s->worker_count(); ++i) {
                if (worker* w = s->worker_at(i); w != nullptr) f(w);
            }
        }
    };
    each_worker([this](worker* w) { begin_track(w, true); });
    each_worker([this](worker* w) { note_what_runs(w); });
    {
        const spin_guard guard(samples_lock_);
        epoch_ = now();  // what was seen and still runs there ran at this moment
        takes_samples_ = true;
    }
    {
        const spin_guard guard(tracks_lock_);
        takes_tracks_ = true;
        for (trace_track* t = tracks_; t != nullptr; t = t->next_of_trace) {
            const spin_guard inside(t->lock);
            t->seen.what.from = epoch_;
            t->last = epoch_;
            t->takes = true;
        }
    }
    if (worker* here = current_worker(); here != nullptr && here->home->conducted_by() == nullptr) {
        scheduler::tell_wakes(here);  // others find out at their next switch
    }
    for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
        s->sample_due.store(0, memory_order_relaxed);
        if (s->conducted_by() == nullptr && s->thread_count() != 0) samples(*s);
    }
    phase_.store(phase::going, memory_order_release);  // [TR-3]
    return {};
}

/// As seen from outside: a worker that has yielded what it ran, or parked it before it told of anything, has it in
/// `current` until it comes to its loop. Then it waits in a queue, or is elsewhere, or has gone on from there. Of two
/// that have it the one runs it that has told of it last; `here` is when `t` was told so. If that is not known of both,
/// neither is believed.
inline bool tracer::still_runs(const trace_track& t, const goroutine* g, std::uint64_t id,
                               time_point here) noexcept {
    if (g == nullptr || g->id.load(memory_order_acquire) != id ||
        g->state.load(memory_order_acquire) != goroutine_state::running) {
        return false;
    }
    // Our own worker: what it has there is who calls.
    if (t.owner == current_worker()) return t.owner->current.load(memory_order_relaxed) == g;
    const scheduler& s = *t.owner->home;
    for (std::uint32_t i = 0; i < s.worker_count(); ++i) {
        const worker* w = s.worker_at(i);
        if (w == nullptr || w == t.owner || w->current.load(memory_order_relaxed) != g) continue;
        trace_track* other = w->track.load(memory_order_acquire);  // [TR-2]
        if (other == nullptr) return false;
        const spin_guard guard(other->lock);  // nobody but who stops a trace holds two
        if (other->who != g || other->here >= here) return false;
    }
    return true;
}

/// What still goes on there ends, for the trace.
inline void tracer::end_track(trace_track& t) noexcept {
    trace_store* store = nullptr;
    {
        const spin_guard guard(t.lock);
        const time_point at = now();  // before the looks below: whatever it is, it was so until now
        // A worker that has told nothing at all: it runs what it ran, if it has not switched.
        if (!still_runs(t, t.seen.running, t.seen.what.id, t.seen.what.from)) {
            t.seen.pending = false;
        }
        settle(t, t.owner, t.owner->ticks.load(memory_order_relaxed));
        if (t.open.what == trace_record::kind::run &&
            t.owner->finished.load(memory_order_relaxed) != t.finished) {
            close(t, trace_record::end::ended, nullptr, at);  // the worker is about to tell so
        } else if (t.open.what == trace_record::kind::run &&
                   !still_runs(t, t.who, t.open.id, t.here)) {
            close_yielded(t);
        } else if (t.open.what != trace_record::kind::none) {
            close(t, trace_record::end::trace_stopped, nullptr, at);
        }
        write_out(t);
        store = t.store;
        t.store = nullptr;
        t.takes = false;
    }
    delete store;
}

inline tracer::result tracer::stop() noexcept {
    const tsan::runtime_scope ours;
    phase going = phase::going;
    if (!phase_.compare_exchange_strong(going, phase::changing, memory_order_acquire)) {  // [TR-3]
        return {};
    }
    if (process_ != ::getpid()) return {};  // the child of a fork: the file is the parent's
    for (scheduler* s = scheduler::first(); s != nullptr; s = s->next_scheduler()) {
        s->sample_due.store(0, memory_order_relaxed);
        if (s->conducted_by() == nullptr && s->thread_count() != 0) samples(*s);
    }
    trace_track* all = nullptr;
    {
        const spin_guard guard(tracks_lock_);
        takes_tracks_ = false;
        all = tracks_;
        tracks_ = nullptr;
    }
    for (trace_track* t = all; t != nullptr; t = t->next_of_trace) end_track(*t);
    // Only now: as long as a track is open its worker must tell of every switch.
    watch_all(false);
    int error = 0;
    {
        const spin_guard guard(samples_lock_);
        takes_samples_ = false;
        write("\n]\n");
        const int closed = close_file(fd_);
        fd_ = -1;
        error = error_.load(memory_order_relaxed);
        if (error == 0) error = closed;
    }
    phase_.store(phase::none, memory_order_release);  // [TR-3]
    return error == 0 ? result{} : result{outcome::failed, -error};
}

// ---- 5. writing ----

inline void tracer::write(std::string_view text) noexcept {
    // relaxed: after an error the file is not whole any more, and what is still appended does no harm
    if (error_.load(memory_order_relaxed) != 0) return;
    if (const int error = append_to_file(fd_, text.data(), text.size()); error != 0) {
        error_.store(error, memory_order_relaxed);
    }
}

inline void tracer::write_out(trace_track& t) noexcept {
    if (t.count == 0) return;
    trace_store::text_type& out = t.store->text;
    out.clear();
    if (!t.named) write_whose(out, t);
    t.named = true;
    for (std::size_t i = 0; i < t.count; ++i) {
        if (out.nearly_full()) {
            write(out.view());
            out.clear();
        }
        write_record(out, t, t.store->records[i]);
    }
    write(out.view());
    t.count = 0;
}

inline std::uint64_t thread_number(const trace_track& t) noexcept {
    return t.runtime * scheduler::max_workers +
           t.owner->index;  // of the process, not of the runtime
}

inline void tracer::write_whose(trace_store::text_type& out, const trace_track& t) const noexcept {
    out << ",\n{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":" << t.runtime
        << ",\"args\":{\"name\":\"runtime " << t.runtime << "\"}}";
    out << ",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":" << t.runtime
        << ",\"tid\":" << thread_number(t) << ",\"args\":{\"name\":\"worker "
        << std::uint64_t{t.owner->index} << "\"}}";
    out << ",\n{\"name\":\"thread_sort_index\",\"ph\":\"M\",\"pid\":" << t.runtime
        << ",\"tid\":" << thread_number(t)
        << ",\"args\":{\"sort_index\":" << std::uint64_t{t.owner->index} << "}}";
}

inline void tracer::write_record(trace_store::text_type& out, const trace_track& t,
                                 const trace_record& r) noexcept {
    const auto place = [&] { out << ",\"pid\":" << t.runtime << ",\"tid\":" << thread_number(t); };
    const auto arrow = [&](std::string_view end, time_point at) {
        out << ",\n{\"name\":\"wake\",\"cat\":\"wake\",\"ph\":\"" << end << "\",\"id\":" << r.id
            << ",\"ts\":" << at - epoch_;
        place();
        out << "}";
    };
    if (r.what == trace_record::kind::wake) {
        arrow("s", r.from);
        return;
    }
    const bool blocks = r.what == trace_record::kind::blocking;
    out << ",\n{\"name\":\"";
    if (r.is_main) {
        out << "main";
    } else {
        out << "goroutine " << r.id;
    }
    out << (blocks ? " in blocking()\",\"cat\":\"blocking\"" : "\",\"cat\":\"goroutine\"")
        << ",\"ph\":\"X\",\"ts\":" << r.from - epoch_ << ",\"dur\":" << r.to - r.from;
    place();
    out << ",\"args\":{\"id\":" << r.id << ",\"created_at\":\"";
    report_line created;
    write_created(created, r.file, r.line, r.pc);
    out.escaped(created.view());
    out << "\",\"created_by\":" << r.parent << ",\"why\":\"";
    switch (r.why) {
        case trace_record::end::waits:
            out << to_string(r.reason);
            break;
        case trace_record::end::yields:
            out << "yield";
            break;
        case trace_record::end::ended:
            out << "end";
            break;
        case trace_record::end::dropped:
            out << "end of its run";
            break;
        case trace_record::end::trace_stopped:
            out << "end of the trace";
            break;
    }
    out << "\"";
    if (r.waiting_for != nullptr) {
        report_line address;
        address << r.waiting_for;
        out << ",\"on\":\"" << address.view() << "\"";
    }
    out << "}}";
    // Inside the slice, so that viewers bind it to this one and not to its neighbour.
    if (r.was_woken) {
        arrow("f\",\"bp\":\"e", r.to > r.from ? r.from + duration(1) : r.from);
    }
}

}  // namespace detail
}  // namespace v0
}  // namespace runnel
