#include "host/server/connection.hpp"

#include "host/session/dispatcher.hpp"
#include "host/session/upstream.hpp"

#include <sys/socket.h>
#include <algorithm>
#include <asio/bind_allocator.hpp>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <new>

namespace soho::host {

namespace {

// Replies are written in the middle of a batch beyond this, so that a batch of large ones does not gather in memory.
constexpr std::size_t flush_bytes = 1u << 20;
constexpr std::size_t torn_room_min = 4096;

// The limit that a frame has passed; null if it was refused for something else.
std::uint64_t Limits::*excess_of(const wire::FrameReader& reader) {
    switch (reader.excess()) {
        case wire::FrameReader::Excess::none: break;
        case wire::FrameReader::Excess::bytes: return &Limits::frame_bytes_max;
        case wire::FrameReader::Excess::depth: return &Limits::depth_max;
        case wire::FrameReader::Excess::items: return &Limits::items_max;
    }
    return nullptr;
}

// Marks a connection's requests as those that the seat's thread runs.
class InBatch {
public:
    InBatch(Seat& seat, Batch& batch) : seat_(seat) {
        seat_.batch = &batch;
        seat_.arrive();
    }
    InBatch(const InBatch&) = delete;
    InBatch& operator=(const InBatch&) = delete;
    ~InBatch() {
        seat_.finish();
        seat_.batch = nullptr;
    }

private:
    Seat& seat_;
};

}  // namespace

Connection::Connection(Socket socket, Reactor& reactor, Services& services, const Dispatcher& dispatcher, Peer peer,
                       wire::ErrorForm error_form, const TlsContextPtr& tls, OnClosed on_closed)
    : socket_(std::move(socket)),
      reactor_(reactor),
      services_(services),
      caller_(std::make_shared<Caller>(services, dispatcher, std::move(peer), error_form)),
      tls_(tls != nullptr ? std::make_unique<TlsStream>(tls, socket_.native_handle()) : nullptr),
      on_closed_(std::move(on_closed)) {
    caller_->attach(*this);
}

// What goes wrong for one connection's requests, memory above all, ends that connection; the others go on.
template <class What>
void Connection::guarded(What what) {
    reactor_.step([this, what] {
        try {
            std::invoke(what, *this);
        } catch (const std::bad_alloc&) {
            give_up("out of memory");
        } catch (const std::exception& failure) {
            give_up(failure.what());
        }
    });
}

void Connection::give_up(std::string_view why) {
    if (Reactor::has_lost_seat()) throw SeatLost();  // the connection is another thread's
    services_.log.session.error("a connection of {} is closed: {}", caller_->principal().name, why);
    reactor_.seat().out.clear();
    close(why);
}

void Connection::send_mail() { guarded(&Connection::drain_mailbox); }

void Connection::go_on() { guarded(&Connection::flush_and_go_on); }

void Connection::start() {
    socket_.non_blocking(true);
    if (tls_ != nullptr) return guarded(&Connection::shake_hands);
    wait_readable();
}

void Connection::shake_hands() {
    if (closed_) return;
    switch (tls_->shake_hands()) {
        case TlsStream::Handshake::failed: return close("TLS: " + tls_->failure());
        case TlsStream::Handshake::done: {
            if (auto known = take_tls_peer(); !known) return close(known.error().text);
            return wait_readable();
        }
        case TlsStream::Handshake::waits: break;
    }
    const auto direction = tls_->wants_to_write() ? Socket::wait_write : Socket::wait_read;
    socket_.async_wait(direction, [self = shared_from_this()](const asio::error_code& failure) {
        if (!failure) return self->guarded(&Connection::shake_hands);
        if (failure != asio::error::operation_aborted) self->close(failure.message());
    });
}

// Who the handshake has shown to be there.
Result<void> Connection::take_tls_peer() {
    Peer peer = caller_->peer();
    peer.is_private = true;
    peer.channel = tls_->channel();
    const auto name = tls_->client_name();
    if (!name) return tl::unexpected<Error>(name.error());
    if (!name->empty()) {
        peer.principal = {"cert:" + *name};
        peer.identified = true;
    }
    caller_->set_peer(std::move(peer));
    return name->empty() ? Result<void>() : caller_->count_connection();
}

void Connection::ask_to_check_time(std::int64_t now_ns) {
    if (pace_.overdue(now_ns, caller_->limits()) == nullptr) return;
    if (asked_to_check_.exchange(true, std::memory_order_relaxed)) return;  // its reactor may be stuck
    reactor_.post([self = shared_from_this()] { self->check_time(); });
}

void Connection::end() {
    if (!closed_) guarded(&Connection::drain_mailbox);
    close("the host ends");
}

void Connection::check_time() {
    asked_to_check_.store(false, std::memory_order_relaxed);
    const std::int64_t now = monotonic_now();
    const auto limit = pace_.overdue(now, caller_->limits());
    if (closed_ || limit == nullptr) return;
    // A call that waits, or its reply that has come but is not written yet: in this order, as the one becomes the other.
    if (limit == &Limits::idle_ms && (caller_->waits() || unsent_bytes() != 0)) return pace_.active(now);
    // What has come while the reactor was busy with others is read before it looks again.
    if (limit != &Limits::slow_reader_ms && std::exchange(spared_since_, pace_.active_ns()) != pace_.active_ns())
        return;
    caller_->hit(limit);
    if (limit == &Limits::idle_ms) return close("it was idle for too long (idle_ms)");
    if (limit == &Limits::slow_reader_ms) return close("its client reads no replies (slow_reader_ms)");
    close(caller_->admitted() ? "no request came (login_ms)" : "nobody logged in (login_ms)");
}

wire::FrameLimits Connection::frame_limits() const {
    return admitted_ ? caller_->limits().frame_limits() : wire::frame_limits_before_login;
}

ssize_t Connection::receive(std::uint8_t* to, std::size_t size) {
    return tls_ != nullptr ? tls_->receive(to, size) : ::recv(socket_.native_handle(), to, size, 0);
}

// What is in first_, and what there is behind it. An end or a failure there shows at the next read.
ssize_t Connection::receive_behind(std::size_t first, std::uint8_t* to, std::size_t size) {
    std::copy_n(first_.begin(), first, to);
    ssize_t more = 0;
    if (first == first_.size()) more = receive(to + first, size - first);
    return static_cast<ssize_t>(first) + std::max<ssize_t>(more, 0);
}

ssize_t Connection::send(data::Bytes bytes) {
    return tls_ != nullptr ? tls_->send(bytes.data(), bytes.size())
                           : ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

std::string Connection::why_failed() const {
    const int failure = errno;
    return tls_ != nullptr && !tls_->failure().empty() ? "TLS: " + tls_->failure() : std::strerror(failure);
}

void Connection::wait_readable() {
    if (reading_ || closed_ || closing_) return;
    if (!reads_further()) return caller_->hit(&Limits::unsent_bytes_max);
    if (tls_ != nullptr && tls_->wants_to_write()) wait_writable();
    reading_ = true;
    if (tls_ != nullptr && tls_->has_pending()) {
        return asio::post(reactor_.context(), [self = shared_from_this()] {
            self->reading_ = false;
            self->guarded([](Connection& connection) { connection.on_readable({}); });
        });
    }
    const auto on_end = [this](const asio::error_code& failure, std::optional<std::size_t> first) {
        reading_ = false;
        if (!failure || failure == asio::error::eof)
            return guarded([first](Connection& connection) { connection.on_readable(first); });
        if (failure != asio::error::operation_aborted) close(failure.message());
    };
    const OperationAllocator<std::byte> memory(read_memory_);
    if (reads_little_ && tls_ == nullptr) {
        const auto done = [self = shared_from_this(), on_end](const asio::error_code& failure, std::size_t count) {
            on_end(failure, count);
        };
        return socket_.async_read_some(asio::buffer(first_), asio::bind_allocator(memory, done));
    }
    const auto ready = [self = shared_from_this(), on_end](const asio::error_code& failure) { on_end(failure, {}); };
    socket_.async_wait(Socket::wait_read, asio::bind_allocator(memory, ready));
}

// So many bytes have been read into first_ already: none at the end.
void Connection::on_readable(std::optional<std::size_t> first) {
    if (closed_) return;
    Seat& seat = reactor_.seat();
    seat.in.clear();  // a connection that was closed in the middle of its requests left the rest of them there
    data::Buffer& in = torn_ != nullptr ? torn_->bytes : seat.in;
    // A torn frame gets room by what has come of it: many connections may hold half frames open.
    const std::size_t room =
        torn_ != nullptr ? std::clamp(in.size(), torn_room_min, Reactor::read_bytes) : Reactor::read_bytes;
    std::uint8_t* const to = in.reserve(room);
    const ssize_t got = first ? receive_behind(*first, to, room) : receive(to, room);
    if (got < 0) {
        if (errno == EAGAIN || errno == EINTR) return wait_readable();
        return close(why_failed());
    }
    if (got == 0) {
        if (unsent_.empty())
            return close(torn_ != nullptr ? "the client has gone in the middle of a frame" : "the client has gone");
        closing_ = true;
        return;
    }
    in.commit(to + got);
    reads_little_ = static_cast<std::size_t>(got) < first_.size();
    Seat::count(seat.bytes_in, static_cast<std::uint64_t>(got));

    seat.out.clear();
    std::size_t used = 0;
    if (!admitted_) admitted_ = caller_->admitted();
    wire::FrameReader fresh(frame_limits());
    wire::FrameReader& reader = torn_ != nullptr ? torn_->reader : fresh;
    if (!run_frames(in.bytes(), reader, used)) return;
    flush();
    if (closed_) return;
    keep_rest(in.bytes().subspan(used), reader);
    seat.in.clear();
    seat.shed();
    wait_readable();
}

// Runs what is complete; false if the connection is closed, or about to be.
bool Connection::run_frames(data::Bytes bytes, wire::FrameReader& reader, std::size_t& used) {
    Seat& seat = reactor_.seat();
    const InBatch in_batch(seat, *this);
    while (used != bytes.size() && reads_further()) {
        const data::Bytes rest = bytes.subspan(used);
        switch (reader.scan(rest)) {
            case wire::FrameReader::Status::incomplete: return true;
            case wire::FrameReader::Status::refused: refuse_frame(rest, reader); return false;
            case wire::FrameReader::Status::complete: break;
        }
        const wire::Frame frame = reader.frame(rest);
        seat.rest = rest.subspan(frame.bytes.size());
        const bool goes_on = caller_->take(frame, seat);
        used += frame.bytes.size();
        reader.next();
        if (!admitted_ && (admitted_ = caller_->admitted())) reader.set_limits(frame_limits());
        if (admitted_) pace_.active(seat.arrived_ns);
        if (!goes_on) {
            flush();
            close(caller_->closing_reason());
            return false;
        }
        if (seat.out.size() >= flush_bytes) flush();
        if (closed_) return false;
    }
    return true;
}

// What was not run stays with the connection, with what the reader knows of it.
void Connection::keep_rest(data::Bytes rest, wire::FrameReader& reader) {
    if (rest.empty()) {
        torn_.reset();
        return;
    }
    if (torn_ != nullptr) {
        const std::size_t gone = torn_->bytes.size() - rest.size();
        if (gone != 0) torn_->bytes.consume(gone);
        return;
    }
    torn_ = std::make_unique<Torn>(Torn{{}, reader});
    torn_->bytes.append(rest);
}

void Connection::refuse_frame(data::Bytes front, const wire::FrameReader& reader) {
    const Error error = reader.error();
    Seat& seat = reactor_.seat();
    std::uint32_t msgid = 0;
    if (wire::peek_msgid(front, msgid)) {
        wire::Out out(seat.out);
        wire::write_error_reply(out, msgid, error, caller_->replies().error_form());
    }
    if (const auto limit = excess_of(reader)) caller_->hit(limit);
    flush();
    close(error.text);
}

// Writes seat.out, or what the socket takes of it. So many bytes of it are in unsent_bytes_ already.
void Connection::flush(std::size_t counted) {
    if (closed_) return;
    if (counted == 0 && caller_->serves_host()) {
        flush_mail_first();
        if (closed_) return;
    }
    Seat& seat = reactor_.seat();
    seat.settle();
    Replies::Notices notices = caller_->replies().take_notices();
    for (Replies::Notice& notice : notices) notice.end += bytes_queued_;
    notices_.splice(notices_.end(), notices);
    bytes_queued_ += seat.out.size();

    data::Bytes bytes = seat.out.bytes();
    if (unsent_.empty() && !bytes.empty()) {
        const ssize_t sent = send(bytes);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            const std::string why = why_failed();
            seat.out.clear();
            return close(why);
        }
        if (sent > 0) {
            bytes_written_ += static_cast<std::uint64_t>(sent);
            Seat::count(seat.bytes_out, static_cast<std::uint64_t>(sent));
            bytes = bytes.subspan(static_cast<std::size_t>(sent));
        }
    }
    if (unsent_.empty() && !bytes.empty()) pace_.unsent_since(monotonic_now());
    unsent_.append(bytes);
    // What the socket takes at once is never counted, unless it was before.
    if (bytes.size() != counted) unsent_bytes_.fetch_add(bytes.size() - counted, std::memory_order_relaxed);
    seat.out.clear();
    settle_notices();
    if (!unsent_.empty()) wait_writable();
}

// A worker's: what was sent by the call whose reply is to be written goes before that. A call on behalf of a request must arrive
// before the reply to it does.
void Connection::flush_mail_first() {
    caller_->link()->upstream()->tell_charges();
    if (!has_mail_.load(std::memory_order_relaxed)) return;
    Seat& seat = reactor_.seat();
    data::Buffer replies = std::move(seat.out);
    Replies::Notices notices = caller_->replies().take_notices();
    const auto give_back = [&notices] {
        for (auto notice = notices.rbegin(); notice != notices.rend(); ++notice) notice->undelivered.discard();
    };
    try {
        while (!closed_ && has_mail_.load(std::memory_order_relaxed)) drain_mailbox();
    } catch (const std::bad_alloc&) {
        give_back();
        throw;
    }
    if (closed_) return give_back();
    seat.out = std::move(replies);
    caller_->replies().put_back(std::move(notices));
}

void Connection::wait_writable() {
    if (writing_ || closed_) return;
    writing_ = true;
    socket_.async_wait(Socket::wait_write, [self = shared_from_this()](const asio::error_code& failure) {
        self->writing_ = false;
        if (!failure) return self->guarded(&Connection::on_writable);
        if (failure != asio::error::operation_aborted) self->close(failure.message());
    });
}

void Connection::on_writable() {
    if (closed_) return;
    const std::size_t unsent_before = unsent_from_;
    while (unsent_from_ != unsent_.size()) {
        const ssize_t sent = send(unsent_.bytes().subspan(unsent_from_));
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR) break;
            return close(why_failed());
        }
        unsent_from_ += static_cast<std::size_t>(sent);
        unsent_bytes_.fetch_sub(static_cast<std::size_t>(sent), std::memory_order_relaxed);
        bytes_written_ += static_cast<std::uint64_t>(sent);
        Seat::count(reactor_.seat().bytes_out, static_cast<std::uint64_t>(sent));
    }
    settle_notices();
    if (unsent_from_ != unsent_before) pace_.unsent_since(monotonic_now());
    if (unsent_from_ == unsent_.size()) {
        pace_.all_sent();
        unsent_.release();
        unsent_from_ = 0;
        if (closing_) return close("the client has gone");
    } else {
        if (unsent_from_ >= unsent_.size() / 2) unsent_.consume(std::exchange(unsent_from_, 0));
        wait_writable();
    }
    run_torn();
}

// Frames that are there and were not run: the socket was full, or the thread before was stuck.
void Connection::run_torn() {
    if (!reads_further()) return;
    if (torn_ != nullptr && !reading_) {
        Seat& seat = reactor_.seat();
        seat.out.clear();
        std::size_t used = 0;
        if (!run_frames(torn_->bytes.bytes(), torn_->reader, used)) return;
        flush();
        if (closed_) return;
        keep_rest(torn_->bytes.bytes().subspan(used), torn_->reader);
    }
    wait_readable();
}

std::shared_ptr<Batch> Connection::take_over(Seat& lost) {
    auto self = shared_from_this();
    Seat& seat = reactor_.seat();
    seat.out.clear();
    if (admitted_) pace_.active(lost.arrived_ns);  // its request was complete, whatever becomes of it
    try {
        std::unique_ptr<Torn> rest;
        if (!lost.rest.empty()) {
            rest = std::make_unique<Torn>(Torn{{}, wire::FrameReader(frame_limits())});
            rest->bytes.append(lost.rest);
        }
        // What the stuck call has of the reply that it writes is not for us.
        const std::size_t finished = lost.call != nullptr ? lost.call->reply_start() : lost.out.size();
        {
            const std::scoped_lock lock(lost.out_mutex);
            seat.out.append({lost.out.data(), finished});
        }
        if (lost.call != nullptr) lost.call->outlive_seat();
        lost.kept = std::move(torn_);
        torn_ = std::move(rest);
    } catch (const std::bad_alloc&) {
        lost.kept = std::move(torn_);
        starved_ = true;
    }
    return self;
}

void Connection::flush_and_go_on() {
    if (starved_) return close("there is no memory to go on behind a call that is stuck");
    flush();
    if (!closed_) run_torn();
}

// What the kernel has taken is delivered.
void Connection::settle_notices() {
    const auto settled = [this](const Replies::Notice& notice) { return notice.end <= bytes_written_; };
    notices_.erase(notices_.begin(), std::find_if_not(notices_.begin(), notices_.end(), settled));
}

void Connection::deliver(data::Buffer frame, Undelivered undelivered) {
    bool first = false;
    unsent_bytes_.fetch_add(frame.size(), std::memory_order_relaxed);
    {
        const std::scoped_lock lock(mailbox_mutex_);
        first = mailbox_.empty();
        mailbox_.push_back({std::move(frame), std::move(undelivered)});
        has_mail_.store(true, std::memory_order_relaxed);
    }
    if (first && !reactor_.send_after_step(shared_from_this()))
        asio::post(reactor_.context(), [self = shared_from_this()] { self->guarded(&Connection::drain_mailbox); });
}

void Connection::drain_mailbox() {
    std::list<Mail> mails;
    {
        const std::scoped_lock lock(mailbox_mutex_);
        mails.swap(mailbox_);
        has_mail_.store(false, std::memory_order_relaxed);
    }
    if (closed_) {
        for (auto mail = mails.rbegin(); mail != mails.rend(); ++mail) mail->undelivered.discard();
        return;
    }
    Seat& seat = reactor_.seat();
    seat.out.clear();
    auto mail = mails.begin();
    try {
        for (; mail != mails.end() && seat.out.size() < flush_bytes; ++mail) {
            seat.out.append(mail->frame.bytes());
            mail->frame.release();
            if (!mail->undelivered.empty()) caller_->replies().notice(std::move(mail->undelivered), seat);
        }
    } catch (const std::bad_alloc&) {  // the connection is closed, and nobody else knows of these
        for (auto lost = mails.end(); lost != mail;) (--lost)->undelivered.discard();
        throw;
    }
    if (mail != mails.end()) {  // in another go, so that large replies are never all held twice
        const std::scoped_lock lock(mailbox_mutex_);
        mailbox_.insert(mailbox_.begin(), std::move_iterator(mail), std::move_iterator(mails.end()));
        has_mail_.store(true, std::memory_order_relaxed);
        asio::post(reactor_.context(), [self = shared_from_this()] { self->guarded(&Connection::drain_mailbox); });
    }
    pace_.active(monotonic_now());
    flush(seat.out.size());
    seat.shed();
}

void Connection::close(std::string_view reason) {
    if (closed_) return;
    closed_ = true;
    services_.log.session.debug("connection of {} closed: {}", caller_->principal().name, reason);
    tls_.reset();
    asio::error_code ignored;
    socket_.close(ignored);
    // The last given is given back first: items that each return to the front of their queue are in order again.
    settle_notices();
    drain_mailbox();
    caller_->gone(reactor_.seat(), reason);
    for (auto notice = notices_.rbegin(); notice != notices_.rend(); ++notice) notice->undelivered.discard();
    notices_.clear();
    unsent_.release();  // but what is torn stays: whoever closes this may be reading it
    drain_mailbox();
    on_closed_(shared_from_this());
}

}  // namespace soho::host
