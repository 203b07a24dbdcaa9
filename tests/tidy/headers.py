"""Each header guards itself: `#pragma once` as its first line of code; abi.h, being C for every compiler, an include guard."""
import re

import tidy

GUARDED = ["sdk/include/soho/abi.h"]


def lint(files):
    findings = []
    for path, text in files.items():
        if not path.endswith((".h", ".hpp")):
            continue
        first = [line.strip() for line in tidy.without_comments_and_strings(text).splitlines() if line.strip()][:2]
        if path in GUARDED:
            guard = re.fullmatch(r"#ifndef (\w+)", first[0]) if first else None
            if not guard or len(first) < 2 or first[1] != f"#define {guard.group(1)}":
                findings.append(f"{path}:1: must open with an include guard, #ifndef X and #define X")
        elif first[:1] != ["#pragma once"]:
            findings.append(f"{path}:1: must open with #pragma once (after its comment)")
    return findings


if __name__ == "__main__":
    tidy.main(lint, refused=[
        {"host/a.hpp": "#include <vector>\n#pragma once\n"},
        {"host/a.hpp": "// #pragma once\nint x;\n"},
        {"host/a.hpp": ""},
        {"sdk/include/soho/abi.h": "#pragma once\n"},
        {"sdk/include/soho/abi.h": "#ifndef A\n#define B\n#endif\n"},
    ], accepted=[
        {"host/a.hpp": "// What it is.\n\n#pragma once\n#include <vector>\n"},
        {"host/a.hpp": "/* What\n it is. */\n#pragma once\n"},
        {"sdk/include/soho/abi.h": "/* The ABI. */\n#ifndef SOHO_ABI_H\n#define SOHO_ABI_H\n#endif\n"},
        {"host/a.cpp": "#include <vector>\n"},
    ])
