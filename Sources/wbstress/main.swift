// SPDX-License-Identifier: Apache-2.0
import Glibc
import StressLab
import StressMachine

// Five lives: a worker inside the limits and the watchdog, of a trial on this machine; what another machine's --on runs
// here, for its connection and for the trial; and the command line. What a guest boots is a program of its own (wbstress-guest), which ci/build puts into this one.
if CommandLine.arguments.dropFirst().first == Worker.command { Worker.run() }
if CommandLine.arguments.dropFirst().first == Watchdog.command { Watchdog.run() }
if CommandLine.arguments.dropFirst().first == RemoteServer.command { RemoteServer.run() }
if CommandLine.arguments.dropFirst().first == RemoteRun.command { RemoteRun.run() }
CommandLineTool.run()
