"""Each source here must fail to compile, with the sentence that stands in its first line.

check.py COMPILER INCLUDE_DIRECTORY
"""
import pathlib
import subprocess
import sys

compiler, include = sys.argv[1:3]
failed = False
for source in sorted(pathlib.Path(__file__).parent.glob("*.cpp")):
    first_line = source.read_text().splitlines()[0]
    expected = first_line.removeprefix("// ")
    done = subprocess.run(
        [compiler, "-std=c++20", "-fsyntax-only", "-DMSGPACK_NO_BOOST", "-I", include, str(source)],
        capture_output=True, text=True)
    if expected == "compiles":
        good = done.returncode == 0
    else:
        good = done.returncode != 0 and expected in done.stderr
    print(f"{'ok' if good else 'FAILED'}: {source.name}")
    if not good:
        failed = True
        print(f"  expected: {expected}\n  exit code {done.returncode}\n{done.stderr[:3000]}")
sys.exit(failed)
