#include "host/worker/denials.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <seccomp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace soho::host {

namespace {

constexpr int answers_per_turn = 16;  // the thread has other workers to look after

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
    const char* name;
};
constexpr Telling telling[] = {{"open", 1, "flags"},     {"openat", 2, "flags"},      {"clone", 0, "flags"},
                               {"socket", 0, "family"},  {"socketpair", 1, "type"},   {"ioctl", 1, "request"},
                               {"fcntl", 1, "command"},  {"prctl", 0, "option"},      {"kill", 0, "process"},
                               {"tgkill", 0, "process"}, {"prlimit64", 0, "process"}, {"mknod", 1, "mode"},
                               {"mknodat", 2, "mode"}};

// "openat with flags 0x241"
std::string words_for(std::string_view name, const seccomp_data& call) {
    for (const Telling& each : telling) {
        if (each.call == name)
            return fmt::format("{} with {} {:#x}", name, each.name,
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
    listener_.async_wait(asio::posix::stream_descriptor::wait_read,
                         [weak = weak_from_this()](const asio::error_code& failure) {
                             if (const auto self = weak.lock(); self != nullptr && !failure) self->answer();
                         });
}

void Denials::answer() {
    const int listener = listener_.native_handle();
    for (int left = answers_per_turn; left != 0 && has_one(listener); --left) {
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
