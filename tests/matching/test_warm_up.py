"""After the warm-up nothing is left to compile; what only kernels of its module call comes with them."""

import subprocess
import sys

LEFT_COLD = """
import importlib, pkgutil
from numba.core.dispatcher import Dispatcher
from services.matching import engine
from services.matching.warm_up import warm_up

warm_up()
for found in pkgutil.walk_packages(engine.__path__, engine.__name__ + "."):
    module = importlib.import_module(found.name)
    for name, value in vars(module).items():
        kept = isinstance(value, Dispatcher) and type(value._cache).__name__ == "FunctionCache"
        if kept and not name.startswith("_"):
            print("warm" if value.signatures else "cold", found.name, name)
"""


def test_every_kernel_that_is_kept_is_compiled_by_the_warm_up() -> None:
    command = [sys.executable, "-c", LEFT_COLD]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    # Services call ``matrix`` only from within ``best``, with which it is kept.
    assert [line for line in told if line.startswith("cold") and not line.endswith(" matrix")] == []
    assert len([line for line in told if line.startswith("warm")]) >= 12
