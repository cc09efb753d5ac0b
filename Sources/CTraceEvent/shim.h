// SPDX-License-Identifier: Apache-2.0
#include <event-parse.h>
#include <kbuffer.h>
