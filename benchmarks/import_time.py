"""Time of ``import rustorch`` beside ``import jax, optax, flax``, in fresh processes that take turns.

python benchmarks/import_time.py
"""

import statistics
import subprocess
import sys
import time

CASES = {"rustorch": "import rustorch", "jax, optax, flax": "import jax, optax, flax", "torch": "import torch"}


def main(rounds: int = 9) -> None:
    times = {name: [] for name in CASES}
    for i in range(rounds + 1):
        for name, line in CASES.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-c", line], check=True)
            if i:
                times[name].append(time.perf_counter() - start)
    for name, values in times.items():
        ratio = statistics.median(a / b for a, b in zip(values, times["jax, optax, flax"]))
        print(f"import {name:18s} {statistics.median(values):6.2f} s, {ratio:5.2f} x jax + optax + flax")


if __name__ == "__main__":
    main()
