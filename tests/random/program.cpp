// tests/random/program.cpp — making, printing and shrinking random programs.
// SPDX-License-Identifier: BSL-1.0
#include "random/program.hpp"

#include <algorithm>
#include <utility>

namespace test::random {

std::size_t program::size() const noexcept {
    std::size_t n = 0;
    for (const body& b : bodies) {
        for (const operation& o : b.operations) n += 1 + o.arms.size();
    }
    return n;
}

std::int64_t program::horizon() const noexcept {
    std::int64_t sum = 2;
    for (const timer_spec& t : timers) sum += t.first;
    for (const context_spec& c : contexts) sum += std::max(c.timeout, 0);
    for (const body& b : bodies) {
        for (const operation& o : b.operations) {
            sum += o.units;
            // Each wait for a ticker may take as long as its period.
            sum += std::int64_t{8};
            for (const arm& a : o.arms) sum += a.units;
        }
    }
    return sum;
}

// ---- 2. making one ----

std::uint64_t choices::whole() noexcept {
    if (from_bytes_) {
        std::uint64_t value = 0;
        for (int i = 0; i < 4; ++i) value = value << 8 | below(256);
        return value;
    }
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

std::uint32_t choices::below(std::uint32_t n) noexcept {
    if (!from_bytes_) return static_cast<std::uint32_t>((whole() >> 32) * n >> 32);
    if (left_ == 0) return 0;
    --left_;
    return *data_++ % n;
}

namespace {

/// What a program is about. Few things at a time meet one another more often.
struct theme {
    bool channels, selects, contexts, timers, mutexes, shared, permits, groups, spawns, limits,
        nils;
};

class maker {
public:
    explicit maker(choices& from) : from_(from) {}

    program make() {
        choose_theme();
        p_.schedule = from_.whole();
        const std::uint32_t end = from_.below(512);
        p_.how_it_ends = end == 510   ? ending::leaves
                         : end == 511 ? ending::waits
                                      : ending::frees_them;
        make_objects();
        const std::size_t n = 2 + from_.below(from_.below(2) == 0 ? most_bodies - 1 : 3);
        p_.bodies.resize(n);
        const std::uint32_t longest = from_.below(2) == 0 ? 13 : 7;
        for (std::size_t i = 0; i < n; ++i) {
            if (i > 0 && theme_.spawns && from_.below(2) == 0) p_.bodies[i].at_once = false;
            p_.bodies[i].fails = from_.one_in(4);
        }
        for (std::size_t i = 0; i < n; ++i) {
            const std::size_t m = 3 + from_.below(longest);
            for (std::size_t k = 0; k < m; ++k) add_operation(i);
        }
        start_bodies();
        return std::move(p_);
    }

private:
    void choose_theme() {
        const std::uint32_t which = from_.below(8);
        const auto maybe = [&](std::uint32_t n) { return from_.below(n) == 0; };
        theme_ = {};
        theme_.channels = which < 6;
        theme_.selects = which == 2 || which == 3 || (which != 6 && maybe(3));
        theme_.contexts = which == 3 || maybe(3);
        theme_.timers = which == 4 || (which != 6 && maybe(6));
        theme_.mutexes = which == 6 || maybe(6);
        theme_.shared = which == 7 || maybe(8);
        theme_.permits = (which >= 6 && maybe(2)) || maybe(8);
        theme_.groups = (which >= 6 && maybe(2)) || maybe(8);
        theme_.spawns = which == 5 || maybe(3);
        theme_.limits = !maybe(3);
        theme_.nils = maybe(8);
    }

    void make_objects() {
        static constexpr int capacities[] = {0, 1, 0, 2, 5, is_unbounded};
        const std::size_t n = 1 + from_.below(theme_.selects ? most_channels : 2);
        for (std::size_t i = 0; i < n; ++i) p_.channels.push_back(capacities[from_.below(6)]);
        if (theme_.nils) p_.channels.back() = is_nil;
        if (theme_.contexts) {
            const int contexts = 1 + static_cast<int>(from_.below(most_contexts));
            for (int i = 0; i < contexts; ++i) {
                context_spec c;
                if (i > 0 && from_.below(3) != 0) {
                    c.parent = static_cast<int>(from_.below(static_cast<std::uint32_t>(i)));
                }
                if (from_.below(3) == 0) c.timeout = static_cast<int>(from_.below(8));
                p_.contexts.push_back(c);
            }
        }
        if (theme_.timers) {
            const std::uint32_t timers = 1 + from_.below(most_timers);
            for (std::uint32_t i = 0; i < timers; ++i) {
                p_.timers.push_back(
                    {static_cast<std::uint8_t>(1 + from_.below(4)), from_.below(2) == 0});
            }
        }
        p_.mutexes = static_cast<std::uint8_t>(1 + from_.below(2));
        p_.permits = static_cast<std::uint8_t>(1 + from_.below(4));
    }

    std::uint8_t duration() {
        static constexpr std::uint8_t lengths[] = {0, 1, 1, 2, 2, 3, 5, 1};
        return lengths[from_.below(8)];
    }
    std::uint8_t any_channel() {
        return static_cast<std::uint8_t>(
            from_.below(static_cast<std::uint32_t>(p_.channels.size())));
    }
    std::uint8_t any_context() {
        return static_cast<std::uint8_t>(
            from_.below(static_cast<std::uint32_t>(p_.contexts.size())));
    }
    std::uint8_t any_timer() {
        return static_cast<std::uint8_t>(from_.below(static_cast<std::uint32_t>(p_.timers.size())));
    }

    void add_operation(std::size_t i) {
        operation o;
        at_ = i;
        // One of what the program is about.
        using add = void (maker::*)(operation&);
        std::array<add, 16> ways{};
        std::size_t n = 0;
        const auto way = [&](bool wanted, add a) {
            if (wanted) ways[n++] = a;
        };
        way(theme_.channels, &maker::channel_operation);
        way(theme_.channels, &maker::channel_operation);
        way(theme_.selects, &maker::select_operation);
        way(theme_.selects, &maker::select_operation);
        way(theme_.contexts, &maker::context_operation);
        way(theme_.timers, &maker::timer_operation);
        way(theme_.mutexes, &maker::mutex_operation);
        way(theme_.mutexes, &maker::mutex_operation);
        way(theme_.shared, &maker::shared_operation);
        way(theme_.shared, &maker::shared_operation);
        way(theme_.permits, &maker::permit_operation);
        way(theme_.groups, &maker::group_operation);
        if (n == 0 || from_.one_in(12)) {
            o.kind = from_.below(2) == 0 ? op_kind::yield : op_kind::sleep;
            o.units = duration();
        } else {
            (this->*ways[from_.below(static_cast<std::uint32_t>(n))])(o);
        }
        if (o.kind == op_kind::wait || o.kind == op_kind::wait_for || o.kind == op_kind::wait_ctx) {
            operation before;
            before.kind = op_kind::lock;
            before.object = o.object;
            p_.bodies[i].operations.push_back(std::move(before));
        }
        p_.bodies[i].operations.push_back(std::move(o));
    }

    void channel_operation(operation& o) {
        o.object = any_channel();
        const std::uint32_t k = from_.below(40);
        static constexpr op_kind limited[] = {op_kind::try_send, op_kind::try_recv,
                                              op_kind::send_for, op_kind::recv_for};
        const bool nil = p_.channels[o.object] == is_nil;
        if (k == 0) {
            o.kind = op_kind::close;
        } else if (k == 1) {
            o.kind = op_kind::close_error;
        } else if (k == 2) {
            o.kind = op_kind::look;
        } else if ((theme_.limits && k < 24) || (nil && p_.how_it_ends == ending::frees_them)) {
            // Nobody could free one that waits for a nil channel without limit.
            o.kind = limited[from_.below(4)];
            o.units = duration();
        } else if (!p_.contexts.empty() && k < 30) {
            o.kind = k % 2 == 0 ? op_kind::send_ctx : op_kind::recv_ctx;
            o.context = any_context();
        } else if (k % 2 == 0) {
            o.kind = op_kind::send;
        } else {
            o.kind = k % 6 == 1   ? op_kind::recv_into
                     : k % 6 == 3 ? op_kind::iterate
                                  : op_kind::recv;
            o.amount = static_cast<std::uint8_t>(1 + from_.below(3));
        }
    }

    void select_operation(operation& o) {
        o.kind = op_kind::select;
        o.in_order = from_.one_in(4);
        const std::uint32_t n = 1 + from_.below(4);
        bool otherwise = false;
        bool may_end = p_.how_it_ends != ending::frees_them;
        for (std::uint32_t i = 0; i < n; ++i) {
            arm a;
            const std::uint32_t k = from_.below(24);
            if (k < 8) {
                a.kind = arm_kind::recv;
            } else if (k < 16) {
                a.kind = arm_kind::send;
            } else if (k == 16) {
                a.kind = arm_kind::after;
                a.units = static_cast<std::uint8_t>(1 + from_.below(3));
            } else if (k == 17 || k == 18) {
                a.kind = arm_kind::timeout;
                a.units = duration();
            } else if (k == 19 && !otherwise) {
                a.kind = arm_kind::otherwise;
                otherwise = true;
            } else if (k < 22 && !p_.contexts.empty()) {
                a.kind = arm_kind::done;
                a.object = any_context();
            } else if (!p_.timers.empty()) {
                a.kind = arm_kind::tick;
                a.object = any_timer();
            } else {
                a.kind = k % 2 == 0 ? arm_kind::recv : arm_kind::send;
            }
            if (a.kind == arm_kind::recv || a.kind == arm_kind::send) {
                // Often the same channel again.
                a.object = i > 0 && from_.one_in(4) ? o.arms[0].object : any_channel();
                if (a.object >= p_.channels.size()) a.object = 0;
                may_end = may_end || p_.channels[a.object] != is_nil;
            } else {
                may_end = true;
            }
            o.arms.push_back(a);
        }
        if (!may_end) o.arms.push_back({arm_kind::timeout, 0, 2});
    }

    void context_operation(operation& o) {
        if (from_.below(3) == 0 || !theme_.channels) {
            o.kind = op_kind::cancel;
            o.object = any_context();
        } else {
            o.object = any_channel();
            o.kind = from_.below(2) == 0 ? op_kind::send_ctx : op_kind::recv_ctx;
            o.context = any_context();
        }
    }

    void timer_operation(operation& o) {
        static constexpr op_kind kinds[] = {op_kind::timer_recv_for, op_kind::timer_recv_for,
                                            op_kind::timer_stop,     op_kind::timer_reset,
                                            op_kind::timer_reset,    op_kind::timer_recv};
        o.kind = kinds[from_.below(6)];
        o.object = any_timer();
        o.units = duration();
        if (p_.timers[o.object].ticks && o.units == 0) o.units = 1;
    }

    void mutex_operation(operation& o) {
        static constexpr op_kind kinds[] = {
            op_kind::lock,   op_kind::lock,         op_kind::unlock, op_kind::unlock,
            op_kind::unlock, op_kind::try_lock_for, op_kind::wait,   op_kind::wait_for,
            op_kind::lock,   op_kind::notify_one,   op_kind::wait,   op_kind::notify_all,
            op_kind::lock,   op_kind::try_lock};
        o.kind = kinds[from_.below(14)];
        if (o.kind == op_kind::wait && !p_.contexts.empty() && from_.below(2) == 0) {
            o.kind = op_kind::wait_ctx;
            o.context = any_context();
        }
        o.object = static_cast<std::uint8_t>(from_.below(p_.mutexes));
        o.units = duration();
    }

    void shared_operation(operation& o) {
        static constexpr op_kind kinds[] = {op_kind::lock_write,        op_kind::lock_read,
                                            op_kind::unlock_rw,         op_kind::try_lock_write_for,
                                            op_kind::try_lock_read_for, op_kind::unlock_rw,
                                            op_kind::unlock_rw,         op_kind::lock_read};
        o.kind = kinds[from_.below(8)];
        o.units = duration();
    }

    void permit_operation(operation& o) {
        static constexpr op_kind kinds[] = {op_kind::acquire, op_kind::try_acquire,
                                            op_kind::acquire_for, op_kind::release,
                                            op_kind::release};
        o.kind = kinds[from_.below(5)];
        if (o.kind == op_kind::acquire && !p_.contexts.empty() && from_.below(2) == 0) {
            o.kind = op_kind::acquire_ctx;
            o.context = any_context();
        }
        o.amount = static_cast<std::uint8_t>(1 + from_.below(p_.permits));
        o.units = duration();
    }

    void group_operation(operation& o) {
        static constexpr op_kind kinds[] = {op_kind::add,       op_kind::done,
                                            op_kind::done,      op_kind::wait_zero,
                                            op_kind::wait_zero, op_kind::wait_zero_for};
        o.kind = kinds[from_.below(6)];
        if (o.kind == op_kind::wait_zero && !p_.contexts.empty() && from_.below(2) == 0) {
            o.kind = op_kind::wait_zero_ctx;
            o.context = any_context();
        }
        o.units = duration();
        // A goroutine of the group that waits for the group would wait for itself.
        if (o.kind == op_kind::wait_zero && !p_.bodies[at_].at_once) {
            o.kind = op_kind::wait_zero_for;
        }
    }

    // Each body that main does not start is started by one operation of an earlier body.
    void start_bodies() {
        for (std::size_t i = 1; i < p_.bodies.size(); ++i) {
            if (p_.bodies[i].at_once) continue;
            body& by = p_.bodies[from_.below(static_cast<std::uint32_t>(i))];
            operation o;
            o.object = static_cast<std::uint8_t>(i);
            switch (from_.below(p_.contexts.empty() ? 5 : 6)) {
                case 0:
                    o.kind = op_kind::start_in_group;
                    break;
                case 1:
                    o.kind = op_kind::start_later;
                    o.units = duration();
                    break;
                case 2: {
                    o.kind = op_kind::run_group;
                    o.amount = static_cast<std::uint8_t>(1 + from_.below(2));
                    o.group.push_back(o.object);
                    if (i + 1 < p_.bodies.size() && !p_.bodies[i + 1].at_once) {
                        o.group.push_back(static_cast<std::uint8_t>(++i));
                    }
                    break;
                }
                case 5:
                    o.kind = op_kind::start_when_done;
                    o.context = any_context();
                    break;
                default:
                    o.kind = op_kind::start;
                    break;
            }
            const auto at = from_.below(static_cast<std::uint32_t>(by.operations.size()) / 2 + 1);
            by.operations.insert(by.operations.begin() + at, std::move(o));
        }
    }

    choices& from_;
    theme theme_{};
    std::size_t at_ = 0;  // the body that is being made
    program p_;
};

}  // namespace

program make_program(choices& from) { return maker(from).make(); }

namespace {

// Its counterpart that ends by itself. (A thread's waits all do, so that who is left is asleep for certain.)
op_kind limited(op_kind k) {
    switch (k) {
        case op_kind::send:
        case op_kind::send_ctx:
            return op_kind::send_for;
        case op_kind::recv:
        case op_kind::recv_into:
        case op_kind::recv_ctx:
        case op_kind::iterate:
            return op_kind::recv_for;
        case op_kind::lock:
            return op_kind::try_lock_for;
        case op_kind::lock_write:
            return op_kind::try_lock_write_for;
        case op_kind::lock_read:
            return op_kind::try_lock_read_for;
        case op_kind::acquire:
        case op_kind::acquire_ctx:
            return op_kind::acquire_for;
        case op_kind::wait_zero:
        case op_kind::wait_zero_ctx:
            return op_kind::wait_zero_for;
        default:
            return k;
    }
}

// False: it has no place on real workers.
bool adapt(operation& o, const program& p, bool thread) {
    const op_kind k = o.kind;
    if (k == op_kind::look || (k >= op_kind::timer_recv && k <= op_kind::timer_reset)) return false;
    const bool waits_on_condition = k >= op_kind::wait && k <= op_kind::wait_ctx;
    const bool starts = k >= op_kind::start && k <= op_kind::run_group;
    if (thread && (waits_on_condition || starts)) return false;
    if (k == op_kind::select) {
        bool ends = false;
        bool may_end = false;
        std::erase_if(o.arms, [](const arm& a) { return a.kind == arm_kind::tick; });
        if (o.arms.empty()) return false;
        for (const arm& a : o.arms) {
            const bool exchanges = a.kind == arm_kind::recv || a.kind == arm_kind::send;
            ends = ends || (!exchanges && a.kind != arm_kind::done);
            may_end = may_end || !exchanges || p.channels[a.object] != is_nil;
        }
        if (!may_end || (thread && !ends)) o.arms.push_back({arm_kind::timeout, 0, 2});
        return true;
    }
    const bool nil = k <= op_kind::close_error && p.channels[o.object] == is_nil;
    if (thread || nil) o.kind = limited(k);
    return true;
}

}  // namespace

program for_workers(program p) {
    p.how_it_ends = ending::frees_them;
    p.timers.clear();
    for (context_spec& c : p.contexts) c = {};
    for (std::size_t i = 0; i < p.bodies.size(); ++i) {
        body& b = p.bodies[i];
        const auto starts = [](const operation& o) {
            return o.kind >= op_kind::start && o.kind <= op_kind::run_group;
        };
        b.thread = b.at_once && (p.schedule >> (4 * i)) % 8 == 0 &&
                   std::none_of(b.operations.begin(), b.operations.end(), starts);
        std::erase_if(b.operations, [&](operation& o) { return !adapt(o, p, b.thread); });
    }
    return p;
}

// ---- 3. a listing ----

namespace {

const char* name_of(op_kind k) {
    static constexpr const char* names[] = {"send",
                                            "try_send",
                                            "send_for",
                                            "send_ctx",
                                            "recv",
                                            "recv_into",
                                            "try_recv",
                                            "recv_for",
                                            "recv_ctx",
                                            "iterate",
                                            "close",
                                            "close_error",
                                            "look",
                                            "select",
                                            "cancel",
                                            "sleep",
                                            "yield",
                                            "timer_recv",
                                            "timer_recv_for",
                                            "timer_stop",
                                            "timer_reset",
                                            "start",
                                            "start_in_group",
                                            "start_later",
                                            "start_when_done",
                                            "run_group",
                                            "lock",
                                            "try_lock",
                                            "try_lock_for",
                                            "unlock",
                                            "wait",
                                            "wait_for",
                                            "wait_ctx",
                                            "notify_one",
                                            "notify_all",
                                            "lock_write",
                                            "try_lock_write_for",
                                            "lock_read",
                                            "try_lock_read_for",
                                            "unlock_rw",
                                            "acquire",
                                            "try_acquire",
                                            "acquire_for",
                                            "acquire_ctx",
                                            "release",
                                            "add",
                                            "done",
                                            "wait_zero",
                                            "wait_zero_for",
                                            "wait_zero_ctx"};
    return names[static_cast<std::size_t>(k)];
}

std::string to_string(const arm& a) {
    const std::string object = std::to_string(a.object);
    const std::string units = std::to_string(a.units);
    switch (a.kind) {
        case arm_kind::recv:
            return "recv c" + object;
        case arm_kind::send:
            return "send c" + object;
        case arm_kind::tick:
            return "tick t" + object;
        case arm_kind::done:
            return "done x" + object;
        case arm_kind::after:
            return "after " + units;
        case arm_kind::timeout:
            return "timeout " + units;
        case arm_kind::otherwise:
            return "otherwise";
    }
    return "";
}

}  // namespace

std::string to_string(const operation& o) {
    std::string text = name_of(o.kind);
    const std::string object = std::to_string(o.object);
    const std::string units = ", " + std::to_string(o.units);
    const std::string context = ", x" + std::to_string(o.context);
    const auto k = o.kind;
    if (k <= op_kind::look) {
        text += "(c" + object;
        if (k == op_kind::send_for || k == op_kind::recv_for) text += units;
        if (k == op_kind::send_ctx || k == op_kind::recv_ctx) text += context;
        if (k == op_kind::iterate) text += ", " + std::to_string(o.amount);
        return text + ")";
    }
    if (k == op_kind::select) {
        text += o.in_order ? "(in_order" : "(";
        for (const arm& a : o.arms) {
            if (text.back() != '(') text += "; ";
            text += to_string(a);
        }
        return text + ")";
    }
    if (k == op_kind::cancel) return text + "(x" + object + ")";
    if (k == op_kind::sleep) return text + "(" + std::to_string(o.units) + ")";
    if (k == op_kind::yield) return text + "()";
    if (k <= op_kind::timer_reset) {
        text += "(t" + object;
        if (k == op_kind::timer_recv_for || k == op_kind::timer_reset) text += units;
        return text + ")";
    }
    if (k == op_kind::run_group) {
        text += "(limit " + std::to_string(o.amount);
        for (const std::uint8_t b : o.group) text += ", b" + std::to_string(b);
        return text + ")";
    }
    if (k <= op_kind::start_when_done) {
        text += "(b" + object;
        if (k == op_kind::start_when_done) text += context;
        if (k == op_kind::start_later) text += units;
        return text + ")";
    }
    if (k <= op_kind::notify_all) {
        text += "(m" + object;
        if (k == op_kind::try_lock_for || k == op_kind::wait_for) text += units;
        if (k == op_kind::wait_ctx) text += context;
        return text + ")";
    }
    if (k <= op_kind::unlock_rw) {
        const bool limited = k == op_kind::try_lock_write_for || k == op_kind::try_lock_read_for;
        return text + (limited ? "(" + std::to_string(o.units) + ")" : "()");
    }
    if (k <= op_kind::release) {
        text += "(" + std::to_string(o.amount);
        if (k == op_kind::acquire_for) text += units;
        if (k == op_kind::acquire_ctx) text += context;
        return text + ")";
    }
    if (k == op_kind::wait_zero_for) return text + "(" + std::to_string(o.units) + ")";
    if (k == op_kind::wait_zero_ctx) return text + "(x" + std::to_string(o.context) + ")";
    return text + "()";
}

std::string to_string(const program& p) {
    std::string text = "schedule " + std::to_string(p.schedule);
    text += p.how_it_ends == ending::frees_them ? ""
            : p.how_it_ends == ending::leaves   ? ", main returns at the end"
                                                : ", main waits at the end";
    for (std::size_t i = 0; i < p.channels.size(); ++i) {
        text += "\nc" + std::to_string(i) + " = ";
        const int c = p.channels[i];
        text += c == is_nil         ? "nil"
                : c == is_unbounded ? "make_chan(unbounded)"
                                    : "make_chan(" + std::to_string(c) + ")";
    }
    for (std::size_t i = 0; i < p.contexts.size(); ++i) {
        const context_spec& c = p.contexts[i];
        text += "\nx" + std::to_string(i) + " = with_";
        text += c.timeout < 0 ? "cancel(" : "timeout(";
        text += c.parent < 0 ? "background" : "x" + std::to_string(c.parent);
        text += c.timeout < 0 ? ")" : ", " + std::to_string(c.timeout) + ")";
    }
    for (std::size_t i = 0; i < p.timers.size(); ++i) {
        text += "\nt" + std::to_string(i) + (p.timers[i].ticks ? " = ticker(" : " = timer(") +
                std::to_string(p.timers[i].first) + ")";
    }
    text += "\nsemaphore(" + std::to_string(p.permits) + ")";
    for (std::size_t i = 0; i < p.bodies.size(); ++i) {
        const body& b = p.bodies[i];
        text += "\nb" + std::to_string(i) +
                (b.thread    ? " (a thread):"
                 : b.at_once ? ":"
                             : " (started by another):");
        for (const operation& o : b.operations) text += "\n    " + to_string(o);
        if (b.fails) text += "\n    throws, if in a group";
    }
    return text;
}

// ---- 4. shrinking ----

program shrink(program p, const std::function<bool(const program&)>& fails) {
    const auto attempt = [&](program smaller) {
        if (!fails(smaller)) return false;
        p = std::move(smaller);
        return true;
    };
    // The schedule is drawn anew for a smaller program: a few seeds are tried for each.
    const auto attempt_schedules = [&](const program& smaller) {
        for (std::uint64_t i = 0; i < 8; ++i) {
            program other = smaller;
            if (i > 0) other.schedule = i;
            if (attempt(std::move(other))) return true;
        }
        return false;
    };
    for (bool smaller = true; smaller;) {
        smaller = false;
        for (body& b : p.bodies) {
            if (b.operations.empty()) continue;
            program without = p;
            without.bodies[static_cast<std::size_t>(&b - p.bodies.data())].operations.clear();
            if (attempt_schedules(without)) {
                smaller = true;
                break;
            }
        }
        for (std::size_t i = 0; i < p.bodies.size(); ++i) {
            for (std::size_t k = p.bodies[i].operations.size(); k-- > 0;) {
                program without = p;
                auto& operations = without.bodies[i].operations;
                operations.erase(operations.begin() + static_cast<std::ptrdiff_t>(k));
                if (attempt_schedules(without)) {
                    smaller = true;
                    continue;
                }
                const std::size_t arms = p.bodies[i].operations[k].arms.size();
                for (std::size_t a = arms; arms > 1 && a-- > 0;) {
                    program fewer = p;
                    auto& from = fewer.bodies[i].operations[k].arms;
                    if (from.size() < 2) break;
                    from.erase(from.begin() + static_cast<std::ptrdiff_t>(a));
                    if (attempt_schedules(fewer)) smaller = true;
                }
            }
        }
    }
    return p;
}

}  // namespace test::random
