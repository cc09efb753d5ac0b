#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Reads an mbox as Python's own modules do, and prints what they make of it as JSON."""

import email
import email.policy
import json
import mailbox
import sys

path = sys.argv[1]
messages = list(mailbox.mbox(path, create=False))
message = email.message_from_string(messages[0].as_string(), policy=email.policy.default)
print(
    json.dumps(
        {
            "messages": len(messages),
            "subject": message["Subject"],
            "from": [a.addr_spec for a in message["From"].addresses],
            "to": [a.addr_spec for a in message["To"].addresses],
            "cc": [a.addr_spec for a in message["Cc"].addresses],
            "type": message.get_content_type(),
            "charset": message.get_content_charset(),
            "defects": [str(d) for d in message.defects],
            "lines": message.get_content().count("\n"),
        }
    )
)
