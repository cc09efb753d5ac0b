import Glibc
import StressKit

// One binary, three lives: PID 1 of a guest, a worker inside the limits, and the command line.
// The first two must not touch the argument parser: it would cost the guest memory.
// The kernel calls its init by that name; PID 1 of a container has another.
if getpid() == 1, CommandLine.arguments.first == "/init" { Guest.run() }
if CommandLine.arguments.dropFirst().first == Worker.command { Worker.run() }
CommandLineTool.run()
