"""The Python client, against a real sohod of the build that is tested."""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SOHO_TEST_BUILD_DIR", ROOT / "build" / "release"))
os.environ["SOHOD"] = str(pathlib.Path(os.environ.get("SOHO_TEST_BIN_DIR", BUILD / "bin")) / "sohod")
os.environ["SOHO_PLUGINS"] = os.environ.get("SOHO_TEST_BUNDLED_PLUGIN_DIR", str(BUILD / "plugins"))
os.environ.pop("SOHO_HOST", None)
for folder in (str(ROOT / "tests" / "support"), str(ROOT / "clients" / "python")):
    sys.path.insert(0, folder)
    # Children that are spawned, and programs that are run, have the same.
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))

import soho  # noqa: E402
from soho import _connection, _session  # noqa: E402
from soho.managers import SyncManager  # noqa: E402
from soho_e2e import PAIR, PATIENCE, Host, eventually, plugin  # noqa: E402

# A host of tests may have to wait for the processor. (soho.aio takes the first one over when it is imported.)
_connection.CONNECT_TIMEOUT = _connection.CANCEL_TIMEOUT = _session.FORK_TIMEOUT = PATIENCE


@pytest.fixture(scope="module")
def manager():
    """A manager with a host of its own; that host's end is looked at."""
    with SyncManager(shutdown_timeout=PATIENCE) as manager:
        process = manager._process
        yield manager
    assert process.exitcode == 0


@pytest.fixture(scope="module")
def host():
    """A host that somebody else has started."""
    host = Host(PAIR, os.path.join(os.environ["SOHO_PLUGINS"], "sync.so"), plugin("kinds"), plugin("objects"),
                args=["--publish", "shared_pair=get_pair"])
    yield host
    host.stop()


@pytest.fixture
def client(host):
    with soho.Client(host.address) as client:
        yield client


@pytest.fixture
def lone_client(client):
    """Once what earlier tests left behind has gone."""
    eventually(lambda: client.stats()["connections"] == 1 and all(each["names"] for each in client.request("soho.objects")))
    return client
