"""Runs modules of the Node client's tests, which clients/node/prepare.py has built:  run.py golden …"""
import os
import pathlib
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "clients" / "node"))
from prepare import debians_or_any  # noqa: E402

if __name__ == "__main__":
    folder = pathlib.Path(os.environ["SOHO_TEST_BUILD_DIR"]) / "node"
    os.chdir(folder)
    node = debians_or_any("node")
    os.environ["PATH"] = f"{pathlib.Path(node).parent}:{os.environ['PATH']}"  # npm's is the same one
    os.execv(node, [node, "--test", *(str(folder / "out" / "test" / f"{name}.test.js") for name in sys.argv[1:])])
