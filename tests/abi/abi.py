"""The binary interfaces are what they were: the tables of the plugin ABI, its numbers, and what libsoho_client shows.

Descriptions of the released state are kept beside this file. Compared with them

  - a table of the plugin ABI may have grown behind its last field, if it says its own size; nothing else (ABI.md, 3);
  - a number (SOHO_RAISED, a flag …) may be new; none may have changed or gone;
  - libsoho_client may show more; what programs use of it may neither have changed nor gone.

    abi.py plugin | numbers | client LIBRARY     compares
    abi.py record WHAT [LIBRARY]                 describes it anew, when a version has been released, or with a new major number
    abi.py --self-test                           changes that must be found, and some that must not
"""
import lzma
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HEADER = ROOT / "sdk" / "include" / "soho" / "abi.h"
DESCRIBED = {"plugin": HERE / "plugin.abi.xml", "numbers": HERE / "numbers.txt", "client": HERE / "libsoho_client.abi.xml.xz"}
CLIENT_HEADERS = ROOT / "clients" / "cpp" / "include" / "soho"
ABIDW = ["abidw", "--short-locs", "--no-corpus-path", "--no-comp-dir-path", "--no-elf-needed"]


def run(*command, **options):
    try:
        return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    except FileNotFoundError:
        sys.exit(f"abi.py: {command[0]} is not there (Debian: abigail-tools, gcc)")


def must(*command, **options):
    done = run(*command, **options)
    if done.returncode != 0:
        sys.exit(f"abi.py: {command[0]} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


# --- the tables of the plugin ABI ------------------------------------------------------------------------------------

def compile_with(header, source, folder, *flags):
    include = pathlib.Path(folder, "soho")
    include.mkdir(exist_ok=True)
    (include / "abi.h").write_text(header)
    output = pathlib.Path(folder, "output")
    must("gcc", "-std=c11", "-I", folder, *flags, "-x", "c", source, "-o", output)
    return output


def tables_description(header):
    with tempfile.TemporaryDirectory() as folder:
        library = compile_with(header, HERE / "plugin_tables.c", folder, "-g", "-shared", "-fPIC")
        return must(*ABIDW, library).replace(folder + "/", "").replace(str(HERE) + "/", "")


def tables(description):
    """{struct: (bits, [(offset, field, type in words)])}, of the structs that are complete."""
    by_id = {element.get("id"): element for element in ElementTree.fromstring(description).iter() if element.get("id")}

    def words(type_id):
        element = by_id[type_id]
        kind = element.tag
        if kind == "pointer-type-def":
            return words(element.get("type-id")) + "*"
        if kind == "qualified-type-def":
            return words(element.get("type-id")) + (" const" if element.get("const") else " volatile")
        if kind == "function-type":
            given = [words(parameter.get("type-id")) for parameter in element.iter("parameter")]
            return f"{words(element.find('return').get('type-id'))}({', '.join(given)})"
        return element.get("name")

    found = {}
    for element in by_id.values():
        if element.tag == "class-decl" and not element.get("is-declaration-only"):
            fields = [(int(member.get("layout-offset-in-bits")), member.find("var-decl").get("name"),
                       words(member.find("var-decl").get("type-id"))) for member in element.iter("data-member")]
            found[element.get("name")] = (int(element.get("size-in-bits")), fields)
    return found


def tables_mismatch(was, now):
    wrong = []
    for name, (bits, fields) in was.items():
        if name not in now:
            wrong.append(f"{name} is gone")
            continue
        bits_now, fields_now = now[name]
        for index, field in enumerate(fields):
            if index >= len(fields_now) or fields_now[index] != field:
                wrong.append(f"{name}: field {index} was {field}, and is {fields_now[index] if index < len(fields_now) else 'gone'}")
        if bits_now != bits and fields[0][1] != "size":
            wrong.append(f"{name} does not say its size, so it may not grow: {bits} bits, now {bits_now}")
    return wrong


def plugin_mismatch(header):
    return tables_mismatch(tables(DESCRIBED["plugin"].read_text()), tables(tables_description(header)))


# --- the numbers -----------------------------------------------------------------------------------------------------

def numbers(header):
    """{name: value}, of all constants of abi.h that are numbers."""
    code = re.sub(r"/\*.*?\*/", "", header, flags=re.S)
    names = [name for body in re.findall(r"enum\s*\{(.*?)\}", code, re.S) for name in re.findall(r"\b(SOHO_\w+)\s*=", body)]
    names += re.findall(r"^#define (SOHO_\w+) \(?[\d(]", code, re.M)
    lines = "".join(f'    printf("{name} %lld\\n", (long long)({name}));\n' for name in names)
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder, "numbers.c")
        source.write_text(f"#include <soho/abi.h>\n#include <stdio.h>\nint main(void) {{\n{lines}}}\n")
        return dict(line.split() for line in must(compile_with(header, source, folder)).splitlines())


def numbers_mismatch(header):
    now = numbers(header)
    was = dict(line.split() for line in DESCRIBED["numbers"].read_text().splitlines())
    return [f"{name} was {value}, and is {now.get(name, 'gone')}" for name, value in was.items() if now.get(name) != value]


# --- the client library ----------------------------------------------------------------------------------------------

def library_description(library, headers):
    return must(*ABIDW, "--drop-private-types", "--headers-dir", headers, library)


def library_mismatch(description, library, headers):
    with tempfile.NamedTemporaryFile("w", suffix=".xml") as was:
        was.write(description)
        was.flush()
        done = run("abidiff", "--no-added-syms", was.name, library, "--headers-dir2", headers)
    return [] if done.returncode == 0 else [done.stdout + done.stderr]


def client_mismatch(library):
    return library_mismatch(lzma.decompress(DESCRIBED["client"].read_bytes()).decode(), library, CLIENT_HEADERS)


# --- changes that must be found --------------------------------------------------------------------------------------

CHANGES = [  # (what, from, to, whether it breaks)
    ("a field behind the last", "} soho_sink;", "    uint64_t more;\n} soho_sink;", False),
    ("a function at the end of the host's table", "} soho_host;", "    void (*more)(void);\n} soho_host;", False),
    ("a new code", "SOHO_NO_TYPE = 18", "SOHO_NO_TYPE = 18, SOHO_NEW = 19", False),
    ("a field in front", "typedef struct soho_sink {", "typedef struct soho_sink {\n    uint64_t more;", True),
    ("a field behind the last, and another type", "    uint8_t* end;", "    int64_t end;", True),
    ("a field that is gone", "    soho_text version; /* the host's own */\n", "", True),
    ("another argument of a function", "(*caller_gone)(const soho_call* call)", "(*caller_gone)(const soho_call* call, int why)", True),
    ("a text that grew", "} soho_text;", "    uint64_t more;\n} soho_text;", True),
    ("another number for a code", "SOHO_LIMIT = 10", "SOHO_LIMIT = 20", True),
    ("a code that is gone", "SOHO_DENIED = 5,", "", True),
    ("another major number", "#define SOHO_ABI 1u", "#define SOHO_ABI 2u", True),
]


LIBRARY = "struct Options { int timeout; };\nint call(const Options& o) { return o.timeout; }\nint ping() { return 1; }\n"
LIBRARY_CHANGES = [
    ("nothing", "", "", False),
    ("one more function", "int ping()", "int whoami() { return 2; }\nint ping()", False),
    ("a function that is gone", "int ping() { return 1; }", "", True),
    ("a larger struct", "int timeout;", "int retries; int timeout;", True),
    ("another argument", "int ping()", "int ping(int)", True),
]


def toy_library(code, folder):
    header, library = pathlib.Path(folder, "toy.hpp"), pathlib.Path(folder, "toy.so")
    header.write_text("#pragma once\n" + code.split("\n")[0] + "\n")
    must("g++", "-g", "-shared", "-fPIC", "-I", folder, "-x", "c++", "-", "-o", library,
         input='#include "toy.hpp"\n' + code.split("\n", 1)[1])
    return library


def library_self_test():
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        description = library_description(toy_library(LIBRARY, folder), folder)
        for what, before, after, breaks in LIBRARY_CHANGES:
            library = toy_library(LIBRARY.replace(before, after, 1), folder)
            if bool(library_mismatch(description, library, folder)) != breaks:
                wrong.append(f"a library with {what}: {'not found' if breaks else 'refused, but nobody is hurt'}")
    return wrong


def self_test():
    header = HEADER.read_text()
    wrong = library_self_test()
    for what, before, after, breaks in CHANGES:
        if before not in header:
            wrong.append(f"{what}: abi.h has no {before!r}; correct this test")
            continue
        changed = header.replace(before, after, 1)
        if bool(plugin_mismatch(changed) or numbers_mismatch(changed)) != breaks:
            wrong.append(f"{what}: {'not found' if breaks else 'refused, but nobody is hurt'}")
    return wrong


def record(what, library):
    if what == "plugin":
        DESCRIBED[what].write_text(tables_description(HEADER.read_text()))
    elif what == "numbers":
        DESCRIBED[what].write_text("".join(f"{name} {value}\n" for name, value in numbers(HEADER.read_text()).items()))
    else:
        DESCRIBED[what].write_bytes(lzma.compress(library_description(library, CLIENT_HEADERS).encode(), preset=9))


def main(arguments):
    if arguments == ["--self-test"]:
        findings = self_test()
    elif arguments in (["record", "plugin"], ["record", "numbers"]) or arguments[:2] == ["record", "client"] and len(arguments) == 3:
        record(*arguments[1:], *[None] * (3 - len(arguments)))
        return 0
    elif arguments == ["plugin"]:
        findings = plugin_mismatch(HEADER.read_text())
    elif arguments == ["numbers"]:
        findings = numbers_mismatch(HEADER.read_text())
    elif len(arguments) == 2 and arguments[0] == "client":
        findings = client_mismatch(arguments[1])
    else:
        print(__doc__)
        return 2
    for finding in findings:
        print(finding)
    if findings and arguments != ["--self-test"]:
        print("Programs or plugins that exist would break. sdk/ABI.md, 3, says what may change and what raises which number.")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
