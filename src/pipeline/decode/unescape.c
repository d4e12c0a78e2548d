/* Strings with escapes → their characters. The scanner has checked them. */
#include "decode_priv.h"
#include "millrace/model/body.h"

static uint32_t
hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint32_t c = (unsigned char)p[i];
        value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

static size_t
put_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xC0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3F));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xE0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code & 0x3F));
    return 4;
}

/* The character of the escape at p; *ret_after is the place after it. */
static uint32_t
escaped(const char *p, const char **ret_after)
{
    static const char names[] = "bfnrt", bytes[] = "\b\f\n\r\t";
    const char *name;
    *ret_after = p + 2;
    if (p[1] != 'u') {
        name = strchr(names, p[1]);
        return (unsigned char)(name ? bytes[name - names] : p[1]);
    }
    uint32_t unit = hex4(p + 2);
    *ret_after = p + 6;
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit;
    *ret_after = p + 12;
    return 0x10000 + ((unit - 0xD800) << 10) + (hex4(p + 8) - 0xDC00);
}

size_t
mri_unescape(char *out, const char *p, size_t len, bool *ret_unsafe)
{
    const char *end = p + len;
    char *to = out;
    bool unsafe = false;
    while (p < end) {
        const char *slash = memchr(p, '\\', (size_t)(end - p));
        size_t plain = (size_t)((slash ? slash : end) - p);
        memcpy(to, p, plain);
        to += plain;
        if (!slash)
            break;
        uint32_t code = escaped(slash, &p);
        unsafe |= code == MR_CSV_COLUMN_SEPARATOR || code == MR_CSV_ROW_DELIMITER;
        to += put_utf8(to, code);
    }
    size_t written = (size_t)(to - out);
    *ret_unsafe = unsafe || (written == 2 && out[0] == '\\' && out[1] == 'N');
    return written;
}
