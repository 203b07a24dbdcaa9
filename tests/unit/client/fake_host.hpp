#pragma once
// A host of few words, for tests of the client: it listens on a Unix socket, answers soho.hello, and has every other request
// answered by the test. It speaks to any number of connections from one thread.

#include <soho/client.hpp>
#include <soho/data/value.hpp>
#include <soho/wire/codec.hpp>

#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

namespace soho::test {

// One request or notification as it came. For soho.call, `call_method` and `call_args` are what was called.
struct Asked {
    int connection = 0;
    bool wants_reply = true;
    std::uint32_t msgid = 0;
    std::string method;
    Value params;

    std::string call_method() const { return params[1].as<std::string>(); }
    const Value& call_args() const { return params[2]; }
};

// What to do about a request.
class Answer {
public:
    template <class T>
    static Answer value(const T& value) {
        return Answer(data::encoded(value));
    }
    static Answer nil() { return value(nullptr); }
    static Answer handle(std::uint64_t id, std::string_view type) {
        Answer answer{data::Buffer()};
        wire::Out out(answer.body_);
        wire::write_handle(out, {id, type}, wire::HandleForm::ext);
        return answer;
    }
    static Answer bytes(data::Buffer body) { return Answer(std::move(body)); }
    static Answer error(Error error) {
        Answer answer{data::Buffer()};
        answer.error_ = std::move(error);
        return answer;
    }
    // Nothing for now: FakeHost::reply() may follow.
    static Answer later() {
        Answer answer{data::Buffer()};
        answer.now_ = false;
        return answer;
    }
    static Answer hang_up() {
        Answer answer = later();
        answer.hangs_up_ = true;
        return answer;
    }

private:
    friend class FakeHost;
    explicit Answer(data::Buffer body) : body_(std::move(body)) {}

    data::Buffer body_;
    Error error_{Code::ok, {}};
    bool now_ = true;
    bool hangs_up_ = false;
};

class FakeHost {
public:
    using Script = std::function<Answer(const Asked&)>;

    // `script` runs on the host's thread, once for each request that is not soho.hello. It must not use the host itself.
    explicit FakeHost(Script script = [](const Asked&) { return Answer::nil(); });
    ~FakeHost();

    std::string address() const { return "unix:" + path_.string(); }
    void set_script(Script script);

    // Answers one that was to be answered later.
    void reply(const Asked& asked, Answer answer);
    // Any bytes to one connection, or to the latest.
    void send(data::Bytes bytes, int connection = -1);
    // Ends all connections; new ones are still taken.
    void hang_up();
    // Does not read any more until told otherwise.
    void stop_reading(bool stop);

    // All that came but soho.hello; wait_for() waits until `count` with that method are there and returns the last.
    std::vector<Asked> asked() const;
    std::vector<Asked> asked(const std::string& method) const;
    Asked wait_for(const std::string& method, std::size_t count = 1) const;
    // The same for calls of a method through soho.call.
    Asked wait_for_call(const std::string& method, std::size_t count = 1) const;
    int connections_made() const;
    // How many counts of an object have been released.
    std::uint64_t released(std::uint64_t id) const;
    void wait_for_release(std::uint64_t id, std::uint64_t count) const;

private:
    struct Connection {
        int descriptor;
        data::Buffer unread;
        wire::FrameReader frames{wire::FrameLimits{}};
    };

    void serve();
    bool read(int number, Connection& connection);
    void take(int number, const wire::Request& request);
    void reply_now(const Asked& asked, Answer answer);
    void write(int number, data::Bytes bytes);
    void wake();
    template <class Condition>
    void wait_until(Condition condition) const;

    std::filesystem::path directory_;
    std::filesystem::path path_;
    int listener_;
    int wake_pipe_[2];

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    Script script_;
    std::map<int, Connection> connections_;
    int connections_made_ = 0;
    std::vector<Asked> asked_;
    std::map<std::uint64_t, std::uint64_t> released_;
    bool reads_ = true;
    bool ends_ = false;
    std::thread thread_;
};

// A client of that host, which may take its time: on a busy machine a thread may stand still for seconds.
inline Client connected(const FakeHost& host, ConnectOptions options = {}) {
    options.connect_timeout = std::chrono::seconds(60);
    return Client::connect(host.address(), options);
}

}  // namespace soho::test
