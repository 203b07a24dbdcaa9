#pragma once
// A client's socket: reads all there is, has every complete frame run, and writes all replies at once. It owns bytes only
// while a frame is torn or the socket is full.

#include "host/server/operation_memory.hpp"
#include "host/server/pace.hpp"
#include "host/server/reactor.hpp"
#include "host/server/tls.hpp"
#include "host/session/caller.hpp"

#include <array>
#include <asio/generic/stream_protocol.hpp>
#include <functional>
#include <list>
#include <optional>

namespace soho::host {

// Lives until it is closed; its reactor's thread is the only one that touches it, but for deliver().
class Connection final : public Outlet, public Batch, public std::enable_shared_from_this<Connection> {
public:
    // Of the io_context's own executor: the type-erased one costs memory and virtual calls for each wait.
    using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;
    using OnClosed = std::function<void(const std::shared_ptr<Connection>&)>;

    // With a `tls` context, everything travels in TLS, and what its handshake tells of the peer counts.
    Connection(Socket socket, Reactor& reactor, Services& services, const Dispatcher& dispatcher, Peer peer,
               wire::ErrorForm error_form, const TlsContextPtr& tls, OnClosed on_closed);

    Reactor& reactor() { return reactor_; }

    // [its reactor]
    void start();
    void close(std::string_view reason);
    // The host is about to end: what has not begun will not, and a client that asked is told.
    void drain() {
        if (closed_) return;
        caller_->tell_draining();
        caller_->refuse_waiting();
    }
    // Closes it if a limit of time is passed.
    void check_time();
    // The host ends: what replies there are go out, as far as the socket takes them.
    void end();
    // Whom it serves. [its reactor]
    Caller& caller() { return *caller_; }
    // Counts it for its principal, where the system has told who that is; before start().
    Result<void> count() { return caller_->count_connection(); }
    // Has its reactor look at its times, if there may be something to find. [any thread]
    void ask_to_check_time(std::int64_t now_ns);

    // -- Batch --
    std::shared_ptr<Batch> take_over(Seat& lost) override;
    void send_mail() override;
    void go_on() override;

    // [any thread]
    void deliver(data::Buffer frame, Undelivered undelivered) override;
    std::size_t unsent_bytes() const override { return unsent_bytes_.load(std::memory_order_relaxed); }

private:
    // A frame that has not come whole.
    struct Torn {
        data::Buffer bytes;
        wire::FrameReader reader;
    };

    template <class What>
    void guarded(What what);
    void give_up(std::string_view why);
    ssize_t receive(std::uint8_t* to, std::size_t size);
    ssize_t receive_behind(std::size_t first, std::uint8_t* to, std::size_t size);
    ssize_t send(data::Bytes bytes);
    std::string why_failed() const;
    void shake_hands();
    Result<void> take_tls_peer();
    wire::FrameLimits frame_limits() const;
    void wait_readable();
    void on_readable(std::optional<std::size_t> first);
    bool run_frames(data::Bytes bytes, wire::FrameReader& reader, std::size_t& used);
    void keep_rest(data::Bytes rest, wire::FrameReader& reader);
    void refuse_frame(data::Bytes front, const wire::FrameReader& reader);
    void flush(std::size_t counted = 0);
    void flush_mail_first();
    void wait_writable();
    void on_writable();
    void settle_notices();
    void drain_mailbox();
    void flush_and_go_on();
    void run_torn();
    bool reads_further() const { return unsent_.size() - unsent_from_ < caller_->limits().unsent_bytes_max; }

    Socket socket_;
    Reactor& reactor_;
    Services& services_;
    const std::shared_ptr<Caller> caller_;
    std::unique_ptr<TlsStream> tls_;
    Pace pace_{monotonic_now()};
    // What is read as soon as the socket is readable, as long as little comes at a time: to wait for readability alone costs a system
    // call more. What there is behind it is read into the seat's buffer.
    std::array<std::uint8_t, 96> first_;
    bool reads_little_ = true;
    OperationMemory read_memory_;
    bool admitted_ = false;  // to what is for those who have any right
    OnClosed on_closed_;
    std::unique_ptr<Torn> torn_;
    data::Buffer unsent_;
    std::size_t unsent_from_ = 0;  // what is in front has been written
    std::uint64_t bytes_queued_ = 0;
    std::uint64_t bytes_written_ = 0;
    Replies::Notices notices_;                  // their ends are counted from where the connection began
    std::atomic<std::size_t> unsent_bytes_{0};  // in unsent_, in the mailbox, and on the way from there to here
    bool closed_ = false;
    bool reading_ = false;
    bool writing_ = false;
    bool closing_ = false;            // once all is written
    bool starved_ = false;            // a take-over found no memory
    std::int64_t spared_since_ = -1;  // when it was last active before a limit of time was seen to be passed
    std::atomic<bool> asked_to_check_{false};

    struct Mail {
        data::Buffer frame;
        Undelivered undelivered;
    };
    std::mutex mailbox_mutex_;
    std::list<Mail> mailbox_;            // which grows by little: what it gets must not be lost for want of memory
    std::atomic<bool> has_mail_{false};  // changed with the mutex
};

}  // namespace soho::host
