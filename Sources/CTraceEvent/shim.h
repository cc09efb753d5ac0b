#include <event-parse.h>
#include <kbuffer.h>
