// D-Bus: a service and its clients, all by sd-bus, and the broker between them, whose CPU time is the server's.

#include "bench/peers/peer.hpp"

#include <sys/prctl.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <stdexcept>

namespace soho::bench {
namespace {

constexpr const char *name = "org.example.Bench", *path = "/pair", *interface = "org.example.Pair";

int check(int outcome, const char* what) {
    if (outcome < 0) throw std::runtime_error(std::string(what) + ": " + std::strerror(-outcome));
    return outcome;
}

struct Unref {
    void operator()(sd_bus* bus) const { sd_bus_flush_close_unref(bus); }
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using Bus = std::unique_ptr<sd_bus, Unref>;
using Message = std::unique_ptr<sd_bus_message, Unref>;

Bus connected(const std::string& address) {
    sd_bus* made = nullptr;
    check(sd_bus_new(&made), "sd_bus_new");
    Bus bus(made);
    check(sd_bus_set_address(made, ("unix:path=" + address.substr(5)).c_str()), "sd_bus_set_address");
    check(sd_bus_set_bus_client(made, 1), "sd_bus_set_bus_client");
    check(sd_bus_start(made), "sd_bus_start");
    return bus;
}

int get_x(sd_bus_message* call, void*, sd_bus_error*) { return sd_bus_reply_method_return(call, "x", std::int64_t{5}); }

int echo(sd_bus_message* call, void*, sd_bus_error*) {
    const void* bytes = nullptr;
    std::size_t size = 0;
    sd_bus_message* made = nullptr;
    if (const int failed = sd_bus_message_read_array(call, 'y', &bytes, &size); failed < 0) return failed;
    if (const int failed = sd_bus_message_new_method_return(call, &made); failed < 0) return failed;
    const Message reply(made);
    if (const int failed = sd_bus_message_append_array(made, 'y', bytes, size); failed < 0) return failed;
    return sd_bus_send(nullptr, made, nullptr);
}

constexpr sd_bus_vtable methods[] = {
    SD_BUS_VTABLE_START(0), SD_BUS_METHOD("GetX", "", "x", get_x, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("Echo", "ay", "ay", echo, SD_BUS_VTABLE_UNPRIVILEGED), SD_BUS_VTABLE_END};

void serve(const std::string& address) {
    if (::fork() == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const std::string where = "--address=unix:path=" + address.substr(5);
        ::execlp("dbus-daemon", "dbus-daemon", "--session", "--nofork", "--nopidfile", where.c_str(), nullptr);
        ::_exit(127);
    }
    { const Socket up(address); }
    const Bus bus = connected(address);
    check(sd_bus_add_object_vtable(bus.get(), nullptr, path, interface, methods, nullptr), "sd_bus_add_object_vtable");
    check(sd_bus_request_name(bus.get(), name, 0), "sd_bus_request_name");
    for (;;) {
        if (check(sd_bus_process(bus.get(), nullptr), "sd_bus_process") == 0)
            check(sd_bus_wait(bus.get(), UINT64_MAX), "sd_bus_wait");
    }
}

Message call_of(sd_bus* bus, const char* method) {
    sd_bus_message* made = nullptr;
    check(sd_bus_message_new_method_call(bus, &made, name, path, interface, method), "a call");
    return Message(made);
}

class DbusCaller final : public Caller {
public:
    DbusCaller(const std::string& address, Work work, std::size_t bytes)
        : bus_(connected(address)),
          payload_(bytes, 'x') {
        for (const std::int64_t until = now_ns() + 5'000'000'000; !is_served();) {
            if (now_ns() > until) throw std::runtime_error("the service does not come");
            ::usleep(2'000);
        }
        if (work != Work::window) return;
        is_window_ = true;
        for (std::size_t i = 0; i < window_calls; ++i) ask();
    }

    std::size_t step() override {
        if (is_window_) {
            answered_ = 0;
            while (answered_ == 0) {
                if (check(sd_bus_process(bus_.get(), nullptr), "sd_bus_process") == 0)
                    check(sd_bus_wait(bus_.get(), UINT64_MAX), "sd_bus_wait");
            }
            return answered_;
        }
        const Message call = call_of(bus_.get(), payload_.empty() ? "GetX" : "Echo");
        if (!payload_.empty())
            check(sd_bus_message_append_array(call.get(), 'y', payload_.data(), payload_.size()), "the bytes");
        sd_bus_message* made = nullptr;
        check(sd_bus_call(bus_.get(), call.get(), 0, nullptr, &made), "sd_bus_call");
        const Message reply(made);
        if (payload_.empty()) {
            check_x(made);
        } else {
            const void* bytes = nullptr;
            std::size_t size = 0;
            check(sd_bus_message_read_array(made, 'y', &bytes, &size), "the echo");
            if (size != payload_.size()) throw std::runtime_error("a short echo");
        }
        return 1;
    }

private:
    bool is_served() {
        sd_bus_message* made = nullptr;
        const bool answered = sd_bus_call(bus_.get(), call_of(bus_.get(), "GetX").get(), 0, nullptr, &made) >= 0;
        const Message reply(made);
        return answered;
    }
    static void check_x(sd_bus_message* reply) {
        std::int64_t x = 0;
        check(sd_bus_message_read(reply, "x", &x), "the answer");
        if (x != 5) throw std::runtime_error("x is not 5");
    }
    void ask() {
        const auto answer = [](sd_bus_message* reply, void* self, sd_bus_error*) {
            auto* const caller = static_cast<DbusCaller*>(self);
            std::int64_t x = 0;
            if (sd_bus_message_read(reply, "x", &x) < 0 || x != 5) return -EIO;
            ++caller->answered_;
            caller->ask();
            return 0;
        };
        check(sd_bus_call_async(bus_.get(), nullptr, call_of(bus_.get(), "GetX").get(), answer, this, 0), "a call");
    }

    const Bus bus_;
    const std::string payload_;
    bool is_window_ = false;
    std::size_t answered_ = 0;
};

}  // namespace
}  // namespace soho::bench

int main(int argc, char** argv) {
    using namespace soho::bench;
    return peer_main(argc, argv,
                     {serve, [](const std::string& address, Work work, std::size_t bytes) -> std::unique_ptr<Caller> {
                          return std::make_unique<DbusCaller>(address, work, bytes);
                      }});
}
