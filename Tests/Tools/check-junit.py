#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks a file against what the schemas of JUnit's XML have in common, that of Jenkins' xunit plugin
(junit-10.xsd) and that of Ant's task: elements, their order, attributes that must be there, and counts.

    check-junit.py FILE

Prints the counts as JSON, or what is wrong, with exit status 1.
"""

import json
import re
import sys
import xml.etree.ElementTree as ET

SUITE = {"name", "package", "id", "hostname", "timestamp", "tests", "failures", "errors", "skipped", "time"}
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "time"}, "testsuite": SUITE,
    "properties": set(), "property": {"name", "value"}, "testcase": {"classname", "name", "time"},
    "failure": {"message", "type"}, "error": {"message", "type"}, "skipped": {"message"}, "system-out": set(),
}
OPTIONAL = {"timestamp", "message"}
CHILDREN = {
    "testsuites": r"(testsuite )*", "testsuite": r"properties (testcase )*", "properties": r"(property )*",
    "testcase": r"((failure|error|skipped) )?(system-out )?",
}


def fail(text):
    sys.exit(f"check-junit: {text}")


def check(element):
    known = ATTRIBUTES.get(element.tag)
    if known is None:
        fail(f"element {element.tag}")
    if not known - OPTIONAL <= set(element.attrib) <= known:
        fail(f"{element.tag} has {sorted(element.attrib)}")
    children = "".join(child.tag + " " for child in element)
    if not re.fullmatch(CHILDREN.get(element.tag, ""), children):
        fail(f"{element.tag} holds {children}")
    for name in ("tests", "failures", "errors", "skipped", "id"):
        if name in element.attrib and not re.fullmatch(r"\d+", element.attrib[name]):
            fail(f"{name} is {element.attrib[name]}")
    if "time" in element.attrib and not re.fullmatch(r"\d+\.\d{3}", element.attrib["time"]):
        fail(f"time is {element.attrib['time']}")
    stamp = element.attrib.get("timestamp", "2026-01-01T00:00:00")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", stamp):
        fail(f"timestamp is {stamp}")
    for child in element:
        check(child)


def counts(element):
    found = {"tests": len(list(element.iter("testcase")))}
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        found[name] = len(list(element.iter(tag)))
    for name, count in found.items():
        if name == "skipped" and element.tag == "testsuites":
            continue
        if int(element.attrib[name]) != count:
            fail(f"{name} of {element.attrib['name']} is {element.attrib[name]}, there are {count}")
    return found


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    root = ET.parse(sys.argv[1]).getroot()
    if root.tag != "testsuites":
        fail(f"the root is {root.tag}")
    check(root)
    for suite in root:
        counts(suite)
        names = [case.attrib["name"] for case in suite.iter("testcase")]
        if len(set(names)) != len(names):
            fail("two test cases of one name")
    print(json.dumps(counts(root), sort_keys=True))


main()
