#pragma once
// Lines over a logarithmic x, as SVG.

#include <string>
#include <utility>
#include <vector>

namespace soho::bench {

struct Line {
    std::string name;
    std::vector<std::pair<double, double>> points;  // x and y, both above 0
    bool dashed = false;
    std::size_t color = 0;  // lines of the same thing have the same one
};

struct Chart {
    std::string title, x, y;  // what they are, with units
    std::vector<Line> lines;
    bool log_y = false;
};

// One below the other; a whole document.
std::string svg_of(const std::string& title, const std::vector<Chart>& charts);
// The same as a part of one, from `top` on; how high it is, is `chart_height` for each.
std::string svg_part(const std::vector<Chart>& charts, int top);

inline constexpr int chart_width = 820, chart_height = 300;

// Of bars, lines and names, by number.
const char* color_of(std::size_t number);
// Text for XML.
std::string escaped(const std::string& text);
// Three digits that matter, with k or M where it is large.
std::string short_number(double value);

}  // namespace soho::bench
