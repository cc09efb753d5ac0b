#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a table of `wbstress report --format csv`: RFC 4180, one header, rows as wide as it, numbers that
read back, no row twice. With a document of `--format json`, also that numbers of both are the same.

    check-csv.py TABLE [DOCUMENT]

Prints how many rows there are, or what is wrong, with exit status 1.
"""

import csv
import json
import sys

# Where a metric of the table stands in a trial of the document.
PLACES = {
    "throughput": ("throughput",), "read_throughput": ("read_throughput",), "bytes": ("bytes",), "stall.p50": ("stall", "p50"), "stall.p99": ("stall", "p99"),
    "stall.max": ("stall", "max"), "longest_write": ("longest_write",), "longest_fsync": ("longest_fsync",),
    "psi.memory.some": ("memory_pressure", "some"), "psi.io.full": ("io_pressure", "full"),
    "cpu_time": ("cpu_time",), "kswapd_time": ("kswapd_time",), "duration": ("duration",),
    "kills.kernel_log": ("kills", "kernel_log"), "kills.memory_events": ("kills", "memory_events"),
    "harness.cpu_share": ("harness", "cpu_share"), "boot_time": ("boot_time",),
}
# And where the others of a kind do, by the beginning of their names.
FAMILIES = {"vmstat.": "vmstat", "memory.stat.": "memory_stat"}


def fail(text):
    sys.exit(f"check-csv: {text}")


def number(text):
    return None if text == "" else float(text)


def place(trial, path):
    for name in path:
        trial = None if trial is None else trial[name]
    return trial


def compare(rows, document):
    trials = {
        (cell["cell"], trial["trial"]): trial["measured"]
        for cell in document["cells"] for trial in cell["trials"] if trial["measured"]
    }
    if {(int(row["cell"]), int(row["trial"])) for row in rows} != set(trials):
        fail("the table and the document have different trials")
    compared = 0
    for row in rows:
        trial = trials[int(row["cell"]), int(row["trial"])]
        metric = row["metric"]
        if row["outcome"] != trial["outcome"]:
            fail(f"outcome {row['outcome']}, in the document {trial['outcome']}")
        path = PLACES.get(metric)
        for prefix, member in FAMILIES.items():
            if metric.startswith(prefix):
                path = (member, metric[len(prefix):])
        if path:
            compared += 1
            if place(trial, path) != number(row["value"]):
                fail(f"{metric} is {row['value']}, in the document {place(trial, path)}")
        elif metric.startswith("latency."):
            name, _, figure = metric[len("latency."):].rpartition(".")
            if figure == "9":
                name, figure = name[:-len(".p99")], "p99.9"
            if name in trial["latencies"]:
                compared += 1
                if trial["latencies"][name][figure] != number(row["value"]):
                    fail(f"{metric} is not as in the document")
    return compared


def main():
    if not 2 <= len(sys.argv) <= 3:
        sys.exit(__doc__)
    text = open(sys.argv[1], encoding="utf-8", newline="").read()
    table = list(csv.reader(open(sys.argv[1], encoding="utf-8", newline=""), strict=True))
    if not text.endswith("\r\n"):
        fail("the last line has no end")
    header = table[0]
    if header[:2] != ["campaign", "cell"] or header[-5:] != ["trial", "outcome", "metric", "unit", "value"]:
        fail(f"the header is {header}")
    rows = []
    for line in table[1:]:
        if len(line) != len(header):
            fail(f"{len(line)} fields, the header has {len(header)}: {line}")
        rows.append(dict(zip(header, line)))
        number(line[-1])
    keys = {(row["cell"], row["trial"], row["metric"]) for row in rows}
    if len(keys) != len(rows):
        fail("a metric of a trial is there twice")
    found = {"rows": len(rows)}
    if len(sys.argv) == 3:
        found["compared"] = compare(rows, json.load(open(sys.argv[2], encoding="utf-8")))
    print(json.dumps(found))


main()
