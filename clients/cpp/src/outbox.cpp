#include "outbox.hpp"

#include <soho/wire/codec.hpp>

#include <cerrno>

namespace soho::client {

namespace {

iovec part(data::Bytes bytes) { return {const_cast<std::uint8_t*>(bytes.data()), bytes.size()}; }

bool is_full(int failure) { return failure == EAGAIN || failure == EWOULDBLOCK || failure == ENOBUFS; }

}  // namespace

Outbox::Sent Outbox::send(data::Bytes frame, std::size_t waiting_max) {
    const std::lock_guard lock(mutex_);
    if (closed_) return Sent::never;
    if (!releases_.empty()) take_releases();
    if (!waiting_bytes_.empty()) return send_behind_waiting(frame, waiting_max);

    const iovec whole = part(frame);
    const auto sent = socket_.send_now(&whole, 1);
    if (sent.bytes == frame.size()) return Sent::whole;
    if (sent.failure != 0 && !is_full(sent.failure)) {
        closed_ = true;
        return Sent::never;
    }
    waiting_bytes_.append(frame.subspan(sent.bytes));
    waiting_ = true;
    return Sent::waiting;
}

Outbox::Sent Outbox::send_behind_waiting(data::Bytes frame, std::size_t waiting_max) {
    if (waiting_bytes_.size() > waiting_max) return Sent::full;
    const iovec parts[] = {part(waiting_bytes_.bytes()), part(frame)};
    const auto sent = socket_.send_now(parts, 2);
    if (sent.failure != 0 && !is_full(sent.failure)) {
        closed_ = true;
        return Sent::never;
    }
    if (sent.bytes < waiting_bytes_.size()) {
        waiting_bytes_.consume(sent.bytes);
        waiting_bytes_.append(frame);
    } else {
        frame = frame.subspan(sent.bytes - waiting_bytes_.size());
        waiting_bytes_.clear();
        waiting_bytes_.append(frame);
    }
    waiting_ = !waiting_bytes_.empty();
    return waiting_ ? Sent::waiting : Sent::whole;
}

Outbox::Sent Outbox::cork(data::Bytes frame, std::size_t waiting_max) {
    {
        const std::lock_guard lock(mutex_);
        if (closed_) return Sent::never;
        if (waiting_bytes_.size() + frame.size() < corked_bytes_max) {
            if (!releases_.empty()) take_releases();
            waiting_bytes_.append(frame);
            waiting_ = true;
            return Sent::whole;
        }
    }
    return send(frame, waiting_max);
}

void Outbox::flush() {
    const std::lock_guard lock(mutex_);
    if (waiting_bytes_.empty() || closed_) return;
    const iovec whole = part(waiting_bytes_.bytes());
    const auto sent = socket_.send_now(&whole, 1);
    if (sent.failure != 0 && !is_full(sent.failure)) {
        closed_ = true;
        waiting_bytes_.clear();
    }
    waiting_bytes_.consume(std::min(sent.bytes, waiting_bytes_.size()));
    if (waiting_bytes_.capacity() > (1u << 20) && waiting_bytes_.empty()) waiting_bytes_.release();
    waiting_ = !waiting_bytes_.empty();
}

void Outbox::release(std::uint64_t id, bool now) noexcept {
    bool full = false;
    try {
        const std::lock_guard lock(mutex_);
        if (closed_) return;
        if (!releases_.empty() && releases_.back().id == id) {
            ++releases_.back().count;
        } else {
            releases_.push_back({id, 1});
        }
        releases_kept_ = true;
        full = releases_.size() >= releases_batch;
    } catch (...) {
        return;
    }
    if (now || full) flush_releases();
}

void Outbox::flush_releases() noexcept {
    try {
        {
            const std::lock_guard lock(mutex_);
            // A socket that is full already gets them with the next frame.
            if (closed_ || releases_.empty() || !waiting_bytes_.empty()) return;
            take_releases();
        }
        flush();
    } catch (...) {
    }
}

void Outbox::take_releases() {
    wire::Out out(waiting_bytes_);
    wire::begin_notification(out, "soho.release");
    out.array(releases_.size());
    for (const Release& release : releases_) {
        out.array(2);
        out.unsigned_integer(release.id);
        out.unsigned_integer(release.count);
    }
    releases_.clear();
    releases_kept_ = false;
    waiting_ = true;
}

}  // namespace soho::client
