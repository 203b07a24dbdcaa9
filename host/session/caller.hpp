#pragma once
// One connection's side of a session: its calls in flight, and how their replies reach it.

#include "host/session/replies.hpp"

namespace soho::host {

class Dispatcher;
class Link;
class Provider;
struct LoginState;

// A connection, as its caller sees it.
class Outlet {
public:
    virtual ~Outlet() = default;
    // Sends a reply that became ready later. [any thread]
    virtual void deliver(data::Buffer frame, Undelivered undelivered) = 0;
    // Of replies that the client has not taken yet. [any thread]
    virtual std::size_t unsent_bytes() const { return 0; }
};

// take() and gone() are for the connection's reactor only; completions arrive on any thread.
class Caller final : public Completion, public std::enable_shared_from_this<Caller> {
public:
    Caller(Services& services, const Dispatcher& dispatcher, Peer peer, wire::ErrorForm error_form);
    ~Caller() override;

    // What a handshake has told since; before the first request.
    void set_peer(Peer peer);

    void attach(Outlet& outlet) { outlet_ = &outlet; }

    // Runs one request. What can be answered at once is appended to seat.out. False: the connection must be closed, and
    // closing_reason() says why.
    bool take(const wire::Frame& frame, Seat& seat);
    const std::string& closing_reason() const { return closing_reason_; }

    // The connection has gone: calls that wait are dropped, running ones told, the session left.
    void gone(Seat& seat, std::string_view why);

    // What holds for this principal through this listener.
    const Allowance& allowance() const { return *allowance_.load(std::memory_order_acquire); }
    const Limits& limits() const { return allowance().limits(); }
    // Counts that a limit was hit. [its reactor; any thread once it has a session]
    void hit(std::uint64_t Limits::*limit);
    // Counts this connection for its principal, once that is known; fails with Code::limit where it has too many.
    Result<void> count_connection();

    // -- for the dispatcher --
    Services& services() const { return services_; }
    const Peer& peer() const { return peer_; }
    const Principal& principal() const { return peer_.principal; }
    bool identified() const { return peer_.identified; }
    // Has any right at all: it is given a session, and the limits of those who are known.
    bool admitted() { return !access_.grants().none(); }
    CallerAccess& access() { return access_; }
    // Closes the connection after this request's reply.
    void end(std::string reason) { closing_reason_ = std::move(reason); }
    const SessionPtr& session() {
        if (session_ == nullptr) open_session();
        return session_;
    }
    bool has_session() const { return session_ != nullptr; }
    // Calls that have not begun will not, as the host is about to end.
    void refuse_waiting();
    // It wants to know when the host is about to end.
    void ask_for_draining() { wants_draining_ = true; }
    // Tells it that the host is, if it wants to know.
    void tell_draining();
    bool first_request() const { return requests_ == 1; }
    Replies& replies() { return replies_; }
    void set_session(SessionPtr session) { session_ = std::move(session); }
    // If there are objects at its other end; else null.
    Link* link() const { return link_.get(); }
    void set_link(std::shared_ptr<Link> link);
    // That is a worker's host.
    bool serves_host() const;
    // What it offers, if it does (soho.offer).
    Provider* provider() const;
    // Sends a request or a notification to it; false if it has gone. [any thread]
    bool push(data::Buffer frame);
    // Of what it has not read yet. [any thread]
    std::size_t unsent_bytes() const;
    // What is remembered until the login.
    LoginState& login();
    void forget_login();
    void log_in(Principal principal);

    // The object that an id means to this caller: its own session's, or one of its principal's. Null if none.
    ObjectPtr find(std::uint64_t id);

    // Keeps a call that does not end here, and counts its arguments' bytes; fails at the caps of calls.
    // `completion` stands between the call and this caller, if given, and must pass on what it is told. One that `runs` already
    // is refused by no cap.
    Result<std::shared_ptr<Call>> make_call(const wire::Request& request, const CallContext& context, std::size_t bytes,
                                            bool blocking, Seat& seat, std::shared_ptr<Completion> completion = nullptr,
                                            bool runs = false);
    // Cancels the call when its deadline comes; once what it calls is set.
    void watch_deadline(const std::shared_ptr<Call>& call);
    // Whether a further call may wait.
    Result<void> may_wait();
    // Whether a further call of a blocking method may run.
    Result<void> may_block();
    // Whether so many bytes of arguments may wait.
    Result<void> may_keep(std::size_t bytes);
    void cancel(std::uint32_t msgid);
    // Whether a call of it runs or waits, or it stands ready for others'.
    bool waits() const;

    // -- Completion --
    void replied(Call& call, Outcome outcome) noexcept override;
    void finished(Call& call) noexcept override;

private:
    bool close(std::string reason);
    void open_session();
    bool decode(const wire::Frame& frame, wire::Request& request, Seat& seat);
    bool in_flight(std::uint32_t msgid) const;
    std::size_t bytes_kept() const;
    void reply_cancelled(Call& call);
    tl::unexpected<Error> too_many_block();

    Services& services_;
    const Dispatcher& dispatcher_;
    Peer peer_;
    std::atomic<const Allowance*> allowance_;
    Account* counted_ = nullptr;  // where this connection is
    CallerAccess access_;
    std::unique_ptr<LoginState> login_;
    SessionPtr session_;
    Replies replies_;
    std::shared_ptr<Link> link_;
    std::uint64_t requests_ = 0;
    bool wants_draining_ = false;
    std::string closing_reason_;

    mutable std::mutex mutex_;
    Outlet* outlet_ = nullptr;
    // Calls that did not end at once. Most connections have none at any time, and many never had one.
    struct Calls {
        std::unordered_map<std::uint32_t, std::shared_ptr<Call>> unanswered;
        std::unordered_map<const Call*, std::shared_ptr<Call>> oneway;
    };
    Calls& calls() {
        if (calls_ == nullptr) calls_ = std::make_unique<Calls>();
        return *calls_;
    }
    // Null if there is none.
    std::shared_ptr<Call> unanswered(std::uint32_t msgid) const;
    std::unique_ptr<Calls> calls_;
    // The number of those unanswered, for a look without the lock.
    std::atomic<std::size_t> unanswered_size_{0};
    std::size_t bytes_ = 0;     // of arguments of calls not finished
    std::size_t waiting_ = 0;   // calls not finished
    std::size_t blocking_ = 0;  // … of methods that run on the pool
};

}  // namespace soho::host
