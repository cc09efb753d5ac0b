#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check-svg FILE: that an image is well-formed SVG 1.1, fetches and runs nothing, and that all of it lies within;
prints its texts and how many marks it has."""

import json
import sys
import xml.etree.ElementTree as tree

SPACE = "{http://www.w3.org/2000/svg}"
ELEMENTS = {"svg", "style", "g", "title", "text", "line", "path", "circle", "rect"}


def main() -> None:
    root = tree.parse(sys.argv[1]).getroot()
    width, height = (float(root.get(name)) for name in ("width", "height"))
    assert root.get("viewBox").split() == ["0", "0", root.get("width"), root.get("height")]
    for element in root.iter():
        name = element.tag.removeprefix(SPACE)
        assert name in ELEMENTS, f"element {element.tag}"
        assert not any(key.endswith("href") or key.startswith("on") for key in element.keys())
        for key, most in (("x", width), ("x1", width), ("x2", width), ("cx", width),
                          ("y", height), ("y1", height), ("y2", height), ("cy", height)):
            if element.get(key) is not None:
                assert 0 <= float(element.get(key)) <= most, f"{name} {key}={element.get(key)}"
        if name == "style":
            assert "url(" not in element.text and "@import" not in element.text
    print(json.dumps({
        "texts": [one.text for one in root.iter(SPACE + "text")],
        "marks": [one.text for one in root.iter(SPACE + "title")],
    }))


main()
