#include "pipeline/verify/verify_priv.h"
#include "test.h"

static void
expect_type(const char *text, const char *name, long a, long b)
{
    struct mri_type type;
    mri_type_parse(text, &type);
    T_STR_EQ(type.name, name);
    T_INT_EQ(type.a, a);
    T_INT_EQ(type.b, b);
}

Test(verify_types, display_widths_are_dropped)
{
    expect_type("bigint(20)", "bigint", 0, 0);
    expect_type("BIGINT", "bigint", 0, 0);
    expect_type("int(11)", "int", 0, 0);
    expect_type("tinyint(4)", "tinyint", 0, 0);
    expect_type("largeint(40)", "largeint", 0, 0);
    expect_type("datetime", "datetime", 0, 0);
    expect_type("DATETIME(6)", "datetime", 0, 0);
}

Test(verify_types, other_spellings_of_a_type_are_one)
{
    expect_type("tinyint(1)", "boolean", 0, 0);
    expect_type("BOOLEAN", "boolean", 0, 0);
    expect_type("decimal64(18, 2)", "decimal", 18, 2);
    expect_type("DECIMAL128(38,2)", "decimal", 38, 2);
    expect_type("decimal(18,2)", "decimal", 18, 2);
    expect_type("string", "varchar", 65533, 0);
    expect_type("varchar(249)", "varchar", 249, 0);
    expect_type("varchar", "varchar", 1, 0);
    expect_type("varchar(-1)", "varchar", 1048576, 0);
    expect_type("varbinary", "varbinary", 1048576, 0);
    expect_type("varbinary(10)", "varbinary", 10, 0);
}

Test(verify_types, an_overlong_or_broken_type_matches_nothing)
{
    T_TRUE(!mri_type_fits("BIGINT", "array<struct<a bigint, b varchar(65533)>>"));
    T_TRUE(!mri_type_fits("BIGINT", ""));
    T_TRUE(!mri_type_fits("VARCHAR(10)", "varchar("));
}

Test(verify_types, wider_text_fits_and_narrower_does_not)
{
    T_TRUE(mri_type_fits("VARCHAR(64)", "varchar(64)"));
    T_TRUE(mri_type_fits("VARCHAR(64)", "string"));
    T_TRUE(!mri_type_fits("VARCHAR(64)", "varchar(63)"));
    T_TRUE(!mri_type_fits("VARCHAR(64)", "char(64)"));
    T_TRUE(mri_type_fits("VARBINARY", "varbinary(1048576)"));
    T_TRUE(!mri_type_fits("VARBINARY", "varbinary(10)"));
}

Test(verify_types, a_decimal_needs_its_scale_and_at_least_its_precision)
{
    T_TRUE(mri_type_fits("DECIMAL(18,2)", "decimal(20,2)"));
    T_TRUE(!mri_type_fits("DECIMAL(18,2)", "decimal(10,2)"));
    T_TRUE(!mri_type_fits("DECIMAL(18,2)", "decimal(18,4)"));
    T_TRUE(!mri_type_fits("DECIMAL(18,2)", "double"));
    T_TRUE(!mri_type_fits("BIGINT", "int"));
    T_TRUE(!mri_type_fits("LARGEINT", "bigint(20)"));
    T_TRUE(!mri_type_fits("DATETIME", "date"));
}
