#include "host/manual.hpp"

#include "host/settings.hpp"

#include <fmt/format.h>

namespace soho::host {

namespace {

using Kind = Setting::Kind;

// For troff: a hyphen that is one, and no line that begins like a request.
std::string roff(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else {
            out += c;
        }
    }
    return out;
}

std::string default_of(const Setting& setting) {
    Options options;
    ListenerOptions listener;
    PluginOptions plugin;
    const bool is_scalar = setting.kind == Kind::boolean || setting.kind == Kind::number ||
                           setting.kind == Kind::word || setting.kind == Kind::text;
    if (!is_scalar) return {};
    const Owner owner = setting.section == "listener" ? Owner(&listener)
                        : setting.section == "plugin" ? Owner(&plugin)
                                                      : Owner(&options);
    const SettingValue value = setting.get(owner);
    if (const auto* text = std::get_if<std::string>(&value); text != nullptr && text->empty()) return {};
    return show(value);
}

std::string option_entry(const Setting& setting) {
    const std::string operand = setting.kind == Kind::boolean ? "" : fmt::format(" \\fI{}\\fR", roff(setting.operand));
    std::string doc = roff(setting.doc) + ".";
    if (setting.kind == Kind::word || setting.kind == Kind::number)
        doc += fmt::format(" Takes {}.", roff(setting.domain()));
    if (const std::string value = default_of(setting); !value.empty() && setting.kind != Kind::boolean)
        doc += fmt::format(" By default {}.", roff(value));
    if (setting.kind == Kind::texts || setting.kind == Kind::pairs) doc += " May be given more than once.";
    return fmt::format(".TP\n\\fB{}\\fR{}\n{}\n", roff(setting.flag), operand, doc);
}

std::string key_entry(const Setting& setting) {
    std::string facts = setting.domain();
    if (setting.needed) facts += "; needed";
    if (const std::string value = default_of(setting); !value.empty()) facts += "; by default " + value;
    const char* const change = setting.live ? "A reload applies a change." : "A change takes a restart.";
    return fmt::format(".TP\n\\fB{}\\fR ({})\n{}. {}\n", roff(setting.key), roff(facts), roff(setting.doc), change);
}

constexpr std::string_view about_sohod = R"(.TH SOHOD 8 "" "soho" "soho"
.SH NAME
sohod \- the Shared\-Object HOst
.SH SYNOPSIS
\fBsohod\fR [\fIOPTIONS\fR]
.SH DESCRIPTION
\fBsohod\fR loads plugins (shared objects), keeps the objects that their types make, and serves these to clients over
msgpack\-RPC. Without options it listens on a Unix socket that only its own user can reach, and reads no config, unless
root has started it.
.PP
Several hosts share nothing but what their configs name alike: give each a config and addresses of its own.
.SH OPTIONS
.TP
\fB\-h\fR, \fB\-\-help\fR; \fB\-\-version\fR
Say so, and end.
.TP
\fB\-\-config\fR \fIFILE\fR
Read this config, and the drop\-ins that belong to it: see \fBsohod.toml\fR(5). A host that root starts reads
\fI/etc/soho/sohod.toml\fR, if it is there, without being told.
.TP
\fB\-\-no\-config\fR
Read no config.
.TP
\fB\-\-check\-config\fR
Read the config and the other options, say what is wrong (as FILE:LINE:COLUMN: and a sentence), and end with 0 or 2. Where they are in order, what they
name is looked at, too: keys, tokens and certificates, groups, plugins' files and names, a worker's paths. Nothing is started, and no
code of a plugin runs; run it as the host's user, who must be able to read them.
.TP
\fB\-\-end\-with\-stdin\fR
End, as on SIGTERM, when standard input does. A program that keeps a host for itself starts it so, with a pipe whose other end it never
closes: the host ends with the program, however that ends.
.TP
\fB\-\-accept\-on\-stdin\fR
With \fB\-\-end\-with\-stdin\fR: let clients in at the first \fB\-\-listen\fR alone until anything comes at standard input. Those of the
other listeners are connected, and wait. So a program prepares its host, by an address that only it knows, before others are served.
.TP
\fB\-\-set\fR \fIKEY=VALUE\fR
A line of config in TOML, such as \fBlimits.stuck_ms=500\fR; read over the config. May be given more than once.
.PP
The other options are keys of the config, and are put over it and over \fB\-\-set\fR. Those that are lists add to what the
config lists, but \fB\-\-listen\fR, which replaces it. A switch takes \fB=false\fR.
)";

constexpr std::string_view rest_of_sohod = R"(.SH SIGNALS
.TP
SIGTERM, SIGINT
End in order: no further connections, calls that run may finish within \fBdrain_ms\fR, queued ones are answered
\fInot_started\fR. A second one does not wait for calls that run, a third for nothing.
.TP
SIGHUP
Read the config again, and the files with keys, tokens and certificates that it names. What can change without a restart
does, for those that are connected as well; the rest is named in the log. If anything is wrong nothing changes, and the log says
what. \fBsoho reload\fR does the same, and shows what came of it. Then plugins whose files have changed are reloaded, each as \fBsoho
plugin reload\fR does it: the new version is loaded beside the old from a private copy, and where anything is wrong with it the old one
serves on. Replace the files of plugins as \fBinstall\fR(1) and \fBmv\fR(1) do, with a file of its own: what is written over the file of the
first version changes code that runs.
.SH SERVICE MANAGERS
Under systemd the host says when it listens (\fBType=notify\fR), reloads and ends, and feeds the watchdog (\fBWatchdogSec=\fR) as
long as its listeners' thread and at least one reactor turn. Sockets that were passed to it (LISTEN_FDS) are listened at: one whose
address, in numbers, is that of a configured listener is that listener's; the others have what \fB[host]\fR says. Their mode
and group are the socket unit's. If nothing else is configured the host listens at these alone.
.SH FILES
.TP
\fI/etc/soho/sohod.toml\fR, \fI/etc/soho/sohod.d/*.toml\fR
The config of a host that root starts, and its drop\-ins.
.TP
\fI$XDG_RUNTIME_DIR/soho/sohod.sock\fR, else \fI/tmp/soho\-UID/sohod.sock\fR
Where a host listens if nothing says where.
.SH EXIT STATUS
0 after an end in order; 1 if the host could not start, or a plugin had to be left running; 2 for wrong options or a wrong
config.
.SH SEE ALSO
\fBsohod.toml\fR(5), \fBsoho\fR(1)
)";

constexpr std::string_view about_config = R"(.TH SOHOD.TOML 5 "" "soho" "soho"
.SH NAME
sohod.toml \- config of sohod
.SH DESCRIPTION
The config is TOML. Every key may be left out. A key that nobody knows is an error; \fBsohod \-\-check\-config\fR says where it is
and what may have been meant.
.PP
A file \fINAME\fB.toml\fR may have drop\-ins: the files \fB*.toml\fR of the folder \fINAME\fB.d\fR beside it. They are read after it, in
the order of their names. What a later file says stands; lists grow, but an empty list empties what came before; a name in
\fB[publish]\fR, and the \fBsettings\fR of a plugin, are replaced as a whole.
)";

constexpr std::string_view rest_of_config = R"(.SH EXAMPLE
.nf
[host]
listen = ["unix:/run/sohod/sohod.sock"]
plugin_dirs = ["/usr/lib/soho/plugins"]

[limits]
handles = 50000

[publish]
jobs = "Queue"

[plugin.pair]
prefix = "demo."

[plugin.thumbnails]
isolation = "worker"
worker_syscalls = "files"
worker_read_paths = ["/srv/pictures"]
worker_write_paths = ["/srv/thumbnails"]

[principal."uid:1000"]
limits = { calls_waiting = 100 }

[[listener]]
address = "unix:/run/sohod/team.sock"
socket_group = "team"
limits = { frame_bytes = 65536 }
.fi
.SH SEE ALSO
\fBsohod\fR(8), \fBsoho\fR(1)
)";

}  // namespace

std::string manual_of_sohod() {
    std::string page(about_sohod);
    std::string limits = ".SS Limits\n";
    for (const Setting& setting : settings()) {
        if (!setting.flag.empty()) (setting.section == "limits" ? limits : page) += option_entry(setting);
    }
    return page + limits + std::string(rest_of_sohod);
}

std::string manual_of_config() {
    std::string page(about_config);
    for (const Section& section : sections()) {
        const std::string title = section.form == Section::Form::root ? "Top level" : section.title();
        page += fmt::format(".SH {}\n{}.\n", roff(title), roff(section.doc));
        for (const Setting& setting : settings()) {
            if (setting.section == section.name) page += key_entry(setting);
        }
    }
    return page + std::string(rest_of_config);
}

}  // namespace soho::host
