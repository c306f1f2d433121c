/* SPDX-License-Identifier: Apache-2.0 */
/* What callers went through, as a strip of the last seconds and in numbers. */
#include <stdio.h>

#include "check/check.h"
#include "common/json/jx.h"
#include "common/mem.h"
#include "lab/lab.h"
#include "repl/show.h"

enum { CELLS_SHOWN = 40 }; /* the last 4 s; all of them would not leave room for the figures */

void show_probe(const struct style *st, const struct check_probe *p, struct str *out)
{
    static const char drawn[] = {
        [CELL_NONE] = '.', [CELL_OK] = '#', [CELL_SLOW] = '~', [CELL_FAILED] = 'x'};
    enum check_cell cells[CHECK_PROBE_CELLS];
    size_t n = check_probe_cells(p, cells);
    size_t from = n > CELLS_SHOWN ? n - CELLS_SHOWN : 0;
    json_auto_t *figures = check_probe_figures(p);
    int64_t sent = jx_int(figures, "sent", 0);
    if (n == 0 || sent == 0) {
        return;
    }
    str_add_f(out, " %-9s ", check_probe_lab(p)->id);
    for (size_t i = from; i < n && !st->plain; i++) {
        enum style_kind kind = cells[i] == CELL_FAILED ? STYLE_BAD : STYLE_NONE;
        str_add(out, kind != STYLE_NONE ? style_on(st, kind) : "");
        str_add_c(out, drawn[cells[i]]);
        str_add(out, kind != STYLE_NONE ? style_off(st) : "");
    }
    str_add_f(out, "%s%lld of %lld failed\n", st->plain ? "" : "  ",
              (long long)jx_int(figures, "failed", 0), (long long)sent);
}

void show_probe_figures(const struct style *st, const json_t *probes, struct str *out)
{
    const char *id;
    json_t *f;
    json_object_foreach((json_t *)(uintptr_t)probes, id, f)
    {
        char span[32];
        long long sent = jx_int(f, "sent", 0), failed = jx_int(f, "failed", 0);
        int64_t outage = jx_int(f, "longest_outage_ms", 0), trouble = jx_int(f, "troubled_ms", 0);
        bool on_and_off = trouble > outage + 1000;
        snprintf(span, sizeof(span), "%.1f s", (double)(on_and_off ? trouble : outage) / 1e3);
        cleanup_free char *text =
            failed == 0
                ? xasprintf("%s: none of %lld requests failed.", id, sent)
                : xasprintf("%s: %lld of %lld requests failed; %s %s.", id, failed, sent,
                            on_and_off ? "it went on for" : "the longest outage lasted", span);
        if (sent > 0) {
            show_note(st, text, out);
        }
    }
}
