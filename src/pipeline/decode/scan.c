/* The projection scanner: one pass over a record, whole grammar checked, a token a described field.
 * Compiled once a kernel. Needs the bytes after the record (MR_BATCH_PAD) to be readable; they are
 * never looked at as part of the document.
 * Bounds: the last byte of a document is known to be '}' before the scan begins, so loops over
 * digits and white space stop there by themselves; only what can step over that byte (strings,
 * closing brackets) compares with the end. */
#include "kernel.h"

#include "scan_parts.h"

/* Objects that are open, innermost last, and how to come back to them. */
struct levels {
    const struct mri_node *open[MRI_LEVELS_MAX];
    const char *began[MRI_LEVELS_MAX];
    uint32_t depth;
};

static inline int32_t
find_key(const struct mri_keys *keys, const char *p, uint32_t len)
{
    uint64_t word, tail = 0;
    memcpy(&word, p, sizeof word);
    if (len < 8)
        word &= (UINT64_C(1) << (len * 8)) - 1;
    else if (len > 8)
        memcpy(&tail, p + len - 8, sizeof tail);
    uint16_t slot = keys->slots[((word ^ len) * keys->multiplier) >> keys->shift];
    while (slot != 0) {
        const struct mri_key *key = &keys->items[slot - 1];
        if (key->word == word && key->tail == tail && key->len == len &&
            (len <= 16 || memcmp(p + 8, key->text + 8, len - 16) == 0))
            return key->node;
        slot = key->next;
    }
    return -1;
}

/* A key with escapes names the same member as the plain one. */
static __attribute__((noinline)) int32_t
find_escaped_key(const struct mri_keys *keys, const char *p, uint32_t len)
{
    char plain[MRI_NAME_MAX * 6 + MRI_PAD];
    bool unsafe;
    if (len > MRI_NAME_MAX * 6)
        return -1;
    size_t plain_len = mri_unescape(plain, p, len, &unsafe);
    memset(plain + plain_len, 0, 8);
    return find_key(keys, plain, (uint32_t)plain_len);
}

/* p: at the opening quote of a key. Leaves p at the value. A key whose token is there already is
 * repeated: an object is entered once, so no token inside is older than it. */
static inline const char *
member_key(struct mri_scan *scan, const struct mri_keys *keys, const char *p, int32_t *ret_node)
{
    uint8_t flags = 0;
    if (MR_UNLIKELY(*p != '"'))
        return fault(scan, p, "a key was expected");
    const char *key = p + 1;
    p = string_end(scan, key, &flags);
    if (MR_UNLIKELY(!p))
        return NULL;
    uint32_t len = (uint32_t)(p - key);
    *ret_node = MR_LIKELY(!(flags & MRI_ESCAPED)) ? find_key(keys, key, len)
                                                  : find_escaped_key(keys, key, len);
    if (MR_LIKELY(*ret_node >= 0) && MR_UNLIKELY(scan->tokens[*ret_node].kind != MRI_ABSENT))
        return mri_scan_repeated(scan, key - 1, (uint32_t)*ret_node);
    p = skip_space(p + 1);
    if (MR_UNLIKELY(*p != ':'))
        return fault(scan, p, "a colon was expected");
    return skip_space(p + 1);
}

/* The value of a member that is no described object in object form. */
static inline const char *
member_value(struct mri_scan *scan, const char *p, int32_t node, uint32_t depth)
{
    struct mri_token ignored, *token = &ignored;
    if (MR_LIKELY(node >= 0))
        token = &scan->tokens[node];
    else
        scan->unknown++;
    const char *after = scan_value(scan, p, token, depth);
    if (MR_UNLIKELY(scan->learn) && after)
        mri_learn_value(scan, p, after, node, token->kind, depth);
    return after;
}

/* p: after the brace of a described object. Leaves p at its first key, or after its end. */
static inline const char *
enter(struct mri_scan *scan, struct levels *levels, const char *p, uint32_t node)
{
    scan->tokens[node].kind = MRI_OBJECT;
    levels->began[levels->depth] = p - 1;
    levels->open[levels->depth++] = &scan->plan->nodes[node];
    if (MR_UNLIKELY(levels->depth > scan->plan->max_depth))
        return fault_depth(scan, p - 1);
    if (MR_UNLIKELY(scan->learn))
        mri_learn_object(scan, node);
    return skip_space(p);
}

/* p: after the closing brace of the innermost object. */
static inline void
leave(struct mri_scan *scan, struct levels *levels, const char *p)
{
    const struct mri_node *node = levels->open[--levels->depth];
    struct mri_token *token = &scan->tokens[node - scan->plan->nodes];
    token->p = levels->began[levels->depth];
    token->len = (uint32_t)(p - token->p);
}

/* p: after a value. Leaves p at the next key of the innermost object that goes on, or after the
 * document with levels->depth 0. */
static inline const char *
next_member(struct mri_scan *scan, struct levels *levels, const char *p)
{
    for (;;) {
        p = skip_space(p);
        if (*p == ',')
            return skip_space(p + 1);
        if (MR_UNLIKELY(*p != '}'))
            return fault(scan, p, "a comma or the end of the object was expected");
        leave(scan, levels, ++p);
        if (levels->depth == 0)
            return p;
        if (MR_UNLIKELY(p == scan->end))
            return fault(scan, p, "the document ends too early");
    }
}

/* One member; p at its key. Leaves p at the next key, or after the document. */
static inline const char *
member(struct mri_scan *scan, struct levels *levels, const char *p)
{
    int32_t node = -1;
    p = member_key(scan, &levels->open[levels->depth - 1]->keys, p, &node);
    if (MR_UNLIKELY(!p))
        return NULL;
    if (MR_LIKELY(*p != '{') || node < 0 || !scan->plan->nodes[node].object) {
        p = member_value(scan, p, node, levels->depth);
        return MR_LIKELY(p) ? next_member(scan, levels, p) : NULL;
    }
    p = enter(scan, levels, p + 1, (uint32_t)node);
    if (MR_UNLIKELY(!p) || *p != '}')
        return p;
    return next_member(scan, levels, p); /* an empty object */
}

static bool
scan_document(struct mri_scan *scan)
{
    struct levels levels;
    levels.depth = 0;
    const char *p = mri_scan_frame(scan);
    if (!p)
        return false;
    p = enter(scan, &levels, p + 1, 0);
    if (p && *p == '}')
        p = next_member(scan, &levels, p);
    while (p && levels.depth > 0)
        p = member(scan, &levels, p);
    if (!p)
        return false;
    if (p != scan->end)
        return fault(scan, p, "bytes follow the document") != NULL;
    if (scan->learn)
        mri_learn_end(scan);
    return true;
}

/* The value of one step; p after its literal. Leaves p after the value. */
static inline const char *
step_value(struct mri_scan *scan, const struct mri_step *step, const char *p)
{
    struct mri_token ignored, *token = step->node >= 0 ? &scan->tokens[step->node] : &ignored;
    if (MR_LIKELY(step->kind == MRI_STRING))
        return scan_string(scan, p, token);
    p = scan_value(scan, p, token, step->opens);
    /* A described object in object form belongs to the general scan. */
    if (p && MR_UNLIKELY(token->kind == MRI_OBJECT) && step->node >= 0 &&
        scan->plan->nodes[step->node].object)
        return NULL;
    return p;
}

static bool
scan_template(struct mri_scan *scan, const struct mri_template *template)
{
    const char *p = mri_scan_frame(scan);
    if (!p)
        return false;
    for (uint32_t i = 0; i < template->step_count; i++) {
        const struct mri_step *step = &template->steps[i];
        if (!mri_scan_room(scan, p, step->literal_len) ||
            !mri_same(p, template->literals + step->literal, step->literal_len))
            return false;
        p = step_value(scan, step, p + step->literal_len);
        if (!p)
            return false;
    }
    if (scan->end - p != (ptrdiff_t) template->tail_len ||
        !mri_same(p, template->literals + template->tail, template->tail_len))
        return false;
    for (uint32_t i = 0; i < template->object_count; i++)
        scan->tokens[template->objects[i]].kind = MRI_OBJECT;
    scan->unknown = template->unknown;
    return true;
}

const struct mri_kernel MRI_KERNEL = {MRI_KERNEL_TEXT, scan_document, scan_template};
