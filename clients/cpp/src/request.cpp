#include "class_check.hpp"
#include "introductions.hpp"
#include "link.hpp"
#include "target.hpp"

#include <fmt/format.h>

#include <thread>

namespace soho::client {

namespace {

thread_local Scratch kept_scratch;

constexpr std::size_t kept_bytes_max = 1u << 20;
constexpr std::uint64_t id_placeholder = UINT64_MAX;  // takes nine bytes, as any id that is put there later

void keep(data::Buffer& mine, data::Buffer& kept) {
    mine.clear();
    if (mine.capacity() <= kept_bytes_max) mine.swap(kept);
}

void borrow(Scratch& mine) {
    Scratch& kept = kept_scratch;
    mine.request.swap(kept.request);
    mine.reply.swap(kept.reply);
}

std::chrono::nanoseconds timeout_of(const CallOptions* options) {
    return options != nullptr ? options->after() : std::chrono::nanoseconds(0);
}

TypeDescription describe(Connection& connection, const std::string& type) {
    data::Buffer frame;
    wire::Out out(frame);
    wire::begin_request(out, Connection::msgid_placeholder, "soho.types");
    out.array(1);
    out.string(type);
    ResultOf<TypeDescription> description;
    data::Buffer copy;
    Waiter waiter(&description, &copy);
    connection.exchange(frame, waiter, {});
    if (waiter.failure) waiter.failure->raise();
    return std::move(description.value);
}

void check(Connection& connection, const std::vector<ClassUse>& uses) {
    for (const ClassUse& use : uses) {
        if (connection.is_checked(use)) continue;
        if (auto mismatch = class_mismatch(*use.proxy_class, describe(connection, use.type))) mismatch->raise();
        connection.note_checked(use);
    }
}

}  // namespace

Request::Request(Target& target, std::string_view method, std::size_t arguments, const CallOptions* options)
    : target_(&target),
      options_(options),
      method_(method) {
    borrow(scratch_);
    wire::begin_request(out_, Connection::msgid_placeholder, "soho.call");
    out_.array(options != nullptr && !options->is_silent() ? 4 : 3);
    id_at_ = scratch_.request.size() + 1;
    out_.unsigned_integer(id_placeholder);
    out_.string(method);
    out_.array(arguments);
}

Request::Request(Link& link, std::string_view method, std::size_t params, const CallOptions* options)
    : link_(&link),
      options_(options),
      method_(method) {
    borrow(scratch_);
    wire::begin_request(out_, Connection::msgid_placeholder, method);
    out_.array(params);
}

Request::~Request() {
    Scratch& kept = kept_scratch;
    keep(scratch_.request, kept.request);
    keep(scratch_.reply, kept.reply);
}

void Request::finish() {
    if (!finished_ && target_ != nullptr && options_ != nullptr && !options_->is_silent()) options_->write(out_);
    finished_ = true;
}

// Finds the connection, which may be made for it, and puts the target's id in its place.
void Request::resolve(bool may_connect) {
    if (link_ != nullptr) {
        connection_keeper_ = may_connect ? link_->connection() : link_->latest();
        connection_ = connection_keeper_.get();
    } else {
        Target::Place place = target_->resolve(may_connect);
        connection_ = place.connection;
        connection_keeper_ = std::move(place.keeper);
        data::detail::store_big_endian(scratch_.request.data() + id_at_, place.id);
    }
    if (scratch_.request.size() > connection_->frame_bytes_max()) {
        throw CallError(
            Failure(CallCode::limit,
                    fmt::format("{} with its arguments takes {} bytes; the host at {} takes {} (frame_bytes)", method_,
                                scratch_.request.size(), connection_->address(), connection_->frame_bytes_max())));
    }
}

void Request::run(Receiver& receiver) {
    finish();
    for (int tries = 1;; ++tries) {
        resolve(true);
        Waiter waiter(&receiver, &scratch_.reply);
        connection_->exchange(scratch_.request, waiter, timeout_of(options_));
        if (!waiter.failure) return check(*connection_, waiter.unchecked);
        if (!may_retry(*waiter.failure, waiter.never_sent, tries)) waiter.failure->raise();
    }
}

// Waits a little where the host asked for it.
bool Request::may_retry(const Failure& failure, bool never_sent, int tries) {
    const Link* link = link_ != nullptr ? link_ : target_->link().get();
    const int retries_default = link != nullptr ? link->options().retries : ConnectOptions().retries;
    const int retries = options_ != nullptr ? options_->retries(retries_default) : retries_default;
    if (tries > retries) return false;
    if (failure.code == CallCode::overloaded || failure.code == CallCode::not_started) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1 << (2 * std::min(tries, 4))));
        return true;
    }
    if (failure.code != CallCode::connection_lost || link == nullptr || !link->options().reconnect) return false;
    if (never_sent) return true;
    if (target_ == nullptr) return false;
    try {
        resolve(true);
        const TypeDescription type = describe(*connection_, target_->type());
        const auto method = type.methods.find(method_);
        return method != type.methods.end() && method->second.has_flag("idempotent");
    } catch (const CallError&) {
        return false;  // the first loss is what to tell
    }
}

Cancel Request::start(std::unique_ptr<Completion> completion) {
    finish();
    resolve(false);
    const auto connection = connection_keeper_ ? connection_keeper_ : connection_->shared_from_this();
    return Cancel(connection, connection->start(scratch_.request, std::move(completion), timeout_of(options_)));
}

void Request::notify() {
    finish();
    resolve(true);
    // A request's head is [0, msgid, ...; a notification's [2, ...: so it begins four bytes later.
    constexpr std::size_t dropped = Connection::msgid_at + sizeof(std::uint32_t) - 2;
    std::uint8_t* head = scratch_.request.data() + dropped;
    head[0] = 0x93;
    head[1] = static_cast<std::uint8_t>(wire::FrameType::notification);
    connection_->notify(scratch_.request.bytes().subspan(dropped));
}

Completion::~Completion() = default;

}  // namespace soho::client

void soho::Cancel::operator()() const {
    if (const auto connection = connection_.lock()) connection->cancel(msgid_);
}
