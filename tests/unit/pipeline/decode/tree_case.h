/* What jansson's tree says about a field: whether it is to be refused, and which value it has. */
#pragma once

#include <jansson.h>

#include "decode_case.h"

struct field {
    const char *object, *key, *column; /* object NULL: in the document itself */
    enum mr_type type;
    bool required, nullable;
};

/* The reason that the tree gives for refusing the field, or NULL. */
const char *tree_reason(const struct field *field, const json_t *tree);

bool tree_same_value(const struct field *field, const json_t *tree, const struct mr_value *value);
