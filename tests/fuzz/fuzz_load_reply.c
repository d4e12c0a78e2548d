/* Replies of StarRocks, or of whatever answers in its place: the first byte chooses the HTTP
 * status, the rest is the body. What must hold for any bytes: the classification is complete and in
 * range, texts are ended and printable, and nothing but a 2xx JSON object can mean that rows are
 * in. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "millrace/load_txn.h"
#include "pipeline/load/load_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(int condition)
{
    if (!condition)
        abort();
}

static void
check_text(const char *text, size_t room)
{
    require(memchr(text, '\0', room) != NULL);
    for (; *text; text++)
        require(*text >= 0x20 && *text < 0x7F);
}

static void
check_reply(const struct mr_load_reply *reply, int status, const char *body, size_t len)
{
    require(reply->outcome >= MR_OUTCOME_DONE && reply->outcome <= MR_OUTCOME_FATAL);
    require(reply->cause != NULL && reply->cause[0]);
    require(!reply->mendable || reply->outcome == MR_OUTCOME_FATAL);
    require(memchr(reply->error_url, '\0', sizeof reply->error_url) != NULL);
    check_text(reply->message, sizeof reply->message);
    check_text(reply->hint, sizeof reply->hint);
    if (reply->outcome == MR_OUTCOME_DONE)
        require(status >= 200 && status < 300 && memchr(body, '{', len) != NULL);
}

/* The same bytes as the answer to each call of a transaction. */
static void
check_txn(int status, const char *body, size_t len)
{
    struct mr_txn_reply reply;
    for (int call = MR_TXN_BEGIN; call <= MR_TXN_ROLLBACK; call++) {
        require(mr_txn_classify((enum mr_txn_call)call, status, body, len, &reply) ==
                reply.load.outcome);
        check_reply(&reply.load, status, body, len);
        require(mr_txn_answer_name(reply.answer)[0]);
        if (reply.answer != MR_TXN_UNANSWERED && reply.answer != MR_TXN_REFUSED)
            require(status >= 200 && status < 300 && memchr(body, '{', len) != NULL);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 307, 401, 500, 502, 0, 404, 429};
    struct mr_load_reply reply;
    if (size == 0)
        return 0;
    int status = statuses[(data[0] - (unsigned)'a') % 8];
    const char *body = (const char *)data + 1;
    require(mr_load_classify(status, body, size - 1, &reply) == reply.outcome);
    check_reply(&reply, status, body, size - 1);
    check_txn(status, body, size - 1);
    mri_load_reply_init(&reply);
    enum mr_label_state state = mri_load_label_parse(status, body, size - 1, &reply);
    require(state >= MR_LABEL_UNKNOWN && state <= MR_LABEL_UNANSWERED);
    require(state == MR_LABEL_UNANSWERED || status == 200);
    return 0;
}
