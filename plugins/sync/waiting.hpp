#pragma once
// What the types that wait have in common: who calls, how long they wait, and in which order they are served. Nothing here
// keeps a thread: a waiting caller is a Reply in a list.
//
// The types are concurrent, with a mutex each. Under it they only decide who gets what; replies are completed and timers
// cancelled after it, because that is the host's business.

#include "values.hpp"

#include <atomic>
#include <chrono>
#include <list>
#include <mutex>
#include <optional>
#include <unordered_map>

namespace shared {

// Who holds a lock: a session, and within it what the caller calls itself (options.owner), so that threads that share a
// connection are told apart.
struct Owner {
    std::uint64_t session = 0;
    std::string name;

    friend bool operator==(const Owner&, const Owner&) = default;
};
inline Owner owner_of(const soho::Call& call) { return {call.origin_session(), std::string(call.owner())}; }

// Seconds as Python takes them, or none.
using Seconds = std::optional<double>;
// No more than this is a time to wait.
inline constexpr double seconds_max = 9.2e9;

// Throws as CPython does for what is no time.
inline std::chrono::nanoseconds to_duration(double seconds) {
    if (seconds != seconds) throw value_error("Invalid value NaN (not a number)");
    if (seconds > seconds_max) throw soho::Error("OverflowError", "timeout value is too large");
    return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds <= 0 ? 0 : seconds * 1e9));
}

// A caller that waits, with what it wants.
template <class T, class Wish = std::monostate>
struct Waiter {
    soho::Reply<T> reply;
    soho::Timer timer;
    Wish wish{};
};

// Those who wait, first come first served. Guarded by its owner's mutex.
template <class T, class Wish = std::monostate>
class Waiters {
public:
    using Entry = Waiter<T, Wish>;

    bool empty() const { return entries_.empty(); }
    std::size_t size() const { return entries_.size(); }

    // At the end of the queue, under a number of its own (next_number()).
    Entry& add(std::uint64_t number, Entry entry) {
        entries_.emplace_back(number, std::move(entry));
        places_.emplace(number, std::prev(entries_.end()));
        return entries_.back().second;
    }
    // None if it has left.
    std::optional<Entry> take(std::uint64_t number) {
        const auto found = places_.find(number);
        if (found == places_.end()) return std::nullopt;
        return take(found->second);
    }
    std::optional<Entry> take_first() {
        if (entries_.empty()) return std::nullopt;
        return take(entries_.begin());
    }
    std::uint64_t first_number() const { return entries_.front().first; }

private:
    using Entries = std::list<std::pair<std::uint64_t, Entry>>;

    std::optional<Entry> take(typename Entries::iterator place) {
        std::optional<Entry> entry(std::move(place->second));
        places_.erase(place->first);
        entries_.erase(place);
        return entry;
    }

    Entries entries_;
    std::unordered_map<std::uint64_t, typename Entries::iterator> places_;
};

// Tells one waiting caller, or one time of holding a lock, from all others of the plugin.
inline std::uint64_t next_number() {
    static std::atomic<std::uint64_t> last{0};
    return ++last;
}

// An answer that was decided under a mutex and is given after it. What goes with it (the timer) ends there, too.
template <class T>
struct Answer {
    soho::Reply<T> reply;
    soho::Timer timer;
    typename soho::Reply<T>::Given value{};
    std::optional<soho::Error> error{};
    std::function<void()> on_discarded{};  // takes back what the caller did not get

    void give() {
        if (error) return static_cast<void>(reply.fail(*std::move(error)));
        if (on_discarded) reply.on_discarded(std::move(on_discarded));
        if constexpr (soho::Reply<T>::is_void) {
            reply.complete();
        } else {
            reply.complete(std::move(value));
        }
    }
};

// Declare it before the lock: the answers are given when it goes, in order.
template <class T>
class Answers {
public:
    Answers() = default;
    Answers(const Answers&) = delete;
    Answers& operator=(const Answers&) = delete;
    ~Answers() {
        for (Answer<T>& answer : answers_) answer.give();
    }
    void add(Answer<T> answer) { answers_.push_back(std::move(answer)); }

private:
    std::vector<Answer<T>> answers_;
};

// Whom callers wait for to hear true, or false when their time is over. Thread-safe.
class WaitingCore {
public:
    // A caller gives up, or its time is over.
    void leave(std::uint64_t number) {
        std::optional<Waiter<bool>> left;  // goes after the mutex
        const std::scoped_lock lock(mutex_);
        left = waiters_.take(number);
    }
    void time_out(std::uint64_t number) {
        Answers<bool> answers;
        const std::scoped_lock lock(mutex_);
        if (auto waiter = waiters_.take(number))
            answers.add({std::move(waiter->reply), std::move(waiter->timer), false});
    }

protected:
    ~WaitingCore() = default;

    mutable std::mutex mutex_;
    Waiters<bool> waiters_;
};

// Adds a caller to `waiters`, which `core` guards with its mutex; for use under it. core.leave(number) runs when the caller
// gives up, core.time_out(number) when its time is over.
template <class Core, class T, class Wish>
void enqueue(Core& core, Waiters<T, Wish>& waiters, soho::Call& call, soho::Reply<T> reply,
             std::optional<std::chrono::nanoseconds> timeout, Wish wish = {}) {
    const std::uint64_t number = next_number();
    auto& waiter = waiters.add(number, {std::move(reply), {}, std::move(wish)});
    waiter.reply.on_cancel([weak = core.weak_from_this(), number] {
        if (const auto alive = weak.lock()) alive->leave(number);
    });
    if (!timeout) return;
    waiter.timer = call.host().after(0, *timeout, [weak = core.weak_from_this(), number] {
        if (const auto alive = weak.lock()) alive->time_out(number);
    });
}

// "0x2a": how Python's repr() tells objects apart; here by the object's id.
inline std::string address_of(const soho::Call& call) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::uint64_t id = call.object(); id != 0; id >>= 4) text.insert(text.begin(), digits[id & 0xf]);
    return "0x" + text;
}

// `text`: (const T&, const Call&) -> std::string
template <class T, class F>
void add_text(soho::Methods<T>& methods, F text) {
    for (const char* name : {"__repr__", "__str__"}) {
        methods.method(name, [text](const T& self, soho::Call& call) { return text(self, call); })
            .readonly()
            .doc("As Python's text of it, with the object's id for its address.");
    }
}

}  // namespace shared
