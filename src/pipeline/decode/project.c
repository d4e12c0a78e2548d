/* Tokens → values, in the order of the schema, so that the first broken rule is always the same. */
#include "decode_priv.h"

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
project_rest(const struct mr_plan *plan, uint32_t index, const struct mri_token *token,
             struct mr_value *values, struct mr_reject_info *info, uint32_t *ret_next)
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

enum mr_reject
mri_project(struct mr_decoder *decoder, struct mr_event *event, struct mr_reject_info *ret_info)
{
    const struct mr_plan *plan = decoder->plan;
    enum mr_reject reject = MR_REJECT_NONE;
    for (uint32_t i = 1; i < plan->node_count && reject == MR_REJECT_NONE;) {
        const struct mri_node *node = &plan->nodes[i];
        const struct mri_token *token = &decoder->tokens[i];
        if (MR_LIKELY(!node->object && token->kind > MRI_NULL)) {
            reject = mri_convert(&decoder->pen, node, token, &event->values[node->column], ret_info);
            i++;
        } else {
            reject = project_rest(plan, i, token, event->values, ret_info, &i);
        }
    }
    return reject;
}
