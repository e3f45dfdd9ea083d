"""Time attention beside Keras's, and measure how its memory grows with the length.

    python benchmarks/attention.py [--rounds 20] [--record]

Queries, keys and values have the shape (4, time, 4 heads, 32 features). Ours, compiled, is timed
beside ``keras.ops.dot_product_attention``, eager and compiled. The peak memory of plain and chunked
attention (one head, 32 features) is what one call adds to the memory of a fresh process that has
compiled it, as Linux counts it. With --record the figures are kept under
book/recorded/attention-speed/.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from keras import ops
from race import bind, heading, line, options, race

from course_lib import attention, devices, gradients, recorded

LENGTHS = (1_024, 2_048, 4_096, 8_192)
FORMS = {
    "plain": lambda q, k, v: attention.scaled_dot_product_attention(q, k, v)[0],
    "chunked": attention.chunked_attention,
}


def draw(*shape: int):
    """Return query, key and value of one shape."""
    random = np.random.default_rng(0)
    return [ops.convert_to_tensor(random.normal(size=shape).astype("float32")) for _ in range(3)]


def heads_last(x):
    """Swap time and heads: Keras wants (batch, time, heads, features)."""
    return ops.swapaxes(x, 1, 2)


def peak(form: str, length: int) -> float:
    """Return the MiB that one call takes at its peak, measured in a process of its own."""
    command = [sys.executable, __file__, "--peak", form, str(length)]
    # What is freed must go back at once, or the second call takes nothing: oneDNN's pool keeps it.
    frugal = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536", "TF_ENABLE_ONEDNN_OPTS": "0"}
    answer = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env=frugal)
    return float(answer.stdout.split()[-1])


def attend_once(form: str, length: int) -> None:
    """Attend twice to as many steps and print what the second call takes at its peak, in MiB."""
    attend, inputs = gradients.compile(FORMS[form]), draw(1, length, 32)
    attend(*inputs)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
    ops.convert_to_numpy(attend(*inputs))
    print(memory("VmHWM") - before)


def memory(field: str) -> float:
    """Return a line of this process's status in MiB: resident memory now, or its peak."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.split(f"{field}:")[1].split()[0]) / 1024


def main() -> None:
    arguments = options(__doc__, rounds=20).parse_args()
    print(devices.describe(), "\n")
    values = {}
    heading("Keras")
    for time in (128, 512):
        ours = draw(4, 4, time, 32)
        keras = [heads_last(x) for x in ours]
        for causal in (False, True):

            def attend(q, k, v, causal=causal):
                return attention.scaled_dot_product_attention(q, k, v, causal=causal)[0]

            def chunked(q, k, v, causal=causal):
                return attention.chunked_attention(q, k, v, causal=causal)

            def reference(q, k, v, causal=causal):
                return ops.dot_product_attention(q, k, v, is_causal=causal)

            seconds = race(
                {
                    "ours": bind(attend, *ours),
                    "ours, chunked": bind(chunked, *ours),
                    "Keras eager": lambda r=reference, a=keras: r(*a),
                    "Keras compiled": bind(reference, *keras),
                },
                arguments.rounds,
            )
            case = f"{time} steps{', causal' * causal}"
            for other in ("Keras eager", "Keras compiled"):
                ratio = line(case, f"ours / {other}", seconds["ours"], seconds[other])
                values[f"ours / {other}: {case}"] = round(ratio, 2)
            ratio = seconds["ours, chunked"] / seconds["ours"]
            values[f"chunked / plain, seconds: {case}"] = round(ratio, 2)
    print(f"\n{'steps':<24}{'plain MiB':>12}{'chunked MiB':>14}")
    for length in LENGTHS:
        taken = {form: peak(form, length) for form in FORMS}
        print(f"{length:<24}{taken['plain']:>12.0f}{taken['chunked']:>14.0f}")
        for form, mebibytes in taken.items():
            values[f"peak memory in MiB, {form}: {length:,} steps"] = round(mebibytes)
    if arguments.record:
        recorded.save("attention-speed", values)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peak"]:
        attend_once(sys.argv[2], int(sys.argv[3]))
    else:
        main()
