// SPDX-License-Identifier: Apache-2.0
// libcgroup 3 can have systemd make a scope, over a bus whose library Debian has no static archive of. Nobody here
// asks for one: without these a static binary does not link. Weak, so that the library has its own where it is.
#include <errno.h>

#define NO_BUS(name) \
  __attribute__((weak)) int name(void); \
  int name(void) { return -ENOTSUP; }

NO_BUS(sd_bus_call)
NO_BUS(sd_bus_default_system)
NO_BUS(sd_bus_error_free)
NO_BUS(sd_bus_match_signal)
NO_BUS(sd_bus_message_append)
NO_BUS(sd_bus_message_close_container)
NO_BUS(sd_bus_message_get_errno)
NO_BUS(sd_bus_message_new_method_call)
NO_BUS(sd_bus_message_open_container)
NO_BUS(sd_bus_message_read)
NO_BUS(sd_bus_message_unref)
NO_BUS(sd_bus_process)
NO_BUS(sd_bus_unref)
NO_BUS(sd_bus_wait)
