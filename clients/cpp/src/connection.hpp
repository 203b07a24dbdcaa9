#pragma once
// One connection to a host, and so one session. There is no thread behind it: of the threads that wait for replies, one
// leads. It reads the socket, decodes its own result where it lies, and hands the others theirs; when its own wait is over,
// the next one leads.

#include "outbox.hpp"
#include "pending.hpp"

#include <soho/wire/codec.hpp>
#include <soho/wire/spin.hpp>

#include <map>

namespace soho::client {

// Thread-safe. No callback and no destructor of an application's runs while a lock is held.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    // Where the placeholder of a request's msgid lies; its encoding has five bytes whatever the msgid.
    static constexpr std::uint32_t msgid_placeholder = 0x8000'0000;
    static constexpr std::size_t msgid_at = 3;
    // A host answers `deadline` by itself. If it does not within this time, the client gives up.
    static constexpr std::chrono::milliseconds grace{200};

    Connection(Socket socket, std::string address, std::chrono::microseconds spin);
    Connection(const Connection&) = delete;

    // Says hello. Throws CallError if the host refuses, does not answer in time, hangs up, or is none of ours.
    void greet(const ConnectOptions& options, const wire::Address& address, Deadline until);

    // Sends a request and waits for its reply; the outcome is in `waiter`. `frame` holds the placeholder.
    void exchange(data::Buffer& frame, Waiter& waiter, std::chrono::nanoseconds timeout);
    // Sends a request; `completion` runs later, on a thread that drives.
    std::uint32_t start(data::Buffer& frame, std::unique_ptr<Completion> completion, std::chrono::nanoseconds timeout);
    void notify(data::Bytes frame) { outbox_.send(frame); }
    void cancel(std::uint32_t msgid);

    // Reads what has come and runs callbacks, until then, or until no asynchronous call is left. Returns how many ran.
    std::size_t drive(Deadline until);
    std::size_t calls_in_flight() const { return calls_.load(std::memory_order_relaxed); }
    std::size_t callbacks_due() const { return asynchronous_.load(std::memory_order_relaxed); }
    bool wants_to_write() const { return outbox_.is_waiting(); }
    Deadline next_expiry() const { return next_expiry_.load(std::memory_order_relaxed); }

    // Gives one count of an object back. Does not block, does not throw.
    void release(std::uint64_t id) noexcept { outbox_.release(id, calls_in_flight() == 0); }

    // Ends it: all calls fail with ConnectionLost.
    void close(const std::string& why);
    bool is_lost() const { return lost_.load(std::memory_order_acquire); }
    std::string why_lost();
    Failure lost_failure(bool may_have_run);

    int descriptor() const { return socket_.descriptor(); }
    const std::string& address() const { return address_; }
    std::size_t frame_bytes_max() const { return frame_bytes_max_; }

    // The checks of proxy classes that have been done on this connection.
    bool is_checked(const ClassUse& use);
    void note_checked(const ClassUse& use);

private:
    // The beginning (greeting.cpp).
    struct Welcome;
    struct Login;
    void ask(data::Buffer& frame, Receiver& receiver, Deadline until);
    [[noreturn]] void refuse_greeting(const Failure& failure);
    void log_in(const Login& login, const Welcome& welcome, Deadline until);

    // The waiting side (connection.cpp).
    void await(std::unique_lock<std::mutex>& lock, Waiter& waiter, Deadline until, std::size_t* callbacks);
    void lead(std::unique_lock<std::mutex>& lock, Waiter& waiter, Deadline until);
    void follow(std::unique_lock<std::mutex>& lock, Waiter& waiter, Deadline until);
    void resign();
    void give_up(std::unique_lock<std::mutex>& lock, Waiter& waiter);
    void push_out(std::unique_lock<std::mutex>& lock, Deadline until);
    std::size_t run_due(std::unique_lock<std::mutex>& lock);
    std::string why_lost_locked() const;
    Failure lost_failure_locked(bool may_have_run) const;

    // The reading side, for the leader (reading.cpp).
    bool receive(Deadline until);
    bool look();
    bool sleep(Deadline until);
    Socket::Transfer receive_some(bool now);
    bool take_frames(Waiter& leader);
    bool deliver(const ReplyBytes& reply, std::uint32_t msgid, Waiter& leader);
    std::optional<Failure> decode(const ReplyBytes& reply, Receiver& receiver, std::vector<ClassUse>& unchecked);
    void drop(const ReplyBytes& reply);
    bool take_frame(const wire::Frame& frame, Waiter& leader);
    bool take_draining(const wire::Frame& frame);
    bool expire();
    void lose(std::string why);
    // A completion that has its outcome: its callback is due, unless proxy classes must be checked first.
    void finish(std::unique_ptr<Completion> completion);
    void push_due(std::unique_ptr<Completion> completion);

    friend class ClassCheck;

    Socket socket_;
    const std::string address_;
    std::function<void(std::chrono::milliseconds)> on_draining_;
    std::size_t frame_bytes_max_ = 4096;  // the host's; until hello is answered, what it takes before a login
    Outbox outbox_{socket_};
    std::atomic<std::size_t> calls_ = 0;         // waiting for a reply
    std::atomic<std::size_t> asynchronous_ = 0;  // with a callback that has not run
    std::atomic<bool> lost_ = false;
    std::atomic<Deadline> next_expiry_ = no_deadline;  // of the asynchronous calls

    std::mutex mutex_;  // all below, but for the leader's own
    PendingTable pending_;
    Waiter* followers_ = nullptr;
    bool led_ = false;
    std::string why_lost_;             // the reason alone
    std::string why_closed_;           // by close()
    std::unique_ptr<Completion> due_;  // in order; their callbacks are to run
    Completion* last_due_ = nullptr;
    std::vector<ClassUse> checked_;

    data::Buffer incoming_;        // the leader's
    wire::SpinBudget spin_;        // the leader's
    bool is_nonblocking_ = false;  // the leader's: an event loop made the descriptor so
    wire::FrameReader frames_;
};

}  // namespace soho::client
