"""One machine for a whole class: JupyterHub with an account for each learner.

Start it as root from the course's folder, with the course's own Python:

    .venv/bin/jupyterhub -f book/teaching/classroom/jupyterhub_config.py

Each learner is a user of the machine, in the group `learners`, and gets a server
of their own that runs as that user. Environment variables change the numbers:

    CLASS_PLACES      servers at once (default: memory / memory of a place)
    CLASS_MEMORY_GIB  what one kernel may take before it is refused (default 4)
    CLASS_PLACE_GIB   what a place is counted with (default 2.5)
    CLASS_IDLE_MINUTES  a server unused for so long is ended (default 30)
    CLASS_NOTEBOOKS   what learners get (default book, with folded solutions;
                      _build/handouts/students after `make handouts`)
"""

import os
import sys
from pathlib import Path

COURSE = Path(__file__).resolve().parents[3]
MACHINE_GIB = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
PLACE_GIB = float(os.environ.get("CLASS_PLACE_GIB", "2.5"))
# Two GiB are left for the system and the hub itself.
PLACES = max(1, int((MACHINE_GIB - 2) / PLACE_GIB))

c = get_config()  # noqa: F821 - JupyterHub runs this file and brings the name

# Learners in the same room reach the hub at this address; a proxy with a
# certificate must stand before it where others share the network.
c.JupyterHub.bind_url = os.environ.get("CLASS_URL", "http://127.0.0.1:8000")
state = Path(os.environ.get("CLASS_STATE", "/var/lib/classroom"))
state.mkdir(mode=0o700, parents=True, exist_ok=True)
c.JupyterHub.db_url = f"sqlite:///{state / 'jupyterhub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")

# The machine's own passwords; only members of these groups may come in.
c.LocalAuthenticator.allowed_groups = {"learners", "teachers"}
c.PAMAuthenticator.admin_groups = {"teachers"}

# The server starts as the learner, who gets a copy of the notebooks first.
c.Spawner.cmd = [sys.executable, str(Path(__file__).with_name("start_server.py"))]
c.Spawner.notebook_dir = "~/course"
c.Spawner.default_url = "/lab"
c.Spawner.environment = {
    "COURSE_ROOT": str(COURSE),
    "CLASS_NOTEBOOKS": os.environ.get("CLASS_NOTEBOOKS", "book"),
    "CLASS_MEMORY_GIB": os.environ.get("CLASS_MEMORY_GIB", "4"),
    # Small matrices gain nothing from threads, and a class has none to spare.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONUTF8": "1",
}
# The first import of everything is slow where thirty start at once.
c.Spawner.start_timeout = c.Spawner.http_timeout = 300

# When the places are taken, the next learner reads so, and nobody's kernel dies.
c.JupyterHub.active_server_limit = int(os.environ.get("CLASS_PLACES", PLACES))
c.JupyterHub.concurrent_spawn_limit = 8

# Places of those who left become free.
idle = 60 * int(os.environ.get("CLASS_IDLE_MINUTES", "30"))
cull = ["-m", "jupyterhub_idle_culler", f"--timeout={idle}"]
c.JupyterHub.services = [{"name": "idle", "command": [sys.executable, *cull]}]
c.JupyterHub.load_roles = [
    {
        "name": "idle",
        "scopes": [
            "list:users",
            "read:users:activity",
            "read:servers",
            "delete:servers",
        ],
        "services": ["idle"],
    }
]
