// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressMachine

// What a guest boots: PID 1, and the workers that it starts. It has neither reports nor YAML nor an argument parser: all
// of it is memory that the guest cannot reclaim.
// PID 1 of a container is no guest. The mark is in the environment, as Swift reads a program's arguments
// from /proc, which is not there yet.
if getpid() == 1, getenv(Guest.mark) != nil { Guest.run() }
if CommandLine.arguments.dropFirst().first == Worker.command { Worker.run() }
let text = "wbstress-guest: wbstress boots its guests from this program; run wbstress\n"
_ = write(STDERR_FILENO, text, text.utf8.count)
exit(64)
