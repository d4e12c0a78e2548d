/* minimum, maximum and their exclusive forms → inclusive bounds in the field's own type, so that a
 * worker compares integers with integers and scaled decimals with scaled decimals. */
#include "decode_priv.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void
mri_bounds_init(struct mri_node *node)
{
    struct mri_bounds *bounds = &node->bounds;
    if (node->type == MR_TYPE_INT64) {
        bounds->i64.min = INT64_MIN;
        bounds->i64.max = INT64_MAX;
    } else if (node->type == MR_TYPE_DOUBLE) {
        bounds->f64.min = -DBL_MAX;
        bounds->f64.max = DBL_MAX;
    } else if (node->type == MR_TYPE_DECIMAL) {
        bounds->dec.max = (__int128)((~(unsigned __int128)0) >> 1);
        bounds->dec.min = -bounds->dec.max;
    }
}

bool
mri_bounds_text(const json_t *value, char text[32])
{
    if (json_is_integer(value)) {
        snprintf(text, 32, "%lld", (long long)json_integer_value(value));
        return true;
    }
    snprintf(text, 32, "%.15g", json_real_value(value));
    return json_is_real(value) && !(strtod(text, NULL) < json_real_value(value)) &&
           !(strtod(text, NULL) > json_real_value(value));
}

/* side: -1 the bound is a minimum, 1 a maximum. Keywords come in any order and all of them hold, so
 * the closest bound stays. */
static void
set_integer(
    struct mri_compile *compile, struct mri_node *node, const char *text, int side, bool exclusive)
{
    int64_t bound;
    if (mri_number_int64(text, strlen(text), &bound) != MRI_NUMBER_OK ||
        (exclusive && bound == (side < 0 ? INT64_MAX : INT64_MIN))) {
        mri_schema_mistake(compile, "a bound of an integer must be a 64-bit integer");
        return;
    }
    bound += side < 0 ? exclusive : -exclusive;
    if (side < 0 && bound > node->bounds.i64.min)
        node->bounds.i64.min = bound;
    if (side > 0 && bound < node->bounds.i64.max)
        node->bounds.i64.max = bound;
}

static void
set_decimal(
    struct mri_compile *compile, struct mri_node *node, const char *text, int side, bool exclusive)
{
    __int128 bound;
    if (mri_number_decimal(text, strlen(text), node->precision, node->scale, &bound) !=
        MRI_NUMBER_OK) {
        mri_schema_mistake(compile,
                           "the bound %s does not fit DECIMAL(%u,%u)",
                           text,
                           node->precision,
                           node->scale);
        return;
    }
    bound += side < 0 ? exclusive : -exclusive;
    if (side < 0 && bound > node->bounds.dec.min)
        node->bounds.dec.min = bound;
    if (side > 0 && bound < node->bounds.dec.max)
        node->bounds.dec.max = bound;
}

static void
set_double(struct mri_node *node, double bound, int side, bool exclusive)
{
    if (exclusive)
        bound = nextafter(bound, side < 0 ? HUGE_VAL : -HUGE_VAL);
    if (side < 0 && bound > node->bounds.f64.min)
        node->bounds.f64.min = bound;
    if (side > 0 && bound < node->bounds.f64.max)
        node->bounds.f64.max = bound;
}

static void
set_bound(struct mri_compile *compile,
          struct mri_node *node,
          const json_t *value,
          int side,
          bool exclusive)
{
    char text[32];
    node->bounded = true;
    if (!json_is_number(value) || (node->type != MR_TYPE_DOUBLE && !mri_bounds_text(value, text)))
        mri_schema_mistake(compile, "a bound must be a number of at most fifteen digits");
    else if (node->type == MR_TYPE_INT64)
        set_integer(compile, node, text, side, exclusive);
    else if (node->type == MR_TYPE_DECIMAL)
        set_decimal(compile, node, text, side, exclusive);
    else
        set_double(node, json_number_value(value), side, exclusive);
}

void
mri_bounds_minimum(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    set_bound(compile, node, value, -1, false);
}

void
mri_bounds_maximum(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    set_bound(compile, node, value, 1, false);
}

void
mri_bounds_above(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    set_bound(compile, node, value, -1, true);
}

void
mri_bounds_below(struct mri_compile *compile, struct mri_node *node, const json_t *value)
{
    set_bound(compile, node, value, 1, true);
}

void
mri_bounds_exact(struct mri_node *node, int64_t value)
{
    node->bounded = true;
    if (value > node->bounds.i64.min)
        node->bounds.i64.min = value;
    if (value < node->bounds.i64.max)
        node->bounds.i64.max = value;
}

bool
mri_bounds_summed(struct mri_node *node)
{
    double f64 = node->has_default && node->default_value.set ? node->default_value.f64 : 0;
    node->summed = node->bounded = true;
    set_double(node, -MRI_SUMMED_MAX, -1, false);
    set_double(node, MRI_SUMMED_MAX, 1, false);
    return fabs(f64) <= MRI_SUMMED_MAX && node->bounds.f64.min <= node->bounds.f64.max;
}

void
mri_bounds_check(struct mri_compile *compile, const struct mri_node *node)
{
    const struct mri_bounds *bounds = &node->bounds;
    bool none = (node->type == MR_TYPE_INT64 && bounds->i64.min > bounds->i64.max) ||
                (node->type == MR_TYPE_DOUBLE && bounds->f64.min > bounds->f64.max) ||
                (node->type == MR_TYPE_DECIMAL && bounds->dec.min > bounds->dec.max) ||
                (node->type == MR_TYPE_STRING && node->min_chars > node->max_chars);
    if (none)
        mri_schema_mistake(compile, "the bounds exclude every value");
}
