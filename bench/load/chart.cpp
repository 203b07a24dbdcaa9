#include "bench/load/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace soho::bench {

namespace {

constexpr int left = 70, right = 190, above = 34, below = 46;

// From a value to a place on the page.
class Axis {
public:
    Axis(double least, double most, double from, double to, bool is_log)
        : least_(is_log ? std::log10(least) : 0),
          most_(is_log ? std::log10(most) : most * 1.05),
          from_(from),
          to_(to),
          is_log_(is_log) {
        if (most_ <= least_) most_ = least_ + 1;
    }

    double place(double value) const {
        const double at = is_log_ ? std::log10(value) : value;
        return from_ + (at - least_) / (most_ - least_) * (to_ - from_);
    }

private:
    double least_, most_, from_, to_;
    bool is_log_;
};

struct Range {
    double least = 1e300, most = 0;
    void take(double value) {
        least = std::min(least, value);
        most = std::max(most, value);
    }
};

// 1, 2, 5, 10 … inside the range, or ten equal steps.
std::vector<double> ticks(const Range& range, bool is_log) {
    std::vector<double> found;
    if (!is_log) {
        const double rough = range.most / 5;
        const double ten = std::pow(10, std::floor(std::log10(rough)));
        const double step = rough / ten > 5 ? 10 * ten : rough / ten > 2 ? 5 * ten : rough / ten > 1 ? 2 * ten : ten;
        for (double tick = 0; tick <= range.most * 1.05; tick += step) found.push_back(tick);
        return found;
    }
    const bool every = range.most / range.least < 200;
    for (double ten = std::pow(10, std::floor(std::log10(range.least))); ten <= range.most; ten *= 10) {
        for (const double factor : {1.0, 2.0, 5.0}) {
            const double tick = ten * factor;
            if ((factor == 1.0 || every) && tick >= range.least * 0.999 && tick <= range.most * 1.001)
                found.push_back(tick);
        }
    }
    return found;
}

std::string words(double x, double y, const char* anchor, const std::string& text, const char* weight = "normal") {
    return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" font-weight=\"{}\">{}</text>\n", x, y,
                       anchor, weight, escaped(text));
}

std::string svg_of(const Chart& chart, int top) {
    Range xs, ys;
    for (const Line& line : chart.lines) {
        for (const auto& [x, y] : line.points) {
            xs.take(x);
            ys.take(y);
        }
    }
    std::string text = words(8, top + 18, "start", chart.title, "bold");
    if (xs.most == 0) return text;
    const int bottom = top + chart_height - below, end = chart_width - right;
    const Axis across(xs.least, xs.most, left, end, true), up(ys.least, ys.most, bottom, top + above, chart.log_y);
    for (const double tick : ticks(xs, true)) {
        const double x = across.place(tick);
        text += fmt::format("<path d=\"M{0:.1f} {1}V{2}\" stroke=\"#e8eaed\"/>\n", x, top + above, bottom);
        text += words(x, bottom + 14, "middle", short_number(tick));
    }
    for (const double tick : ticks(ys, chart.log_y)) {
        const double y = up.place(tick);
        text += fmt::format("<path d=\"M{0} {1:.1f}H{2}\" stroke=\"#e8eaed\"/>\n", left, y, end);
        text += words(left - 6, y + 4, "end", short_number(tick));
    }
    text += words((left + end) / 2.0, bottom + 32, "middle", chart.x);
    text += words(8, top + above - 4, "start", chart.y);
    int legend = top + above + 8;
    for (const Line& line : chart.lines) {
        if (line.points.empty()) continue;
        std::string path;
        for (const auto& [x, y] : line.points)
            path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", across.place(x), up.place(y));
        const char* const dashes = line.dashed ? " stroke-dasharray=\"5 4\"" : "";
        const auto stroke =
            fmt::format("fill=\"none\" stroke=\"{}\" stroke-width=\"2\"{}", color_of(line.color), dashes);
        text += fmt::format("<path d=\"{}\" {}/>\n", path, stroke);
        text += fmt::format("<path d=\"M{} {}h24\" {}/>\n", end + 14, legend - 4, stroke);
        text += words(end + 44, legend, "start", line.name);
        legend += 16;
    }
    return text;
}

}  // namespace

const char* color_of(std::size_t number) {
    constexpr std::array colors = {"#9aa0a6", "#1a73e8", "#d93025", "#188038", "#f9ab00", "#a142f4", "#63a4ff",
                                   "#e8710a", "#12b5cb", "#5f6368", "#c58af9", "#81c995", "#fcad70"};
    return colors[number % colors.size()];
}

std::string escaped(const std::string& text) {
    std::string safe;
    for (const char c : text) safe += c == '&' ? "&amp;" : c == '<' ? "&lt;" : std::string(1, c);
    return safe;
}

std::string short_number(double value) {
    if (value >= 1e6) return fmt::format("{:.3g}M", value / 1e6);
    if (value >= 1e3) return fmt::format("{:.3g}k", value / 1e3);
    return fmt::format("{:.3g}", value);
}

std::string svg_part(const std::vector<Chart>& charts, int top) {
    std::string text;
    for (const Chart& chart : charts) {
        text += svg_of(chart, top);
        top += chart_height;
    }
    return text;
}

std::string svg_of(const std::string& title, const std::vector<Chart>& charts) {
    const int height = 36 + chart_height * static_cast<int>(charts.size());
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
        "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        "<text x=\"8\" y=\"20\" font-size=\"14\" font-weight=\"bold\">{2}</text>\n{3}</svg>\n",
        chart_width, height, escaped(title), svg_part(charts, 36));
}

}  // namespace soho::bench
