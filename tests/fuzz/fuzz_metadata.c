/* Metadata of a committed offset, of any bytes. What must hold: only what encode writes is ours or
 * another pipeline's, every field is in range, and nothing is written otherwise. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
    if (!condition)
        abort();
}

static void
check_read(const struct mr_metadata *metadata, struct mr_slice bytes)
{
    char again[MR_METADATA_CHARS + 1];
    mr_metadata_encode(metadata, again);
    require(bytes.len <= MR_METADATA_CHARS && strlen(again) == bytes.len);
    require(memcmp(again, bytes.p, bytes.len) == 0);
    require(metadata->start >= 0 && !mr_chain_is_none(&metadata->in_force));
    require((metadata->last.n == 0) == mr_chain_is_none(&metadata->last.chain));
    require(strlen(metadata->pipeline) <= MR_PIPELINE_CHARS);
}

/* A seed for the fuzzer's mutations, which would never find the check by themselves. */
static void
check_changed(const uint8_t *data, size_t size)
{
    struct mr_metadata metadata = {.pipeline = "orders",
                                   .last = {{"mzxw6ytboittk63c"}, 17},
                                   .start = 4200,
                                   .in_force = {"aaaaaaaaaaaaaaaa"}};
    struct mr_metadata read;
    char text[MR_METADATA_CHARS + 1];
    mr_metadata_encode(&metadata, text);
    size_t len = strlen(text), at = size > 0 ? data[0] % len : 0;
    char was = text[at];
    for (size_t i = 1; i < size && at + i - 1 < len; i++)
        text[at + i - 1] ^= (char)data[i];
    enum mr_metadata_kind kind = mr_metadata_decode((struct mr_slice){text, len}, "orders", &read);
    if (kind == MR_METADATA_OURS)
        check_read(&read, (struct mr_slice){text, len});
    require(size != 2 || (text[at] == was) == (kind == MR_METADATA_OURS));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mr_slice bytes = {(const char *)data, size};
    struct mr_metadata metadata, untouched;
    memset(&metadata, 0x5a, sizeof metadata);
    memset(&untouched, 0x5a, sizeof untouched);
    enum mr_metadata_kind kind = mr_metadata_decode(bytes, "orders", &metadata);
    require(mr_metadata_kind_name(kind)[0] != '\0');
    require((kind == MR_METADATA_NONE) == (size == 0));
    if (kind == MR_METADATA_OURS || kind == MR_METADATA_OTHER_PIPELINE)
        check_read(&metadata, bytes);
    else
        require(memcmp(&metadata, &untouched, sizeof metadata) == 0);
    check_changed(data, size);
    return 0;
}
