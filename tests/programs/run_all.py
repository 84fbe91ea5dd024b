"""Run the programs that are named, each as ``__main__``, and print what each printed as JSON."""

import contextlib
import io
import json
import os
import runpy
import sys
import traceback

import torch

found = {"torch": torch.__name__}
for path in sys.argv[1:]:
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        try:
            runpy.run_path(path, run_name="__main__")
        except Exception:
            traceback.print_exc(file=text)
    found[os.path.basename(path)] = text.getvalue()
print(json.dumps(found))
