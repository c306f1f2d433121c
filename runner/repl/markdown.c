/* SPDX-License-Identifier: Apache-2.0 */
/* Walks cmark-gfm's tree: blocks are laid out, inlines become words with a style. */
#include "repl/markdown.h"

#include <stdio.h>
#include <string.h>

#include <cmark-gfm.h>

#include "common/mem.h"

enum { CODE_INDENT = 4, MAX_PREFIX = 40 };

struct render {
    const struct style *st;
    struct str *out;
    char first[MAX_PREFIX]; /* what stands before the next line, "  1. " for a list's item ... */
    char rest[MAX_PREFIX];  /* ... and before those that follow it */
    bool tight;             /* no empty lines between the items of this list */
};

/* ---- wrapping ---- */

static void end_line(struct str *out, size_t from)
{
    while (out->len > from && out->p[out->len - 1] == ' ') {
        out->p[--out->len] = '\0';
    }
    str_add_c(out, '\n');
}

static void add_word(struct str *out, const char *word, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str_add_c(out, word[i] == '\1' ? ' ' : word[i]);
    }
}

void markdown_wrap(const char *text, const char *first, const char *rest, const struct style *st,
                   struct str *out)
{
    size_t column = style_columns(first, strlen(first));
    size_t margin = style_columns(rest, strlen(rest));
    bool empty = true; /* no word on this line yet */
    size_t from = out->len;
    str_add(out, first);
    for (const char *p = text; *p != '\0';) {
        size_t n = strcspn(p, " \n");
        size_t columns = style_columns(p, n);
        if (n > 0) {
            if (!empty && column + 1 + columns > st->width + 1) {
                end_line(out, from);
                from = out->len;
                str_add(out, rest);
                column = margin;
                empty = true;
            }
            if (!empty) {
                str_add_c(out, ' ');
                column++;
            }
            add_word(out, p, n);
            column += columns;
            empty = false;
        }
        p += n;
        if (*p == '\n') {
            end_line(out, from);
            from = out->len;
            str_add(out, rest);
            column = margin;
            empty = true;
        }
        p += *p != '\0';
    }
    end_line(out, from);
}

/* ---- inlines ---- */

static void add_code(const struct style *st, const char *literal, struct str *out)
{
    const char *quote = st->color || st->plain ? "" : "`";
    str_add(out, style_on(st, STYLE_CODE));
    str_add(out, quote);
    for (const char *p = literal; *p != '\0'; p++) {
        str_add_c(out, *p == ' ' ? '\1' : *p);
    }
    str_add(out, quote);
    str_add(out, style_off(st));
}

static void add_inlines(cmark_node *parent, const struct style *st, struct str *out)
{
    for (cmark_node *n = cmark_node_first_child(parent); n != NULL; n = cmark_node_next(n)) {
        cmark_node_type type = cmark_node_get_type(n);
        if (type == CMARK_NODE_TEXT) {
            str_add(out, cmark_node_get_literal(n));
        } else if (type == CMARK_NODE_SOFTBREAK) {
            str_add_c(out, ' ');
        } else if (type == CMARK_NODE_LINEBREAK) {
            str_add_c(out, '\n');
        } else if (type == CMARK_NODE_CODE) {
            add_code(st, cmark_node_get_literal(n), out);
        } else if (type == CMARK_NODE_STRONG || type == CMARK_NODE_EMPH) {
            str_add(out, style_on(st, STYLE_BOLD));
            add_inlines(n, st, out);
            str_add(out, style_off(st));
        } else if (type == CMARK_NODE_LINK) {
            add_inlines(n, st, out);
            str_add_f(out, " (%s)", cmark_node_get_url(n));
        } else if (type != CMARK_NODE_HTML_INLINE) {
            add_inlines(n, st, out);
        }
    }
}

/* ---- blocks ---- */

static void add_blocks(cmark_node *parent, struct render *r);

/* The first line's prefix is used once. */
static void take_first(struct render *r, char buf[MAX_PREFIX])
{
    str_copy(buf, MAX_PREFIX, r->first);
    str_copy(r->first, MAX_PREFIX, r->rest);
}

static void add_paragraph(cmark_node *n, struct render *r, enum style_kind kind)
{
    cleanup_str struct str words = STR_INIT;
    char first[MAX_PREFIX];
    take_first(r, first);
    str_add(&words, style_on(r->st, kind));
    add_inlines(n, r->st, &words);
    str_add(&words, kind != STYLE_NONE ? style_off(r->st) : "");
    markdown_wrap(str_c(&words), first, r->rest, r->st, r->out);
}

static void add_code_block(cmark_node *n, struct render *r)
{
    const char *p = cmark_node_get_literal(n);
    char first[MAX_PREFIX];
    take_first(r, first);
    while (*p != '\0') {
        size_t len = strcspn(p, "\n");
        str_add_f(r->out, "%s%*s%s%.*s%s\n", first, CODE_INDENT, "", style_on(r->st, STYLE_CODE),
                  (int)len, p, style_off(r->st));
        str_copy(first, sizeof(first), r->rest);
        p += len + (p[len] == '\n');
    }
}

static void add_list(cmark_node *list, struct render *r)
{
    int number = cmark_node_get_list_start(list);
    bool ordered = cmark_node_get_list_type(list) == CMARK_ORDERED_LIST;
    for (cmark_node *item = cmark_node_first_child(list); item != NULL;
         item = cmark_node_next(item)) {
        struct render inner = *r;
        char bullet[16];
        snprintf(bullet, sizeof(bullet), ordered ? "%d. " : "- ", number++);
        take_first(r, inner.first);
        str_copy(inner.first + strlen(inner.first), MAX_PREFIX - strlen(inner.first), bullet);
        size_t end = strlen(inner.rest);
        snprintf(inner.rest + end, MAX_PREFIX - end, "%*s", (int)strlen(bullet), "");
        inner.tight = cmark_node_get_list_tight(list) != 0;
        add_blocks(item, &inner);
        if (!inner.tight && cmark_node_next(item) != NULL) {
            str_add_c(r->out, '\n');
        }
    }
}

static void add_quote(cmark_node *n, struct render *r)
{
    struct render inner = *r;
    char first[MAX_PREFIX];
    take_first(r, first);
    snprintf(inner.first, MAX_PREFIX, "%.30s| ", first);
    snprintf(inner.rest, MAX_PREFIX, "%.30s| ", r->rest);
    inner.tight = false;
    add_blocks(n, &inner);
}

static void add_rule(struct render *r)
{
    for (unsigned i = 0; i <= r->st->width && !r->st->plain; i++) {
        str_add_c(r->out, '-');
    }
    str_add_c(r->out, '\n');
}

static void add_block(cmark_node *n, struct render *r)
{
    switch (cmark_node_get_type(n)) {
    case CMARK_NODE_PARAGRAPH:
        add_paragraph(n, r, STYLE_NONE);
        break;
    case CMARK_NODE_HEADING:
        add_paragraph(n, r, STYLE_BOLD);
        break;
    case CMARK_NODE_CODE_BLOCK:
        add_code_block(n, r);
        break;
    case CMARK_NODE_LIST:
        add_list(n, r);
        break;
    case CMARK_NODE_BLOCK_QUOTE:
        add_quote(n, r);
        break;
    case CMARK_NODE_THEMATIC_BREAK:
        add_rule(r);
        break;
    default:
        break; /* HTML is for the pages */
    }
}

static void add_blocks(cmark_node *parent, struct render *r)
{
    for (cmark_node *n = cmark_node_first_child(parent); n != NULL; n = cmark_node_next(n)) {
        add_block(n, r);
        if (!r->tight && cmark_node_next(n) != NULL) {
            str_add_c(r->out, '\n');
        }
    }
}

void markdown_render(const char *text, const struct style *st, struct str *out)
{
    struct render r = {.st = st, .out = out, .first = " ", .rest = " "};
    cmark_node *doc = cmark_parse_document(text, strlen(text), CMARK_OPT_DEFAULT);
    add_blocks(doc, &r);
    cmark_node_free(doc);
}
