/* The rare parts of scanning: faults, escapes, text above ASCII, literals. */
#include "scan_check.h"

const char *
mri_scan_fault(struct mri_scan *scan, enum mr_reject reason, const char *p, const char *text)
{
    scan->reason = reason;
    scan->fault = text;
    scan->fault_at = p < scan->end ? p : scan->end;
    return NULL;
}

const char *
mri_scan_repeated(struct mri_scan *scan, const char *p, uint32_t node)
{
    scan->fault_node = node;
    return fault(scan, p, "the key is repeated");
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

const char *
mri_scan_frame(struct mri_scan *scan)
{
    const char *p = scan->begin, *end = scan->end;
    while (p < end && is_space(*p))
        p++;
    while (end > p && is_space(end[-1]))
        end--;
    if (p == end)
        return fault(scan, p, "the record is empty");
    scan->end = end;
    if (end - p >= 3 && memcmp(p, "\xEF\xBB\xBF", 3) == 0)
        return fault(scan, p, "a byte order mark is not allowed");
    if (*p != '{')
        return fault(scan, p, "the document is not an object");
    if (end[-1] != '}' || end - p < 2)
        return fault(scan, end - 1, "the document does not end with its closing brace");
    return p;
}

const char *
mri_string_open(struct mri_scan *scan)
{
    return fault(scan, scan->end, "a string does not end");
}

/* Value of four hexadecimal digits, or -1. */
static int32_t
hex4(const char *p)
{
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = p[i];
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
        if (digit < 0)
            return -1;
        value = value << 4 | digit;
    }
    return value;
}

/* p: at the backslash of \uXXXX. A high surrogate must be followed by the escape of a low one: half
 * a character cannot be written in UTF-8. */
static const char *
unicode_escape(struct mri_scan *scan, const char *p)
{
    if (scan->end - p < 6)
        return mri_string_open(scan);
    int32_t unit = hex4(p + 2);
    if (unit < 0)
        return fault(scan, p, "four hexadecimal digits were expected after \\u");
    if (unit < 0xD800 || unit > 0xDFFF)
        return p + 6;
    bool pair = unit <= 0xDBFF && scan->end - p >= 12 && p[6] == '\\' && p[7] == 'u';
    int32_t low = pair ? hex4(p + 8) : -1;
    if (low < 0xDC00 || low > 0xDFFF)
        return mri_scan_fault(scan, MR_REJECT_utf8, p, "a lone surrogate");
    return p + 12;
}

static const char *
escape(struct mri_scan *scan, const char *p)
{
    if (scan->end - p < 2)
        return mri_string_open(scan);
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u':
        return unicode_escape(scan, p);
    default:
        return fault(scan, p, "an unknown escape");
    }
}

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), or 0. Looks at up to four
 * bytes, which the pad covers. */
static size_t
utf8_sequence(const unsigned char *p)
{
    unsigned char lead = p[0], low = 0x80, high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF)
        return (p[1] & 0xC0) == 0x80 ? 2 : 0;
    if (lead >= 0xE0 && lead <= 0xEF) {
        low = lead == 0xE0 ? 0xA0 : low;   /* not overlong */
        high = lead == 0xED ? 0x9F : high; /* no surrogates */
        return p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 ? 3 : 0;
    }
    if (lead < 0xF0 || lead > 0xF4)
        return 0;
    low = lead == 0xF0 ? 0x90 : low;
    high = lead == 0xF4 ? 0x8F : high; /* not above U+10FFFF */
    return p[1] >= low && p[1] <= high && (p[2] & 0xC0) == 0x80 && (p[3] & 0xC0) == 0x80 ? 4 : 0;
}

const char *
mri_string_special(struct mri_scan *scan, const char *p, uint8_t *flags)
{
    if (p >= scan->end)
        return mri_string_open(scan);
    if (*p == '\\') {
        *flags |= MRI_ESCAPED;
        return escape(scan, p);
    }
    if ((unsigned char)*p < 0x20)
        return fault(scan, p, "a control character in a string");
    *flags |= MRI_WIDE;
    while (p < scan->end && (unsigned char)*p >= 0x80) {
        size_t len = utf8_sequence((const unsigned char *)p);
        if (len == 0 || len > (size_t)(scan->end - p))
            return mri_scan_fault(scan, MR_REJECT_utf8, p, "invalid UTF-8");
        p += len;
    }
    return p;
}

const char *
mri_scan_literal(struct mri_scan *scan, const char *p, struct mri_token *token)
{
    static const struct {
        const char *text;
        uint8_t len, kind;
    } literals[] = {{"true", 4, MRI_TRUE}, {"false", 5, MRI_FALSE}, {"null", 4, MRI_NULL}};
    for (size_t i = 0; i < MR_ARRAY_LEN(literals); i++) {
        if (memcmp(p, literals[i].text, literals[i].len) != 0)
            continue;
        *token = (struct mri_token){p, literals[i].len, literals[i].kind, 0};
        return p + literals[i].len;
    }
    return fault(scan, p, "a value was expected");
}
