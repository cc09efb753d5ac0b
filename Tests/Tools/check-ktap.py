#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a text against KTAP version 1 (Documentation/dev-tools/ktap.rst), strictly.

    check-ktap.py FILE

Kernel messages may stand between a test's lines, but not here: each line has to be one of KTAP's. Prints how
many results there are of each kind, or what is wrong, with exit status 1.
"""

import collections
import json
import re
import sys

RESULT = re.compile(r"^(ok|not ok) ([1-9][0-9]*)(?: - | )([^#]*?)(?: # (.*))?$")
DIRECTIVE = re.compile(r"^(SKIP|TODO|XFAIL|TIMEOUT|ERROR)(?: (.*))?$")


class Parser:
    def __init__(self, lines):
        self.lines = lines
        self.at = 0
        self.results = collections.Counter()

    def fail(self, text):
        sys.exit(f"check-ktap: line {self.at + 1}: {text}")

    def next(self, indent):
        """The next line without its indent; None where this level ends."""
        if self.at == len(self.lines):
            return None
        line = self.lines[self.at]
        blanks = len(line) - len(line.lstrip(" "))
        if blanks < indent:
            return None
        return line[indent:]

    def level(self, indent):
        """One version line, its plan and its results; whether any of them failed."""
        if self.next(indent) != "KTAP version 1":
            self.fail("no version line")
        self.at += 1
        plan = re.match(r"^1\.\.([0-9]+)$", self.next(indent) or "")
        if not plan:
            self.fail("no plan")
        self.at += 1
        number, failed, child_failed = 0, False, None
        while (line := self.next(indent)) is not None:
            if line.startswith("  "):
                if child_failed is not None:
                    self.fail("two subtests for one result")
                child_failed = self.level(indent + 2)
                continue
            if line.startswith("#"):
                self.at += 1
                continue
            result = RESULT.match(line)
            if not result:
                self.fail(f"not a line of KTAP: {line!r}")
            number += 1
            if int(result[2]) != number:
                self.fail(f"result {result[2]}, after {number - 1}")
            if not result[3].strip():
                self.fail("a result without a description")
            directive = DIRECTIVE.match(result[4] or "")
            kind = directive[1] if directive else ""
            if kind in ("TIMEOUT", "ERROR") and result[1] == "ok":
                self.fail(f"{kind} with ok")
            if child_failed and result[1] == "ok":
                self.fail("ok, and a subtest failed")
            if child_failed is False and result[1] == "not ok":
                self.fail("not ok, and no subtest failed")
            failed = failed or result[1] == "not ok"
            child_failed = None
            self.results[f"{indent // 2} {result[1]} {kind}".strip()] += 1
            self.at += 1
        if child_failed is not None:
            self.fail("a subtest without its result")
        if number != int(plan[1]):
            self.fail(f"{number} results, planned were {plan[1]}")
        return failed


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    text = open(sys.argv[1], encoding="utf-8", newline="").read()
    if not text.endswith("\n") or re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text):
        sys.exit("check-ktap: a control character, or no newline at the end")
    parser = Parser(text[:-1].split("\n"))
    parser.level(0)
    if parser.at != len(parser.lines):
        parser.fail("text after the last result")
    print(json.dumps(parser.results, sort_keys=True))


main()
