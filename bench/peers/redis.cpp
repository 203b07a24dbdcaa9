#include "bench/peers/redis.hpp"

#include <cstring>
#include <stdexcept>

namespace soho::bench {

namespace {

std::string request(std::initializer_list<std::string> words) {
    std::string frame = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) frame += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    return frame;
}

// Requests whose replies are known beforehand.
class RedisCaller : public Caller {
public:
    RedisCaller(Socket socket, std::string request, std::string reply)
        : socket_(std::move(socket)),
          request_(std::move(request)),
          reply_(std::move(reply)),
          in_(std::max<std::size_t>(reply_.size(), 64)) {}

    std::size_t step() override {
        ask(request_, reply_);
        return 1;
    }

protected:
    void ask(std::string_view request, std::string_view reply) {
        socket_.send(request);
        for (std::size_t got = 0; got < reply.size();) got += socket_.receive(in_.data() + got, in_.size() - got);
        if (std::string_view(in_.data(), std::min<std::size_t>(reply.size(), 16)) != reply.substr(0, 16))
            throw std::runtime_error("Redis answered " + std::string(in_.data(), 16));
    }

    Socket socket_;
    const std::string request_, reply_;
    std::vector<char> in_;
};

class RedisPairs final : public RedisCaller {
public:
    explicit RedisPairs(Socket socket)
        : RedisCaller(std::move(socket), request({"bench.make", "5", "6"}), ":100000\r\n") {}

    std::size_t step() override {
        socket_.send(request_);
        for (std::size_t got = 0; got < reply_.size();) got += socket_.receive(in_.data() + got, in_.size() - got);
        if (in_[0] != ':' || in_[reply_.size() - 1] != '\n') throw std::runtime_error("Redis made nothing");
        std::copy_n(in_.data() + 1, 6, release_.data() + release_.size() - 8);
        ask(release_, ":1\r\n");
        return 1;
    }

private:
    std::string release_ = request({"bench.release", "100000"});
};

class RedisWindow final : public Caller {
public:
    RedisWindow(Socket socket, const std::string& request, std::string_view reply)
        : socket_(std::move(socket)),
          request_bytes_(request.size()),
          reply_bytes_(reply.size()) {
        for (std::size_t i = 0; i < window_calls; ++i) {
            requests_ += request;
            replies_ += reply;
        }
        socket_.send(requests_);
    }

    std::size_t step() override {
        // Replies are all alike, so where they are torn shows in what is expected next.
        const std::size_t got = socket_.receive(in_.data(), replies_.size() - reply_bytes_);
        if (std::memcmp(in_.data(), replies_.data() + torn_, got) != 0)
            throw std::runtime_error("Redis answered something else");
        const std::size_t replies = (torn_ + got) / reply_bytes_;
        torn_ = (torn_ + got) % reply_bytes_;
        if (replies != 0) socket_.send(std::string_view(requests_).substr(0, replies * request_bytes_));
        return replies;
    }

private:
    Socket socket_;
    const std::size_t request_bytes_, reply_bytes_;
    std::string requests_, replies_;
    std::vector<char> in_ = std::vector<char>(65536);
    std::size_t torn_ = 0;
};

}  // namespace

std::vector<std::string> RedisColumn::command(const std::string& address, const Scenario&) const {
    std::vector<std::string> command{"/usr/bin/env", "redis-server", "--save", "", "--loadmodule", module_};
    if (address.starts_with("unix:")) {
        command.insert(command.end(), {"--port", "0", "--unixsocket", address.substr(5)});
    } else {
        command.insert(command.end(), {"--bind", "127.0.0.1", "--port", address.substr(4)});
    }
    return command;
}

std::unique_ptr<Caller> RedisColumn::caller(Socket socket, const Scenario& scenario) const {
    switch (scenario.work) {
        case Work::pairs: return std::make_unique<RedisPairs>(std::move(socket));
        case Work::window: return std::make_unique<RedisWindow>(std::move(socket), request({"bench.get_x"}), ":5\r\n");
        case Work::echo: {
            const std::string payload(scenario.bytes, 'x');
            return std::make_unique<RedisCaller>(std::move(socket), request({"bench.echo", payload}),
                                                 "$" + std::to_string(payload.size()) + "\r\n" + payload + "\r\n");
        }
        default: return std::make_unique<RedisCaller>(std::move(socket), request({"bench.get_x"}), ":5\r\n");
    }
}

std::optional<Exchange> RedisColumn::exchange_of_many(const Socket&) const {
    return Exchange{request({"bench.get_x"}), 4};
}

}  // namespace soho::bench
