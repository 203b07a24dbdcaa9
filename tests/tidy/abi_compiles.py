"""abi.h compiles by itself as C11 and as C++11 to C++20, without a warning, under every compiler that is there."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import tidy

COMPILERS = [("gcc", "c", ["c11", "c17"]), ("g++", "c++", ["c++11", "c++14", "c++17", "c++20"]),
             ("clang", "c", ["c11", "c17"]), ("clang++", "c++", ["c++11", "c++14", "c++17", "c++20"])]
FLAGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Werror", "-fsyntax-only"]


def complaints(header_text):
    found, tried = [], 0
    with tempfile.TemporaryDirectory() as directory:
        include = pathlib.Path(directory, "soho")
        include.mkdir()
        (include / "abi.h").write_text(header_text)
        user = pathlib.Path(directory, "user.c")
        # Twice, for the guard; with a use, so that it is a translation unit.
        user.write_text("#include <soho/abi.h>\n#include <soho/abi.h>\nextern int soho_nothing;\nint soho_nothing = 0;\n")
        for (compiler, language, standards) in COMPILERS:
            if not shutil.which(compiler):
                print(f"{compiler}: not there")
                continue
            for standard in standards:
                command = [compiler, "-x", language, f"-std={standard}", *FLAGS, "-I", directory, str(user)]
                outcome = subprocess.run(command, capture_output=True, text=True)
                tried += 1
                if outcome.returncode != 0:
                    found.append(f"{compiler} -std={standard}:\n{outcome.stderr}")
    print(f"{tried} compilations")
    if tried == 0:
        found.append("no compiler was found")
    return found


def self_test():
    wrong = []
    for bad in ["int f(void) { return undeclared; }\n", "namespace soho {}\n", "struct a { int class; };\n",
                "enum soho_color { red, green, };\nstatic inline int f(int a) { return 0; }\n", "typedef int x = 0;\n"]:
        if not complaints(bad):
            wrong.append(f"should be refused, but was not: {bad}")
    if complaints("#ifndef A\n#define A\ntypedef struct soho_a { int b; } soho_a;\n#endif\n"):
        wrong.append("a sound header was refused")
    return wrong


if __name__ == "__main__":
    findings = self_test() if "--self-test" in sys.argv else complaints((tidy.ROOT / "sdk/include/soho/abi.h").read_text())
    print("\n".join(findings))
    sys.exit(1 if findings else 0)
