"""Design spaces on a cluster: the same bytes as here, lost workers, Ctrl-C, refusals, TLS."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from mncost.cluster.address import Scheduler, checked
from mncost.cluster.client import _result
from mncost.errors import InputError
from tests.cluster.starting import Cluster, cluster
from tests.running import as_process, background, in_process, wait_until

if TYPE_CHECKING:
    from distributed import Client, Future

EXAMPLE = str(Path(__file__).parent.parent.parent / "examples" / "space.toml")
FRONT = ["space", EXAMPLE, "--pareto", "macs:max,params,weight_bytes", "-f", "csv"]

needs_dask = pytest.mark.skipif(not find_spec("distributed"), reason="needs mncost[cluster]")


@pytest.mark.parametrize(
    ("address", "insecure"),
    [
        ("tls://scheduler:8786", False),
        ("tls://[fe80::1]:8786", False),
        ("tcp://localhost:8786", False),
        ("127.0.0.1:8786", False),
        ("tcp://127.3.2.1:8786", False),
        ("tcp://[::1]:8786", False),
        ("tcp://10.0.0.7:8786", True),
    ],
)
def test_addresses_that_are_used(address: str, insecure: bool) -> None:
    assert checked(Scheduler(address, insecure)).removeprefix("tcp://") in (
        address,
        address.removeprefix("tcp://"),
    )


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://10.0.0.7:8786", "refused without TLS"),
        ("scheduler:8786", "refused without TLS"),
        ("tcp://localhost.example.org:8786", "refused without TLS"),
        ("tcp://128.0.0.1:8786", "refused without TLS"),
        ("tcp://[::2]:8786", "refused without TLS"),
        ("ucx://127.0.0.1:8786", "unknown protocol 'ucx'"),
        ("tls://scheduler", "not the address"),
        ("tls://:8786", "not the address"),
        ("tls://scheduler:port", "not the address"),
        ("tcp://127.0.0.1@elsewhere:8786", "not the address"),
        ("tls://scheduler:8786/path", "not the address"),
        ("", "not the address"),
        ("tls://[:8786", "not the address"),
    ],
)
def test_addresses_that_are_refused(address: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as error:
        checked(Scheduler(address))
    assert "accepted is tls://HOST:PORT" in str(error.value)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("--cluster tcp://192.0.2.1:8786", "refused without TLS"),
        ("--insecure", "--insecure needs --cluster"),
        ("--cluster tcp://127.0.0.1:1 --jobs 2", "--jobs does not go with --cluster"),
        ("--cluster tcp://127.0.0.1:1 --network 3", "--cluster does not go with --network"),
    ],
)
def test_bad_options(options: str, said: str) -> None:
    status, out, err = in_process(["space", EXAMPLE, *options.split()])
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert said in err


@needs_dask
@pytest.mark.slow  # Dask tries for 10 s
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("tcp://127.0.0.1:1", "no scheduler answers within"),
        ("tls://127.0.0.1:1", "no certificate of this client"),
    ],
)
def test_nobody_is_there(address: str, said: str) -> None:
    status, out, err = as_process(["space", EXAMPLE, "--cluster", address])
    assert (status, out, err.count("\n")) == (2, "", 1), err
    assert said in err


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        none = as_process([*FRONT, "--cluster", made.address])
        assert (none.status, none.err.count("\n")) == (2, 1)
        assert "the scheduler has no workers" in none.err
        made.worker()
        made.worker()
        yield made


@needs_dask
def test_the_front_is_the_same_byte_for_byte(two_workers: Cluster) -> None:
    there = as_process([*FRONT, "--cluster", two_workers.address])
    here = in_process(FRONT)
    assert (there.status, there.err) == (0, "")
    assert there.out == here.out
    assert there.out.count("\n") > 100
    assert len({pid for _, _, pid in two_workers.noted()}) == 2


@needs_dask
@pytest.mark.slow
def test_ctrl_c_cancels_what_is_left(two_workers: Cluster, tmp_path: Path) -> None:
    file, before = large(tmp_path), len(two_workers.noted())
    words = ["space", str(file), "--pareto", "macs,params", "--cluster", two_workers.address]
    with background(words) as process:
        wait_until(lambda: len(two_workers.noted()) > before + 2, process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
    assert (process.returncode, out, err) == (130, "", "")
    # 64 million networks are 62 tasks. Had they not been cancelled, the next one would wait.
    assert as_process([*FRONT, "--cluster", two_workers.address]).status == 0
    assert len(two_workers.noted()) < before + 2 * 40


@needs_dask
@pytest.mark.slow
def test_the_tasks_of_a_killed_worker_are_run_again(tmp_path: Path) -> None:
    file = large(tmp_path)
    words = ["space", str(file), "--pareto", "macs:max,params", "--sample", "3000000", "-f", "csv"]
    with cluster(tmp_path) as made:
        dying = made.worker(DIES="2")
        made.worker()
        there = as_process([*words, "--cluster", made.address])
        assert dying.wait(100) == 9
        pids = {pid for what, _, pid in made.noted() if what == "ends"}
        assert dying.pid in pids  # its first task was done
    here = as_process([*words, "--jobs", "1"])
    assert (there.status, there.err) == (0, "")
    assert there.out == here.out
    assert there.out.count("\n") > 10


@needs_dask
@pytest.mark.parametrize("status", ["lost", "pending"])
def test_a_lost_result_is_waited_for(status: str) -> None:
    """A future that has just ended is ``lost`` again if its worker dies before it is asked."""
    future = SimpleNamespace(status=status, exception=lambda: None)
    assert _result(cast("Client", None), cast("Future", future)) is None


@needs_dask
@pytest.mark.slow
def test_results_that_are_lost_with_their_worker_are_made_again(tmp_path: Path) -> None:
    """Dask tells of a finished task whose result is gone before it can be fetched."""
    words = ["space", str(large(tmp_path)), "--pareto", "macs:max,params", "--sample", "2000000"]
    with cluster(tmp_path) as made:
        dying = [made.worker(LOSES=str(task)) for task in (1, 2, 3)]
        made.worker()
        there = as_process([*words, "-f", "csv", "--cluster", made.address])
        assert dying[0].wait(100) == 9
    assert (there.status, there.err) == (0, "")
    assert there.out == as_process([*words, "-f", "csv", "--jobs", "1"]).out


@needs_dask
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl")
def test_certificates_as_documented(tmp_path: Path) -> None:
    """The commands of docs/cluster.md make a scheduler with TLS, and nobody else gets in."""
    page = Path(__file__).parent.parent.parent / "docs" / "cluster.md"
    script = next(b for b in page.read_text("utf-8").split("```") if "openssl req" in b)
    script = script.split("\n", 1)[1].replace("scheduler.example.org", "localhost")
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True, capture_output=True)
    config = next(b for b in page.read_text("utf-8").split("```") if "ca-file" in b)
    yaml = config.split("\n", 1)[1].replace("/home/me/tls", str(tmp_path))
    (tmp_path / "dask").mkdir()
    (tmp_path / "dask" / "tls.yaml").write_text(yaml, "utf-8")
    env = {"DASK_CONFIG": str(tmp_path / "dask")}
    with cluster(tmp_path, "--protocol", "tls", **env) as made:
        made.worker()
        assert made.address.startswith("tls://")
        words = [*FRONT, "--cluster", made.address]
        done = as_process(words, env=env)
        assert (done.status, done.err) == (0, "")
        assert done.out == in_process(FRONT).out
        without = as_process([*FRONT, "--cluster", made.address.replace("tls", "tcp")], env=env)
        assert (without.status, without.out) == (2, "")
        assert without.err.startswith("mncost: --cluster tcp://127.0.0.1:")


def large(folder: Path) -> Path:
    """Write a space of 64 million networks."""
    file = folder / "large.toml"
    file.write_text(
        'arch = "v2"\n[[choices]]\nrows = ["row2", "row3", "row4", "row5", "row6", "row7"]\n'
        f"kernel = {list(range(1, 40, 2))}\n",
        "utf-8",
    )
    return file
