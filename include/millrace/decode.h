/* Decode: record → event, or a reject with its reason.
 * Purpose: compile schema + configuration into a plan (and the layout of the tables); then project
 * the wanted fields out of each JSON record in one pass, checking the whole document (strict UTF-8,
 * grammar, depth), without a tree and without malloc.
 * Threads: a plan is immutable and shared; a decoder belongs to one worker. Progress: no locks.
 * Memory: a decoder's scratch holds the unescaped strings of one group of events; it is sized by
 * batch bytes at new. Errors: a bad record is a reject, never an error. Limits: event.max_bytes,
 * event.max_depth, MR_MAX_COLUMNS. Duplicate keys: a key that the schema names and that comes twice
 * in its object, in whatever spelling, is `malformed`; the message names its path. Keys that the
 * schema does not name, and keys inside of JSON columns, are not compared: the former are never
 * loaded, the latter are loaded as they stand. */
#pragma once

#include "millrace/base/error.h"
#include "millrace/config.h"
#include "millrace/model/event.h"
#include "millrace/model/layout.h"

struct mr_plan;
struct mr_decoder;

/* Compiles. Mistakes in schema or in references to it go to mistakes with the option's line.
 * Errors: MR_SCHEMA, MR_CONFIG. */
MR_NODISCARD enum mr_rc
mr_plan_new(const struct mr_config *config, struct mr_mistakes *mistakes, struct mr_plan **ret_plan);

void
mr_plan_free(struct mr_plan **plan);

const struct mr_layout *
mr_plan_layout(const struct mr_plan *plan);

/* scratch_bytes: at least the bytes of the largest batch. Errors: MR_MEMORY. */
MR_NODISCARD enum mr_rc
mr_decoder_new(const struct mr_plan *plan, size_t scratch_bytes, struct mr_decoder **ret_decoder);

void
mr_decoder_free(struct mr_decoder **decoder);

/* Decodes one record into event (whose values array has layout->column_count entries). now_us: wall
 * time for the `clock` rule. MR_REJECT_NONE: the event is complete; it lives until
 * mr_decoder_reset. Otherwise event is unspecified and *ret_info says why. A tombstone must not be
 * passed. Records of an mr_batch only: reads up to MR_BATCH_PAD bytes past the value. */
enum mr_reject
mr_decode(struct mr_decoder *decoder, const struct mr_record *record, int64_t now_us,
          struct mr_event *event, struct mr_reject_info *ret_info);

/* Ends the life of all events of this decoder. Call it between groups. */
void
mr_decoder_reset(struct mr_decoder *decoder);
