// tests/random/checker.cpp — the sequential model, and the search for an order that explains a history.
// SPDX-License-Identifier: BSL-1.0
#include "random/checker.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace test::random {

namespace {

constexpr std::size_t none = static_cast<std::size_t>(-1);
constexpr std::size_t most_values = 100;
constexpr std::int8_t nobody = -1;

// ---- 1. the state ----

enum class phase : std::uint8_t {
    idle,
    called,
    parked,
    relocking,  // what it waited for has come, its mutex has not
    complete,
};

struct model_channel {
    bool closed = false;
    bool error = false;
    std::uint8_t length = 0;
    std::array<std::uint16_t, most_values> values;

    void push(std::uint16_t v) noexcept { values[length++] = v; }
    std::uint16_t pop() noexcept {
        const std::uint16_t v = values[0];
        --length;
        std::memmove(values.data(), values.data() + 1, length * sizeof(std::uint16_t));
        return v;
    }
};

struct model_timer {
    bool armed = false;
    std::int64_t when = 0;
    std::int64_t period = 0;
};

struct slot {
    phase at = phase::idle;
    std::uint8_t order = 0;  // of parking
    std::uint16_t call = 0;
    // One that has waited in vain for permits, or to write, is called once more: it lets those behind it
    // pass, and gives back what it got. One that has waited for zero in vain looks once more.
    std::int8_t gives_back = -1;
    result then = result::none;
};

struct state {
    std::int64_t now = 0;
    std::array<model_channel, most_channels + most_timers> buffers;  // the others have none
    std::array<slot, most_bodies> slots{};
    std::array<model_timer, most_timers> timers{};
    std::array<result, most_contexts> contexts{};       // none: not done
    int permits = 0;                                    // free ones
    std::array<std::int8_t, most_conditions> owners{};  // of the mutexes; nobody: free
    std::int8_t writer = nobody;                        // of the shared_mutex
    std::int8_t readers = 0;
    int count = 0;  // of the wait group
    bool contradiction = false;

    state() { owners.fill(nobody); }
    // Only what is in the buffers is copied.
    state(const state& o) noexcept { *this = o; }
    state& operator=(const state& o) noexcept {
        now = o.now;
        for (std::size_t i = 0; i < buffers.size(); ++i) {
            model_channel& to = buffers[i];
            const model_channel& from = o.buffers[i];
            to.closed = from.closed;
            to.error = from.error;
            to.length = from.length;
            std::memcpy(to.values.data(), from.values.data(), from.length * sizeof(std::uint16_t));
        }
        slots = o.slots;
        timers = o.timers;
        contexts = o.contexts;
        permits = o.permits;
        owners = o.owners;
        writer = o.writer;
        readers = o.readers;
        count = o.count;
        contradiction = o.contradiction;
        return *this;
    }

    std::uint64_t hash(std::size_t position) const noexcept {
        std::uint64_t h = 0xcbf29ce484222325ULL;
        const auto mix = [&](std::uint64_t v) {
            h = (h ^ v) * 0x9e3779b97f4a7c15ULL;
            h ^= h >> 29;
        };
        mix(position);
        mix(static_cast<std::uint64_t>(now));
        for (const model_channel& c : buffers) {
            mix(c.length + (c.closed ? 256U : 0U));
            for (std::size_t i = 0; i < c.length; ++i) mix(c.values[i]);
        }
        for (const slot& s : slots) {
            mix(static_cast<std::uint64_t>(s.at) + (std::uint64_t{s.order} << 8) +
                (static_cast<std::uint64_t>(s.gives_back + 1) << 16));
        }
        mix(static_cast<std::uint64_t>(permits) + (static_cast<std::uint64_t>(count) << 32));
        mix(static_cast<std::uint64_t>(writer + 1) + (static_cast<std::uint64_t>(readers) << 8));
        for (const std::int8_t o : owners) mix(static_cast<std::uint64_t>(o + 1));
        for (const model_timer& t : timers) {
            mix(t.armed ? static_cast<std::uint64_t>(t.when) : ~std::uint64_t{0});
        }
        for (const result r : contexts) mix(static_cast<std::uint64_t>(r));
        return h;
    }
};

// ---- 2. effects ----

class model {
public:
    model(const program& p, const history& h) : p_(p), h_(h) {}

    state beginning() const {
        state s;
        s.permits = p_.permits;
        s.count = h_.count;
        for (std::size_t i = 0; i < p_.timers.size(); ++i) {
            const timer_spec& t = p_.timers[i];
            s.timers[i] = {true, t.first, t.ticks ? t.first : 0};
        }
        for (std::size_t i = 0; i < p_.contexts.size(); ++i) {
            const context_spec& c = p_.contexts[i];
            const bool parent_done =
                c.parent >= 0 && s.contexts[static_cast<std::size_t>(c.parent)] != result::none;
            if (parent_done || c.timeout == 0) s.contexts[i] = result::timeout;
        }
        return s;
    }

    const call& call_of(const slot& s) const { return h_.calls[s.call]; }

    std::int64_t context_deadline(std::size_t i) const {
        const std::int64_t own = p_.contexts[i].timeout;
        return own < 0 ? -1 : own;
    }

    /// The effect of an operation that was called.
    void enter(state& s, std::size_t g) const {
        const call& c = call_of(s.slots[g]);
        if (!h_.exact && c.means == meaning::exchange && c.got == result::timeout &&
            c.what->kind == op_kind::select &&
            c.what->arms[static_cast<std::size_t>(c.index)].kind == arm_kind::after) {
            complete(s, g, result::timeout, c.index);  // its timer ran before the select began
            return;
        }
        if (!h_.exact && c.got == result::canceled && s.slots[g].gives_back < 0 && c.context >= 0 &&
            s.contexts[static_cast<std::size_t>(c.context)] == result::canceled) {
            complete(s, g, result::canceled);
            if (c.relocks >= 0) s.slots[g].at = phase::complete;  // it was never unlocked
            return;
        }
        switch (c.means) {
            case meaning::nothing:
                break;
            case meaning::exchange:
                exchange(s, g, c);
                break;
            case meaning::close:
            case meaning::close_error:
                close(s, g, c);
                break;
            case meaning::cancel:
                end_context(s, c.object, result::canceled);
                complete(s, g, result::ok);
                break;
            case meaning::stop:
            case meaning::reset:
                set_timer(s, g, c);
                break;
            case meaning::notify_all:
                for (std::size_t w; (w = first_parked(s, c.object, false, g)) != none;) {
                    complete(s, w, result::ok);
                }
                complete(s, g, result::ok);
                break;
            case meaning::acquire:
                acquire(s, g, c);
                break;
            case meaning::release:
                s.permits += c.amount;
                serve(s);
                complete(s, g, result::ok);
                break;
            case meaning::lock:
                if (s.owners[c.object] == nobody) {
                    get_mutex(s, g);
                } else {
                    does_without(s, g, c);
                }
                break;
            case meaning::unlock:
                unlock(s, g, c.object);
                complete(s, g, result::ok);
                break;
            case meaning::lock_write:
                lock_write(s, g, c);
                break;
            case meaning::lock_read:
                if (s.writer == nobody && first_with(s, meaning::lock_write) == none) {
                    get_shared(s, g);
                    admit_readers(s);
                } else {
                    does_without(s, g, c);
                }
                break;
            case meaning::unlock_rw:
                unlock_rw(s, g);
                complete(s, g, result::ok);
                break;
            case meaning::add:
                // Refused: those who waited for zero have not all returned.
                if (c.got == result::no) {
                    s.contradiction = s.contradiction || s.count != 0;
                } else {
                    ++s.count;
                }
                complete(s, g, c.got == result::no ? result::no : result::ok);
                break;
            case meaning::done:
                if (--s.count == 0) {
                    for (std::size_t w; (w = first_with(s, meaning::wait_zero)) != none;) {
                        complete(s, w, result::ok);
                    }
                }
                complete(s, g, result::ok);
                break;
            case meaning::wait_zero:
                if (slot& mine = s.slots[g]; mine.gives_back >= 0) {
                    mine.gives_back = -1;
                    complete(s, g, s.count == 0 ? result::ok : mine.then);
                } else if (c.early != result::none) {
                    complete(s, g, c.early);
                } else if (s.count == 0) {
                    complete(s, g, result::ok);
                } else {
                    does_without(s, g, c);
                }
                break;
        }
    }

    // ---- what happens by itself ----

    std::int64_t next_by_itself(const state& s) const {
        std::int64_t next = -1;
        const auto consider = [&](std::int64_t t) {
            if (t >= 0 && (next < 0 || t < next)) next = t;
        };
        for (const slot& g : s.slots) {
            if (g.at == phase::parked) consider(call_of(g).deadline);
        }
        for (const model_timer& t : s.timers) {
            if (t.armed) consider(t.when);
        }
        for (std::size_t i = 0; i < p_.contexts.size(); ++i) {
            if (s.contexts[i] == result::none) consider(context_deadline(i));
        }
        return next;
    }

    // For each body its deadline, and the mutex that it waits for; then timers, and the contexts' deadlines.
    static constexpr std::size_t own_events = 2 * most_bodies + most_timers + most_contexts;
    bool due(const state& s, std::size_t event) const {
        const auto is = [&](std::int64_t t) { return t >= 0 && t <= s.now; };
        if (event < most_bodies) {
            const slot& g = s.slots[event];
            return g.at == phase::parked && is(call_of(g).deadline);
        }
        event -= most_bodies;
        if (event < most_bodies) {
            const int m = waits_for_mutex(s, event);
            return m >= 0 && s.owners[static_cast<std::size_t>(m)] == nobody;
        }
        event -= most_bodies;
        if (event < most_timers) return s.timers[event].armed && is(s.timers[event].when);
        event -= most_timers;
        return event < p_.contexts.size() && s.contexts[event] == result::none &&
               is(context_deadline(event));
    }
    void happen(state& s, std::size_t event) const {
        if (event < most_bodies) {
            const call& c = call_of(s.slots[event]);
            if (c.means == meaning::acquire || c.means == meaning::lock_write ||
                c.means == meaning::wait_zero) {
                waited_in_vain(s, event, result::timeout, 0);
                return;
            }
            const bool that_arm = c.index >= 0 && (c.deadline_arms >> c.index & 1U) != 0;
            complete(s, event, result::timeout, that_arm ? c.index : -1);
            return;
        }
        event -= most_bodies;
        if (event < most_bodies) {
            get_mutex(s, event);
            return;
        }
        event -= most_bodies;
        if (event < most_timers) {
            fire(s, event);
        } else {
            end_context(s, event - most_timers, result::timeout);
        }
    }

private:
    void complete(state& s, std::size_t g, result r, int index = 0, std::uint16_t value = 0) const {
        slot& mine = s.slots[g];
        const call& c = call_of(mine);
        mine.at = c.relocks >= 0 && c.early == result::none ? phase::relocking : phase::complete;
        const bool as_seen =
            c.got == r && (index == c.index || r == result::threw_closed || r == result::error) &&
            value == c.value;
        // One that still waits for its mutex says nothing yet.
        const bool says_nothing = c.got == result::none && (c.relocks >= 0 || c.unseen);
        if (!as_seen && !says_nothing) s.contradiction = true;
    }

    // Of those parked to send to (or receive from) the channel, the one that parked first.
    std::size_t first_parked(const state& s, std::size_t channel, bool sends,
                             std::size_t but) const {
        std::size_t first = none;
        for (std::size_t g = 0; g < most_bodies; ++g) {
            if (g == but || s.slots[g].at != phase::parked) continue;
            if (first != none && s.slots[g].order > s.slots[first].order) continue;
            for (const exchange_case& e : call_of(s.slots[g]).cases) {
                if (e.channel == channel && e.sends == sends) {
                    first = g;
                    break;
                }
            }
        }
        return first;
    }
    // Which of its cases: any that fits; the one that was seen, if that does.
    const exchange_case& case_of(const state& s, std::size_t g, std::size_t channel,
                                 bool sends) const {
        const call& c = call_of(s.slots[g]);
        const exchange_case* found = nullptr;
        for (const exchange_case& e : c.cases) {
            if (e.channel != channel || e.sends != sends) continue;
            if (found == nullptr || e.index == c.index) found = &e;
        }
        return *found;
    }

    bool is_nil(std::size_t channel) const {
        return channel < most_channels && p_.channels[channel] == random::is_nil;
    }
    bool is_closed(const state& s, std::size_t channel) const {
        if (channel < s.buffers.size()) return s.buffers[channel].closed;
        return channel < first_condition && s.contexts[channel - first_done] != result::none;
    }
    static bool has_error(const state& s, std::size_t channel) {
        return channel < s.buffers.size() && s.buffers[channel].error;
    }
    std::size_t length(const state& s, std::size_t channel) const {
        return channel < s.buffers.size() ? s.buffers[channel].length : 0;
    }
    bool has_room(const state& s, std::size_t channel) const {
        if (channel >= most_channels) return false;
        const int capacity = p_.channels[channel];
        return capacity == is_unbounded || s.buffers[channel].length < capacity;
    }

    bool ready(const state& s, std::size_t g, const exchange_case& e) const {
        if (is_nil(e.channel)) return false;
        if (is_closed(s, e.channel)) return true;
        if (e.sends) {
            return has_room(s, e.channel) || first_parked(s, e.channel, false, g) != none;
        }
        return length(s, e.channel) != 0 || first_parked(s, e.channel, true, g) != none;
    }

    void exchange(state& s, std::size_t g, const call& c) const {
        if (c.early != result::none) {
            complete(s, g, c.early);
            return;
        }
        if (c.relocks >= 0) unlock(s, g, static_cast<std::size_t>(c.relocks));
        const exchange_case* chosen = nullptr;
        bool any = false;
        for (const exchange_case& e : c.cases) {
            if (!ready(s, g, e)) continue;
            // What ends in an exception does not say which case it was.
            const bool throws = (c.got == result::threw_closed && e.sends) ||
                                (c.got == result::error && !e.sends && length(s, e.channel) == 0);
            const bool fits = throws
                                  ? is_closed(s, e.channel) && (e.sends || has_error(s, e.channel))
                                  : c.index == e.index;
            if (fits && (!any || !c.in_order) && chosen == nullptr) chosen = &e;
            any = true;
        }
        if (chosen != nullptr) {
            pass(s, g, *chosen);
        } else if (any) {
            s.contradiction = true;
        } else if (c.otherwise != result::none) {
            complete(s, g, c.otherwise, c.otherwise_index);
        } else if (c.context >= 0 &&
                   s.contexts[static_cast<std::size_t>(c.context)] != result::none) {
            complete(s, g, s.contexts[static_cast<std::size_t>(c.context)]);
        } else {
            park(s, g);
        }
    }

    static void park(state& s, std::size_t g) {
        std::uint8_t order = 0;
        for (const slot& o : s.slots) {
            if (o.at == phase::parked) {
                order = std::max(order, static_cast<std::uint8_t>(o.order + 1));
            }
        }
        s.slots[g].at = phase::parked;
        s.slots[g].order = order;
    }

    void pass(state& s, std::size_t g, const exchange_case& e) const {
        if (e.sends) {
            if (is_closed(s, e.channel)) {
                complete(s, g, result::threw_closed);
                return;
            }
            if (const std::size_t w = first_parked(s, e.channel, false, g); w != none) {
                complete(s, w, result::ok, case_of(s, w, e.channel, false).index, e.value);
            } else {
                s.buffers[e.channel].push(e.value);
            }
            complete(s, g, result::ok, e.index);
            return;
        }
        const std::size_t w = first_parked(s, e.channel, true, g);
        if (length(s, e.channel) != 0) {
            const std::uint16_t value = s.buffers[e.channel].pop();
            if (w != none) {
                const exchange_case& sender = case_of(s, w, e.channel, true);
                s.buffers[e.channel].push(sender.value);
                complete(s, w, result::ok, sender.index);
            }
            complete(s, g, result::ok, e.index, value);
        } else if (w != none) {
            const exchange_case& sender = case_of(s, w, e.channel, true);
            complete(s, w, result::ok, sender.index);
            complete(s, g, result::ok, e.index, sender.value);
        } else {
            complete(s, g, has_error(s, e.channel) ? result::error : result::closed, e.index);
        }
    }

    void close(state& s, std::size_t g, const call& c) const {
        if (is_nil(c.object)) {
            complete(s, g, result::threw_nil);
            return;
        }
        model_channel& channel = s.buffers[c.object];
        if (channel.closed) {
            complete(s, g, result::threw_closed);
            return;
        }
        channel.closed = true;
        channel.error = c.means == meaning::close_error;
        for (std::size_t w; (w = first_parked(s, c.object, false, none)) != none;) {
            complete(s, w, channel.error ? result::error : result::closed,
                     case_of(s, w, c.object, false).index);
        }
        for (std::size_t w; (w = first_parked(s, c.object, true, none)) != none;) {
            complete(s, w, result::threw_closed);
        }
        complete(s, g, result::ok);
    }

    void end_context(state& s, std::size_t i, result why) const {
        if (s.contexts[i] != result::none) return;
        // Those below end with it, in an order that is nobody's business.
        std::array<bool, most_contexts> ends{};
        ends[i] = true;
        s.contexts[i] = why;
        for (std::size_t k = i + 1; k < p_.contexts.size(); ++k) {
            const int parent = p_.contexts[k].parent;
            if (parent < 0 || !ends[static_cast<std::size_t>(parent)]) continue;
            if (s.contexts[k] != result::none) continue;
            ends[k] = true;
            s.contexts[k] = why;
        }
        for (std::size_t g = 0; g < most_bodies; ++g) {
            if (s.slots[g].at != phase::parked) continue;
            const call& c = call_of(s.slots[g]);
            const exchange_case* found = nullptr;
            for (const exchange_case& e : c.cases) {
                if (e.channel < first_done || e.channel >= first_condition) continue;
                if (!ends[e.channel - first_done]) continue;
                if (found == nullptr || e.index == c.index) found = &e;
            }
            if (found != nullptr) {
                complete(s, g, result::closed, found->index);
            } else if (c.context >= 0 && ends[static_cast<std::size_t>(c.context)]) {
                if (c.means == meaning::acquire || c.means == meaning::wait_zero) {
                    waited_in_vain(s, g, why, 0);
                } else {
                    complete(s, g, why);
                }
            }
        }
    }

    // The one that parked first for such a thing.
    std::size_t first_with(const state& s, meaning m) const {
        std::size_t first = none;
        for (std::size_t g = 0; g < most_bodies; ++g) {
            if (s.slots[g].at != phase::parked || call_of(s.slots[g]).means != m) continue;
            if (first == none || s.slots[g].order < s.slots[first].order) first = g;
        }
        return first;
    }
    // What it wants is not to be had at once.
    void does_without(state& s, std::size_t g, const call& c) const {
        if (c.otherwise != result::none) {
            complete(s, g, c.otherwise);
        } else if (c.context >= 0 &&
                   s.contexts[static_cast<std::size_t>(c.context)] != result::none) {
            complete(s, g, s.contexts[static_cast<std::size_t>(c.context)]);
        } else {
            park(s, g);
        }
    }

    // ---- the mutexes ----
    //
    // A mutex that comes free is for anybody who wants it: whoever is parked may get it then, at any moment, and
    // time does not go on before somebody has.

    int waits_for_mutex(const state& s, std::size_t g) const {
        const slot& mine = s.slots[g];
        if (mine.at == phase::relocking) return call_of(mine).relocks;
        const bool waits = mine.at == phase::parked && call_of(mine).means == meaning::lock;
        return waits ? call_of(mine).object : -1;
    }
    void get_mutex(state& s, std::size_t g) const {
        slot& mine = s.slots[g];
        const call& c = call_of(mine);
        const bool again = mine.at == phase::relocking;
        s.owners[again ? static_cast<std::size_t>(c.relocks) : c.object] =
            static_cast<std::int8_t>(g);
        if (again) {
            mine.at = phase::complete;
        } else {
            complete(s, g, result::ok);
        }
    }
    static void unlock(state& s, std::size_t g, std::size_t m) {
        if (s.owners[m] != static_cast<std::int8_t>(g)) s.contradiction = true;
        s.owners[m] = nobody;
    }

    // ---- the shared_mutex ----

    void lock_write(state& s, std::size_t g, const call& c) const {
        slot& mine = s.slots[g];
        if (mine.gives_back >= 0) {
            mine.gives_back = -1;
            if (s.writer == nobody && first_with(s, meaning::lock_write) == none) admit_readers(s);
            complete(s, g, mine.then);
        } else if (s.writer == nobody && s.readers == 0) {
            get_exclusive(s, g);
        } else {
            does_without(s, g, c);
        }
    }
    void get_exclusive(state& s, std::size_t g) const {
        s.writer = static_cast<std::int8_t>(g);
        complete(s, g, result::ok);
    }
    void get_shared(state& s, std::size_t g) const {
        ++s.readers;
        complete(s, g, result::ok);
    }
    void admit_readers(state& s) const {
        for (std::size_t g; (g = first_with(s, meaning::lock_read)) != none;) get_shared(s, g);
    }
    // All readers that have come while a writer held it go before the next writer.
    void unlock_rw(state& s, std::size_t g) const {
        if (s.writer == static_cast<std::int8_t>(g)) {
            s.writer = nobody;
            admit_readers(s);
        } else if (--s.readers < 0 || s.writer != nobody) {
            s.contradiction = true;
        }
        if (s.readers > 0) return;
        if (const std::size_t next = first_with(s, meaning::lock_write); next != none) {
            get_exclusive(s, next);
        } else {
            admit_readers(s);
        }
    }

    // ---- the semaphore ----

    void serve(state& s) const {
        for (std::size_t g; (g = first_with(s, meaning::acquire)) != none;) {
            if (call_of(s.slots[g]).amount > s.permits) break;
            get(s, g);
        }
    }
    void get(state& s, std::size_t g) const {
        const call& c = call_of(s.slots[g]);
        s.permits -= c.amount;
        // With a context that was done when it went on: it gives them back.
        if (c.context >= 0 && (c.got == result::canceled || c.got == result::timeout)) {
            waited_in_vain(s, g, c.got, c.amount);
        } else {
            complete(s, g, result::ok);
        }
    }
    static void waited_in_vain(state& s, std::size_t g, result r, std::uint8_t gives_back) {
        s.slots[g].at = phase::called;
        s.slots[g].gives_back = static_cast<std::int8_t>(gives_back);
        s.slots[g].then = r;
    }
    void acquire(state& s, std::size_t g, const call& c) const {
        slot& mine = s.slots[g];
        if (mine.gives_back >= 0) {
            if (mine.gives_back > 0 &&
                s.contexts[static_cast<std::size_t>(c.context)] != mine.then) {
                s.contradiction = true;
            }
            s.permits += mine.gives_back;
            mine.gives_back = -1;
            serve(s);
            complete(s, g, mine.then);
        } else if (c.early != result::none) {
            complete(s, g, c.early);
        } else if (c.amount <= s.permits && first_with(s, meaning::acquire) == none) {
            get(s, g);
        } else if (c.otherwise != result::none) {
            complete(s, g, c.otherwise);
        } else if (c.context >= 0 &&
                   s.contexts[static_cast<std::size_t>(c.context)] != result::none) {
            serve(s);
            complete(s, g, s.contexts[static_cast<std::size_t>(c.context)]);
        } else {
            park(s, g);
        }
    }

    void fire(state& s, std::size_t i) const {
        model_timer& t = s.timers[i];
        t.armed = t.period != 0;
        t.when += t.period;
        const std::size_t channel = first_timer + i;
        const auto tick = static_cast<std::uint16_t>(s.now);
        if (const std::size_t w = first_parked(s, channel, false, none); w != none) {
            complete(s, w, result::ok, case_of(s, w, channel, false).index, tick);
        } else if (s.buffers[channel].length == 0) {
            s.buffers[channel].push(tick);
        }
    }

    void set_timer(state& s, std::size_t g, const call& c) const {
        model_timer& t = s.timers[c.object];
        model_channel& channel = s.buffers[first_timer + c.object];
        const bool kept = t.armed || channel.length != 0;
        const bool ticks = p_.timers[c.object].ticks;
        channel.length = 0;
        t.armed = c.means == meaning::reset;
        t.when = c.when;
        if (ticks && t.armed) t.period = c.when - s.now;
        complete(s, g, ticks ? result::ok : kept ? result::yes : result::no);
    }

    const program& p_;
    const history& h_;
};

// ---- 3. the search ----

class search {
public:
    search(const program& p, const history& h) : model_(p, h), h_(h) {}

    verdict run() {
        state s = model_.beginning();
        found_.holds = goes_on(s, 0);
        if (found_.undecided) found_.holds = true;
        return found_;
    }

private:
    static constexpr std::uint64_t most_effects = 200'000;

    bool called(const state& s) const {
        return std::any_of(s.slots.begin(), s.slots.end(),
                           [](const slot& g) { return g.at == phase::called; });
    }
    bool anything_due(const state& s) const {
        for (std::size_t e = 0; e < model::own_events; ++e) {
            if (model_.due(s, e)) return true;
        }
        return false;
    }
    // What happens by itself if nothing else can: no choice, and no step of the search. Most are ticks.
    std::size_t only_choice(const state& s) const {
        std::size_t only = none;
        if (called(s)) return none;
        for (std::size_t e = 0; e < model::own_events; ++e) {
            if (!model_.due(s, e)) continue;
            if (only != none) return none;
            only = e;
        }
        return only;
    }
    bool has_happened(state& s, std::size_t event) {
        ++found_.effects;
        model_.happen(s, event);
        return !s.contradiction;
    }
    // Everybody waits: nobody has got what he waits for and has not returned.
    bool somebody_could_go_on(const state& s) const {
        return std::any_of(s.slots.begin(), s.slots.end(), [&](const slot& g) {
            return g.at == phase::complete && !model_.call_of(g).unseen;
        });
    }

    /// Whether some order of effects explains the records from `at` on.
    bool goes_on(state& s, std::size_t at) {
        while (at < h_.records.size()) {
            found_.furthest = std::max(found_.furthest, at);
            const record& r = h_.records[at];
            // 1. Time goes on when all wait.
            while (s.now < r.time) {
                if (const std::size_t only = only_choice(s); only != none) {
                    if (!has_happened(s, only)) return false;
                    continue;
                }
                if (called(s) || anything_due(s)) return any_effect(s, at, none);
                if (somebody_could_go_on(s)) return false;
                const std::int64_t next = model_.next_by_itself(s);
                s.now = next >= 0 && next < r.time ? next : r.time;
            }
            // 2. The record itself, if the state explains it; otherwise something has happened before.
            const std::size_t g = r.kind == moment::idle ? none : h_.calls[r.call].body;
            switch (r.kind) {
                case moment::called:
                    if (h_.calls[r.call].means != meaning::nothing) {
                        s.slots[g] = {phase::called, 0, r.call, -1, result::none};
                    }
                    break;
                case moment::returned:
                    if (h_.calls[r.call].means != meaning::nothing) {
                        if (s.slots[g].at != phase::complete) return any_effect(s, at, g);
                        s.slots[g].at = phase::idle;
                    }
                    break;
                case moment::look:
                    if (!lengths_are(s, r)) return any_effect(s, at, none);
                    break;
                case moment::idle:
                    if (called(s) || anything_due(s)) return any_effect(s, at, none);
                    if (somebody_could_go_on(s) || !lengths_are(s, r)) return false;
                    break;
            }
            ++at;
        }
        return true;
    }

    static bool lengths_are(const state& s, const record& r) {
        for (std::size_t i = 0; i < most_channels; ++i) {
            if (s.buffers[i].length != r.lengths[i]) return false;
        }
        return true;
    }

    // Tries each effect that may come next, `likely` first.
    bool any_effect(const state& s, std::size_t at, std::size_t likely) {
        if (!seen_.insert(s.hash(at)).second || found_.undecided) return false;
        if (likely != none && try_enter(s, at, likely)) return true;
        for (std::size_t g = 0; g < most_bodies; ++g) {
            if (g != likely && try_enter(s, at, g)) return true;
        }
        for (std::size_t e = 0; e < model::own_events; ++e) {
            if (!model_.due(s, e)) continue;
            state next(s);
            model_.happen(next, e);
            if (explains(next, at)) return true;
        }
        return false;
    }
    bool try_enter(const state& s, std::size_t at, std::size_t g) {
        if (s.slots[g].at != phase::called) return false;
        state next(s);
        model_.enter(next, g);
        return explains(next, at);
    }
    bool explains(state& next, std::size_t at) {
        if (++found_.effects > most_effects) found_.undecided = true;
        return !next.contradiction && !found_.undecided && goes_on(next, at);
    }

    model model_;
    const history& h_;
    verdict found_;
    std::unordered_set<std::uint64_t> seen_;
};

}  // namespace

verdict check(const program& p, const history& h) { return search(p, h).run(); }

// ---- 4. for people ----

const char* to_string(result r) {
    static constexpr const char* names[] = {
        "has not returned",  "ok",      "would block", "closed",
        "the error",         "timeout", "canceled",    "threw closed_channel",
        "threw nil_channel", "true",    "false"};
    return names[static_cast<std::size_t>(r)];
}

std::string to_string(const history& h, std::size_t furthest) {
    std::string text;
    for (std::size_t i = 0; i < h.records.size(); ++i) {
        const record& r = h.records[i];
        text += i == furthest ? "\n==> " : "\n    ";
        text += std::to_string(r.time) + "  ";
        if (r.kind == moment::idle) {
            text += "all wait; len";
        } else {
            const call& c = h.calls[r.call];
            text += "b" + std::to_string(c.body) + " ";
            text += c.what != nullptr ? random::to_string(*c.what) : "";
            if (r.kind == moment::called) {
                text += " …";
                for (const exchange_case& e : c.cases) {
                    if (e.sends) text += " #" + std::to_string(e.value);
                }
            } else if (r.kind == moment::returned) {
                text += std::string(": ") + to_string(c.got);
                if (c.what != nullptr && c.what->kind == op_kind::select) {
                    text += ", case " + std::to_string(c.index);
                }
                if (c.value != 0) text += ", #" + std::to_string(c.value);
            }
        }
        if (r.kind == moment::idle || r.kind == moment::look) {
            for (const std::uint16_t n : r.lengths) text += " " + std::to_string(n);
        }
    }
    return text;
}

}  // namespace test::random
