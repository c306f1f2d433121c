/* SPDX-License-Identifier: Apache-2.0 */
/* Names for containers that were given none, in Docker's manner: how and who. */
#include <stdio.h>

#include "common/loop.h"
#include "hosts/dock/dock_impl.h"

static const char *const hows[] = {
    "able",    "amber", "brave",  "brisk",  "calm",  "clear",  "clever", "cosmic", "eager",
    "early",   "fair",  "fast",   "fresh",  "glad",  "golden", "happy",  "honest", "humble",
    "keen",    "kind",  "light",  "lively", "loyal", "lucid",  "merry",  "nimble", "noble",
    "patient", "plain", "polite", "proud",  "quick", "quiet",  "ready",  "sharp",  "silent",
    "steady",  "sunny", "swift",  "tidy",   "warm",  "wise",   "witty",  "young"};
static const char *const whos[] = {
    "agnesi",   "babbage",  "bell",    "bohr",     "boole",    "cantor",  "curie",    "darwin",
    "dijkstra", "einstein", "euclid",  "euler",    "faraday",  "fermat",  "franklin", "galileo",
    "gauss",    "germain",  "goodall", "hamilton", "hopper",   "hypatia", "joliot",   "kepler",
    "knuth",    "lamport",  "leavitt", "liskov",   "lovelace", "maxwell", "meitner",  "mendel",
    "newton",   "noether",  "nobel",   "pascal",   "pasteur",  "perlman", "planck",   "ritchie",
    "shannon",  "tesla",    "turing",  "volta",    "wiles"};

void dock_name_invent(struct loop *loop, char *ret, size_t size)
{
    const char *how = hows[loop_random_below(loop, LOOP_RANDOM_NAME, ARRAY_LEN(hows))];
    const char *who = whos[loop_random_below(loop, LOOP_RANDOM_NAME, ARRAY_LEN(whos))];
    snprintf(ret, size, "%s_%s", how, who);
}
