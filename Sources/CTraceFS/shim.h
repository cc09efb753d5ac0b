#include <event-parse.h>
#include <kbuffer.h>
#include <tracefs.h>
