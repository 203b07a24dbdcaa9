#pragma once
// A host without sockets or threads: bytes of requests in, bytes of replies out, on the caller's own stack. It is the real
// route from the frame reader to the plugin and back; only the connection is missing. For benchmarks, for counting
// allocations and instructions, and for tests of the session floor.

#include "host/registry/plugin.hpp"
#include "host/session/dispatcher.hpp"
#include "host/session/plugin_table.hpp"
#include "host/session/provider.hpp"

#include <spdlog/sinks/null_sink.h>
#include <deque>
#include <stdexcept>

namespace soho::test {

// What other requests are is written out where they are used; these three are what the steady path is about.
using namespace std::string_view_literals;
inline constexpr std::string_view hello_request =
    "\x94\x00\x00\xaa"
    "soho.hello\x91\x83\xa5"
    "proto\x01\xa6"
    "errors\xa4"
    "full\xa7"
    "handles\xa3"
    "ext"sv;
inline constexpr std::string_view open_pair_request =
    "\x94\x00\x01\xa9"
    "soho.open\x91\xa4"
    "pair"sv;
inline constexpr std::string_view get_x_by_name_request =
    "\x94\x00\x02\xaa"
    "pair.get_x\x90"sv;

// [0, 2, "soho.call", [id, method, args]]; `args` is a MessagePack array.
inline std::string call_request(std::uint64_t id, std::string_view method, std::string_view args) {
    data::Buffer buffer;
    wire::Out out(buffer);
    wire::begin_request(out, 2, "soho.call");
    out.array(3);
    out.unsigned_integer(id);
    out.string(method);
    out.raw(data::as_bytes(args));
    return std::string(buffer.text());
}

class InProcessHost {
public:
    explicit InProcessHost(const std::string& plugin_file) {
        log_.apply({.slow_call_ms =
                        0});  // a call that the system interrupts for a second would have a line, which takes memory
        services_.plugin_timers = host::make_plugin_timers();
        services_.offers = std::make_shared<host::Offers>();
        services_.home = &home_;
        services_.seats.add(seat_);
        const auto plugin = registry_.load(plugin_file);
        if (!plugin) throw std::runtime_error(plugin.error().text);
        for (const auto& publication : (*plugin)->publications()) publish(publication);
        caller_->attach(outlet_);
    }
    InProcessHost(const InProcessHost&) = delete;
    InProcessHost& operator=(const InProcessHost&) = delete;
    ~InProcessHost() {
        caller_->gone(seat_, "the test is over");
        caller_.reset();
        names_.clear();
        home_.run();
        pool_.stop(1'000'000'000);
        for (host::Plugin* plugin : registry_.snapshot()->plugins) {
            plugin->stop();
            plugin->unload();
        }
    }

    // Runs every whole frame, as a connection does; the replies are good until the next run.
    data::Bytes run(data::Bytes bytes) {
        seat_.out.clear();
        seat_.arrive();
        wire::FrameReader reader(limits_.frame_limits());
        while (!bytes.empty()) {
            if (reader.scan(bytes) != wire::FrameReader::Status::complete)
                throw std::runtime_error("not a whole frame");
            const wire::Frame frame = reader.frame(bytes);
            if (!caller_->take(frame, seat_)) throw std::runtime_error(caller_->closing_reason());
            bytes = bytes.subspan(frame.bytes.size());
            reader.next();
        }
        seat_.finish();
        return seat_.out.bytes();
    }
    data::Bytes run(std::string_view text) { return run(data::as_bytes(text)); }

    // What was queued for later, such as destructors, and the notices of handles that were given out.
    void settle() {
        caller_->replies().take_notices();
        home_.run();
    }

    // Says hello (handles as extensions, errors in full) and opens the published object `pair`; its id.
    std::uint64_t open_pair() {
        run(hello_request);
        const wire::Reply reply = *wire::decode_reply({run(open_pair_request)});
        wire::Handle handle;
        if (!reply.ok() || !wire::read_handle(reply.result, wire::HandleForm::ext, handle))
            throw std::runtime_error("no handle of the published pair");
        settle();
        return handle.id;
    }

    host::Services& services() { return services_; }
    host::Seat& seat() { return seat_; }
    host::Caller& caller() { return *caller_; }
    const host::Dispatcher& dispatcher() const { return dispatcher_; }

private:
    // As sohod does when it loads a plugin, but on this thread.
    void publish(const host::Plugin::Publication& publication) {
        data::Buffer request;
        wire::Out out(request);
        wire::begin_request(out, 0, "soho.create");
        out.array(3);
        out.string(publication.type->type_id);
        out.raw(data::as_bytes(publication.args));
        out.map(1);
        out.string("name");
        out.string(publication.name);
        const auto loader = std::make_shared<host::Caller>(
            services_, dispatcher_, host::Peer{{"plugin", host::rights_all}, "", true, true}, wire::ErrorForm::string);
        seat_.arrive();
        loader->take({request.bytes()}, seat_);
        seat_.finish();
        loader->replies().take_notices();
        loader->gone(seat_, "the test is over");
        home_.run();
    }

    class Home final : public host::Executor {
    public:
        void post(host::Work work) override {
            const std::scoped_lock lock(mutex_);
            works_.push_back(std::move(work));
        }
        void run() {
            for (;;) {
                std::unique_lock lock(mutex_);
                if (works_.empty()) return;
                const host::Work work = std::move(works_.front());
                works_.pop_front();
                lock.unlock();
                work();
            }
        }

    private:
        std::mutex mutex_;
        std::deque<host::Work> works_;
    };
    class NoOutlet final : public host::Outlet {
    public:
        void deliver(data::Buffer, host::Undelivered) override {}
    };

    host::Limits limits_;
    host::Log log_{std::make_shared<spdlog::sinks::null_sink_mt>()};
    host::Timers timers_;
    host::Pool pool_{limits_.pool_threads_max};
    Home home_;
    host::Seat seat_{home_};
    host::ObjectTable objects_{pool_};
    host::Names names_;
    host::LimitHits limit_hits_{log_.session};
    host::Allowances allowances_{objects_.accounts(), limit_hits_, {limits_, {}, {}}};
    host::SessionTable sessions_;
    host::Tickets tickets_{timers_, "test"};
    host::PluginReferences references_;
    host::Access access_;
    host::Credentials credentials_;
    host::Registry registry_{host::plugin_table(&services_)};
    host::Services services_{registry_,    objects_, names_, sessions_,   tickets_, references_, access_,
                             credentials_, timers_,  pool_,  allowances_, log_,     "test"};
    host::Dispatcher dispatcher_{services_};
    NoOutlet outlet_;
    std::shared_ptr<host::Caller> caller_ = std::make_shared<host::Caller>(
        services_, dispatcher_, host::Peer{{"uid:0", host::rights_all}, "", true, true}, wire::ErrorForm::string);
};

}  // namespace soho::test
