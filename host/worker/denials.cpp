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

Denials::Denials(asio::io_context& context, int socket, spdlog::logger& log, std::string worker, std::string preset)
    : socket_(context, socket),
      listener_(context),
      log_(log),
      worker_(std::move(worker)),
      preset_(std::move(preset)) {}

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
        tell(exchange.call->data.nr, exchange.call->data.arch);
        exchange.reply->id = exchange.call->id;
        exchange.reply->error = -EPERM;
        ::seccomp_notify_respond(listener, exchange.reply);
    }
    pollfd state{listener, POLLIN, 0};
    if (::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0) return listener_.close();
    await_calls();
}

void Denials::tell(int number, std::uint32_t architecture) {
    if (!told_.insert(number).second) return;
    const std::unique_ptr<char, decltype(&std::free)> name(::seccomp_syscall_resolve_num_arch(architecture, number),
                                                           &std::free);
    log_.warn("{} tried a call that worker_syscalls = \"{}\" forbids: {}, which failed with EPERM; said once", worker_,
              preset_, name != nullptr ? name.get() : fmt::format("number {}", number).c_str());
}

}  // namespace soho::host
