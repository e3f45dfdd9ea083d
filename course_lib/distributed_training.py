"""What must be kept equal so that many workers give the same model as one, and what does it cost?

Serves the chapter ``compute/distributed_training``. Its rooms:

- gradients in parts: ``shard_rows``, ``data_parallel_gradient``, ``accumulated_gradient``;
- the ring: ``ring_all_reduce`` in one process, ``reduce_over_processes`` over sockets, with a
  server for contrast;
- real training: ``split_cpu`` for two devices in one process, ``train_over_processes`` for several
  processes, killed and recovered;
- what it costs: ``ring_seconds``, ``fit_wire``, ``amdahl``, ``gustafson``, ``step_seconds``;
- what it does to learning: ``ManyRuns`` trains with large batches, old gradients and thinned ones;
- the way to a cluster: ``tf_config`` and what Slurm, Kubernetes and Ray need.

Main references: Patarasuk and Yuan (2009), Goyal and others (2017), McCandlish and others (2018),
Shallue and others (2019), Stich and others (2018).
"""

from course_lib._cluster import (
    expand_nodes,
    kubernetes_job,
    tf_config,
    tf_config_from_kubernetes,
    tf_config_from_slurm,
)
from course_lib._many_runs import ManyRuns, first_below
from course_lib._parallel_gradients import (
    accumulated_gradient,
    data_parallel_gradient,
    keep_largest,
    shard_rows,
)
from course_lib._processes import Outcome, free_ports, prepare_processes, run_together
from course_lib._programs import ray_program, run_program, slurm_script, worker_program
from course_lib._ring import Send, ring_all_reduce, ring_schedule, ring_states
from course_lib._ring_processes import (
    ProcessReduce,
    Wire,
    exchange,
    reduce_over_processes,
    ring_worker,
)
from course_lib._scaling_laws import (
    CriticalBatch,
    amdahl,
    delay_limit,
    fit_critical_batch,
    fit_wire,
    gustafson,
    ring_seconds,
    server_seconds,
    step_seconds,
)
from course_lib._training_processes import (
    Job,
    Run,
    distributed_step,
    epoch_order,
    train_over_processes,
    train_worker,
)
from course_lib._two_devices import replica_batches, split_cpu

__all__ = [
    "CriticalBatch",
    "Job",
    "ManyRuns",
    "Outcome",
    "ProcessReduce",
    "Run",
    "Send",
    "Wire",
    "accumulated_gradient",
    "amdahl",
    "data_parallel_gradient",
    "delay_limit",
    "distributed_step",
    "epoch_order",
    "exchange",
    "expand_nodes",
    "first_below",
    "fit_critical_batch",
    "fit_wire",
    "free_ports",
    "gustafson",
    "keep_largest",
    "kubernetes_job",
    "prepare_processes",
    "ray_program",
    "reduce_over_processes",
    "replica_batches",
    "ring_all_reduce",
    "ring_schedule",
    "ring_seconds",
    "ring_states",
    "ring_worker",
    "run_program",
    "run_together",
    "server_seconds",
    "shard_rows",
    "slurm_script",
    "split_cpu",
    "step_seconds",
    "tf_config",
    "tf_config_from_kubernetes",
    "tf_config_from_slurm",
    "train_over_processes",
    "train_worker",
    "worker_program",
]
