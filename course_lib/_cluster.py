"""How does a worker on a cluster learn who it is and where the others are?

Serves the chapter ``compute/distributed_training``. TensorFlow reads one variable of the
environment, ``TF_CONFIG``. Slurm and Kubernetes say the same in words of their own; here these are
translated, and a job for Kubernetes is described.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_lib._checks import check_whole, sequence, string, takes, whole

__all__ = [
    "expand_nodes",
    "kubernetes_job",
    "tf_config",
    "tf_config_from_kubernetes",
    "tf_config_from_slurm",
]

_NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"  # RFC 1123, as Kubernetes asks for


@takes(hosts=sequence(string(), 1), index=whole())
def tf_config(hosts: Sequence[str], index: int) -> str:
    """Write the value of ``TF_CONFIG`` for one worker.

    Args:
        hosts: ``host:port`` of every worker, in the same order on all of them.
        index: which of them this one is; 0 is the chief, who writes the backups.

    Returns:
        JSON text.

    Raises:
        ValueError: a host has no port, two are the same, or ``index`` is not among them.
    """
    bad = [host for host in hosts if not re.fullmatch(r"[^\s:/]+:\d{1,5}", host)]
    if bad or len(set(hosts)) != len(hosts) or not hosts:
        raise ValueError(
            "hosts must be different addresses of the form host:port, at least one, but they are "
            f"{list(hosts)}."
        )
    check_whole("index", index, 0, len(hosts) - 1)
    task = {"type": "worker", "index": int(index)}
    return json.dumps({"cluster": {"worker": list(hosts)}, "task": task})


@takes(nodes=string())
def expand_nodes(nodes: str) -> list[str]:
    """Expand Slurm's short form of a list of nodes.

    Args:
        nodes: such as ``"gpu[01-03,7],login"``. One pair of brackets a name.

    Returns:
        Every name, here ``gpu01``, ``gpu02``, ``gpu03``, ``gpu7`` and ``login``.

    Raises:
        ValueError: the text is not of this form.
    """
    names = []
    for part in re.split(r",(?![^\[]*\])", nodes):
        found = re.fullmatch(r"([\w.-]+)(?:\[([\d,-]+)\]([\w.-]*))?", part.strip())
        if not found:
            raise ValueError(
                f"nodes must look like 'gpu[01-03,7],login', but {part!r} in {nodes!r} does not."
            )
        start, numbers, end = found.groups()
        if numbers is None:
            names.append(start)
            continue
        for piece in numbers.split(","):
            first, dash, last = piece.partition("-")
            last = last if dash else first
            if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
                raise ValueError(f"nodes holds the range {piece!r}, which is none: {nodes!r}.")
            width = len(first)  # leading zeros are part of the name
            names += [f"{start}{k:0{width}d}{end}" for k in range(int(first), int(last) + 1)]
    return names


def tf_config_from_slurm(environment: Mapping[str, str] | None = None, port: int = 12345) -> str:
    """Write ``TF_CONFIG`` from what Slurm's ``srun`` tells each of its tasks.

    Args:
        environment: the variables; by default those of this process. ``SLURM_JOB_NODELIST``,
            ``SLURM_PROCID`` and ``SLURM_NTASKS`` are read.
        port: the first port; further tasks on one node take the next ones.

    Returns:
        JSON text, see :func:`tf_config`.

    Raises:
        ValueError: a variable is missing, or the tasks are not spread evenly over the nodes.
    """
    environment = os.environ if environment is None else environment
    _check_port(port)
    nodes = expand_nodes(_need(environment, "SLURM_JOB_NODELIST", "Slurm"))
    tasks = _number(environment, "SLURM_NTASKS", "Slurm")
    if tasks < 1 or tasks % len(nodes):
        raise ValueError(
            f"SLURM_NTASKS must be a multiple of the {len(nodes)} nodes, but it is {tasks}. Ask "
            "for --ntasks-per-node."
        )
    # Block distribution, Slurm's default: tasks 0, 1, ... fill the first node, then the next.
    each = tasks // len(nodes)
    hosts = [f"{node}:{port + slot}" for node in nodes for slot in range(each)]
    return tf_config(hosts, _number(environment, "SLURM_PROCID", "Slurm"))


def tf_config_from_kubernetes(
    environment: Mapping[str, str] | None = None, port: int = 12345
) -> str:
    """Write ``TF_CONFIG`` in a pod of the job that :func:`kubernetes_job` describes.

    Args:
        environment: the variables; by default those of this process. Kubernetes sets
            ``JOB_COMPLETION_INDEX``; the manifest sets ``JOB_NAME``, ``JOB_SERVICE`` and
            ``JOB_WORKERS``.
        port: the port of every worker.

    Raises:
        ValueError: a variable is missing or no number.
    """
    environment = os.environ if environment is None else environment
    _check_port(port)
    name = _need(environment, "JOB_NAME", "The manifest")
    service = _need(environment, "JOB_SERVICE", "The manifest")
    workers = _number(environment, "JOB_WORKERS", "The manifest")
    # The pods of an Indexed Job are called after the job and their index.
    hosts = [f"{name}-{k}.{service}:{port}" for k in range(workers)]
    return tf_config(hosts, _number(environment, "JOB_COMPLETION_INDEX", "Kubernetes"))


@takes(
    name=string(),
    image=string(1),
    command=sequence(string(), 1),
    workers=whole(),
    gpus=whole(),
    claim=string(),
)
def kubernetes_job(
    name: str,
    image: str,
    command: Sequence[str],
    workers: int,
    *,
    gpus: int = 0,
    claim: str = "backup",
    port: int = 12345,
) -> list[dict[str, Any]]:
    """Describe an Indexed Job, and the service through which its pods find one another.

    Args:
        name: of the job, lower-case letters, digits and hyphens.
        image: the container image, with the course and the program in it.
        command: what each pod runs.
        workers: number of pods; all run at the same time.
        gpus: NVIDIA GPUs a pod.
        claim: the name of the volume that holds the backup, mounted at ``/backup`` in every pod.
        port: on which the workers listen.

    Returns:
        Two manifests for ``kubectl apply -f``, once written as YAML or JSON.

    Raises:
        ValueError: a name is none for Kubernetes, or a number is out of range.
    """
    for label, text in (("name", name), ("claim", claim)):
        if not isinstance(text, str) or not re.fullmatch(_NAME, text):
            raise ValueError(
                f"{label} must be lower-case letters, digits and hyphens, at most 63, and start "
                f"and end with a letter or digit, but it is {text!r}."
            )
    check_whole("workers", workers, 1)
    check_whole("gpus", gpus, 0)
    _check_port(port)
    variables = {"JOB_NAME": name, "JOB_SERVICE": name, "JOB_WORKERS": str(workers)}
    container = {
        "name": "worker",
        "image": image,
        "command": list(command),
        "env": [{"name": key, "value": value} for key, value in variables.items()],
        "ports": [{"containerPort": port}],
        "volumeMounts": [{"name": "backup", "mountPath": "/backup"}],
    }
    if gpus:
        container["resources"] = {"limits": {"nvidia.com/gpu": gpus}}
    pod = {
        "subdomain": name,  # the service's name: gives each pod an address of its own
        "restartPolicy": "OnFailure",
        "containers": [container],
        "volumes": [{"name": "backup", "persistentVolumeClaim": {"claimName": claim}}],
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"clusterIP": "None", "selector": {"job-name": name}},
    }
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {
            "completions": workers,
            "parallelism": workers,
            "completionMode": "Indexed",
            "backoffLimit": 10 * workers,
            "template": {"spec": pod},
        },
    }
    return [service, job]


def _need(environment: Mapping[str, str], name: str, who: str) -> str:
    if not environment.get(name):
        raise ValueError(
            f"{who} must set {name}, but it is not set. Does this run as part of a job?"
        )
    return environment[name]


def _number(environment: Mapping[str, str], name: str, who: str) -> int:
    text = _need(environment, name, who)
    if not re.fullmatch(r"\d+", text):
        raise ValueError(f"{name} must be a whole number, but it is {text!r}.")
    return int(text)


def _check_port(port: int) -> None:
    check_whole("port", port, 1, 65535)
