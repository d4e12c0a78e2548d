/* Tokens → values, in the order of the schema, so that the first broken rule is always the same. */
#include "decode_priv.h"

static void
make_shortcut(const struct mri_node *node, struct mri_shortcut *shortcut)
{
    bool text = node->type == MR_TYPE_STRING && node->choice_count == 0 && !node->uuid;
    uint32_t most = node->max_chars < node->max_bytes ? node->max_chars : node->max_bytes;
    *shortcut = (struct mri_shortcut){.column = node->column, .kind = MRI_STRING};
    if (node->object && node->column < 0) {
        shortcut->way = MRI_SHORT_OBJECT;
        shortcut->kind = MRI_OBJECT;
    } else if (text && !node->object && node->min_chars <= most) {
        shortcut->way = MRI_SHORT_TEXT;
        shortcut->min_len = node->min_chars;
        shortcut->span_len = most - node->min_chars;
    } else if (node->type == MR_TYPE_INT64 && !node->object) {
        shortcut->way = MRI_SHORT_INT64;
        shortcut->kind = MRI_NUMBER;
    } else if (node->type == MR_TYPE_TIMESTAMP && !node->object && !node->epoch_ms) {
        shortcut->way = MRI_SHORT_TIME;
    }
}

bool
mri_project_compile(struct mr_plan *plan)
{
    plan->shortcuts = mri_plan_alloc(plan, plan->node_count * sizeof *plan->shortcuts);
    for (uint32_t i = 0; i < plan->node_count && plan->shortcuts; i++)
        make_shortcut(&plan->nodes[i], &plan->shortcuts[i]);
    return plan->shortcuts != NULL;
}

/* Values of everything inside an object that is not there: defaults and nulls. */
static void
fill_absent(const struct mr_plan *plan, uint32_t from, uint32_t to, struct mr_value *values)
{
    for (uint32_t i = from; i < to; i++) {
        const struct mri_node *node = &plan->nodes[i];
        if (node->column >= 0)
            values[node->column] = node->default_value; /* all zero, a null, without a default */
    }
}

/* A described object that is there: its own column, if it has one. */
static void
put_object(const struct mri_node *node, const struct mri_token *token, struct mr_value *values)
{
    if (node->column >= 0)
        values[node->column] = (struct mr_value){.text = {token->p, token->len}, .set = true};
}

/* Everything but the value of a field that is there. *ret_next: the node to go on with. */
static enum mr_reject
project_rest(const struct mr_plan *plan,
             uint32_t index,
             const struct mri_token *token,
             struct mr_value *values,
             struct mr_reject_info *info,
             uint32_t *ret_next)
{
    const struct mri_node *node = &plan->nodes[index];
    *ret_next = node->end;
    if (token->kind == MRI_OBJECT) {
        put_object(node, token, values);
        *ret_next = index + 1;
        return MR_REJECT_NONE;
    }
    if (token->kind == MRI_ABSENT && node->required)
        return mri_refuse(info, MR_REJECT_missing, node, "is missing");
    if (token->kind == MRI_NULL && !node->allows_null)
        return mri_refuse(info, MR_REJECT_type, node, "null is not allowed");
    if (token->kind == MRI_NULL && !node->object) {
        values[node->column] = (struct mr_value){.set = false};
        return MR_REJECT_NONE;
    }
    if (token->kind != MRI_ABSENT && token->kind != MRI_NULL)
        return mri_refuse_value(info, MR_REJECT_type, node, token, "is not an object");
    fill_absent(plan, index, node->end, values);
    return MR_REJECT_NONE;
}

/* --- shortcuts: a value is written whole, so that nothing of an earlier event stays in it */

static inline void
put_text(struct mr_value *value, const struct mri_token *token)
{
    value->text = (struct mr_slice){token->p, token->len};
    value->dec = 0;
    value->set = true;
    value->csv_unsafe = false;
}

static inline void
put_int64(struct mr_value *value, int64_t i64)
{
    value->text = (struct mr_slice){NULL, 0};
    value->i64 = i64;
    value->set = true;
    value->csv_unsafe = false;
}

/* Up to eighteen digits; the scanner has checked that they are a number. */
static inline bool
short_int64(const struct mri_node *node, const struct mri_token *token, struct mr_value *value)
{
    const char *p = token->p, *end = p + token->len;
    bool negative = *p == '-';
    int64_t i64 = 0;
    if (token->len > 18)
        return false;
    for (p += negative; p < end; p++)
        i64 = i64 * 10 + (*p - '0');
    i64 = negative ? -i64 : i64;
    if (node->bounded && (i64 < node->bounds.i64.min || i64 > node->bounds.i64.max))
        return false;
    put_int64(value, i64);
    return true;
}

static inline bool
short_time(struct mri_pen *pen, const struct mri_token *token, struct mr_value *value)
{
    int64_t us;
    if (mri_moment_time(&pen->day, token->p, token->len, &us) || !mri_moment_in_range(us))
        return false;
    put_int64(value, us);
    return true;
}

/* Nodes [from, …) whose tokens are what they usually are; their values are written. Returns the
 * first node that needs the long way, or the number of nodes. */
static uint32_t
take_shortcuts(struct mr_decoder *decoder, uint32_t from, struct mr_value *values)
{
    const struct mri_shortcut *shortcuts = decoder->plan->shortcuts;
    const struct mri_token *tokens = decoder->tokens;
    uint32_t i = from, count = decoder->plan->node_count;
    for (; i < count; i++) {
        const struct mri_shortcut *shortcut = &shortcuts[i];
        const struct mri_token *token = &tokens[i];
        struct mr_value *value = &values[shortcut->column];
        if (MR_UNLIKELY(token->kind != shortcut->kind || token->flags != 0))
            break;
        if (MR_LIKELY(shortcut->way == MRI_SHORT_TEXT)) {
            if (MR_UNLIKELY(token->len - shortcut->min_len > shortcut->span_len))
                break;
            put_text(value, token);
        } else if (shortcut->way == MRI_SHORT_TIME) {
            if (!short_time(&decoder->pen, token, value))
                break;
        } else if (shortcut->way == MRI_SHORT_INT64) {
            if (!short_int64(&decoder->plan->nodes[i], token, value))
                break;
        } else if (shortcut->way != MRI_SHORT_OBJECT) {
            break;
        }
    }
    return i;
}

enum mr_reject
mri_project(struct mr_decoder *decoder, struct mr_event *event, struct mr_reject_info *ret_info)
{
    const struct mr_plan *plan = decoder->plan;
    enum mr_reject reject = MR_REJECT_NONE;
    uint32_t i = take_shortcuts(decoder, 1, event->values);
    while (i < plan->node_count && reject == MR_REJECT_NONE) {
        const struct mri_node *node = &plan->nodes[i];
        const struct mri_token *token = &decoder->tokens[i];
        if (!node->object && token->kind > MRI_NULL) {
            reject =
                mri_convert(&decoder->pen, node, token, &event->values[node->column], ret_info);
            i++;
        } else {
            reject = project_rest(plan, i, token, event->values, ret_info, &i);
        }
        if (i < plan->node_count)
            i = take_shortcuts(decoder, i, event->values);
    }
    return reject;
}
