# SPDX-License-Identifier: Apache-2.0
"""Runs a program on a terminal of its own and says, as JSON, what a person would have seen.

    live-screen.py COLUMNS ROWS SECONDS [--interrupt TEXT] [--resize COLUMNS ROWS TEXT] -- PROGRAM ...

`screens`: what the terminal showed each half second, and when something was done to it. `scrollback`: all lines
from the first to the last, when the program had ended. `cursor_hidden`: whether the cursor was hidden in between two
of its writes, and at the end. `status`: of the program. --interrupt types ^C when the screen has the text, --resize makes the
terminal another size.
"""

import argparse
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

import pyte


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("columns", type=int)
    parser.add_argument("rows", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--interrupt")
    parser.add_argument("--resize", nargs=3)
    parser.add_argument("program", nargs="+")
    wanted = parser.parse_args()

    screen = pyte.HistoryScreen(wanted.columns, wanted.rows, history=10_000)
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(wanted.program[0], wanted.program)
    set_size(terminal, wanted.columns, wanted.rows)

    screens, hidden = [], False
    deadline = time.monotonic() + wanted.seconds
    due = time.monotonic()
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.1)
        if ready:
            try:
                data = os.read(terminal, 1 << 16)
            except OSError:
                break
            if not data:
                break
            stream.feed(data)
        elif screen.cursor.hidden:
            hidden = True
        text = "\n".join(screen.display)
        interrupts = wanted.interrupt and wanted.interrupt in text
        resizes = wanted.resize and wanted.resize[2] in text
        if time.monotonic() >= due or interrupts or resizes:
            due = time.monotonic() + 0.5
            if not screens or screens[-1] != text:
                screens.append(text)
        if interrupts:
            wanted.interrupt = None
            os.write(terminal, b"\x03")
        if resizes:
            columns, rows = int(wanted.resize[0]), int(wanted.resize[1])
            wanted.resize = None
            screen.resize(rows, columns)
            set_size(terminal, columns, rows)
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)

    past = [
        "".join(line[column].data for column in range(screen.columns)).rstrip()
        for line in screen.history.top
    ]
    json.dump(
        {
            "screens": screens,
            "scrollback": past + [line.rstrip() for line in screen.display],
            "cursor_hidden": hidden or screen.cursor.hidden,
            "status": os.waitstatus_to_exitcode(status),
        },
        sys.stdout,
    )


def set_size(terminal: int, columns: int, rows: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


main()
