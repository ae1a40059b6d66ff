// A registration as a JSON object, both ways. What people can write stands there in words; octets
// that words do not give back exactly stand there in hexadecimal.
#pragma once

#include <jansson.h>

#include "control/endpoint.h"
#include "mapper/entry.h"

// NULL: no memory.
json_t *control_transfer_entry_write(const struct mapper_entry *entry);

// False with *ret_problem filled when it is no good. The registration points into `object`.
bool control_transfer_entry_read(json_t *object, struct control_registration *ret_registration,
                                 struct control_endpoint_problem *ret_problem);
