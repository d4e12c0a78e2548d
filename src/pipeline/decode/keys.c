/* The perfect hash of one object's keys: a multiplier is searched under which no two keys that
 * differ in length or in their first eight bytes share a slot. */
#include "decode_priv.h"

#define TRIES 4096

static uint64_t
key_hash(const struct mri_key *key, uint64_t multiplier, uint32_t shift)
{
    return ((key->word ^ key->len) * multiplier) >> shift;
}

static bool
same_word(const struct mri_key *a, const struct mri_key *b)
{
    return a->word == b->word && a->len == b->len;
}

/* False when two different words meet in a slot. */
static bool
place(struct mri_keys *keys, size_t slots)
{
    memset(keys->slots, 0, slots * sizeof *keys->slots);
    for (uint32_t i = 0; i < keys->count; i++) {
        struct mri_key *key = &keys->items[i];
        uint16_t *slot = &keys->slots[key_hash(key, keys->multiplier, keys->shift)];
        if (*slot != 0 && !same_word(key, &keys->items[*slot - 1]))
            return false;
        key->next = *slot;
        *slot = (uint16_t)(i + 1);
    }
    return true;
}

/* Odd multipliers, always the same ones (splitmix64). */
static uint64_t
multiplier_of(uint64_t try)
{
    uint64_t z = (try + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) | 1;
}

static bool
search(struct mr_plan *plan, struct mri_keys *keys)
{
    for (uint32_t bits = 3; bits <= 20; bits++) {
        size_t slots = (size_t)1 << bits;
        if (slots < 2 * (size_t)keys->count)
            continue;
        keys->shift = 64 - bits;
        keys->slots = mri_plan_alloc(plan, slots * sizeof *keys->slots);
        if (!keys->slots)
            return false;
        for (uint64_t try = 0; try < TRIES; try++) {
            keys->multiplier = multiplier_of(try);
            if (place(keys, slots))
                return true;
        }
    }
    return false; /* 2^20 slots for 1,024 keys: the square of the number of keys is enough */
}

bool
mri_keys_build(struct mr_plan *plan, uint16_t object, const char *const *names)
{
    struct mri_node *node = &plan->nodes[object];
    struct mri_keys *keys = &node->keys;
    for (uint32_t i = object + 1u; i < node->end; i = plan->nodes[i].end)
        keys->count++;
    keys->items = mri_plan_alloc(plan, (keys->count + 1) * sizeof *keys->items);
    if (!keys->items)
        return false;
    uint32_t count = 0;
    for (uint32_t i = object + 1u; i < node->end; i = plan->nodes[i].end) {
        struct mri_key *key = &keys->items[count++];
        key->text = names[i];
        key->len = (uint32_t)strlen(names[i]);
        key->node = (uint16_t)i;
        memcpy(&key->word, names[i], key->len < 8 ? key->len : 8);
        if (key->len > 8)
            memcpy(&key->tail, names[i] + key->len - 8, 8);
    }
    return search(plan, keys);
}
