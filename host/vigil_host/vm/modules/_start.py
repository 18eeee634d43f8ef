"""Runs the parent's program in the VM, and ends as Python does: a traceback on stderr, the exit code of SystemExit."""

import json
import sys

import _host


def _run(program):
    name, args = program["name"], program["args"]
    if program["source"] is None:
        module, function = name.split(":")
        __import__(module)
        sys.exit(getattr(sys.modules[module], function)(*args))
    sys.argv[:] = (name,)
    sys.argv.extend(args)
    exec(compile(program["source"], name, "exec"), {"__name__": "__main__"})


# Before the frozen modules: one of them is a `time` of its own.
sys.path.remove("/lib")
sys.path.insert(0, "/lib")

try:
    _run(json.loads(_host.program()))
    _host.exit(0)
except SystemExit as end:
    code = end.args[0] if end.args else None
    if code is None:
        code = 0
    elif not isinstance(code, int):
        print(code, file=sys.stderr)
        code = 1
    _host.exit(code)
except BaseException as error:
    sys.print_exception(error, sys.stderr)
    _host.exit(1)
