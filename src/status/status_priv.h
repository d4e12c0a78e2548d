/* Across the files of the status folder. */
#pragma once

#include "millrace/status.h"

/* A bound, listening socket; host is a numeric address or a name. Errors: MR_SYSTEM, MR_CONFIG. */
MR_NODISCARD enum mr_rc mri_status_listen(const char *host,
                                          uint16_t port,
                                          int *ret_socket,
                                          uint16_t *ret_port,
                                          struct mr_error *reterr_error);
