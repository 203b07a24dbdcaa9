// The floor of the libraries: asio, soho's wire, and one object; no sessions, rights, limits, turns, plugins.
//
//     asio_wire unix:PATH|tcp:PORT

#include <soho/data/reader.hpp>
#include <soho/wire/codec.hpp>

#include <asio.hpp>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

namespace {

using soho::data::Buffer;
using soho::data::Bytes;
using soho::data::Reader;
using soho::data::Token;
using Stream = asio::generic::stream_protocol;

constexpr std::uint64_t some_id = std::uint64_t{1} << 50;

void answer_call(Bytes params, soho::wire::Out& out) {
    Reader reader(params);
    Token array, target, method;
    if (!reader.next(array) || !reader.next(target) || !reader.next(method)) return out.nil();
    if (method.text() != "echo") return out.unsigned_integer(5);
    Reader args(reader.take_value());
    args.next(array);
    out.raw(args.take_value());
}

void answer(const soho::wire::Request& request, Buffer& buffer) {
    soho::wire::Out out(buffer);
    soho::wire::begin_reply(out, request.msgid);
    if (request.method == "soho.call") return answer_call(request.params, out);
    if (request.method == "soho.open" || request.method == "soho.create")
        return soho::wire::write_handle(out, {some_id, "Pair"}, soho::wire::HandleForm::ext);
    out.nil();
}

class Connection : public std::enable_shared_from_this<Connection> {
public:
    explicit Connection(Stream::socket socket) : socket_(std::move(socket)) { socket_.non_blocking(true); }

    void wait() {
        socket_.async_wait(Stream::socket::wait_read, [self = shared_from_this()](const asio::error_code& failed) {
            if (!failed && self->read()) self->wait();
        });
    }

private:
    bool read() {
        static std::vector<std::uint8_t> in(256 * 1024);  // of the only thread
        static Buffer out;
        asio::error_code failed;
        const std::size_t got = socket_.read_some(asio::buffer(in), failed);
        if (failed == asio::error::would_block) return true;
        if (failed) return false;
        if (!torn_.empty()) torn_.insert(torn_.end(), in.data(), in.data() + got);
        const Bytes all = torn_.empty() ? Bytes(in.data(), got) : Bytes(torn_);
        Bytes unread = all;
        out.clear();
        while (!unread.empty()) {
            const auto status = reader_.scan(unread);
            if (status == soho::wire::FrameReader::Status::refused) return false;
            if (status == soho::wire::FrameReader::Status::incomplete) break;
            const soho::wire::Frame frame = reader_.frame(unread);
            std::uint32_t msgid = 0;
            bool is_known = false;
            const auto request = soho::wire::decode_request(frame, &msgid, &is_known);
            if (!request) return false;
            answer(*request, out);
            unread = unread.subspan(frame.bytes.size());
            reader_.next();
        }
        torn_ = std::vector<std::uint8_t>(unread.begin(), unread.end());
        return send(out.bytes());
    }

    bool send(Bytes bytes) {
        while (!bytes.empty()) {
            asio::error_code failed;
            bytes = bytes.subspan(socket_.write_some(asio::buffer(bytes.data(), bytes.size()), failed));
            if (failed == asio::error::would_block) {
                socket_.wait(Stream::socket::wait_write, failed);
            } else if (failed) {
                return false;
            }
        }
        return true;
    }

    Stream::socket socket_;
    soho::wire::FrameReader reader_{soho::wire::FrameLimits{}};
    std::vector<std::uint8_t> torn_;
};

template <class Acceptor>
void accept(Acceptor& acceptor) {
    acceptor.async_accept([&acceptor](const asio::error_code& failed, auto socket) {
        if (failed) return;
        asio::error_code unix_has_no_delay;
        socket.set_option(asio::ip::tcp::no_delay(true), unix_has_no_delay);
        std::make_shared<Connection>(std::move(socket))->wait();
        accept(acceptor);
    });
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc != 2) return 2;
    const std::string address = argv[1];
    asio::io_context context(1);
    using Unix = asio::local::stream_protocol;
    using asio::ip::tcp;
    if (address.starts_with("unix:")) {
        Unix::acceptor acceptor(context, Unix::endpoint(address.substr(5)));
        accept(acceptor);
        context.run();
    } else {
        const auto port = static_cast<asio::ip::port_type>(std::stoi(address.substr(4)));
        tcp::acceptor acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), port));
        accept(acceptor);
        context.run();
    }
} catch (const std::exception& failure) {
    std::cerr << "asio_wire: " << failure.what() << '\n';
    return 1;
}
