#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Validates a document of `wbstress report --format json` or kcidb.

    check-json.py DOCUMENT SCHEMA     by a JSON Schema
    check-json.py DOCUMENT kcidb      by KCIDB's schema 5.3, as its own package has it

What is wrong is printed, with exit status 1.
"""

import json
import sys

try:
    import jsonschema
    import kcidb_io
except ImportError as error:
    sys.exit(f"a Python package is missing ({error.name}): ci/install test")


def refuse(constant):
    sys.exit(f"check-json: {constant} is no JSON")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    document = json.load(open(sys.argv[1], encoding="utf-8"), parse_constant=refuse)
    if sys.argv[2] == "kcidb":
        # Formats too, such as date-time, which KCIDB checks on arrival.
        schema = kcidb_io.schema.V5_3.json
    else:
        schema = json.load(open(sys.argv[2], encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    validator.check_schema(schema)
    errors = sorted(validator.iter_errors(document), key=lambda one: list(map(str, one.path)))
    for error in errors[:20]:
        # Of alternatives, why the likeliest was none.
        while error.context:
            error = max(error.context, key=lambda one: len(one.absolute_path))
        print(f"check-json: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    if sys.argv[2] == "kcidb":
        kcidb_io.schema.V5_3.validate(document)
    sys.exit(1 if errors else 0)


main()
