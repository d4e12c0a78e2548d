/* Chains and labels: what they look like, what fits. */
#include "millrace/protocol.h"
#include "test.h"

static struct mr_chain
chain_of(uint8_t byte)
{
    uint8_t bits[MR_CHAIN_BYTES];
    struct mr_chain chain;
    memset(bits, byte, sizeof bits);
    mr_chain_make(bits, &chain);
    return chain;
}

Test(ledger_names, a_chain_is_sixteen_letters_of_base32)
{
    struct mr_chain chain;
    mr_chain_make((const uint8_t *)"foobarfoob", &chain);
    T_STR_EQ(chain.text, "mzxw6ytbojtg633c"); /* RFC 4648 of the same bytes, in lower case */
    chain = chain_of(0);
    T_STR_EQ(chain.text, "aaaaaaaaaaaaaaaa");
    chain = chain_of(0xff);
    T_STR_EQ(chain.text, "7777777777777777");
}

Test(ledger_names, every_bit_counts_in_a_chain)
{
    for (unsigned bit = 0; bit < MR_CHAIN_BYTES * 8; bit++) {
        uint8_t bits[MR_CHAIN_BYTES] = {0};
        struct mr_chain none = chain_of(0), chain;
        bits[bit / 8] = (uint8_t)(1U << bit % 8);
        mr_chain_make(bits, &chain);
        T_TRUE(!mr_chain_equal(&chain, &none));
    }
}

Test(ledger_names, a_chain_that_is_drawn_is_a_new_one_in_every_letter)
{
    struct mr_chain first, again;
    bool varies[MR_CHAIN_CHARS] = {false};
    mr_chain_draw(&first);
    for (unsigned draw = 0; draw < 64; draw++) {
        mr_chain_draw(&again);
        T_TRUE(!mr_chain_equal(&first, &again));
        T_TRUE(mr_chain_parse(mr_slice_of(again.text), &again));
        for (unsigned i = 0; i < MR_CHAIN_CHARS; i++) {
            varies[i] |= again.text[i] != first.text[i];
        }
    }
    for (unsigned i = 0; i < MR_CHAIN_CHARS; i++) {
        T_TRUE_MSG(varies[i], "letter %u is always the same", i);
    }
}

Test(ledger_names, a_chain_is_read_back_and_nothing_else_is)
{
    static const char *const wrong[] = {"",
                                        "mzxw6ytbojtg633",
                                        "mzxw6ytbojtg633cc",
                                        "Mzxw6ytboittk63c",
                                        "mzxw6ytbojtg6331",
                                        "mzxw6ytbojtg633|"};
    struct mr_chain chain = chain_of(7), again;
    T_TRUE(mr_chain_parse(mr_slice_of(chain.text), &again));
    T_TRUE(mr_chain_equal(&chain, &again));
    for (size_t i = 0; i < MR_ARRAY_LEN(wrong); i++) {
        T_TRUE_MSG(!mr_chain_parse(mr_slice_of(wrong[i]), &again), "%s was read", wrong[i]);
    }
    T_TRUE(!mr_chain_parse((struct mr_slice){"mzxw6ytb\0jtg633c", 16}, &again));
    T_TRUE(mr_chain_is_none(&(struct mr_chain){0}));
    T_TRUE(!mr_chain_is_none(&chain));
}

Test(ledger_names, units_are_equal_by_chain_and_number)
{
    struct mr_unit_name a = {chain_of(1), 3}, b = a;
    T_TRUE(mr_unit_name_equal(&a, &b));
    b.n = 4;
    T_TRUE(!mr_unit_name_equal(&a, &b));
    b = (struct mr_unit_name){chain_of(2), 3};
    T_TRUE(!mr_unit_name_equal(&a, &b));
}

Test(ledger_names, a_unit_of_one_transaction_has_one_label)
{
    struct mr_chain chain = chain_of(0);
    struct mr_label label;
    T_INT_EQ(mr_label_count(MR_MODE_MULTI, 5), 1);
    T_INT_EQ(mr_label_unit(MR_MODE_MULTI, "orders", &chain, 12, NULL, 5, 0, &label), MR_OK);
    T_STR_EQ(label.text, "orders-aaaaaaaaaaaaaaaa-12");
}

Test(ledger_names, labels_of_single_tables_begin_with_the_arbiter_and_end_with_the_ledger)
{
    static const char *const tables[] = {"orders", "orders_1m"};
    static const char *const labels[] = {"p-aaaaaaaaaaaaaaaa-2-0",
                                         "p-aaaaaaaaaaaaaaaa-2-orders",
                                         "p-aaaaaaaaaaaaaaaa-2-orders_1m",
                                         "p-aaaaaaaaaaaaaaaa-2-ledger"};
    struct mr_chain chain = chain_of(0);
    struct mr_label label;
    T_INT_EQ(mr_label_count(MR_MODE_SINGLE, 2), 4);
    for (uint32_t i = 0; i < 4; i++) {
        T_INT_EQ(mr_label_unit(MR_MODE_SINGLE, "p", &chain, 2, tables, 2, i, &label), MR_OK);
        T_STR_EQ(label.text, labels[i]);
    }
}

Test(ledger_names, a_table_that_would_share_a_label_is_refused)
{
    static const char *const tables[] = {"0", "ledger"};
    struct mr_chain chain = chain_of(0);
    struct mr_label label = {"untouched"};
    for (uint32_t i = 1; i <= 2; i++) {
        T_INT_EQ(mr_label_unit(MR_MODE_SINGLE, "p", &chain, 2, tables, 2, i, &label), MR_CONFIG);
    }
    T_STR_EQ(label.text, "untouched");
}

Test(ledger_names, registry_loads_have_a_letter_that_no_unit_has)
{
    struct mr_chain chain = chain_of(0);
    struct mr_label label;
    T_INT_EQ(mr_label_announce("orders", &chain, 1, &label), MR_OK);
    T_STR_EQ(label.text, "orders-aaaaaaaaaaaaaaaa-a1");
    T_INT_EQ(mr_label_close("orders", &chain, 20, &label), MR_OK);
    T_STR_EQ(label.text, "orders-aaaaaaaaaaaaaaaa-z20");
}

Test(ledger_names, a_label_is_never_cut)
{
    static const char pipeline[] = "abcdefghijklmnopqrstuvwxyz012345"; /* the longest */
    char table[MR_LABEL_CHARS + 2] = {0};
    const char *tables[] = {table};
    struct mr_chain chain = chain_of(0);
    struct mr_label label;
    T_INT_EQ(strlen(pipeline), MR_PIPELINE_CHARS);
    T_INT_EQ(mr_label_unit(MR_MODE_MULTI, pipeline, &chain, UINT64_MAX, NULL, 0, 0, &label), MR_OK);
    size_t room = MR_LABEL_CHARS - strlen(label.text) - 1;
    memset(table, 't', room);
    T_INT_EQ(mr_label_unit(MR_MODE_SINGLE, pipeline, &chain, UINT64_MAX, tables, 1, 1, &label),
             MR_OK);
    T_INT_EQ(strlen(label.text), MR_LABEL_CHARS);
    table[room] = 't';
    T_INT_EQ(mr_label_unit(MR_MODE_SINGLE, pipeline, &chain, UINT64_MAX, tables, 1, 1, &label),
             MR_CONFIG);
}

Test(ledger_names, a_label_has_only_letters_that_the_server_takes)
{
    static const char *const wrong[] = {"or ders", "or/ders", "or\nders", "\xc3\xa4"};
    struct mr_chain chain = chain_of(0);
    struct mr_label label;
    for (size_t i = 0; i < MR_ARRAY_LEN(wrong); i++) {
        T_INT_EQ(mr_label_announce(wrong[i], &chain, 1, &label), MR_CONFIG);
    }
}
