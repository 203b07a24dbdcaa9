#include "completion.hpp"

#include "commands.hpp"

#include <editline/readline.h>
#include <termios.h>
#include <unistd.h>
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>

namespace soho::cli {

namespace {

class Completer {
public:
    explicit Completer(Workspace& workspace) : workspace_(workspace) {}

    // `words` are those before the one that is to be completed.
    void complete(std::vector<std::string> words, const std::string& part) {
        if (words.size() > 1 && words[1] == "=") words.erase(words.begin(), words.begin() + 2);
        if (words.empty()) return complete_first(part);
        if (words.size() == 1 && (words[0] == "create" || words[0] == "describe")) return add_types();
        if (words.size() == 1 && (words[0] == "call" || words[0] == "open" || words[0] == "unpublish"))
            return add_objects("");
        if (words.size() == 2 && words[0] == "call") return add_methods(words[1], "");
        if (words.size() == 1 && words[0] == "unset") return add_variables("");
        if (part.starts_with('@')) add_objects("@");
    }

    std::set<std::string> found;

private:
    void complete_first(const std::string& part) {
        if (const auto dot = part.rfind('.'); dot != std::string::npos)
            return add_methods(part.substr(0, dot), part.substr(0, dot + 1));
        for (const Command& command : commands()) found.insert(command.name);
        for (const char* own : {"exit", "help", "quit", "unset", "vars"}) found.insert(own);
        add_objects("");
    }
    void add_types() {
        for (const auto& type : workspace_.client().types()) found.insert(type.type);
    }
    void add_variables(const std::string& prefix) {
        for (const auto& [name, value] : workspace_.variables) found.insert(prefix + name);
    }
    void add_objects(const std::string& prefix) {
        add_variables(prefix);
        for (const auto& published : workspace_.client().names()) found.insert(prefix + published.name);
    }
    void add_methods(const std::string& target, const std::string& prefix) {
        const Proxy object = workspace_.object(target);
        for (const auto& [name, method] : workspace_.describe(object.type()).methods) found.insert(prefix + name);
    }

    Workspace& workspace_;
};

// While a line is edited, Ctrl-C is a character, which clears the line: it ends what runs, but not who thinks of the next.
class NoInterrupt {
public:
    NoInterrupt() : is_terminal_(::tcgetattr(STDIN_FILENO, &before_) == 0) {
        termios during = before_;
        during.c_cc[VINTR] = _POSIX_VDISABLE;
        if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &during);
    }
    NoInterrupt(const NoInterrupt&) = delete;
    NoInterrupt& operator=(const NoInterrupt&) = delete;
    ~NoInterrupt() {
        if (is_terminal_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
    }

private:
    termios before_{};
    const bool is_terminal_;
};

// The library calls back without a context: this is whom for.
Workspace* edited = nullptr;

char** complete_for_library(const char*, int, int end) {
    rl_attempted_completion_over = 1;
    const auto words = completions(*edited, std::string(rl_line_buffer, static_cast<std::size_t>(end)));
    if (words.empty()) return nullptr;
    // First what all have in common, then each; the library frees them.
    std::string common = words.front();
    for (const std::string& word : words) {
        const auto differs = std::mismatch(common.begin(), common.end(), word.begin(), word.end()).first;
        common.erase(differs, common.end());
    }
    auto** list = static_cast<char**>(std::calloc(words.size() + 2, sizeof(char*)));
    list[0] = ::strdup(common.c_str());
    if (words.size() > 1) {
        for (std::size_t i = 0; i < words.size(); ++i) list[i + 1] = ::strdup(words[i].c_str());
    }
    return list;
}

}  // namespace

std::vector<std::string> completions(Workspace& workspace, const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> words;
    for (std::string word; in >> word;) words.push_back(word);
    std::string part;
    if (!line.empty() && line.back() != ' ' && !words.empty()) {
        part = words.back();
        words.pop_back();
    }
    Completer completer(workspace);
    try {
        completer.complete(std::move(words), part);
    } catch (const std::exception&) {
        // Nothing to offer: the line itself will say why, when it is run.
    }
    std::vector<std::string> fitting;
    for (const std::string& word : completer.found) {
        if (word.starts_with(part)) fitting.push_back(word);
    }
    return fitting;
}

LineEditor::LineEditor(Workspace& workspace) {
    edited = &workspace;
    static char breaks[] = " \t";
    rl_completer_word_break_characters = breaks;
    rl_attempted_completion_function = complete_for_library;
    using_history();
    // The library binds the terminal's characters anew for each line, so this is said for each as well.
    rl_pre_input_hook = [] { return ::rl_parse_and_bind("bind ^C em-kill-line"); };
}

LineEditor::~LineEditor() { edited = nullptr; }

std::optional<std::string> LineEditor::read(const char* prompt) {
    char* line = nullptr;
    {
        const NoInterrupt no_interrupt;
        line = ::readline(prompt);
    }
    if (line == nullptr) return std::nullopt;
    std::string text = line;
    std::free(line);
    if (text.find_first_not_of(' ') != std::string::npos) ::add_history(text.c_str());
    return text;
}

}  // namespace soho::cli
