#include "host/worker/denials.hpp"

#include "host/object/executor.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

namespace soho::host {

namespace {

// The thread has other workers to look after: who tries without end waits in between.
constexpr int answers_per_slice = 100;
constexpr std::int64_t slice_ns = 100'000'000;

// A byte, with the descriptor.
class Envelope {
public:
    Envelope() {
        header_.msg_iov = &part_;
        header_.msg_iovlen = 1;
        header_.msg_control = control_;
        header_.msg_controllen = sizeof control_;
    }
    void send(int descriptor, int socket) {
        cmsghdr* const rights = CMSG_FIRSTHDR(&header_);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(sizeof descriptor);
        std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
        ::sendmsg(socket, &header_, MSG_NOSIGNAL);
    }
    // -1: none came.
    int receive(int socket) {
        int descriptor = -1;
        if (::recvmsg(socket, &header_, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) <= 0) return descriptor;
        const cmsghdr* const rights = CMSG_FIRSTHDR(&header_);
        if (rights != nullptr && rights->cmsg_type == SCM_RIGHTS && rights->cmsg_len == CMSG_LEN(sizeof descriptor))
            std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
        return descriptor;
    }

private:
    char byte_ = 0;
    iovec part_{&byte_, sizeof byte_};
    msghdr header_{};
    alignas(cmsghdr) char control_[CMSG_SPACE(sizeof(int))]{};
};

// One call and its answer, in structures as large as the kernel's.
struct Exchange {
    seccomp_notif* call = nullptr;
    seccomp_notif_resp* reply = nullptr;

    Exchange() { ::seccomp_notify_alloc(&call, &reply); }
    Exchange(const Exchange&) = delete;
    Exchange& operator=(const Exchange&) = delete;
    ~Exchange() { ::seccomp_notify_free(call, reply); }
};

// Of calls that are forbidden with some arguments: which of them tells.
struct Telling {
    std::string_view call;
    unsigned argument;
    const char* form;  // of the call's name, and of the argument as signed and unsigned
};
constexpr Telling telling[] = {{"open", 1, "{0} with flags {2:#x}"},    {"openat", 2, "{0} with flags {2:#x}"},
                               {"clone", 0, "{0} with flags {2:#x}"},   {"socket", 0, "{0} of family {1}"},
                               {"socketpair", 1, "{0} of type {2:#x}"}, {"ioctl", 1, "{0} with request {2:#x}"},
                               {"fcntl", 1, "{0} with command {1}"},    {"prctl", 0, "{0} with option {1}"},
                               {"kill", 0, "{0} of process {1}"},       {"tgkill", 0, "{0} of process {1}"},
                               {"prlimit64", 0, "{0} of process {1}"},  {"mknod", 1, "{0} with mode {2:#o}"},
                               {"mknodat", 2, "{0} with mode {2:#o}"}};

// "openat with flags 0x241"
std::string words_for(std::string_view name, const seccomp_data& call) {
    for (const Telling& each : telling) {
        if (each.call == name)
            return fmt::format(fmt::runtime(each.form), name, static_cast<std::int32_t>(call.args[each.argument]),
                               static_cast<std::uint32_t>(call.args[each.argument]));
    }
    return std::string(name);
}

bool has_one(int listener) {
    pollfd awaited{listener, POLLIN, 0};
    return ::poll(&awaited, 1, 0) == 1 && (awaited.revents & POLLIN) != 0;
}

}  // namespace

void hand_over(int listener, int socket) {
    if (listener >= 0) {
        Envelope().send(listener, socket);
        ::close(listener);
    }
    ::close(socket);
}

Denials::Denials(asio::io_context& context, int socket, spdlog::logger& log, std::string worker,
                 std::string confinement)
    : socket_(context, socket),
      listener_(context),
      pause_(context),
      log_(log),
      worker_(std::move(worker)),
      confinement_(std::move(confinement)) {}

void Denials::await() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [weak = weak_from_this()](const asio::error_code& failure) {
                           if (const auto self = weak.lock(); self != nullptr && !failure) self->take_listener();
                       });
}

void Denials::take_listener() {
    const int listener = Envelope().receive(socket_.native_handle());
    socket_.close();
    if (listener < 0) return;  // it has no filter, or one whose calls do not wait
    listener_.assign(listener);
    await_calls();
}

void Denials::await_calls() {
    const std::int64_t now = monotonic_now();
    if (now - slice_ns_ > slice_ns) {
        slice_ns_ = now;
        answers_ = 0;
    }
    if (answers_ >= answers_per_slice) {
        pause_.expires_after(std::chrono::nanoseconds(slice_ns));
        return pause_.async_wait([weak = weak_from_this()](const asio::error_code& failure) {
            if (const auto self = weak.lock(); self != nullptr && !failure) self->await_calls();
        });
    }
    listener_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [weak = weak_from_this()](const asio::error_code& failure) {
                             if (const auto self = weak.lock(); self != nullptr && !failure) self->answer();
                         });
}

void Denials::answer() {
    const int listener = listener_.native_handle();
    for (; answers_ < answers_per_slice && has_one(listener); ++answers_) {
        const Exchange exchange;
        if (exchange.call == nullptr || ::seccomp_notify_receive(listener, exchange.call) != 0)
            continue;  // it has ended
        tell(exchange.call->data);
        exchange.reply->id = exchange.call->id;
        exchange.reply->error = -EPERM;
        ::seccomp_notify_respond(listener, exchange.reply);
    }
    pollfd state{listener, POLLIN, 0};
    if (::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0) return listener_.close();
    await_calls();
}

void Denials::tell(const seccomp_data& call) {
    if (!told_.insert(call.nr).second) return;
    const std::unique_ptr<char, decltype(&std::free)> name(::seccomp_syscall_resolve_num_arch(call.arch, call.nr),
                                                           &std::free);
    log_.warn("{} tried a system call that {} forbids: {}; it failed with EPERM (said once for each call)", worker_,
              confinement_, name != nullptr ? words_for(name.get(), call) : fmt::format("number {}", call.nr));
}

}  // namespace soho::host
