"""How many learners does one machine hold? A class runs a chapter at once, through JupyterHub.

    pip install -c requirements.lock jupyterhub jupyterhub-idle-culler
    npm install configurable-http-proxy
    python benchmarks/classroom.py [--learners 1 4] [--chapter book/...ipynb] [--record]

The hub starts on the loopback address with the classroom's own settings
(book/teaching/classroom/jupyterhub_config.py), but for accounts: here all learners are the user who
runs this. Each gets a server, opens the chapter, and runs all its cells, as JupyterLab does,
through the proxy. The hub and all that it started end with the script. With --record the table is
kept under book/recorded/classroom/.
"""

import asyncio
import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.session import Session
from race import options
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

ROOT = Path(__file__).resolve().parents[1]
CLASSROOM = ROOT / "book" / "teaching" / "classroom"
SYSTEM_GIB = 2  # left for the system and the hub, as the settings of the classroom do
SETTINGS = """
load_subconfig({settings!r})
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = {homes!r}
c.Spawner.args = {arguments!r}
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.JupyterHub.log_level = "WARN"
c.JupyterHub.services.append(dict(name="load", api_token={token!r}))
scopes = ["admin:users", "admin:servers", "access:servers"]
c.JupyterHub.load_roles.append(dict(name="load", services=["load"], scopes=scopes))
"""


@dataclass(frozen=True)
class Hub:
    """A hub that runs: where it is, and what opens it."""

    address: str
    token: str

    async def ask(self, path: str, method: str = "GET", body: object = None) -> object:
        """Ask the hub or a learner's server; return the JSON that it answers."""
        request = HTTPRequest(
            f"{self.address}{path}",
            method=method,
            headers={"Authorization": f"token {self.token}"},
            body=None if body is None else json.dumps(body),
            allow_nonstandard_methods=True,
            request_timeout=300,
        )
        answer = await AsyncHTTPClient().fetch(request)
        return json.loads(answer.body) if answer.body else None


@contextlib.contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    """Start the classroom's hub; end it, and all that it started, afterwards."""
    ports = free_ports(3)
    hub = Hub(f"http://127.0.0.1:{ports[0]}", secrets.token_hex(16))
    settings = SETTINGS.format(
        settings=str(CLASSROOM / "jupyterhub_config.py"),
        homes=str(folder / "{username}"),
        # A server refuses to run as root otherwise, who is the only user in some containers.
        arguments=["--allow-root"] if os.geteuid() == 0 else [],
        hub=ports[1],
        proxy=ports[2],
        token=hub.token,
    )
    (folder / "settings.py").write_text(settings, encoding="utf-8")
    environment = {**os.environ, "CLASS_URL": hub.address, "CLASS_STATE": str(folder / "state")}
    command = [sys.executable, "-m", "jupyterhub", "-f", str(folder / "settings.py")]
    with (folder / "hub.log").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
    try:
        yield hub
    except BaseException:
        print((folder / "hub.log").read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=120)


def free_ports(count: int) -> list[int]:
    """Return ports of the loopback address that nobody listens at."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


async def wait_until_ready(hub: Hub, path: str, seconds: float = 300) -> None:
    """Wait until an address answers; raise a TimeoutError where it does not."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(HTTPClientError, OSError):
            await hub.ask(path)
            return
        await asyncio.sleep(0.5)
    raise TimeoutError(f"{path} did not answer within {seconds:.0f} seconds.")


async def sit_down(hub: Hub, learner: str) -> float:
    """Make a learner and start their server; return the seconds until it answers."""
    start = time.monotonic()
    await hub.ask(f"/hub/api/users/{learner}", "POST")
    await hub.ask(f"/hub/api/users/{learner}/server", "POST")
    await wait_until_ready(hub, f"/user/{learner}/api/status")
    return time.monotonic() - start


async def work_through(hub: Hub, learner: str, chapter: str) -> tuple[float, int]:
    """Open a chapter and run its cells one after the other.

    Returns:
        The seconds it took, and how many cells had a claim that did not hold: claims about speed
        may fail where many share a processor.
    """
    start = time.monotonic()
    notebook = await hub.ask(f"/user/{learner}/api/contents/{chapter}?content=1")
    wanted = {"path": chapter, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    opened = await hub.ask(f"/user/{learner}/api/sessions", "POST", wanted)
    channel = f"/user/{learner}/api/kernels/{opened['kernel']['id']}/channels"
    address = hub.address.replace("http", "ws", 1) + channel
    headers = {"Authorization": f"token {hub.token}"}
    kernel = await websocket_connect(HTTPRequest(address, headers=headers, request_timeout=300))
    cells = [cell for cell in notebook["content"]["cells"] if cell["cell_type"] == "code"]
    held = [await run_cell(kernel, learner, cell["source"]) for cell in cells]
    kernel.close()
    return time.monotonic() - start, held.count(False)


async def run_cell(kernel: object, learner: str, source: str) -> bool:
    """Run one cell and return whether its claims held.

    Raises:
        RuntimeError: The cell raised anything else, or its kernel is gone.
    """
    content = {"code": source, "silent": False, "store_history": True, "allow_stdin": False}
    message = Session().msg("execute_request", content)
    await kernel.write_message(json.dumps({**message, "channel": "shell"}, default=str))
    while True:
        answer = await kernel.read_message()
        if answer is None:
            raise RuntimeError(f"{learner}: the kernel is gone.")
        reply = json.loads(answer)
        state = reply["content"].get("execution_state")
        if reply["msg_type"] == "status" and state in {"restarting", "dead"}:
            raise RuntimeError(f"{learner}: the kernel was ended; was it over the memory guard?")
        mine = reply["parent_header"].get("msg_id") == message["header"]["msg_id"]
        if mine and reply["msg_type"] == "execute_reply":
            problem = f"{reply['content'].get('ename')}: {reply['content'].get('evalue')}"
            if reply["content"]["status"] == "ok":
                return True
            if not problem.startswith("ClaimError"):
                raise RuntimeError(f"{learner}: {problem}")
            print(f"{learner}: {problem}", flush=True)
            return False


@dataclass(frozen=True)
class Use:
    """What one process of a learner took: peak memory in MiB, processor time in seconds."""

    is_kernel: bool
    peak_mib: float
    seconds: float


def processes_of(learner: str) -> Iterator[Use]:
    """Yield what each process took that the hub started for a learner (Linux tells)."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"JUPYTERHUB_USER={learner}".encode() in (folder / "environ").read_bytes():
                status = (folder / "status").read_text(encoding="utf-8")
                fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                ticks = int(fields[11]) + int(fields[12])
                yield Use(
                    b"ipykernel" in (folder / "cmdline").read_bytes(),
                    int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024,
                    ticks / os.sysconf("SC_CLK_TCK"),
                )


async def lesson(learners: int, chapter: str, folder: Path) -> dict[str, float]:
    """Give one lesson to so many learners; return what it took."""
    names = [f"learner-{number}" for number in range(1, learners + 1)]
    load_before = os.getloadavg()[0]
    with running_hub(folder) as hub:
        await wait_until_ready(hub, "/hub/api/")
        started = await asyncio.gather(*(sit_down(hub, name) for name in names))
        lessons = await asyncio.gather(*(work_through(hub, name, chapter) for name in names))
        uses = [use for name in names for use in processes_of(name)]
    kernels = [use for use in uses if use.is_kernel]
    servers = [use for use in uses if not use.is_kernel]
    return {
        "seconds until all servers answer": max(started),
        "seconds for the chapter, the slowest": max(seconds for seconds, _ in lessons),
        "cells with a claim that failed": sum(failed for _, failed in lessons),
        "processor seconds a learner": sum(use.seconds for use in kernels) / learners,
        "MiB of a kernel": max(use.peak_mib for use in kernels),
        "MiB of a server": sum(use.peak_mib for use in servers) / learners,
        "processes that waited for a processor before": load_before,
    }


def main() -> None:
    """Give the lesson to each size of class, print what it took, and keep it where asked to."""
    parser = options(__doc__)
    parser.add_argument("--learners", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--chapter", default="book/interpretability/saliency.ipynb")
    given = parser.parse_args()
    values: dict[str, float | int | str] = {"chapter": given.chapter}
    for learners in given.learners:
        with tempfile.TemporaryDirectory() as folder:
            chapter = given.chapter.removeprefix("book/")
            found = asyncio.run(lesson(learners, chapter, Path(folder)))
        for name, value in found.items():
            values[f"{learners} learner{'s' * (learners > 1)}: {name}"] = round(value, 1)
            print(f"{learners:>3}  {name:<40}{value:>10.1f}", flush=True)
        each = found["MiB of a kernel"] + found["MiB of a server"]
        values["learners in 24 GiB"] = int((24 - SYSTEM_GIB) * 1024 / each)
    print("learners in 24 GiB:", values["learners in 24 GiB"])
    if given.record:
        from course_lib import recorded  # which starts TensorFlow, after the lesson

        print(recorded.save("classroom", values))


if __name__ == "__main__":
    main()
