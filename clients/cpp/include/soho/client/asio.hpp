#pragma once
// Asynchronous calls for programs built on standalone asio: any completion token will do.
//
//     soho::AsioClient client(io.get_executor(), soho::Client::connect());
//     auto x = co_await soho::async_call<std::int64_t>(client, pair, "get_x", asio::use_awaitable);
//     auto y = soho::async_call<std::int64_t>(client, pair, "get_y", asio::use_future);       // throws CallError from get()
//     soho::async_call<void>(client, pair, "set_x", 7, [](std::exception_ptr failure) { … });
//     auto p = co_await soho::async_request<PairProxy>(client, "soho.open", "pair", asio::use_awaitable);
//
// The token comes last. The handler's signature is void(std::exception_ptr, R), without R for void; it runs on its own
// executor, else on the client's. Cancelling the operation cancels the call. Blocking calls of the same client may be made
// by other threads meanwhile. Header-only; this is the one header of the client that needs asio.

#include <soho/client.hpp>

#include <asio/any_io_executor.hpp>
#include <asio/associated_cancellation_slot.hpp>
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/post.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>

#include <unistd.h>
#include <atomic>

namespace soho {

namespace client {

// Polls a client while operations are under way: when its socket is ready, when a call's time is up. Keeps the executor's
// context busy for just that long.
class AsioDriver : public std::enable_shared_from_this<AsioDriver> {
public:
    AsioDriver(const asio::any_io_executor& executor, Client client)
        : client_(std::move(client)),
          strand_(asio::make_strand(executor)),
          socket_(strand_),
          timer_(strand_) {}

    const Client& client() const { return client_; }
    asio::any_io_executor executor() const { return strand_.get_inner_executor(); }

    void begin() { ++operations_; }
    // On any thread: where another one's call reads this one's reply, it is that one.
    void end() {
        --operations_;
        if (!runs_here()) wake();
    }
    void wake() {
        if (wakes_.fetch_add(1) != 0) return;
        asio::post(strand_, [self = shared_from_this()] { self->drive(); });
    }

private:
    bool runs_here() const { return strand_.running_in_this_thread(); }

    // Goes by its own count: the client's still has what has ended while the callbacks that are due with it run on another thread.
    void drive() {
        wakes_ = 0;  // whoever begins or ends from here on wakes again
        client_.poll();
        if (operations_ == 0) return rest();
        follow_connection();
        if (!std::exchange(reads_, true)) wait_for(socket_.wait_read, reads_);
        if (client_.wants_to_write() && !std::exchange(writes_, true)) wait_for(socket_.wait_write, writes_);
        const auto deadline = client_.next_deadline();
        if (deadline == asio::steady_timer::time_point::max()) return;
        timer_.expires_at(deadline);
        timer_.async_wait([self = shared_from_this()](std::error_code failure) {
            if (!failure) self->drive();
        });
    }

    // An aborted wait drives, too: a call may have been started between the abort and its word here.
    void wait_for(asio::posix::descriptor_base::wait_type what, bool& waits) {
        socket_.async_wait(what, [self = shared_from_this(), &waits, followed = followed_](std::error_code) {
            if (followed == self->followed_) waits = false;
            self->drive();
        });
    }

    void rest() {
        if (reads_ || writes_) socket_.cancel();
        timer_.cancel();
    }

    // A lost connection may have been replaced. The descriptor is a duplicate, so that each side closes its own.
    void follow_connection() {
        const int current = client_.native_handle();
        if (current == followed_) return;
        followed_ = current;
        if (socket_.is_open()) socket_.close();
        reads_ = writes_ = false;
        socket_.assign(::dup(current));
    }

    Client client_;
    asio::strand<asio::any_io_executor> strand_;
    asio::posix::stream_descriptor socket_;
    asio::steady_timer timer_;
    std::atomic<int> wakes_ = 0;
    std::atomic<std::int64_t> operations_ = 0;
    int followed_ = -1;
    bool reads_ = false;
    bool writes_ = false;
};

// One operation: a handler that waits for an outcome.
template <class R, class Handler>
class AsioOperation : public std::enable_shared_from_this<AsioOperation<R, Handler>> {
public:
    AsioOperation(std::shared_ptr<AsioDriver> driver, Handler handler)
        : driver_(std::move(driver)),
          handler_(std::move(handler)),
          work_(asio::get_associated_executor(handler_, driver_->executor())) {}

    template <class Start>
    void start(Start& start) {
        const auto self = this->shared_from_this();
        const auto cancel = std::make_shared<Cancel>();
        if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected()) {
            slot.assign([cancel](asio::cancellation_type) { (*cancel)(); });
        }
        const auto driver = driver_;
        driver->begin();
        try {
            *cancel = start([self](Outcome<R> outcome) { self->finish(std::move(outcome)); });
        } catch (const CallError& error) {
            return finish(Outcome<R>(error.failure()));
        } catch (...) {
            end(*driver);
            throw;
        }
        driver->wake();
    }

private:
    void finish(Outcome<R> outcome) {
        // The handler may go to another context, and outlive the driver's there.
        const auto driver = std::move(driver_);
        end(*driver);
        auto deliver = [self = this->shared_from_this(), outcome = std::move(outcome)]() mutable {
            self->deliver(std::move(outcome));
        };
        asio::post(work_.get_executor(), std::move(deliver));
    }

    // Once, if the call ends after it could not be begun in order.
    void end(AsioDriver& driver) {
        if (!has_ended_.exchange(true)) driver.end();
    }

    void deliver(Outcome<R> outcome) {
        if (auto slot = asio::get_associated_cancellation_slot(handler_); slot.is_connected()) slot.clear();
        Handler handler = std::move(handler_);
        work_.reset();
        std::exception_ptr failure;
        if (!outcome) failure = failure_of(outcome.failure());
        if constexpr (std::is_void_v<R>) {
            std::move(handler)(failure);
        } else {
            std::move(handler)(failure, outcome ? std::move(outcome).value() : R{});
        }
    }

    static std::exception_ptr failure_of(const Failure& failure) {
        return failure.is_lost() ? std::make_exception_ptr(ConnectionLost(failure))
                                 : std::make_exception_ptr(CallError(failure));
    }

    using Executor = asio::associated_executor_t<Handler, asio::any_io_executor>;

    std::shared_ptr<AsioDriver> driver_;
    std::atomic<bool> has_ended_ = false;
    Handler handler_;
    asio::executor_work_guard<Executor> work_;
};

template <class R>
struct AsioSignature {
    using type = void(std::exception_ptr, R);
};
template <>
struct AsioSignature<void> {
    using type = void(std::exception_ptr);
};

template <class R, class Start, class Token>
auto asio_start(std::shared_ptr<AsioDriver> driver, Start start, Token&& token) {
    auto initiation = [driver = std::move(driver), start = std::move(start)](auto&& handler) mutable {
        using Operation = AsioOperation<R, std::decay_t<decltype(handler)>>;
        std::make_shared<Operation>(driver, std::forward<decltype(handler)>(handler))->start(start);
    };
    return asio::async_initiate<Token, typename AsioSignature<R>::type>(std::move(initiation), token);
}

}  // namespace client

// A client with somebody who drives it. Copies share both.
class AsioClient {
public:
    AsioClient(const asio::any_io_executor& executor, Client client)
        : driver_(std::make_shared<client::AsioDriver>(executor, std::move(client))) {}

    const Client& client() const { return driver_->client(); }
    const Client* operator->() const { return &driver_->client(); }
    const std::shared_ptr<client::AsioDriver>& driver() const { return driver_; }

private:
    std::shared_ptr<client::AsioDriver> driver_;
};

template <class R = Value, class... ArgsAndToken>
auto async_call(const AsioClient& client, const Proxy& proxy, std::string_view method,
                ArgsAndToken&&... args_and_token) {
    const auto initiate = [&](auto&& token, auto&&... args) {
        // Some tokens start the call later: so everything is kept by value.
        auto start = [proxy, name = std::string(method),
                      kept = std::make_tuple(std::forward<decltype(args)>(args)...)](auto callback) {
            const auto call = [&](const auto&... each) {
                return proxy.async_call<R>(name, each..., std::move(callback));
            };
            return std::apply(call, kept);
        };
        return client::asio_start<R>(client.driver(), std::move(start), std::forward<decltype(token)>(token));
    };
    return client::with_callback_first(initiate, std::forward<ArgsAndToken>(args_and_token)...);
}

// A request to the host itself, such as "soho.create", or to "NAME.METHOD".
template <class R = Value, class... ParamsAndToken>
auto async_request(const AsioClient& client, std::string_view method, ParamsAndToken&&... params_and_token) {
    const auto initiate = [&](auto&& token, auto&&... params) {
        auto start = [request = client.client(), name = std::string(method),
                      kept = std::make_tuple(std::forward<decltype(params)>(params)...)](auto callback) {
            const auto call = [&](const auto&... each) {
                return request.template async_request<R>(name, each..., std::move(callback));
            };
            return std::apply(call, kept);
        };
        return client::asio_start<R>(client.driver(), std::move(start), std::forward<decltype(token)>(token));
    };
    return client::with_callback_first(initiate, std::forward<ParamsAndToken>(params_and_token)...);
}

}  // namespace soho
