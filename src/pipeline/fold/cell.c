/* Cells: the words of an entry, updated by many threads at once with relaxed operations. Relaxed is
 * enough for all of them: nobody reads a value before the unit is quiet, and that hand-over is the
 * acquire of the unit's in-flight counter.
 *
 * Why a sum in two words is exact. The additions to the low word are atomic, so they have one order
 * l0 = 0, l(i+1) = (l(i) + a(i)) mod 2^64; each thread sees the l(i) before its own addition and so
 * knows its carry c(i) = floor((l(i) + a(i)) / 2^64). Summing up: l(n) + 2^64 * sum of c(i) = sum
 * of a(i). The high word gets h(i) + c(i) from each thread, in any order, mod 2^64. At rest
 * therefore high * 2^64 + low = sum of (h(i) * 2^64 + a(i)) mod 2^128, which is the sum of the
 * values. A reader in between could see a low word whose carry is not in the high word yet; there
 * is none. The third word of a wide sum takes the carries out of the second one in the same way. */
#include <math.h>
#include <string.h>

#include "fold_priv.h"

#include "millrace/base/attr.h"

struct ref {
    uint64_t len;
    char bytes[];
};

_Atomic uint64_t *
mri_fold_entry_words(const struct mri_shape *shape, struct mri_entry *entry)
{
    void *end = (char *)entry + shape->entry_bytes;
    return (_Atomic uint64_t *)end - shape->word_count;
}

static uint64_t
bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static double
double_of(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Neutral element of the first word; further words start at 0. */
static uint64_t
neutral(enum mri_cell_kind kind)
{
    switch (kind) {
    case MRI_MIN:
        return (uint64_t)INT64_MAX;
    case MRI_MAX:
        return (uint64_t)INT64_MIN;
    case MRI_MIN_F64:
        return bits_of((double)INFINITY);
    case MRI_MAX_F64:
        return bits_of(-(double)INFINITY);
    case MRI_COUNT_ALL:
    case MRI_COUNT:
    case MRI_SUM:
    case MRI_SUM_WIDE:
    case MRI_SUM_F64:
    case MRI_MIN_REF:
    case MRI_MAX_REF:
        return 0;
    }
    return 0;
}

void
mri_fold_cells_init(const struct mri_shape *shape, struct mri_entry *entry)
{
    _Atomic uint64_t *words = mri_fold_entry_words(shape, entry);
    for (uint32_t i = 0; i < shape->word_count; i++)
        atomic_init(&words[i], 0);
    for (uint32_t i = 0; i < shape->cell_count; i++)
        atomic_init(&words[shape->cells[i].word], neutral(shape->cells[i].kind));
}

static uint64_t
add_word(_Atomic uint64_t *word, uint64_t value)
{
    return atomic_fetch_add_explicit(word, value, memory_order_relaxed);
}

/* The proof stands at the head of this file. A small positive value rarely carries, and a small
 * negative one nearly always does, which cancels its sign: then one word is touched. */
static void
add_sum(_Atomic uint64_t *words, __int128 value, bool wide)
{
    uint64_t low = (uint64_t)value;
    uint64_t carry = add_word(&words[0], low) > UINT64_MAX - low;
    MR_RACE_POINT("fold.sum.between_words");
    if (!wide) {
        uint64_t high = (uint64_t)(value >> 64) + carry;
        if (high)
            add_word(&words[1], high);
        return;
    }
    /* high + carry may itself be 2^64: that is a carry into the third word and adds 0 here. */
    unsigned __int128 high = (unsigned __int128)(uint64_t)(value >> 64) + carry;
    uint64_t second = (uint64_t)high;
    uint64_t third = (uint64_t)(high >> 64) + (value < 0 ? UINT64_MAX : 0);
    if (second)
        third += add_word(&words[1], second) > UINT64_MAX - second;
    if (third)
        add_word(&words[2], third);
}

static void
add_double(_Atomic uint64_t *word, double value)
{
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    /* A failed exchange means that another thread added its value. */
    while (!atomic_compare_exchange_weak_explicit(
        word, &old, bits_of(double_of(old) + value), memory_order_relaxed, memory_order_relaxed))
        continue;
}

static void
improve(_Atomic uint64_t *word, int64_t value, bool least)
{
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    MR_RACE_POINT("fold.improve.loaded");
    /* A failed exchange means that another thread improved the value: compare again. */
    while ((least ? value < (int64_t)old : value > (int64_t)old) &&
           !atomic_compare_exchange_weak_explicit(
               word, &old, (uint64_t)value, memory_order_relaxed, memory_order_relaxed))
        continue;
}

static void
improve_double(_Atomic uint64_t *word, double value, bool least)
{
    uint64_t old = atomic_load_explicit(word, memory_order_relaxed);
    /* As in improve. */
    while ((least ? value < double_of(old) : value > double_of(old)) &&
           !atomic_compare_exchange_weak_explicit(
               word, &old, bits_of(value), memory_order_relaxed, memory_order_relaxed))
        continue;
}

static const struct ref *
ref_of(uint64_t word)
{
    return (const struct ref *)(uintptr_t)word;
}

static bool
is_better(const struct mri_cell *cell, const struct mr_value *value, const struct ref *ref)
{
    int order;
    if (cell->type == MR_TYPE_DECIMAL) {
        __int128 other;
        memcpy(&other, ref->bytes, sizeof other);
        order = (value->dec > other) - (value->dec < other);
    } else {
        size_t len = value->text.len, least = len < ref->len ? len : ref->len;
        order = least ? memcmp(value->text.p, ref->bytes, least) : 0;
        if (order == 0)
            order = (len > ref->len) - (len < ref->len);
    }
    return cell->kind == MRI_MIN_REF ? order < 0 : order > 0;
}

/* Copies the value to the end of this worker's byte area; it is taken when it was swapped in. */
static struct ref *
write_ref(struct mr_fold *fold,
          struct mri_share *share,
          const struct mri_cell *cell,
          const struct mr_value *value)
{
    bool decimal = cell->type == MR_TYPE_DECIMAL;
    size_t len = decimal ? sizeof value->dec : value->text.len;
    void *room = mri_fold_bytes_reserve(fold, share, sizeof(struct ref) + len);
    struct ref *ref = room;
    ref->len = len;
    if (len > 0)
        memcpy(ref->bytes, decimal ? (const char *)&value->dec : value->text.p, len);
    return ref;
}

/* A value wider than a word: written where it never changes again, and swapped in by its address.
 * No ABA: an address is used once a unit. */
static void
improve_ref(struct mr_fold *fold,
            struct mri_share *share,
            _Atomic uint64_t *word,
            const struct mri_cell *cell,
            const struct mr_value *value)
{
    struct ref *mine = NULL;
    /* Acquire: the bytes behind the address, partner is the release below. */
    uint64_t old = atomic_load_explicit(word, memory_order_acquire);
    while (!old || is_better(cell, value, ref_of(old))) {
        if (!mine)
            mine = write_ref(fold, share, cell, value);
        MR_RACE_POINT("fold.improve.before_ref");
        /* Release: our bytes. A failed exchange means that another thread improved the value: its
         * bytes are compared next, hence acquire. */
        if (atomic_compare_exchange_weak_explicit(word,
                                                  &old,
                                                  (uint64_t)(uintptr_t)mine,
                                                  memory_order_release,
                                                  memory_order_acquire)) {
            mri_fold_bytes_take(share, sizeof *mine + mine->len);
            return;
        }
    }
}

static int64_t
narrow(const struct mri_cell *cell, const struct mr_value *value)
{
    return cell->type == MR_TYPE_DECIMAL ? (int64_t)value->dec : value->i64;
}

static void
add_cell(struct mr_fold *fold,
         struct mri_share *share,
         const struct mri_cell *cell,
         _Atomic uint64_t *words,
         const struct mr_value *value)
{
    switch (cell->kind) {
    case MRI_COUNT_ALL:
    case MRI_COUNT:
        add_word(words, 1);
        break;
    case MRI_SUM:
    case MRI_SUM_WIDE:
        add_sum(words,
                cell->type == MR_TYPE_DECIMAL ? value->dec : value->i64,
                cell->kind == MRI_SUM_WIDE);
        break;
    case MRI_SUM_F64:
        add_double(words, value->f64);
        break;
    case MRI_MIN:
    case MRI_MAX:
        improve(words, narrow(cell, value), cell->kind == MRI_MIN);
        break;
    case MRI_MIN_F64:
    case MRI_MAX_F64:
        improve_double(words, value->f64, cell->kind == MRI_MIN_F64);
        break;
    case MRI_MIN_REF:
    case MRI_MAX_REF:
        improve_ref(fold, share, words, cell, value);
        break;
    }
}

void
mri_fold_cells_add(struct mr_fold *fold,
                   struct mri_share *share,
                   const struct mri_shape *shape,
                   struct mri_entry *entry,
                   const struct mr_event *event)
{
    _Atomic uint64_t *words = mri_fold_entry_words(shape, entry);
    for (uint32_t i = 0; i < shape->cell_count; i++) {
        const struct mri_cell *cell = &shape->cells[i];
        const struct mr_value *value = &event->values[cell->column];
        if (!cell->nullable || value->set)
            add_cell(fold, share, cell, &words[cell->word], value);
    }
}

static uint64_t
read_word(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

/* 10^38 - 1 is the greatest DECIMAL(38). */
static bool
fits_decimal(__int128 value)
{
    const __int128 e19 = (__int128)UINT64_C(10000000000000000000);
    return value < e19 * e19 && value > -(e19 * e19);
}

static enum mr_rc
read_sum(const struct mri_cell *cell, const _Atomic uint64_t *words, struct mr_value *ret_value)
{
    uint64_t high = read_word(&words[1]);
    ret_value->dec = (__int128)((unsigned __int128)high << 64 | read_word(&words[0]));
    if (cell->kind == MRI_SUM_WIDE) {
        uint64_t sign = (int64_t)high < 0 ? UINT64_MAX : 0;
        if (read_word(&words[2]) != sign)
            return MR_TABLE;
    }
    return cell->type != MR_TYPE_DECIMAL || fits_decimal(ret_value->dec) ? MR_OK : MR_TABLE;
}

static void
read_ref(const struct mri_cell *cell, uint64_t word, struct mr_value *ret_value)
{
    const struct ref *ref = ref_of(word);
    if (cell->type == MR_TYPE_DECIMAL) {
        memcpy(&ret_value->dec, ref->bytes, sizeof ret_value->dec);
        return;
    }
    ret_value->text = (struct mr_slice){ref->bytes, ref->len};
    ret_value->csv_unsafe = mri_fold_key_csv_unsafe(ret_value->text);
}

static enum mr_rc
read_cell(const struct mri_cell *cell, const _Atomic uint64_t *words, struct mr_value *ret_value)
{
    switch (cell->kind) {
    case MRI_SUM:
    case MRI_SUM_WIDE:
        return read_sum(cell, words, ret_value);
    case MRI_SUM_F64:
    case MRI_MIN_F64:
    case MRI_MAX_F64:
        ret_value->f64 = double_of(read_word(words));
        return isfinite(ret_value->f64) ? MR_OK : MR_TABLE;
    case MRI_MIN_REF:
    case MRI_MAX_REF:
        read_ref(cell, read_word(words), ret_value);
        return MR_OK;
    case MRI_COUNT_ALL:
    case MRI_COUNT:
    case MRI_MIN:
    case MRI_MAX:
        if (cell->type == MR_TYPE_DECIMAL)
            ret_value->dec = (int64_t)read_word(words);
        else
            ret_value->i64 = (int64_t)read_word(words);
        return MR_OK;
    }
    return MR_INTERNAL;
}

enum mr_rc
mri_fold_cells_read(const struct mri_shape *shape,
                    struct mri_entry *entry,
                    struct mr_value *ret_values)
{
    const _Atomic uint64_t *words = mri_fold_entry_words(shape, entry);
    for (uint32_t i = 0; i < shape->output_count; i++) {
        const struct mri_output *output = &shape->outputs[i];
        const struct mri_cell *cell = &shape->cells[output->cell];
        ret_values[i] = (struct mr_value){.set = true};
        if (output->count_cell >= 0 &&
            read_word(&words[shape->cells[output->count_cell].word]) == 0) {
            ret_values[i].set = false;
            continue;
        }
        enum mr_rc rc = read_cell(cell, &words[cell->word], &ret_values[i]);
        if (rc != MR_OK)
            return rc;
    }
    return MR_OK;
}
