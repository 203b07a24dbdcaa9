#include "host/server/metrics.hpp"

#include "host/session/measure.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <limits>
#include <thread>

namespace soho::host {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily family(std::string name, std::string_view doc, MetricType type) {
    MetricFamily made;
    made.name = "soho_" + std::move(name);
    made.help = doc;
    made.type = type;
    return made;
}

void add(MetricFamily& to, double value, std::vector<ClientMetric::Label> labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = metric.counter.value = value;
    to.metric.push_back(std::move(metric));
}

std::vector<ClientMetric::Label> labels_of(const CalleeCounts& callee) {
    return {{"type", callee.type->type_id}, {"method", std::string(callee.method)}};
}

// A bucket for each power of two: what is between is for soho.stats.
ClientMetric histogram_of(const CalleeCounts& callee) {
    ClientMetric metric;
    metric.label = labels_of(callee);
    std::uint64_t sum = 0;
    const auto& latency = callee.counts.latency;
    for (std::size_t i = 0; i < latency.size(); ++i) {
        sum += latency[i];
        const bool last = i + 1 == latency.size();
        if (!last && i % LatencyBuckets::parts != LatencyBuckets::parts - 1) continue;
        const double bound =
            last ? std::numeric_limits<double>::infinity() : static_cast<double>(LatencyBuckets::bound_of(i)) / 1e9;
        metric.histogram.bucket.push_back({sum, bound});
    }
    metric.histogram.sample_count = callee.counts.calls;
    metric.histogram.sample_sum = static_cast<double>(callee.counts.ns) / 1e9;
    return metric;
}

constexpr std::size_t request_bytes_max = 16u << 10;
constexpr std::time_t seconds_max = 5;
constexpr std::size_t threads = 2;

}  // namespace

std::string metrics_text(const Services& services) {
    const Gauges gauges = measure(services);
    const std::vector<WorkerReport> workers = services.workers();
    std::vector<MetricFamily> families;
    for (const Gauges::Number& number : gauges.numbers) {
        std::string name(number.name);
        const bool is_count = number.only_grows && name != "uptime_ms";
        if (is_count) name += "_total";
        families.push_back(family(name, number.doc, is_count ? MetricType::Counter : MetricType::Gauge));
        add(families.back(), static_cast<double>(number.value));
    }
    families.push_back(
        family("healthy", "1 where the host is ok, 0 where it is degraded or draining", MetricType::Gauge));
    add(families.back(), health_of(services, workers) == "ok" ? 1 : 0);
    families.push_back(
        family("stuck_calls", "Cancelled calls that their plugin is not through with", MetricType::Gauge));
    for (const auto& [method, count] : gauges.stuck_calls) {
        const auto dot = method.rfind('.');
        add(families.back(), static_cast<double>(count),
            {{"type", method.substr(0, dot)}, {"method", method.substr(dot + 1)}});
    }
    families.push_back(family("limit_hits_total", "Times a limit refused or closed something", MetricType::Counter));
    for (const auto& [limit, count] : gauges.limits_hit)
        add(families.back(), static_cast<double>(count), {{"limit", std::string(limit)}});
    MetricFamily up = family("worker_up", "1 where a plugin's worker process runs", MetricType::Gauge);
    MetricFamily deaths = family("worker_deaths_total", "Times that it died", MetricType::Counter);
    MetricFamily memory = family("worker_memory_bytes", "Memory of its own", MetricType::Gauge);
    for (const WorkerReport& worker : workers) {
        const std::vector<ClientMetric::Label> labels{{"plugin", worker.plugin}};
        add(up, worker.state == "running" ? 1 : 0, labels);
        add(deaths, static_cast<double>(worker.deaths), labels);
        add(memory, static_cast<double>(worker.memory_bytes), labels);
    }
    for (MetricFamily* each : {&up, &deaths, &memory}) families.push_back(std::move(*each));
    MetricFamily calls = family("calls_total", "Calls that reached a plugin", MetricType::Counter);
    MetricFamily errors = family("call_errors_total", "… and failed", MetricType::Counter);
    MetricFamily durations =
        family("call_duration_seconds",
               "From arrival, or the end of the call before, to the result; short ones in a row by their mean",
               MetricType::Histogram);
    for (const CalleeCounts& callee : count_calls(services)) {
        add(calls, static_cast<double>(callee.counts.calls), labels_of(callee));
        add(errors, static_cast<double>(callee.counts.errors), labels_of(callee));
        durations.metric.push_back(histogram_of(callee));
    }
    families.push_back(std::move(calls));
    families.push_back(std::move(errors));
    families.push_back(std::move(durations));
    return prometheus::TextSerializer().Serialize(families);
}

class MetricsServer::Http {
public:
    explicit Http(const Services& services) : services_(services) {
        server_.new_task_queue = [] { return new httplib::ThreadPool(threads); };
        server_.set_payload_max_length(request_bytes_max);
        server_.set_read_timeout(seconds_max);
        server_.set_write_timeout(seconds_max);
        server_.set_keep_alive_max_count(100);
        server_.Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
            response.set_content(metrics_text(services_), "text/plain; version=0.0.4; charset=utf-8");
        });
        server_.Get("/healthz", [this](const httplib::Request&, httplib::Response& response) {
            const std::string_view health = health_of(services_, services_.workers());
            response.status = health == "draining" ? 503 : 200;
            response.set_content(fmt::format("{{\"status\": \"{}\"}}\n", health), "application/json");
        });
    }
    ~Http() {
        server_.stop();
        if (thread_.joinable()) thread_.join();
        if (owns_path_) ::unlink(address.host.c_str());
    }

    Result<void> listen() {
        const bool bound = address.transport == wire::Address::Transport::unix_socket ? bind_unix() : bind_tcp();
        if (!bound) return refuse(Code::unavailable, std::strerror(errno));
        thread_ = std::thread([this] { server_.listen_after_bind(); });
        return {};
    }

    wire::Address address;

private:
    bool bind_tcp() {
        const int port = address.port != 0
                             ? (server_.bind_to_port(address.host.c_str(), address.port) ? address.port : -1)
                             : server_.bind_to_any_port(address.host.c_str());
        if (port <= 0) return false;
        address.port = static_cast<std::uint16_t>(port);
        return true;
    }
    bool bind_unix() {
        struct stat status {};
        if (::lstat(address.host.c_str(), &status) == 0 && S_ISSOCK(status.st_mode)) ::unlink(address.host.c_str());
        server_.set_address_family(AF_UNIX);
        const mode_t before = ::umask(0177);
        owns_path_ = server_.bind_to_port(address.host.c_str(), 80);
        ::umask(before);
        return owns_path_;
    }

    const Services& services_;
    httplib::Server server_;
    std::thread thread_;
    bool owns_path_ = false;
};

MetricsServer::MetricsServer(std::unique_ptr<Http> http) : http_(std::move(http)) {}
MetricsServer::~MetricsServer() = default;
const wire::Address& MetricsServer::address() const { return http_->address; }

Result<std::unique_ptr<MetricsServer>> MetricsServer::start(const wire::Address& address, bool beyond_loopback,
                                                            const Services& services) {
    const auto fail = [&](std::string_view why) {
        return refuse(Code::unavailable, fmt::format("cannot serve metrics on {}: {}", address.text(), why));
    };
    if (address.transport == wire::Address::Transport::tls) return fail("metrics speak plain HTTP: tcp: or unix:");
    const bool local = address.transport == wire::Address::Transport::unix_socket || address.host == "localhost" ||
                       address.host == "::1" || address.host.starts_with("127.");
    if (!local && !beyond_loopback)
        return fail(
            "whoever reaches it could read what is called here: listen on 127.0.0.1, or add --insecure-metrics");
    auto http = std::make_unique<MetricsServer::Http>(services);
    http->address = address;
    if (auto listens = http->listen(); !listens) return fail(listens.error().text);
    return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(http)));
}

}  // namespace soho::host
