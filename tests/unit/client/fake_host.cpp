#include "tests/unit/client/fake_host.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <chrono>
#include <cstdlib>
#include <stdexcept>

namespace soho::test {

using namespace std::chrono_literals;

FakeHost::FakeHost(Script script) : script_(std::move(script)) {
    std::string pattern = (std::filesystem::temp_directory_path() / "soho-fake-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    directory_ = pattern;
    path_ = directory_ / "host.sock";
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.string().copy(address.sun_path, sizeof address.sun_path - 1);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener_, 100) != 0 || ::pipe2(wake_pipe_, O_CLOEXEC | O_NONBLOCK) != 0) {
        throw std::runtime_error("the fake host cannot listen");
    }
    thread_ = std::thread([this] { serve(); });
}

FakeHost::~FakeHost() {
    {
        const std::lock_guard lock(mutex_);
        ends_ = true;
    }
    wake();
    thread_.join();
    for (auto& [number, connection] : connections_) ::close(connection.descriptor);
    for (const int descriptor : {listener_, wake_pipe_[0], wake_pipe_[1]}) ::close(descriptor);
    std::filesystem::remove_all(directory_);
}

void FakeHost::set_script(Script script) {
    const std::lock_guard lock(mutex_);
    script_ = std::move(script);
}

void FakeHost::wake() { [[maybe_unused]] const auto written = ::write(wake_pipe_[1], "", 1); }

void FakeHost::serve() {
    std::unique_lock lock(mutex_);
    while (!ends_) {
        std::vector<pollfd> waited{{listener_, POLLIN, 0}, {wake_pipe_[0], POLLIN, 0}};
        std::vector<int> numbers;
        for (auto& [number, connection] : connections_) {
            waited.push_back({connection.descriptor, static_cast<short>(reads_ ? POLLIN : 0), 0});
            numbers.push_back(number);
        }
        lock.unlock();
        ::poll(waited.data(), waited.size(), -1);
        lock.lock();
        char drained[64];
        while (::read(wake_pipe_[0], drained, sizeof drained) > 0) {
        }
        if (waited[0].revents != 0) {
            const int number = connections_made_++;
            connections_[number].descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
            changed_.notify_all();
        }
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            const auto found = connections_.find(numbers[i]);
            if (found == connections_.end() || (waited[i + 2].revents & (POLLIN | POLLHUP)) == 0) continue;
            if (!reads_ && (waited[i + 2].revents & POLLHUP) == 0) continue;
            if (read(numbers[i], found->second)) continue;
            ::close(found->second.descriptor);
            connections_.erase(found);
        }
    }
}

bool FakeHost::read(int number, Connection& connection) {
    std::uint8_t* room = connection.unread.reserve(64 << 10);
    const auto received = ::recv(connection.descriptor, room, 64 << 10, MSG_DONTWAIT);
    if (received <= 0) return false;
    connection.unread.commit(room + received);
    while (connection.frames.scan(connection.unread.bytes()) == wire::FrameReader::Status::complete) {
        const auto frame = connection.frames.frame(connection.unread.bytes());
        std::uint32_t msgid = 0;
        bool msgid_known = false;
        const auto request = wire::decode_request(frame, &msgid, &msgid_known);
        if (!request) throw std::runtime_error("the client sent " + request.error().text);
        const std::size_t before = connections_.size();
        take(number, *request);
        if (connections_.size() < before) return true;  // hung up, and gone already
        connection.unread.consume(frame.bytes.size());
        connection.frames.next();
    }
    return true;
}

void FakeHost::take(int number, const wire::Request& request) {
    Asked asked{number, request.wants_reply, request.msgid, std::string(request.method),
                data::decode<Value>(request.params)};
    if (asked.method == "soho.hello") {
        const Value hello =
            Value::Map{{"proto", 1}, {"host", "fake/1"}, {"limits", Value::Map{{"frame_bytes", 16 << 20}}}};
        return reply_now(asked, Answer::value(hello));
    }
    if (asked.method == "soho.release") {
        for (const Value& release : *asked.params.get_if<Value::Array>()) {
            released_[release[0].as<std::uint64_t>()] += release[1].as<std::uint64_t>();
        }
    }
    asked_.push_back(asked);
    changed_.notify_all();
    if (asked.wants_reply) reply_now(asked, script_(asked));
}

void FakeHost::reply(const Asked& asked, Answer answer) {
    const std::lock_guard lock(mutex_);
    reply_now(asked, std::move(answer));
}

void FakeHost::reply_now(const Asked& asked, Answer answer) {
    if (answer.hangs_up_) {
        const auto found = connections_.find(asked.connection);
        ::close(found->second.descriptor);
        connections_.erase(found);
        return;
    }
    if (!answer.now_) return;
    data::Buffer frame;
    wire::Out out(frame);
    if (answer.error_.code != Code::ok) {
        wire::write_error_reply(out, asked.msgid, answer.error_, wire::ErrorForm::full);
    } else {
        wire::begin_reply(out, asked.msgid);
        out.raw(answer.body_.bytes());
    }
    write(asked.connection, frame.bytes());
}

void FakeHost::send(data::Bytes bytes, int connection) {
    const std::lock_guard lock(mutex_);
    write(connection < 0 ? connections_.rbegin()->first : connection, bytes);
}

void FakeHost::write(int number, data::Bytes bytes) {
    const auto found = connections_.find(number);
    if (found == connections_.end()) return;
    while (!bytes.empty()) {
        const auto sent = ::send(found->second.descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return;
        bytes = bytes.subspan(static_cast<std::size_t>(sent));
    }
}

void FakeHost::hang_up() {
    const std::lock_guard lock(mutex_);
    for (auto& [number, connection] : connections_) {
        ::shutdown(connection.descriptor, SHUT_RDWR);  // a socket that another thread polls outlives close()
        ::close(connection.descriptor);
    }
    connections_.clear();
    wake();
}

void FakeHost::stop_reading(bool stop) {
    const std::lock_guard lock(mutex_);
    reads_ = !stop;
    wake();
}

template <class Condition>
void FakeHost::wait_until(Condition condition) const {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, 60s, condition)) throw std::runtime_error("the fake host waited in vain");
}

std::vector<Asked> FakeHost::asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
}

std::vector<Asked> FakeHost::asked(const std::string& method) const {
    auto all = asked();
    std::erase_if(all, [&](const Asked& asked) { return asked.method != method; });
    return all;
}

Asked FakeHost::wait_for(const std::string& method, std::size_t count) const {
    Asked last;
    wait_until([&] {
        std::size_t found = 0;
        for (const Asked& asked : asked_) {
            if (asked.method == method && ++found == count) last = asked;
        }
        return found >= count;
    });
    return last;
}

Asked FakeHost::wait_for_call(const std::string& method, std::size_t count) const {
    Asked last;
    wait_until([&] {
        std::size_t found = 0;
        for (const Asked& asked : asked_) {
            if (asked.method == "soho.call" && asked.call_method() == method && ++found == count) last = asked;
        }
        return found >= count;
    });
    return last;
}

int FakeHost::connections_made() const {
    const std::lock_guard lock(mutex_);
    return connections_made_;
}

std::uint64_t FakeHost::released(std::uint64_t id) const {
    const std::lock_guard lock(mutex_);
    const auto found = released_.find(id);
    return found == released_.end() ? 0 : found->second;
}

void FakeHost::wait_for_release(std::uint64_t id, std::uint64_t count) const {
    wait_until([&] {
        const auto found = released_.find(id);
        return found != released_.end() && found->second >= count;
    });
}

}  // namespace soho::test
