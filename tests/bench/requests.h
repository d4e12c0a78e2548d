/* Requests that this process's Kafka clients send, counted by an interceptor in each of them. */
#pragma once

#include <stdint.h>

#define REQUEST_FETCH 1
#define REQUEST_LIST_OFFSETS 2
#define REQUEST_METADATA 3
#define REQUEST_OFFSET_COMMIT 8
#define REQUEST_OFFSET_FETCH 9
#define REQUEST_HEARTBEAT 12
#define REQUEST_KINDS 64 /* by Kafka's number; larger ones count as the last */

struct requests {
    uint64_t number[REQUEST_KINDS];
};

struct requests
requests_now(void);
