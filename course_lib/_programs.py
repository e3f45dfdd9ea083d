"""Which program does each worker of a cluster run, and which file starts it?

Serves the chapter ``compute/distributed_training``. The programs are texts, so that a page can show
what a cluster would run, and ``run_program`` can run it here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from course_lib._checks import check_whole, either, flag, instance, string, takes, whole

__all__ = ["ray_program", "run_program", "slurm_script", "worker_program"]

_READERS = {"slurm": "tf_config_from_slurm", "kubernetes": "tf_config_from_kubernetes"}


@takes(
    cluster=string(), examples=whole(1), backup=either(string(1), instance(os.PathLike, "a path"))
)
def worker_program(
    cluster: str,
    *,
    examples: int | None = None,
    backup: str | Path = "/backup",
    port: int = 12345,
) -> str:
    """Write the program that every worker runs: ``train.py`` of the scripts and manifests here.

    Args:
        cluster: ``"slurm"`` or ``"kubernetes"``: who says which worker this is.
        examples: how many pictures of clothes to train on; None means all.
        backup: a folder that all workers see.
        port: the (first) port that workers listen on.

    Raises:
        ValueError: there is no such cluster, or a number is out of range.
    """
    if cluster not in _READERS:
        raise ValueError(f"cluster must be one of {', '.join(_READERS)}, but it is {cluster!r}.")
    check_whole("port", port, 1, 65535)
    if examples is not None:
        check_whole("examples", examples, 1)
    reader, rows = _READERS[cluster], "" if examples is None else f"[:{examples}]"
    return f"""from course_lib import datasets, training
from course_lib.distributed_training import Job, {reader}, train_worker

data = datasets.load("fashion_mnist")
job = Job(training.scale_images(data.x_train{rows}), data.y_train{rows})
result = train_worker(job, {reader}(port={port}), {str(backup)!r})
print(result["losses"])
"""


def run_program(program: str, environment: Mapping[str, str]) -> Any:
    """Run a program as a task of a cluster would: in this process, with the task's environment.

    Args:
        program: Python, such as :func:`worker_program` writes. It is executed: give it none that
            you have not read.
        environment: variables to set before.

    Returns:
        What the program calls ``result``, or None.
    """
    os.environ.update(environment)
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(program, "train.py", "exec"), names)
    return names.get("result")


@takes(
    name=string(1),
    command=string(1),
    nodes=whole(1),
    tasks_per_node=whole(1),
    gpus_per_task=whole(),
)
def slurm_script(
    name: str, command: str, nodes: int, *, tasks_per_node: int = 1, gpus_per_task: int = 0
) -> str:
    """Write a batch script for Slurm's ``sbatch`` that starts one worker a task.

    Args:
        name: of the job.
        command: what each task runs; it calls :func:`tf_config_from_slurm` first.
        nodes: machines.
        tasks_per_node: workers on each.
        gpus_per_task: GPUs for each.

    Raises:
        ValueError: a number is out of range, or a text would break the script.
    """
    check_whole("nodes", nodes, 1)
    check_whole("tasks_per_node", tasks_per_node, 1)
    check_whole("gpus_per_task", gpus_per_task, 0)
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(f"name must be letters, digits, '.', '_' or '-', but it is {name!r}.")
    if not command.strip() or "\n" in command:
        raise ValueError(f"command must be one line, but it is {command!r}.")
    options = [
        f"--job-name={name}",
        f"--nodes={nodes}",
        f"--ntasks-per-node={tasks_per_node}",
        "--time=01:00:00",
        "--requeue",
        "--open-mode=append",
        f"--output={name}-%j.log",
    ]
    options += [f"--gpus-per-task={gpus_per_task}"] if gpus_per_task else []
    lines = ["#!/bin/bash", *(f"#SBATCH {option}" for option in options)]
    # If one task dies, the others wait for it in vain: end them all, and start again.
    lines += ["", "set -euo pipefail", f"srun --kill-on-bad-exit=1 {command}", ""]
    return "\n".join(lines)


@takes(workers=whole(1), use_gpu=flag())
def ray_program(workers: int, use_gpu: bool = False) -> str:
    """Write a program for Ray Train, which sets ``TF_CONFIG`` in each worker by itself.

    It needs Ray, which the course does not install. ``train_worker`` gets its place from
    ``TF_CONFIG`` there as everywhere.

    Raises:
        ValueError: ``workers`` is below 1.
    """
    check_whole("workers", workers, 1)
    return f"""import os

from ray.train import ScalingConfig
from ray.train.tensorflow import TensorflowTrainer

from course_lib import datasets, training
from course_lib.distributed_training import Job, train_worker


def on_each_worker():
    data = datasets.load("fashion_mnist")
    job = Job(training.scale_images(data.x_train), data.y_train)
    train_worker(job, os.environ["TF_CONFIG"], "/shared/backup")


scaling = ScalingConfig(num_workers={workers}, use_gpu={bool(use_gpu)})
TensorflowTrainer(on_each_worker, scaling_config=scaling).fit()
"""
