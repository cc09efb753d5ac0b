import Glibc
import StressMachine

// One binary, four lives: PID 1 of a guest, a worker inside the limits, the watchdog of a trial on this machine, and
// the command line. All but the last must not touch the argument parser: it would cost the guest memory.
// PID 1 of a container is no guest. The mark is in the environment, as Swift reads a program's arguments
// from /proc, which is not there yet.
if getpid() == 1, getenv(Guest.mark) != nil { Guest.run() }
if CommandLine.arguments.dropFirst().first == Worker.command { Worker.run() }
if CommandLine.arguments.dropFirst().first == Watchdog.command { Watchdog.run() }
CommandLineTool.run()
