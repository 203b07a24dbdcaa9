"""Includes point down. Walks every include of our sources and refuses those that climb, or that bring a third-party
header to a floor where it has no business. The floors are those of ARCHITECTURE.md."""
import posixpath
import re

import tidy

# floor: (where its files are, the floors it stands on)
SDK_CORE = ["sdk/abi", "sdk/data", "sdk/result", "sdk/wire"]
FLOORS = {
    "sdk/abi": (["sdk/include/soho/abi.h"], []),
    "sdk/data": (["sdk/include/soho/data/"], ["sdk/abi"]),
    "sdk/plugin": (["sdk/include/soho/plugin.hpp", "sdk/include/soho/plugin/"], ["sdk/abi", "sdk/data"]),
    "sdk/testing": (["sdk/include/soho/testing.hpp", "sdk/include/soho/testing/"], ["sdk/abi", "sdk/data", "sdk/plugin"]),
    "sdk/result": (["sdk/include/soho/result.hpp"], ["sdk/abi"]),
    "sdk/wire": (["sdk/include/soho/wire/", "sdk/src/wire/"], ["sdk/abi", "sdk/data", "sdk/result"]),
    "host/registry": (["host/registry/"], SDK_CORE),
    "host/object": (["host/object/"], SDK_CORE + ["host/registry"]),
    "host/session": (["host/session/"], SDK_CORE + ["host/registry", "host/object"]),
    "host/server": (["host/server/"], SDK_CORE + ["host/registry", "host/object", "host/session"]),
    "host/worker": (["host/worker/"], SDK_CORE + ["host/registry", "host/object", "host/session", "host/server"]),
    "host/tool": (["host/tool/"], SDK_CORE + ["host/registry", "host/object", "host/session"]),
    "host/main": (["host/"], SDK_CORE + ["host/registry", "host/object", "host/session", "host/server", "host/worker"]),
    "plugins": (["plugins/"], ["sdk/abi", "sdk/data", "sdk/plugin"]),
    "sdk/templates": (["sdk/templates/"], ["sdk/abi", "sdk/data", "sdk/plugin", "sdk/testing"]),
    "clients/cpp/examples": (["clients/cpp/examples/"], ["sdk/data", "clients/cpp"]),
    "clients/cpp": (["clients/cpp/"], SDK_CORE),
    "clients/cli": (["clients/cli/"], SDK_CORE + ["clients/cpp"]),
}
EVERYWHERE = ("tests/", "bench/", "packaging/tests/")  # these look at what they like

# header pattern: (the floors that may include it, what it is)
THIRD_PARTY = [
    (r"boost/dll", ["host/registry"], "Boost.DLL"),
    (r"boost/(?!dll)", ["plugins"], "the rest of Boost"),
    (r"dlfcn\.h$|link\.h$", ["host/registry", "host/tool"], "the dynamic loader"),
    (r"asio(/|\.hpp$)|sys/socket\.h$|netinet/|arpa/|netdb\.h$",
     ["host/server", "host/worker", "clients/cpp", "clients/cpp/examples", "clients/cli"], "sockets"),
    (r"sys/un\.h$",  # the wire checks an address against the length of a Unix path, which only this header knows
     ["sdk/wire", "host/server", "clients/cpp", "clients/cpp/examples", "clients/cli"], "sockets"),
]
# Installed headers reach people who have none of our libraries: the standard library, C's, and msgpack.
INSTALLED = ["sdk/abi", "sdk/data", "sdk/plugin", "sdk/testing"]
STANDARD = re.compile(r"[a-z_0-9]+$|(std[a-z]+|string|limits|errno|time|math|float|inttypes|assert)\.h$|(cxxabi|pthread)\.h$")
MSGPACK = re.compile(r"msgpack(/|\.hpp$)")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
INCLUDE_DIRS = ["sdk/include", "clients/cpp/include", "clients/cpp", "host", "clients/cli", ""]


def floor_of(path):
    """The floor with the longest place that holds the path."""
    best = ("", None)
    for floor, (places, _) in FLOORS.items():
        for place in places:
            if (path == place or place.endswith("/") and path.startswith(place)) and len(place) > len(best[0]):
                best = (place, floor)
    return best[1]


def resolve(path, header, files):
    """Which file of the repository an include means, if any."""
    for directory in [posixpath.dirname(path)] + INCLUDE_DIRS:
        candidate = posixpath.normpath(posixpath.join(directory, header))
        if candidate in files:
            return candidate
    return None


def lint(files):
    findings = []
    for path, text in tidy.code(files).items():
        floor = floor_of(path)
        if floor is None:
            if not path.startswith(EVERYWHERE):
                findings.append(f"{path}:1: stands on no floor; put it on one, or name its floor in floors.py")
            continue
        stands_on = FLOORS[floor][1]
        for match in INCLUDE.finditer(re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)):
            header = match.group(2)
            where = f"{path}:{tidy.line_of(text, match.start(1))}"
            target = resolve(path, header, files)
            if target:
                below = floor_of(target)
                if below != floor and below not in stands_on:
                    findings.append(f"{where}: {floor} includes {header} of {below or 'no floor'}; "
                                    f"it stands on {', '.join(stands_on) or 'nothing'}")
                continue
            for pattern, allowed, what in THIRD_PARTY:
                if re.match(pattern, header) and floor not in allowed:
                    findings.append(f"{where}: {floor} includes {header}; {what} belongs to {', '.join(allowed)}")
            if floor in INSTALLED and not STANDARD.match(header) and not MSGPACK.match(header):
                findings.append(f"{where}: an installed SDK header includes {header}, which its users may not have")
    return findings


REGISTRY = {"host/registry/registry.hpp": "", "host/object/object.hpp": "", "sdk/include/soho/wire/frame.hpp": "",
            "sdk/include/soho/abi.h": "", "sdk/include/soho/result.hpp": ""}


def tree(path, include):
    return {**REGISTRY, path: f"#pragma once\n#include {include}\n"}


if __name__ == "__main__":
    tidy.main(lint, refused=[
        tree("host/registry/a.cpp", '"host/object/object.hpp"'),
        tree("host/registry/a.cpp", '"object/object.hpp"'),
        tree("host/registry/a.cpp", '"../object/object.hpp"'),
        tree("host/object/a.cpp", "<boost/dll/shared_library.hpp>"),
        tree("host/object/a.cpp", "<boost/multi_index_container.hpp>"),
        tree("host/session/a.cpp", "<asio.hpp>"),
        tree("host/session/a.cpp", "<sys/socket.h>"),
        tree("sdk/include/soho/wire/a.hpp", '"host/registry/registry.hpp"'),
        tree("sdk/include/soho/plugin/a.hpp", '"soho/wire/frame.hpp"'),
        tree("sdk/include/soho/plugin/a.hpp", '"soho/result.hpp"'),
        tree("sdk/include/soho/plugin.hpp", "<fmt/format.h>"),
        tree("sdk/include/soho/data/a.hpp", "<tl/expected.hpp>"),
        tree("sdk/include/soho/data/a.hpp", "<sys/mman.h>"),
        tree("clients/cpp/src/a.cpp", '"registry/registry.hpp"'),
        tree("plugins/pair/a.cpp", "<soho/wire/frame.hpp>"),
        tree("elsewhere/a.cpp", "<vector>"),
    ], accepted=[
        tree("host/object/a.cpp", '"registry/registry.hpp"'),
        tree("host/registry/a.cpp", "<boost/dll/shared_library.hpp>"),
        tree("plugins/sync/a.cpp", "<boost/multi_index_container.hpp>"),
        tree("host/server/a.cpp", "<asio/io_context.hpp>"),
        tree("host/main.cpp", '"registry/registry.hpp"'),
        tree("sdk/include/soho/plugin/a.hpp", "<soho/abi.h>"),
        tree("sdk/include/soho/data/a.hpp", "<msgpack.hpp>"),
        tree("sdk/include/soho/plugin.hpp", "<string_view>"),
        tree("clients/cpp/src/a.cpp", "<soho/wire/frame.hpp>"),
        tree("tests/unit/a.cpp", '"registry/registry.hpp"'),
    ])
