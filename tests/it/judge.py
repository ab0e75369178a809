"""Judges captured requests, one JSON object a line on stdin, by the vendors' specifications in the folder argv[1].
Prints a line for each: `ok`, or the case and its violations."""
import functools
import importlib.util
import json
import os
import sys

sys.dont_write_bytecode = True
path = os.path.join(sys.argv[1], "judge", "validate_request.py")
spec = importlib.util.spec_from_file_location("validate_request", path)
judge = importlib.util.module_from_spec(spec)
spec.loader.exec_module(judge)
load = functools.cache(judge.load)

for line in sys.stdin:
    r = json.loads(line)
    validator = load(r["service"])
    operation, violations = validator.check(r["method"], r["url"], r["headers"], r["body"].encode())
    if operation is None or violations:
        print(f"{r['case'][:300]}: {r['method']} {r['url'][:200]} is {operation}: {violations}")
    else:
        print("ok")
